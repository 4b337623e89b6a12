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
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.channels.partition import Cells
from monitor.channels.table import ChannelTable
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

    def deviation(self, total: int, values: int) -> float:
        """Sum of the standardised values of which this is the sum of numerators."""
        return (total / self.table.denominator - values * self.mean) / self.sd


@dataclass(frozen=True, slots=True, eq=False)
class Beats:
    """Sums of numerators and numbers of values, by block, on a scale that came in block `since`."""

    scale: Scale
    since: int
    sums: Mapping[int, tuple[int, int]]


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
        self._sums: dict[int, tuple[int, int]] = {}
        self._void = -1  # blocks up to here have no pulse that is still to come
        self._since = -1  # block in which the scale came
        self._before: list[Beats] = []  # not taken, of scales that are over

    def rescale(self, scale: Scale | None, block: int) -> None:
        """Another reference holds from an event in this block on."""
        if self.scale is not None:
            self._sums.pop(block, None)
            self._before.append(Beats(self.scale, self._since, self._sums))
        self._sums, self.scale, self._since, self._void = {}, scale, block, max(self._void, block)

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
        numerators = self.scale.table.numerators[cells]
        absent = numerators < 0  # they hold −1, so that their sum is known
        first, last = int(ordinals[0]) // BLOCK, int(ordinals[-1]) // BLOCK
        if first == last:
            without = int(np.count_nonzero(absent))
            self._put(first, int(numerators.sum(dtype=np.int64)) + without, len(cells) - without)
            return
        blocks = ordinals // BLOCK
        starts = np.concatenate([[0], np.flatnonzero(np.diff(blocks)) + 1])
        sizes = np.diff(starts, append=len(cells))
        sums = np.add.reduceat(numerators, starts, dtype=np.int64)
        without_each = np.add.reduceat(absent, starts, dtype=np.int64)
        found = zip(
            blocks[starts].tolist(), (sums + without_each).tolist(), (sizes - without_each).tolist(), strict=True
        )
        for block, total, values in found:
            self._put(block, total, values)

    def _put(self, block: int, total: int, values: int) -> None:
        if block > self._void:
            before = self._sums.get(block, (0, 0))
            self._sums[block] = before[0] + total, before[1] + values

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
        for block in [block for block in self._sums if first <= block <= last]:
            del self._sums[block]
        self._void = max(self._void, last)

    def take(self, stop: int) -> list[Beats]:
        """Hand over the blocks before `stop`, by the scale they are read on, the older first."""
        taken, self._before = self._before, []
        if self.scale is not None:
            ready = {block: sums for block, sums in self._sums.items() if block < stop}
            self._sums = {block: sums for block, sums in self._sums.items() if block >= stop}
            taken.append(Beats(self.scale, self._since, ready))
        return taken

    def dump(self) -> dict[str, Any]:
        """Plain data, between two frames; the scale is the regime's."""
        sums = [[block, *found] for block, found in sorted(self._sums.items())]
        return {"sums": sums, "void": self._void, "since": self._since}

    @classmethod
    def load(cls, state: Mapping[str, Any], scale: Scale | None) -> Pulse:
        """A pulse that goes on where the dumped one stood."""
        pulse = cls()
        pulse.scale, pulse._void, pulse._since = scale, state["void"], state["since"]
        pulse._sums = {block: (total, values) for block, total, values in state["sums"]}
        return pulse
