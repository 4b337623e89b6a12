r"""Population stability index: Σ (p − q) ln(p/q) over bins, with half a count added to each so that it is finite.

Parameters: none.  Trade-off: widely known thresholds (0.1, 0.2) hold for large windows only; with n reference and m
recent values and b bins, no drift gives about (b − 1)(1/n + 1/m).
Source: Siddiqi, "Credit Risk Scorecards" (2006); its law: Yurdakul, "Statistical Properties of PSI" (2018).
"""

from __future__ import annotations

import numpy as np

from monitor.distances.counts import Counts, shares


def psi(reference: Counts, recent: Counts) -> float:
    """Population stability index, 0 or more.

    >>> round(psi(np.array([50, 50]), np.array([50, 50])), 6), round(psi(np.array([50, 50]), np.array([90, 10])), 2)
    (0.0, 0.85)
    """
    p, q = shares(reference + 0.5), shares(recent + 0.5)
    return float(np.sum((p - q) * np.log(p / q)))
