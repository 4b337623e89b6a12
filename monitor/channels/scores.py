r"""Normal scores: a scale-free series with tails, and how its window means vary, for references too short for ranks.

    g(x) = Φ⁻¹(u(x))            inside the reference's range,
    g(x) = g(end) ± min(40, distance beyond the end / scale)      outside,

scale = (q₉₀ − q₁₀)/2.56, a standard deviation if the values were Gaussian.  Ranks of a short reference saturate at
once; the linear tails let a window of one or two values far outside speak.  A reference that grows or falls all the
time (|rank-time correlation| above .95) is judged by its differences instead.

Where the reference looks independent and its tails are heavy, distance alone says little: of a thousand values of a
Pareto law the next record lies twice as far out as often as not.  Then a value that is r times as far from the median
as the reference's end counts for no more than 1.5 ln(r)/ξ beyond the end, ξ being Hill's estimate of the tail index:
ln(r)/ξ is minus the logarithm of the probability that a value beyond the end lies that far out.

A season in the reference (see `season`) is taken out, so that a dip at the wrong hour stands out from the daily wave.

The standard deviation of window means is the larger of what the reference shows for that window and what an
autoregressive series of its lag-1 correlation would have.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from monitor.channels import rank
from monitor.channels.dependence import lag1
from monitor.channels.partition import NumberPartition, number_partition
from monitor.channels.season import season, without

TAIL = 40.0  #: how far beyond the end's score the tails reach
TREND = 0.95
MODE_MOST = 0.95  #: a value with more of the reference than this leaves nothing to chart
LEAST = 5  #: values
SD_LEAST = 0.05
HEAVY = 0.3  #: tail index above which a tail is heavy; the largest tenth of exponential values shows about that much
TAIL_LEAST, TAIL_SHARE = (
    10,
    10,
)  #: largest distances that tell of the tail: ten, and a tenth; the lighter counts
RARER = 1.5  #: score for each factor e that a value beyond the end is rarer
INDEPENDENT_LEAST = 100  #: values from which independence can be told

Series = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ScoreReference:
    """What a chart on normal scores needs of its reference.

    differences: judge steps from value to value.  partition: of the values (or differences) themselves.
    season: mean score of each phase, empty if there is none; begin: phase of the first observation after the reference.
    mean: of the reference's scores, less the season.  window_sds: of window means, for windows 1, 2, 4, …
    independent: does the order of the reference look like chance?
    """

    differences: bool
    partition: NumberPartition
    season: tuple[float, ...]
    begin: int
    mean: float
    window_sds: tuple[float, ...]
    independent: bool


def scores(partition: NumberPartition, values: Series, heavy: float = 0.0) -> Series:
    """Normal scores of finite values, float64; heavy: the tail index to reckon with, 0 for linear tails.

    >>> partition = number_partition(np.arange(9.0), 0, (0.0, 8.0))
    >>> scores(partition, np.array([4.0, 8.0, 14.0])).round(2).tolist()
    [0.0, 1.28, 3.56]
    """
    codes = partition.encode(values)
    low, high = float(partition.edges[partition.low]), float(partition.edges[partition.high])
    counts = partition.counts
    wide = partition.quantile(counts, 0.9) - partition.quantile(counts, 0.1)
    scale = max(wide / 2.56, (high - low) / 20, 1e-12 * max(abs(high), abs(low)), 1e-300)
    reach = TAIL * scale  # applied first: a huge value over a tiny scale would overflow
    beyond = np.clip(values - high, 0, reach) / scale - np.clip(low - values, 0, reach) / scale
    if heavy > 0:
        median = partition.quantile(counts, 0.5)
        for end in (low, high):
            is_out = values > high if end == high else values < low
            if is_out.any() and end != median:
                # halved first, as a difference may overflow; a ratio of 1 would be the end itself
                ratio = (values[is_out] / 2 - median / 2) / (end / 2 - median / 2)
                most = RARER * np.log(np.maximum(ratio, 1.0)) / heavy
                beyond[is_out] = np.clip(beyond[is_out], -most, most)
    return _score_table(partition)[codes] + beyond


def tail_index(partition: NumberPartition) -> float:
    """Hill's estimate of how heavy the tails are, from distances to the median; 0 if no heavier than exponential ones.

    >>> generator = np.random.default_rng(0)
    >>> gauss, cauchy = generator.normal(size=500), generator.standard_cauchy(500)
    >>> [round(tail_index(number_partition(x, 0, (x.min(), x.max()))), 1) for x in (gauss, cauchy)]
    [0.0, 0.9]
    """
    counts = partition.counts[:-1]
    distances = np.abs(partition.positions / 2 - partition.quantile(partition.counts, 0.5) / 2)
    ordered = np.sort(np.repeat(distances, counts))[::-1]
    ordered = ordered[ordered > 0]
    found = []
    for number in (TAIL_LEAST, max(TAIL_LEAST, int(counts.sum()) // TAIL_SHARE)):
        number = min(number, len(ordered) - 1)
        if number < LEAST:
            return 0.0
        found.append(float(np.log(ordered[:number] / ordered[number]).mean()))
    return min(found) if min(found) > HEAVY else 0.0


def _score_table(partition: NumberPartition) -> Series:
    inverse = NormalDist().inv_cdf
    return np.array([inverse(u) if u == u else 0.0 for u in rank.level(partition).values.tolist()])


def is_trending(values: Series) -> bool:
    """Do the values grow (or fall) nearly all the time?"""
    if len(values) < LEAST or len(np.unique(values)) <= 2:
        return False
    order = np.argsort(np.argsort(values, kind="stable"), kind="stable").astype(np.float64)
    return bool(abs(np.corrcoef(np.arange(len(values)), order)[0, 1]) > TREND)


def score_reference(values: Series, *, seasonal: bool = True) -> ScoreReference | None:
    """Learn from the reference's values in order (NaN where missing); None where they leave nothing to chart.

    seasonal: do live observations follow on these without a gap, so that phases can be counted on?
    """
    places = np.flatnonzero(~np.isnan(values))
    usable = values[places]
    if len(usable) < LEAST:
        return None
    differences = is_trending(usable)
    if differences:
        steps = np.diff(usable)
        usable = np.concatenate([steps[:1], steps])
    most = np.unique(usable, return_counts=True)[1].max()
    if most > MODE_MOST * len(usable) or usable.min() == usable.max():
        return None
    partition = number_partition(usable, 0, (float(usable.min()), float(usable.max())))
    series = scores(partition, usable)
    phases = season(series, places) if seasonal and not differences else np.zeros(0)
    period = len(phases)
    if period:
        series = without(series, places, period)
    rho = min(0.99, max(0.0, lag1([series])))
    return ScoreReference(
        differences=differences,
        partition=partition,
        season=tuple(phases.tolist()),
        begin=len(values) % period if period else 0,
        mean=float(series.mean()),
        window_sds=_window_sds(series, rho),
        independent=rho < 4 / math.sqrt(len(usable)) and len(usable) >= INDEPENDENT_LEAST,
    )


def _window_sds(series: Series, rho: float) -> tuple[float, ...]:
    """Standard deviation of window means for windows 1, 2, 4 … n/4."""
    sd = max(float(series.std()), SD_LEAST)
    sums = np.concatenate([[0.0], np.cumsum(series - series.mean())])
    found, window = [], 1
    while window <= max(1.0, len(series) / 4):
        means = (sums[window:] - sums[:-window]) / window
        empirical = math.sqrt(float((means * means).mean()))
        found.append(max(empirical, min(sd, sd * math.sqrt((1 + rho) / (1 - rho) / window))))
        window *= 2
    return tuple(found)
