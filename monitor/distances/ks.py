"""Kolmogorov-Smirnov distance: the largest gap between two cumulative distributions, over ordered bins.

Trade-off: scale-free and bounded by 1; most sensitive in the middle, blind to what happens inside a bin.
Source: Kolmogorov (1933), Smirnov (1939).
"""

from __future__ import annotations

import numpy as np

from monitor.distances.counts import Counts, shares


def ks(reference: Counts, recent: Counts) -> float:
    """Kolmogorov-Smirnov distance of ordered bins, 0 to 1.

    >>> ks(np.array([2, 2, 0]), np.array([0, 2, 2]))
    0.5
    """
    return float(np.abs(np.cumsum(shares(reference)) - np.cumsum(shares(recent))).max())
