r"""Dependence: what the order of the reference says about a channel, so that nobody has to configure it.

Change detectors for independent values drown in alarms on autocorrelated or seasonal streams.  A channel counts as
dependent if its lag-1 correlation exceeds 4/√n (7/√n for a rare indicator: few ones make correlations jump), or if its
means over blocks spread more than independence allows.  A dependent channel is tested on block means: the block length
starts at 32 and doubles while neighbouring blocks correlate, as long as 20 blocks remain.  The standard deviation of
those few block means is read with care: a small-sample factor 1 + 1/√(2N), the floor of independence σ/√b, and, where
blocks still correlate by r, ((1 + r)/(1 − r))^¼.

Source: batch means (Conway 1963; Alexopoulos and Seila 1996); the factor of the fourth root lies half-way (in the
logarithm) between ignoring the remaining correlation and the full long-run variance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Series = npt.NDArray[np.float64]

FIRST_BLOCK = 32
BLOCKS_LEAST = 20  #: blocks that must remain when the block length doubles
CORRELATED = 0.2  #: correlation of neighbouring blocks above which the block length doubles
RARE = 100  #: ones (or zeros) in the reference below which an indicator is rare
PSEUDO = 16  #: pseudo-observations at the far end: how pessimistically a finite reference is read


@dataclass(frozen=True, slots=True)
class Dependence:
    """Order statistics of one channel over its reference.

    number: values; mean; sd: of single values (one pseudo-observation at each end keeps it positive); correlation: at
    lag 1; block: 1 if independent, else the block length; block_sd: of block means, read with care (0 if independent);
    variance_ratio: long-run variance of window means over that of independent values, for short references.
    """

    number: int
    mean: float
    sd: float
    correlation: float
    block: int
    block_sd: float
    variance_ratio: float

    @property
    def dependent(self) -> bool:
        return self.block > 1


def lag1(runs: Sequence[Series]) -> float:
    """Lag-1 correlation over runs of contiguous values; 0 for a constant series.

    >>> lag1([np.array([1.0, -1.0, 1.0, -1.0])])
    -1.0
    """
    centre = np.concatenate(runs).mean()
    variance = np.mean(np.concatenate([(run - centre) ** 2 for run in runs]))
    products = np.concatenate([(run[1:] - centre) * (run[:-1] - centre) for run in runs])
    return 0.0 if variance <= 1e-18 or not len(products) else float(products.mean() / variance)


def block_means(runs: Sequence[Series], stride: int, block: int) -> list[Series]:
    """Means over blocks of `block` observations, as runs of neighbouring blocks.

    Where the reference is thinned, each run stands for `stride` times its length; blocks longer than a run are then
    estimated from the runs that fall into them.
    """
    longest = max(len(run) for run in runs)
    if block <= longest:
        return [run[: len(run) // block * block].reshape(-1, block).mean(axis=1) for run in runs if len(run) >= block]
    group = max(1, block // (longest * stride))
    means = np.array([run.mean() for run in runs if len(run)])
    return [means[: len(means) // group * group].reshape(-1, group).mean(axis=1)]


def _block_length(runs: Sequence[Series], stride: int, total: int) -> int:
    """The shortest doubling of FIRST_BLOCK whose neighbours correlate little, with BLOCKS_LEAST blocks left."""
    longest = max(len(run) for run in runs)
    block = FIRST_BLOCK
    while True:
        longer = block * 2
        if longest < longer < longest * stride:
            longer = longest * stride  # nothing is known between a run's length and the distance of two runs
        if longer > total / BLOCKS_LEAST or lag1(block_means(runs, stride, block)) < CORRELATED:
            return block
        block = longer


def _variance_ratio(series: Series, correlation: float, sd: float) -> float:
    """Largest ratio of the variance of window sums to that of independent values, windows 1, 2, 4 … n/4."""
    rho = min(0.99, max(0.0, correlation))
    ratio = (1 + rho) / (1 - rho)
    sums = np.concatenate([[0.0], np.cumsum(series - series.mean())])
    variance = max(float(series.var()), 1e-9)
    window = 2
    while window <= max(1.0, len(series) / 4):
        spans = sums[window:] - sums[:-window]
        ratio = max(ratio, float((spans * spans).mean()) / window / variance)
        window *= 2
    return ratio


def measure(runs: Sequence[Series], stride: int = 1, *, inherited: bool = False, short: bool = False) -> Dependence:
    """Dependence of a channel from its reference values (runs of contiguous ones, all together at least 2).

    inherited: the stream's level is dependent, so this channel is too, whatever its own correlations say (the spread
    of a seasonal series looks uncorrelated and is not).  short: too few values for blocks; only the ratio is measured.

    >>> white = np.random.default_rng(0).random(2000)
    >>> measure([white]).block
    1
    >>> measure([np.sort(white)]).block
    64
    """
    series = np.concatenate(runs)
    number = len(series)
    mean = float(series.mean())
    padded = np.concatenate([series, [0.0, 1.0]])
    sd = max(float(padded.std()), 1 / math.sqrt(number))
    correlation = lag1(runs)
    if short:
        return Dependence(number, mean, sd, correlation, 1, 0.0, _variance_ratio(series, correlation, sd))
    mass = number * min(mean, 1 - mean)
    rare = mass < RARE
    dependent = inherited or correlation > (7 if rare else 4) / math.sqrt(number)
    block = _block_length(runs, stride, number * stride)
    blocks = block_means(runs, stride, block)
    means = np.concatenate(blocks)
    if len(means) < 8:
        return Dependence(number, mean, sd, correlation, 1, 0.0, 1.0)
    spread = float(means.std(ddof=1))
    if not dependent and spread / (sd / math.sqrt(block)) <= (2.0 if rare else 1.4):
        return Dependence(number, mean, sd, correlation, 1, 0.0, 1.0)
    floor = math.sqrt(min(mass + PSEUDO, number / 8) / number / block)
    block_sd = max(spread * (1 + 1 / math.sqrt(2 * len(means))), sd / math.sqrt(block), floor)
    remaining = min(0.99, lag1(blocks))  # of few blocks it may come out above 1
    if remaining >= CORRELATED:
        block_sd *= ((1 + remaining) / (1 - remaining)) ** 0.25
    return Dependence(number, mean, sd, correlation, block, block_sd, 1.0)
