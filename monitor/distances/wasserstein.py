"""Wasserstein-1 distance: how far mass has to be moved, in units of the reference's inter-quartile range.

Trade-off: the one measure that says *how far*; sensitive to outliers, which the caller bounds by the bins'
representatives.
Source: Vallender (1974): the area between the cumulative distributions.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from monitor.distances.counts import Counts, shares


def wasserstein(reference: Counts, recent: Counts, positions: npt.NDArray[np.float64], unit: float) -> float:
    """Wasserstein-1 distance of counts at ascending positions (float64, one a bin), divided by `unit`.

    >>> wasserstein(np.array([4, 0]), np.array([0, 4]), np.array([1.0, 3.0]), unit=2.0)
    1.0
    """
    gaps = np.cumsum(shares(reference)) - np.cumsum(shares(recent))
    return float(np.sum(np.abs(gaps[:-1]) * np.diff(positions)) / unit)
