"""Chi-squared distance: Σ (p − q)² / (p + q) over bins: 0 to 2.

Trade-off: like a test of homogeneity without its sample sizes, so that windows of different length compare.
Source: the symmetric form of Pearson (1900) as used for histograms, e.g. Puzicha et al. (1997).
"""

from __future__ import annotations

import numpy as np

from monitor.distances.counts import Counts, shares


def chi2(reference: Counts, recent: Counts) -> float:
    """Symmetric chi-squared distance, 0 to 2.

    >>> chi2(np.array([1, 0]), np.array([0, 1]))
    2.0
    """
    p, q = shares(reference), shares(recent)
    held = (p + q) > 0
    return float(np.sum((p[held] - q[held]) ** 2 / (p[held] + q[held])))
