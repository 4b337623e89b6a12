"""Counts over bins, and what every measure makes of them first."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]


def shares(counts: npt.NDArray[np.generic]) -> Shares:
    """Counts as shares of their sum (which must be positive)."""
    values = counts.astype(np.float64)
    return np.asarray(values / values.sum(), dtype=np.float64)
