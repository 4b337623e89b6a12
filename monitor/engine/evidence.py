r"""Evidence of many small changes at once: a sum of squares whose chance of being large is known under dependence.

Blocks of the model's events give each of K features a standardised sum; the newest W blocks together give it a mean
deviation from its reference, in units of its own uncertainty (that of the reference included),

    xᵢ = (Z̄ᵢ − cᵢ) / √(1/Nᵢ + 1/nᵢ) / sᵢ,    capped at ±4.

Features depend on each other, and K agreeing copies of one feature say no more than one.  So the squares are added in
directions of equal weight: with the correlations Ĉ of the features' blocks,

    S = xᵀ (w Ĉ + (1 − w) I)⁻¹ x,    w = ½ ν / (ν + K).

Ĉ is measured on differences of neighbouring blocks, in which a lasting shift shows but once; ν = ⅔ of their number is
what they are worth.  A direction in which the features vary by ℓ (an eigenvalue of Ĉ) has the weight

    ω = ℓ / (w ℓ + 1 − w) × νₑ (e^(2x/νₑ) − 1) / 2x,    νₑ = ν ((w ℓ + 1 − w) / w ℓ)²,

at most 1/w whatever the dependence, times what it costs that ℓ is an estimate: at level x a variance known from νₑ
values is read off a t distribution instead of a normal one.  Weights below 1 are lifted until all sum to K at least,
for the smallest ℓ are the least certain.  The sum then exceeds

    t = φ · min over 0 < s < 1/2ω of (x − ½ Σ ln(1 − 2 s ω)) / s

with a chance of at most e^−x (Chernoff).  φ ≥ 1 is how much more the features' means wander over longer stretches than
over neighbouring blocks, beyond chance: what their references called independent may still have a slow common wave.

The cap keeps one feature from speaking for all: what a single one tells is told by its own detectors.

Source: Hotelling's T² (1931); Ledoit and Wolf (2004) on shrinking correlations towards independence; the bound is that
of Chernoff (1952) for a weighted sum of χ².
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

CAP = 4.0  #: standard errors: no feature counts for more
SHRUNK = 0.5  #: the most that measured correlations count against independence
WANDER_SCALES = (4, 8, 16)  #: blocks over which means are compared for slow waves

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Null:
    """How the features vary while nothing changes.

    spread: standard deviation of a standardised block sum, at least 1; whiten: turns deviations into directions of
    equal weight; threshold: t.
    """

    spread: Floats
    whiten: Floats
    threshold: float

    def sums_of_squares(self, deviations: Floats) -> Floats:
        """S of each row of the features' deviations in units of their own uncertainty."""
        capped = np.clip(deviations / self.spread, -CAP, CAP)
        squares: Floats = np.square(capped @ self.whiten.T).sum(axis=1)
        return squares


def null_of(blocks: Floats, level: float) -> Null:
    """What blocks × features of standardised sums tell, at least three blocks; level: x.

    >>> white = np.random.default_rng(0).normal(size=(129, 20))
    >>> round(null_of(white, level=13.7).threshold)             # it would be 65 for features known to be independent
    80
    >>> alike = null_of(white[:, :1] + 0.3 * white, level=13.7)             # twenty features that say the same
    >>> (alike.sums_of_squares(np.full((1, 20), 3.0)) < alike.threshold).item()
    True
    """
    number = blocks.shape[1]
    steps = np.diff(blocks, axis=0) / math.sqrt(2)
    spread = np.sqrt(np.maximum(1.0, np.square(steps).mean(axis=0)))
    scaled = steps / spread
    worth = 2 * len(scaled) / 3
    weight = SHRUNK * worth / (worth + number)
    values, vectors = np.linalg.eigh(scaled.T @ scaled / len(scaled))
    values = np.maximum(values, 0.0)
    shrunk = weight * values + 1 - weight
    known = worth * np.square(shrunk / np.maximum(weight * values, 1e-9))
    weights = _lifted(values / shrunk * known * np.expm1(2 * level / known) / (2 * level))
    whiten = vectors.T / np.sqrt(shrunk)[:, None]
    return Null(spread, whiten, _bound(weights, level) * _wander(blocks / spread, whiten))


def _lifted(weights: Floats) -> Floats:
    """Weights of which those below 1 are lifted so far that all sum to their number.

    >>> _lifted(np.array([2.0, 0.5, 0.1])).tolist()
    [2.0, 0.5, 0.5]
    """
    is_low = weights < 1
    missing = len(weights) - float(weights[~is_low].sum())
    return np.where(is_low, np.maximum(weights, missing / max(1, int(is_low.sum()))), weights)


def _bound(weights: Floats, level: float) -> float:
    """What the weighted sum of squares of normal values exceeds with a chance of at most e^−level.

    >>> round(_bound(np.ones(1), 18.0), 1), round(_bound(np.ones(20), 13.7))     # exactly they are 32.0 and 65
    (40.7, 73)
    """
    s = np.linspace(0.02, 0.98, 97)[:, None] / (2 * weights.max())
    return float(((level - np.log1p(-2 * s * weights).sum(axis=1) / 2) / s[:, 0]).min())


def _wander(blocks: Floats, whiten: Floats) -> float:
    """The mean square of differences between neighbouring stretches over that of neighbouring blocks, at least 1.

    Two standard errors of it are put down to chance.
    """
    sums = np.concatenate([np.zeros((1, blocks.shape[1])), np.cumsum(blocks, axis=0)])
    near, wander = _mean_square(sums, 1, whiten), 1.0
    for scale in WANDER_SCALES:
        stretches = len(blocks) / (2 * scale)
        if stretches >= 2 and near > 0:
            chance = 2 * math.sqrt(2 / (stretches * blocks.shape[1]))
            wander = max(wander, _mean_square(sums, scale, whiten) / near / (1 + chance))
    return wander


def _mean_square(sums: Floats, scale: int, whiten: Floats) -> float:
    stretches = sums[scale:] - sums[:-scale]
    steps = (stretches[scale:] - stretches[:-scale]) / math.sqrt(2 * scale)
    return float(np.square(steps @ whiten.T).sum(axis=1).mean())
