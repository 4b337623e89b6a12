"""All measures of a stream's recent window, with the reading that a small window needs.

Counts are first brought to at most `BINS` bins of about equal reference mass.  A distance is shown only from `LEAST`
recent values on, and PSI, the one with famous fixed thresholds, less what no drift at all would show on average:
(b − 1)(1/n + 1/m) for b bins, n reference and m recent values.
"""

from __future__ import annotations

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


def distances(partition: Partition, recent: Counts) -> dict[str, float]:
    """Every measure that applies, from counts of a partition's cells; empty while too little is counted.

    Missing values are left out (they have a channel of their own); ks and wasserstein are for numbers only.
    """
    before, now = partition.counts[:-1], recent[:-1]
    if now.sum() < LEAST or before.sum() == 0:
        return {}
    starts = bin_starts(before) if isinstance(partition, NumberPartition) else np.arange(len(before))
    binned, live = np.add.reduceat(before, starts), np.add.reduceat(now, starts)
    found = {
        "psi": max(0.0, psi(binned, live) - float((len(starts) - 1) * (1 / before.sum() + 1 / now.sum()))),
        "js": js(binned, live),
        "chi2": chi2(binned, live),
    }
    if isinstance(partition, NumberPartition):
        found["ks"] = ks(before, now)
        unit = partition.quantile(partition.counts, 0.75) - partition.quantile(partition.counts, 0.25)
        if unit > 0:
            found["wasserstein"] = wasserstein(before, now, partition.positions, unit)
    return found


def bin_starts(counts: Counts) -> npt.NDArray[np.int64]:
    """First cell of each of at most `BINS` bins of about equal mass.

    >>> bin_starts(np.array([0, 5, 0, 5])).tolist()
    [0, 2]
    """
    before = np.cumsum(counts) - counts
    bins = before * BINS // max(1, int(counts.sum()))
    return np.flatnonzero(np.diff(bins, prepend=-1))
