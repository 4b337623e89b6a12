r"""What the budget means for one stream: its level, whether the floor binds, and how long a shift takes to be found.

For a shift by k standard deviations of the reference's values, every reference value is moved and put into its cell
again; that gives the mean Δ by which the level channel will move, in its own standard deviation.  A Page-Hinkley
recursion with slack s then grows on average as

    S(t) = Δ n₀ ln(1 + t/n₀) − s t,

n₀ being the reference values that its running mean starts with, and is expected to fire when S reaches its threshold.
ADWIN is expected to cut when Δ reaches its ε for t newer values after n₀ older ones.  The smallest t is told; the other
channels can only be sooner.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from monitor.channels.partition import NumberPartition
from monitor.detectors.adwin import AdwinBank
from monitor.detectors.page_hinkley import PageHinkleyBank
from monitor.domain.frame import Cell
from monitor.engine.budget import BudgetInputs, floor_level
from monitor.engine.channel import Banks, ChannelMonitor
from monitor.engine.regime import Regime, Terms
from monitor.reference.learner import Learner
from monitor.reference.reference import learn

SHIFTS = (0.25, 0.5, 1.0)  #: standard deviations


@dataclass(frozen=True, slots=True)
class Outlook:
    """level: A, so that e^−A bounds the rate of false alarms per observation and test; floor: the least it can be.

    delays: shift in standard deviations → expected observations until it is found; None: not expected to be found by
    its mean alone.  Empty for streams without a tested level.
    """

    level: float
    floor: float
    delays: Mapping[float, int | None]

    @property
    def floor_binds(self) -> bool:
        return self.level <= self.floor


def outlook(regime: Regime) -> Outlook:
    """The outlook of a stream under its regime."""
    partition, channel = regime.reference.partition, regime.channels.get("level")
    delays: dict[float, int | None] = {}
    if channel is not None and isinstance(partition, NumberPartition):
        for shift in SHIFTS:
            delays[shift] = _delay(channel, _moved_level(partition, shift, channel))
    return Outlook(regime.level, floor_level(len(regime.tables)), delays)


def typical(observations: int, terms: Terms, inputs: BudgetInputs) -> Outlook:
    """The outlook of an independent Gaussian stream with a reference of that many observations (2 at least).

    The reference holds the quantiles of the distribution, in an order that the fractional parts of the golden ratio's
    multiples give: as good as independent, and the same every time.
    """
    order = np.argsort(np.arange(observations) * (math.sqrt(5) - 1) / 2 % 1, kind="stable")
    inverse = NormalDist().inv_cdf
    values = np.array([inverse((rank + 0.5) / observations) for rank in order.tolist()])
    learner = Learner(observations)
    learner.add(np.full(observations, Cell.NUMBER, dtype=np.uint8), values, None, ())
    return outlook(Regime(learn(learner.sample()), inputs, terms, Banks(AdwinBank(), PageHinkleyBank())))


def _moved_level(partition: NumberPartition, shift: float, channel: ChannelMonitor) -> float:
    """Mean of the standardised level channel after every reference value moved by `shift` standard deviations."""
    counts, values = partition.counts[:-1], partition.positions
    number = counts.sum()
    mean = float(np.dot(values, counts)) / number
    sd = math.sqrt(float(np.dot((values - mean) ** 2, counts)) / number)
    cells = partition.encode(values + shift * sd)
    plan = channel.plan
    return (float(np.dot(plan.table.values[cells], counts)) / float(number) - plan.mean) / plan.sd


def _delay(channel: ChannelMonitor, move: float) -> int | None:
    """Observations until the first of ADWIN and the upward recursions is expected to fire."""
    plan = channel.plan
    found = [_crossing(move, plan.slack[which], plan.threshold[which], plan.prior) for which in (0, 2)]
    if move > plan.gate:
        found.append(_cut(move * plan.adwin_scale, plan.adwin_scale, plan.delta, plan.prior))
    times = [time for time in found if time is not None]
    return math.ceil(min(times) * plan.block) if times else None


def _crossing(move: float, slack: float, threshold: float, prior: float) -> float | None:
    """The least t with S(t) ≥ threshold, None if S never gets there (it is largest where its slope is 0)."""
    if move <= slack or math.isinf(threshold):
        return None
    low, high = 0.0, prior * (move / slack - 1) if slack > 0 else prior * 1e6

    def grown(time: float) -> float:
        return move * prior * math.log1p(time / prior) - slack * time

    if grown(high) < threshold:
        return None
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if grown(middle) < threshold else (low, middle)
    return high


def _cut(difference: float, sd: float, delta: float, older: float) -> float | None:
    """The least number of newer values for which a difference of means exceeds ADWIN's epsilon; None if none does."""
    for newer in np.geomspace(5, 1e6, 400).tolist():
        d = math.log(2 * math.log(older + newer) / delta)
        m = 1 / older + 1 / newer
        if difference > math.sqrt(2 * m * sd * sd * d) + 2 / 3 * d * m:
            return float(newer)
    return None
