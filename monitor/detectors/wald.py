r"""Thresholds from a probability: Wald's exponent of a reference distribution.

A one-sided cumulative sum S ← max(0, S + z − k) over values z of the reference, whose mean lies below the slack k,
passes a level λ with probability at most e^(−θλ) from any start, where θ > 0 solves

    E[exp(θ (z − k))] = 1.

So λ = A/θ bounds the rate of false alarms per observation by e^−A for the very distribution at hand, with its ties and
tails; a Gaussian threshold would be wrong by orders of magnitude on skewed indicators.

The reference is finite, so it is read pessimistically: PSEUDO values at the far end of the tested direction are added
to it, and a direction in which fewer than ROOM reference values' worth of distance is left is switched off.

Parameters: slack .125 sd finds small shifts, .5 sd large ones sooner.  θ is capped at six slacks: the Gaussian exponent
is two of them times the standardised drift, and a light tail should not buy thresholds that a few values can cross.
Source: Wald, "Sequential Analysis" (1947), A.2; Lundberg's inequality in Asmussen and Albrecher, "Ruin Probabilities"
(2010), IV.5; the cumulative sum test of Page (1954) and Hinkley (1971).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SHIFTS = (0.25, 1.0)  #: shifts (in sd) that the slow and the fast recursion are laid out for; slack is half of it
ROOM = 80  #: reference values' worth of room a direction needs
OFF = math.inf  #: the threshold of a direction that is switched off

Floats = npt.NDArray[np.float64]


def exponent(values: Floats, weights: Floats, slack: float, cap: float) -> float:
    """The positive root θ ≤ cap of E[exp(θ (z − slack))] = 1 for a weighted distribution with mean below slack.

    Newton's method from the cap: the logarithm of the expectation is convex in θ, so it falls to the root from above.

    >>> gauss = np.linspace(-6, 6, 2001)
    >>> round(exponent(gauss, np.exp(-gauss**2 / 2), slack=0.5, cap=3.0), 3)      # for a Gaussian it is 2 × slack
    1.0
    """
    share = weights / weights.sum()
    distance = values - slack
    theta = cap
    for _ in range(60):
        tilted = share * np.exp(np.minimum(theta * distance, 700.0))
        total = float(tilted.sum())
        if theta == cap and total <= 1.0:
            return cap
        slope = float(np.dot(tilted, distance)) / total
        step = math.log(total) / slope if slope > 0 else theta / 2
        theta -= step
        if abs(step) <= 1e-12 * theta:
            break
    return theta


@dataclass(frozen=True, slots=True)
class Units:
    """Page-Hinkley slack and threshold of a channel, per level A and in standard deviations of the channel.

    Each has four entries: up and down of the slow recursion, up and down of the fast one.  The threshold of a recursion
    at level A is A × units; infinite where the direction is switched off.
    """

    slack: tuple[float, float, float, float]
    units: tuple[float, float, float, float]


def units(values: Floats, weights: Floats, sd: float, pseudo: tuple[float, float]) -> Units:
    """Units of an independent channel with values in [0, 1] and the given reference weights.

    sd: the standard deviation the channel is divided by.  pseudo: pseudo-observations added at 1 (for up) and 0 (down).
    """
    number = float(weights.sum())
    mean = float(np.dot(values, weights)) / number
    slack, unit = [0.0] * 4, [OFF] * 4
    for direction, sign in enumerate((1.0, -1.0)):
        end = 1.0 - direction
        if number * abs(end - mean) < ROOM:
            continue
        points = np.append(values, end)
        masses = np.append(weights, pseudo[direction])
        centre = float(np.dot(points, masses) / masses.sum())
        scale = math.sqrt(float(np.dot(masses, (points - centre) ** 2) / masses.sum()))
        scale = max(scale, 1 / math.sqrt(number))
        for speed, shift in enumerate(SHIFTS):
            theta = exponent(sign * (points - centre) / scale, masses, shift / 2, 3 * shift)
            slack[2 * speed + direction] = (shift / 2 * scale + sign * (centre - mean)) / sd
            unit[2 * speed + direction] = scale / (theta * sd)
    return Units((slack[0], slack[1], slack[2], slack[3]), (unit[0], unit[1], unit[2], unit[3]))
