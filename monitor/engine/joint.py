"""The test of a whole model: many features that move a little together, each too little for a test of its own.

    pulses of the features ──▶ blocks × features ──every 4th block──▶ S for the newest 4, 8, 16, 32, 64 blocks
                                     └──every 64th──▶ how they vary while nothing changes (`evidence`)

It *moves* when S passes its threshold and the features' effects together are as large as what would matter in a single
one.  It *settles* when the newest 16 blocks are back, or when references replace the ones it was found against; where
they were learned live, a shift that lasts 64 blocks (and as long as `detection.relearn_after`) becomes the new normal.

The test takes part in the alarm budget as one more test of the strictest of its streams.  It is a function of the
pulses at ordinals of the model's events: neither cuts nor restarts show in it, and pulses may come from elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.domain.facts import JointChange, JointEffect, JointReason, JointState, Place
from monitor.domain.keys import ModelKey
from monitor.engine.evidence import Null, null_of
from monitor.engine.explain import explain_together
from monitor.engine.pulse import BLOCK, Beats, Pulse, Scale

Floats = npt.NDArray[np.float64]

LOOK = 4  #: blocks between two looks
SCALES = (4, 8, 16, 32, 64)  #: blocks that a look takes together: 512 to 8,192 events
MEASURED = (128, 64, 32)  #: blocks on which it is measured how the features vary, as many as they have; anew every half
KEPT = max(MEASURED) + max(MEASURED) // 2
LEAST = 3  #: features; fewer are not many
MOST = 256  #: features; of more the first by name are tested, so that the correlations stay small
FILLED = BLOCK // 4  #: values that make a block of a feature
SETTLED = 0.5  #: score below which the features are back
SETTLED_SCALE = 16
LASTING = 64  #: blocks
MOVED = 2.0  #: standard errors from which a feature is told to have moved


@dataclass(frozen=True, slots=True)
class Moment:
    """The last event of a block: where it is, and the model's clock at it (NaN if it has none)."""

    place: Place
    clock: float


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Features that are tested together.  key: what it was made of: blocks that is measured up to, and how many;
    columns; scales.  centres, numbers: where each is at home, and what that mean is of."""

    key: tuple[int, int, list[int], list[Scale]]
    names: list[str]
    scales: list[Scale]
    null: Null
    centres: Floats
    numbers: Floats
    sds: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """Evidence ÷ threshold at one scale, and what it rests on."""

    score: float
    scale: int
    group: _Group
    errors: Floats  #: deviations in units of their uncertainty
    effects: Floats
    together: float  #: size of all effects together, their noise taken off


class Joint:
    """Of one model version; columns are features in order of their names, rows its newest blocks."""

    def __init__(self, model: ModelKey, least_effect: float, relearn_seconds: float) -> None:
        self._model, self._least_effect, self._relearn_seconds = model, least_effect, relearn_seconds
        self._next = 0  # block that the next row is of
        self._names: list[str] = []
        self._totals = np.zeros((0, 0), np.float32)  # sums of standardised values
        self._counts = np.zeros((0, 0), np.uint8)
        self._centres: dict[str, tuple[float, float]] = {}  # where a feature is at home now: mean, and of how many
        self._group: _Group | None = None
        self._quiet_from = 0  # what was in blocks before this one has been told
        self._opened: tuple[int, float] | None = None  # block and clock at which it moved
        self.score = 0.0  #: of the newest look; at least 1 while moved
        self.told = ""  #: the sentence of what holds

    def advance(
        self, pulses: Mapping[str, Pulse], stop: int, moment: Callable[[int], Moment]
    ) -> list[tuple[int, JointChange]]:
        """Take the features' pulses up to block `stop`; changes with the blocks at whose end they arose.

        moment: of the last event of a block of these.
        """
        begin = self._next
        taken = {name: pulse.take(stop) for name, pulse in sorted(pulses.items())}
        self._append(taken, stop)
        current = {name: beats[-1].scale for name, beats in taken.items() if beats}
        moved_house = sorted(
            (each.since, name) for name, beats in taken.items() for each in beats if each.since >= begin
        )
        facts = []
        for end in range(begin // LOOK * LOOK + LOOK, stop + 1, LOOK):
            scales = current
            if moved_house:
                self._leave(name for since, name in moved_house if since < end)
                scales = {name: scale for name, beats in taken.items() if (scale := _as_of(beats, end)) is not None}
            fact = self._conclude(scales, end, moment)
            if fact is not None:
                facts.append((end - 1, fact))
            self._forget_silent(end)
        self._leave(name for since, name in moved_house if since < stop)
        self._trim()
        return facts

    def _leave(self, names: Iterable[str]) -> None:
        """These features have another reference, and are at home there."""
        for name in names:
            if self._centres.pop(name, None) is not None:
                self._group = None

    def _forget_silent(self, end: int) -> None:
        """Features that said nothing for long are at home where their reference is.

        Asked at looks alone: rows are dropped wherever frames end, and that must not show.
        """
        oldest = self._next - len(self._counts)
        said = np.any(self._counts[self._rows(max(end - KEPT, oldest), end)], axis=0)
        heard = {name for name, is_heard in zip(self._names, said, strict=True) if is_heard}
        self._centres = {name: centre for name, centre in self._centres.items() if name in heard}

    def _append(self, taken: Mapping[str, Sequence[Beats]], stop: int) -> None:
        """Add a row for each block before `stop`, and a column for each feature that is new."""
        names = sorted(
            {*self._names, *(name for name, beats in taken.items() if any(each.sums[1].any() for each in beats))}
        )
        before, number = len(self._totals), stop - self._next
        totals = np.zeros((before + number, len(names)), np.float32)
        counts = np.zeros((before + number, len(names)), np.uint8)
        if self._names:
            known = np.searchsorted(names, self._names)
            totals[:before, known], counts[:before, known] = self._totals, self._counts
        for column, name in enumerate(names):
            for beats in taken.get(name, ()):
                if beats.sums.shape[1]:
                    first = before + beats.first - self._next
                    rows = slice(first, first + beats.sums.shape[1])
                    totals[rows, column] += beats.deviations
                    counts[rows, column] += beats.sums[1].astype(np.uint8)
        self._names, self._totals, self._counts, self._next = names, totals, counts, stop

    def _trim(self) -> None:
        """Keep the newest rows, and the columns that say anything in them."""
        counts = self._counts[-KEPT:]
        used = np.any(counts, axis=0)
        self._totals, self._counts = self._totals[-KEPT:, used].copy(), counts[:, used].copy()
        self._names = [name for name, is_used in zip(self._names, used, strict=True) if is_used]

    def _rows(self, begin: int, end: int) -> slice:
        """Rows of the blocks from begin to before end."""
        oldest = self._next - len(self._totals)
        return slice(begin - oldest, end - oldest)

    def _conclude(self, scales: Mapping[str, Scale], end: int, moment: Callable[[int], Moment]) -> JointChange | None:
        """Look at the blocks before `end`, and say what that changes."""
        columns, measured = self._eligible(scales, end)
        if len(columns) < LEAST:
            self.score = 0.0
            return None if self._opened is None else self._settle("superseded", None, end, moment)
        group = self._group_of(columns, [scales[self._names[column]] for column in columns], measured, end)
        looks = self._looks(group, end)
        best = max(looks, key=lambda look: look.score, default=None)
        self.score = 0.0 if best is None else best.score
        if self._opened is None:
            moves = [look for look in looks if look.score >= 1 and look.together >= self._least_effect]
            return self._move(max(moves, key=lambda look: look.score), end, moment) if moves else None
        recent = next((look for look in looks if look.scale == SETTLED_SCALE), None)
        if recent is not None and end - SETTLED_SCALE >= self._opened[0] and recent.score < SETTLED:
            return self._settle("returned", recent, end, moment)
        if best is not None and self._has_lasted(group.scales, end, moment):
            self._accept(columns, end)
            return self._settle("relearned", best, end, moment)
        self.score = max(1.0, self.score)
        return None

    def _eligible(self, scales: Mapping[str, Scale], end: int) -> tuple[list[int], int]:
        """Columns that are filled all along, and the blocks that is measured on."""
        oldest = self._next - len(self._counts)
        filled = self._counts[: end - oldest][::-1] >= FILLED
        runs = np.where(filled.all(axis=0), len(filled), filled.argmin(axis=0)).tolist() if len(filled) else []
        found: list[int] = []
        chosen = 0
        for measured in reversed(MEASURED):
            begin = _measured_until(end, measured) - measured
            if begin < oldest:
                break
            columns = [
                column for column, run in enumerate(runs) if run >= end - begin and self._names[column] in scales
            ]
            if found and 5 * len(columns) < 4 * len(found):
                break
            found, chosen = columns[:MOST], measured
        return found, chosen

    def _group_of(self, columns: list[int], scales: list[Scale], measured: int, end: int) -> _Group:
        """These features, and how they vary, measured on the blocks before the newest ones."""
        until = _measured_until(end, measured)
        key = until, measured, columns, scales
        if self._group is None or self._group.key != key:
            names = [self._names[column] for column in columns]
            level = max(scale.level for scale in scales) - math.log(LOOK * BLOCK / len(SCALES))
            rows = self._rows(until - measured, until)
            blocks = self._totals[rows, columns] / np.sqrt(self._counts[rows, columns].astype(np.float64))
            homes = [self._centres.get(name, (0.0, each.number)) for name, each in zip(names, scales, strict=True)]
            centres, numbers = np.array(homes).T
            sds = np.array([each.sd for each in scales])
            self._group = _Group(key, names, scales, null_of(blocks, max(1.0, level)), centres, numbers, sds)
        return self._group

    def _looks(self, group: _Group, end: int) -> list[_Look]:
        """Evidence in the newest blocks, at each scale that reaches back to nothing that has been told."""
        until, measured, columns, _ = group.key
        begin = max(self._quiet_from, until - measured)
        scales = [scale for scale in SCALES if end - scale >= begin]
        if not scales:
            return []
        rows = self._rows(end - scales[-1], end)
        last = [scale - 1 for scale in scales]
        values = self._counts[rows, columns][::-1].cumsum(axis=0, dtype=np.float64)[last]
        totals = self._totals[rows, columns][::-1].cumsum(axis=0, dtype=np.float64)[last]
        apart = totals / values - group.centres
        variances = 1 / values + 1 / group.numbers
        errors = apart / np.sqrt(variances)
        evidence = group.null.sums_of_squares(errors)
        beyond_noise = (np.square(apart) - variances * group.null.spread**2) @ np.square(group.sds)
        together = np.sqrt(np.maximum(0.0, beyond_noise))
        return [
            _Look(round(ratio, 6), scale, group, errors[at], apart[at] * group.sds, size)
            for at, (scale, ratio, size) in enumerate(
                zip(scales, (evidence / group.null.threshold).tolist(), together.tolist(), strict=True)
            )
        ]

    def _move(self, look: _Look, end: int, moment: Callable[[int], Moment]) -> JointChange:
        now = moment(end - 1)
        self._opened, self._quiet_from = (end, now.clock), end - look.scale
        self.score = look.score
        change = self._change("moved", None, look, end, now)
        self.told = change.explanation
        return change

    def _settle(
        self, reason: JointReason, look: _Look | None, end: int, moment: Callable[[int], Moment]
    ) -> JointChange:
        self._opened, self._quiet_from, self.told = None, end, ""
        self.score = 0.0
        return self._change("settled", reason, look, end, moment(end - 1))

    def _change(
        self, state: JointState, reason: JointReason | None, look: _Look | None, end: int, now: Moment
    ) -> JointChange:
        if look is None:
            return JointChange(self._model, state, reason, 0.0, 0, (), end * BLOCK, end * BLOCK, "", now.place)
        order = np.argsort(-np.abs(look.errors), kind="stable").tolist()
        moved = tuple(
            JointEffect(
                look.group.names[at], look.group.scales[at].table.key, float(look.effects[at]), float(look.errors[at])
            )
            for at in order
            if abs(look.errors[at]) >= MOVED
        )
        since = (end - look.scale) * BLOCK + 1
        told = explain_together(moved, len(look.group.names), since) if state == "moved" else ""
        return JointChange(
            self._model, state, reason, look.score, len(look.group.names), moved, end * BLOCK, since, told, now.place
        )

    def _has_lasted(self, scales: Sequence[Scale], end: int, moment: Callable[[int], Moment]) -> bool:
        """Is it time to take the shift for the new normal?  Never where a reference is one that was approved."""
        assert self._opened is not None
        block, clock = self._opened
        if end - block < LASTING or any(scale.approved for scale in scales):
            return False
        return not moment(end - 1).clock - clock < self._relearn_seconds

    def _accept(self, columns: Sequence[int], end: int) -> None:
        rows = self._rows(end - LASTING, end)
        values = self._counts[rows, columns].sum(axis=0, dtype=np.float64)
        means = self._totals[rows, columns].sum(axis=0, dtype=np.float64) / values
        self._group = None
        for column, mean, number in zip(columns, means.tolist(), values.tolist(), strict=True):
            self._centres[self._names[column]] = mean, number

    def dump(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "next": self._next,
            "names": self._names,
            "totals": self._totals.tobytes(),
            "counts": self._counts.tobytes(),
            "centres": [[name, *centre] for name, centre in sorted(self._centres.items())],
            "quiet_from": self._quiet_from,
            "opened": None if self._opened is None else [self._opened[0], _plain(self._opened[1])],
            "score": self.score,
            "told": self.told,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where the dumped test stood."""
        self._next, self._names, self._quiet_from = state["next"], list(state["names"]), state["quiet_from"]
        shape = min(self._next, KEPT), len(self._names)
        self._counts = np.frombuffer(state["counts"], np.uint8).reshape(shape)
        self._totals = np.frombuffer(state["totals"], np.float32).reshape(shape)
        self._centres = {name: (mean, number) for name, mean, number in state["centres"]}
        if state["opened"] is not None:
            block, clock = state["opened"]
            self._opened = block, float("nan") if clock is None else clock
        self.score, self.told = state["score"], state["told"]


def _measured_until(end: int, measured: int) -> int:
    """Block up to which it was measured how the features vary."""
    return (end - 1) // (measured // 2) * (measured // 2)


def _as_of(beats: Sequence[Beats], end: int) -> Scale | None:
    """The scale that held in the block before `end`, if one came before."""
    return next((each.scale for each in reversed(beats) if each.since < end), None)


def _plain(number: float) -> float | None:
    """NaN has no bits of its own, and equals nothing."""
    return None if number != number else number
