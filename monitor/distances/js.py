r"""Jensen-Shannon distance: √(½ KL(p‖m) + ½ KL(q‖m)), m = (p + q)/2, with logarithms to base 2: 0 to 1.

Trade-off: bounded and symmetric, insensitive to how far apart the bins are.
Source: Lin (1991); that its root is a metric: Endres and Schindelin (2003).
"""

from __future__ import annotations

import math

import numpy as np

from monitor.distances.counts import Counts, Shares, shares


def _divergence(p: Shares, m: Shares) -> float:
    held = p > 0
    return float(np.sum(p[held] * np.log2(p[held] / m[held])))


def js(reference: Counts, recent: Counts) -> float:
    """Jensen-Shannon distance, 0 to 1.

    >>> js(np.array([1, 0]), np.array([0, 1])), js(np.array([3, 1]), np.array([3, 1]))
    (1.0, 0.0)
    """
    p, q = shares(reference), shares(recent)
    middle = (p + q) / 2
    return math.sqrt(max(0.0, (_divergence(p, middle) + _divergence(q, middle)) / 2))
