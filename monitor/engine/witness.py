"""Witnesses: two special tests beside the change detectors, each quick where those are slow.

`FarWitness` sees values far beyond anything in the reference (a unit change, a default like 999999) in a few events.
`StuckWitness` sees a feed that repeats itself longer than its reference ever would.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from monitor.channels.indicators import marks
from monitor.channels.kernels import first_flagged, first_long_run, first_run_end
from monitor.channels.partition import Cells
from monitor.channels.table import ChannelTable
from monitor.engine.signals import Detection, Signal
from monitor.engine.stored import FarState, StuckState, opened_state

FAR_THRESHOLD = 3.0  #: far values, less two for each `number` observations, that open the channel when exceeded


class FarWitness:
    """A cumulative sum of far values: up by 1 for each, down by 2/number for every observation, at most 2 × threshold.

    far ▁▁▁█▁█▁███▁▁▁▁▁▁   opens above 3, closes at 0: a single wild value passes, four close together do not.

    The sum is kept as of the last far value and brought up to date from counts, so that an idle channel costs nothing
    and rounding does not depend on how often anybody looked.  Source: Page (1954), one-sided cumulative sum.
    """

    def __init__(self, table: ChannelTable, number: int, threshold: float = FAR_THRESHOLD) -> None:
        self._is_far = marks(table)
        self._leak = 2.0 / number
        self._threshold = threshold
        self._sum = 0.0
        self._as_of = 0  # observations counted when the sum was last brought up to date
        self._seen = 0
        self.opened_by: Detection | None = None
        self.detections = 0

    def advance(self, cells: Cells) -> list[Signal]:
        """Take the next observations; what opened and closed on the way."""
        if self.opened_by is None and first_flagged(cells, self._is_far) < 0:
            self._seen += len(cells)
            return []
        signals: list[Signal] = []
        for at in np.flatnonzero(self._is_far[cells]).tolist():
            signals += self._drain(self._seen, at)
            before = max(0.0, self._sum - self._leak * (self._seen + at - self._as_of))
            self._sum = min(max(0.0, before + 1.0 - self._leak), 2 * self._threshold)
            self._as_of = self._seen + at + 1
            if self._sum > self._threshold and self.opened_by is None:
                self.opened_by = Detection("far", "both", self._sum, self._threshold, 4)
                self.detections += 1
                signals.append(Signal(at, "far", "far", self.opened_by))
        signals += self._drain(self._seen, len(cells))
        self._seen += len(cells)
        return signals

    def _drain(self, base: int, before: int) -> list[Signal]:
        """The closing of an open channel, if its sum runs out ahead of position `before` of the segment."""
        if self.opened_by is None:
            return []
        empty = self._as_of + int(np.ceil(self._sum / self._leak))  # observations counted when the sum is 0
        if empty - base > before:
            return []
        self.opened_by, self._sum, self._as_of = None, 0.0, empty
        return [Signal(max(0, empty - base - 1), "far", "far", None)]

    @property
    def score(self) -> float:
        if self.opened_by is not None:
            return self.opened_by.score
        return max(0.0, self._sum - self._leak * (self._seen - self._as_of)) / self._threshold

    def dump(self) -> FarState:
        opened = None if self.opened_by is None else self.opened_by.statistic
        return self._sum, self._as_of, self._seen, opened, self.detections

    def restore(self, state: FarState) -> None:
        """Go on where the dumped witness stood."""
        self._sum, self._as_of, self._seen, opened, self.detections = state
        if opened is not None:
            self.opened_by = Detection("far", "both", opened, self._threshold, 4)


class StuckWitness:
    """A run-length watch over the stream's own values; `limits` say how long each cell may repeat.

    values  3 3 7 7 7 7 7 7 7 7 7 7 7 7 7 4     opens when the run reaches its limit, closes when the value changes.
    """

    def __init__(self, limits: npt.NDArray[np.int64]) -> None:
        # most streams have one limit for all cells, which is then kept once
        self._limits = np.broadcast_to(limits[0], limits.shape) if (limits == limits[0]).all() else limits
        self._previous = float("nan")
        self._run = 0
        self.opened_by: Detection | None = None
        self.detections = 0

    def advance(self, cells: Cells, values: npt.NDArray[np.float64]) -> list[Signal]:
        """Take the next observations (values: NaN where missing; a missing value neither ends nor lengthens a run)."""
        signals: list[Signal] = []
        start = 0
        while start < len(values):
            if self.opened_by is None:
                at, self._previous, self._run = first_long_run(
                    values, cells, self._limits, self._previous, self._run, start
                )
                if at < 0:
                    break
                limit = int(self._limits[cells[at]])
                self.opened_by = Detection("run_length", "both", float(self._run), float(limit), self._run)
                self.detections += 1
                signals.append(Signal(at, "stuck", "stuck", self.opened_by))
                start = at + 1
            else:
                at = first_run_end(values, self._previous, start)
                if at < 0:
                    break
                self.opened_by = None
                signals.append(Signal(at, "stuck", "stuck", None))
                start = at  # the value that ended the run begins the next one
        return signals

    def dump(self) -> StuckState:
        previous = None if np.isnan(self._previous) else self._previous
        return previous, self._run, opened_state(self.opened_by), self.detections

    def restore(self, state: StuckState) -> None:
        """Go on where the dumped witness stood."""
        previous, self._run, opened, self.detections = state
        self._previous = float("nan") if previous is None else previous
        self.opened_by = None if opened is None else Detection(*opened)
