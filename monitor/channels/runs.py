r"""Run lengths: how long a stream may repeat one value before it is stuck.

A value v that was left in a share p(v) of its reference occurrences repeats for L observations with probability
(1 − p)^L; it is called stuck at L = A / −ln(1 − p), so that e^−A bounds the false-alarm rate per run.  p is read
pessimistically (two standard errors below its estimate); values seen fewer than 10 times share the overall rate.  No
limit is below 12 observations or three times the longest run of the reference.

Trade-off: a stream that legitimately rests (a status flag) gets a long limit, or none when it was never left.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from monitor.channels.partition import Cells

RUN_LEAST = 12  #: observations; a shorter run is never stuck
RUN_FACTOR = 3  #: times the longest run of the reference
OWN_RATE_LEAST = 10  #: occurrences for a leave rate of its own
NEVER = 2**62


@dataclass(frozen=True, slots=True)
class RunStatistics:
    """Leave rates of a reference: overall, and of each point cell seen often enough; longest: its longest run."""

    overall: float
    own: Mapping[int, float]
    longest: int

    def limits(self, size: int, level: float) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Run length at which each of `size` cells is stuck, when e^−level bounds the rate of false alarms.

        >>> RunStatistics(overall=0.5, own={}, longest=2).limits(1, level=20.0).tolist()
        [29]
        """
        limits = np.full(size, self._limit(min(self.overall, 0.5), level), dtype=np.int64)
        for cell, leave in self.own.items():
            limits[cell] = self._limit(leave, level)
        return limits

    def _limit(self, leave: float, level: float) -> int:
        if leave <= 0:
            return NEVER
        own = level / -math.log(max(1e-12, 1 - min(leave, 0.999)))
        return math.ceil(max(own, RUN_FACTOR * self.longest, RUN_LEAST))


def run_statistics(runs: Sequence[Cells], points: Sequence[bool]) -> RunStatistics | None:
    """Statistics from runs of contiguous cells (missing ones left out); None if they never change or are too few.

    points: per cell, is it one value (an edge, a category)?  Two values of an interval cell count as different.
    """
    if not runs:
        return None
    lefts = np.concatenate([run[:-1] for run in runs]).astype(np.int64)
    is_point = np.asarray(points)
    stays = np.concatenate([(run[1:] == run[:-1]) for run in runs]) & is_point[lefts]
    if len(lefts) < 19 or stays.all():
        return None
    seen = np.bincount(lefts, minlength=len(is_point))
    stayed = np.bincount(lefts[stays], minlength=len(is_point))
    leaves = seen - stayed
    own = {
        int(cell): float(max(leaves[cell] - 2 * math.sqrt(leaves[cell]), leaves[cell] / 4) / seen[cell])
        for cell in np.flatnonzero((seen >= OWN_RATE_LEAST) & is_point)
    }
    return RunStatistics(max(float(1 - stays.mean()), 1e-9), own, max(_longest(run, is_point) for run in runs))


def _longest(run: Cells, is_point: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> int:
    """Length of the longest repetition of one value in a run of cells."""
    same = (run[1:] == run[:-1]) & is_point[run[:-1]]
    breaks = np.flatnonzero(np.concatenate([[True], ~same, [True]]))
    return int(np.diff(breaks).max()) if len(run) else 0
