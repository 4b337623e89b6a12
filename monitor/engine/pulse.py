"""A stream's pulse: what it tells the test of its whole model, sums of one channel over blocks of the model's events.

    model's events   0 ········ 127 │ 128 ······ 255 │ 256 ······ 383 │ 384 …
    stream's values  ×  ×× ×    ×   │  ×   ×  ×   ×  │  ×  (opened)   │ ×
    pulse            sum and count  │ sum and count  │ none: told by  │ …
                                    │                │ an episode     │

Blocks are counted in events of the model, so that the pulses of all its streams fit together, wherever a stream lives
and however its events were cut.  The channel is the level of a number, or the most frequent category.  A block in which
an episode of the stream was open or pending, or its reference changed, has no pulse: what one stream tells by itself is
no part of what only many tell together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.channels.partition import Cells
from monitor.channels.table import ChannelTable
from monitor.engine._pulse import beats
from monitor.engine.regime import Regime
from monitor.engine.signals import Signal

BLOCK = 128  #: events of the model; a power of two that fits into a byte
SD_LEAST = 0.1  #: a channel that hardly ever moves has no normal means over a few hundred events

Ordinals = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """How a pulse is read: the channel, its mean and standard deviation over `number` values of the reference.

    level: A of the stream's budget.  approved: is the reference one that only a person replaces?
    """

    table: ChannelTable
    mean: float
    sd: float
    number: float
    level: float
    approved: bool


@dataclass(frozen=True, slots=True, eq=False)
class Beats:
    """On a scale that came in block `since`; sums: of numerators and numbers of values, for each block from `first`."""

    scale: Scale
    since: int
    first: int
    sums: npt.NDArray[np.int64]

    @property
    def deviations(self) -> npt.NDArray[np.float64]:
        """Sums of standardised values by block."""
        totals, values = self.sums
        scale = self.scale
        found: npt.NDArray[np.float64] = (totals / scale.table.denominator - values * scale.mean) / scale.sd
        return found


def scale_of(regime: Regime, approved: bool) -> Scale | None:
    """The scale of a regime, None if its stream takes no part: dependent, short, or nothing to go by.

    The mean of a stream that depends on its own past wanders by itself, and would pass for evidence.
    """
    if regime.reference.short:
        return None
    for table in regime.tables:
        channel = regime.channels.get(table.key)
        if table.name in ("level", "category") and channel is not None:
            plan = channel.plan
            is_steady = plan.block == 1 and plan.sd >= SD_LEAST
            return Scale(table, plan.mean, plan.sd, plan.prior, regime.level, approved) if is_steady else None
    return None


class Pulse:
    """Of one stream; `take` hands over what is complete."""

    def __init__(self) -> None:
        self.scale: Scale | None = None
        self._first = 0  # block that the first of the sums is of
        self._sums = np.zeros((2, 0), np.int64)  # by block: sum of numerators, values
        self._void = -1  # blocks up to here have no pulse that is still to come
        self._since = -1  # block in which the scale came
        self._before: list[Beats] = []  # not taken, of scales that are over

    def rescale(self, scale: Scale | None, block: int) -> None:
        """Another reference holds from an event in this block on."""
        if self.scale is not None:
            self.leave_out(block, block)
            self._before.append(Beats(self.scale, self._since, self._first, self._sums))
        self._sums, self.scale, self._since, self._void = self._sums[:, :0], scale, block, max(self._void, block)

    def beat(self, cells: Cells, ordinals: Ordinals, signals: Sequence[Signal], open_keys: Sequence[str]) -> None:
        """Take a stretch of observations with what its channels signalled; open_keys: open when it began."""
        if self.scale is None:
            return
        if not open_keys or signals:
            self._add(cells, ordinals)
        if open_keys or signals:
            self._leave_out(ordinals, signals, open_keys)

    def _add(self, cells: Cells, ordinals: Ordinals) -> None:
        assert self.scale is not None
        first, sums = beats(self.scale.table.numerators, cells, ordinals, BLOCK)
        if first <= self._void:
            sums[:, : self._void - first + 1] = 0
        held = self._sums.shape[1]
        if held == 0:
            self._first, self._sums = first, sums
            return
        longer = first + sums.shape[1] - self._first - held
        if longer > 0:
            self._sums = np.concatenate([self._sums, np.zeros((2, longer), np.int64)], axis=1)
        self._sums[:, first - self._first : first - self._first + sums.shape[1]] += sums

    def _leave_out(self, ordinals: Ordinals, signals: Sequence[Signal], open_keys: Sequence[str]) -> None:
        """Blocks in which any channel was open, from the first that opened to the last that closed."""
        is_open, begin = set(open_keys), 0
        for signal in signals:
            if signal.detection is not None:
                begin = begin if is_open else signal.at
                is_open.add(signal.key)
            elif is_open:
                is_open.discard(signal.key)
                if not is_open:
                    self.leave_out(int(ordinals[begin]) // BLOCK, int(ordinals[signal.at]) // BLOCK)
        if is_open:
            self.leave_out(int(ordinals[begin]) // BLOCK, int(ordinals[-1]) // BLOCK)

    def leave_out(self, first: int, last: int) -> None:
        """These blocks have no pulse."""
        self._sums[:, max(0, first - self._first) : max(0, last - self._first + 1)] = 0
        self._void = max(self._void, last)

    def take(self, stop: int) -> list[Beats]:
        """Hand over the blocks before `stop`, by the scale they are read on, the older first."""
        taken = [replace(old, sums=old.sums[:, : max(0, stop - old.first)]) for old in self._before]
        self._before = []
        if self.scale is not None:
            ready = max(0, stop - self._first)
            taken.append(Beats(self.scale, self._since, self._first, self._sums[:, :ready]))
            self._first, self._sums = max(stop, self._first), self._sums[:, ready:].copy()
        return taken

    def dump(self) -> dict[str, Any]:
        """Plain data, between two frames; the scale is the regime's."""
        sums = [[self._first + at, *found] for at, found in enumerate(self._sums.T.tolist()) if found[1]]
        return {"sums": sums, "void": self._void, "since": self._since}

    @classmethod
    def load(cls, state: Mapping[str, Any], scale: Scale | None) -> Pulse:
        """A pulse that goes on where the dumped one stood."""
        pulse = cls()
        pulse.scale, pulse._void, pulse._since = scale, state["void"], state["since"]
        for block, total, values in state["sums"]:  # of the block at hand, if of any
            pulse._first, pulse._sums = block, np.array([[total], [values]], np.int64)
        return pulse
