"""All measures of a stream's recent window, with the reading that a small window needs.

Counts are first brought to at most `BINS` bins of about equal reference mass.  A distance is shown only from `LEAST`
recent values on, and PSI, the one with famous fixed thresholds, less what no drift at all would show on average:
(b − 1)(1/n + 1/m) for b bins, n reference and m recent values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitor.channels.partition import NumberPartition, Partition
from monitor.distances.chi2 import chi2
from monitor.distances.counts import Counts
from monitor.distances.js import js
from monitor.distances.ks import ks
from monitor.distances.psi import psi
from monitor.distances.wasserstein import wasserstein

MEASURES = ("psi", "js", "ks", "wasserstein", "chi2")
BINS = 20
LEAST = 50  #: recent values


@dataclass(frozen=True, slots=True, eq=False)
class Yardstick:
    """What every look at one reference has in common, worked out once.

    starts: first cell of each bin; binned: reference values in each; number: in all of them; unit: the reference's
    inter-quartile range (0 where there is none to speak of).
    """

    partition: Partition
    starts: npt.NDArray[np.int64]
    binned: Counts
    number: int
    unit: float

    @classmethod
    def of(cls, partition: Partition) -> Yardstick:
        """The yardstick of a partition's counts."""
        before = partition.counts[:-1]
        is_number = isinstance(partition, NumberPartition)
        starts = bin_starts(before) if is_number else np.arange(len(before))
        unit = 0.0
        if isinstance(partition, NumberPartition):
            unit = partition.quantile(partition.counts, 0.75) - partition.quantile(partition.counts, 0.25)
        return cls(partition, starts, np.add.reduceat(before, starts), int(before.sum()), unit)


def distances(yardstick: Yardstick, recent: Counts) -> dict[str, float]:
    """Every measure that applies, from counts of a partition's cells; empty while too little is counted.

    Missing values are left out (they have a channel of their own); ks and wasserstein are for numbers only.
    """
    partition, binned = yardstick.partition, yardstick.binned
    before, now = partition.counts[:-1], recent[:-1]
    number = int(now.sum())
    if number < LEAST or yardstick.number == 0:
        return {}
    live = np.add.reduceat(now, yardstick.starts)
    by_chance = (len(binned) - 1) * (1 / yardstick.number + 1 / number)
    found = {"psi": max(0.0, psi(binned, live) - by_chance), "js": js(binned, live), "chi2": chi2(binned, live)}
    if isinstance(partition, NumberPartition):
        found["ks"] = ks(before, now)
        if yardstick.unit > 0:
            found["wasserstein"] = wasserstein(before, now, partition.positions, yardstick.unit)
    return found


def bin_starts(counts: Counts) -> npt.NDArray[np.int64]:
    """First cell of each of at most `BINS` bins of about equal mass.

    >>> bin_starts(np.array([0, 5, 0, 5])).tolist()
    [0, 2]
    """
    before = np.cumsum(counts) - counts
    bins = before * BINS // max(1, int(counts.sum()))
    return np.flatnonzero(np.diff(bins, prepend=-1))
