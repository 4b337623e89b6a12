"""The alarm budget is real: on data without drift, alarms stay below what was accepted, and a lower level brings them.

The level is lowered from 18 to as little as 4, because at the floor there is nothing to count in any affordable time.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from monitor.detectors.adwin import AdwinBank
from monitor.detectors.page_hinkley import PageHinkleyBank
from monitor.domain.frame import Cell
from monitor.engine.budget import BudgetInputs
from monitor.engine.channel import Banks
from monitor.engine.model import ModelMonitor
from monitor.engine.plan import ChannelPlan
from monitor.engine.policy import Policy, Warmup
from monitor.engine.regime import Regime, Terms
from monitor.reference.learner import Learner
from monitor.reference.reference import learn
from tests.unit.engine.events import MODEL, findings, numbers

Values = npt.NDArray[np.float64]
MINUTES_A_WEEK = 10_080  # events of the test are a minute apart
REFERENCE, LIVE = 3_000, 60_000


def independent(generator: np.random.Generator, number: int) -> Values:
    return generator.normal(size=number)


def tied(generator: np.random.Generator, number: int) -> Values:
    return generator.integers(0, 5, number).astype(np.float64)


def heavy_tailed(generator: np.random.Generator, number: int) -> Values:
    return generator.standard_t(2, number)


def zero_inflated(generator: np.random.Generator, number: int) -> Values:
    return np.where(generator.random(number) < 0.8, 0.0, generator.lognormal(size=number))


def autocorrelated(generator: np.random.Generator, number: int) -> Values:
    noise, found = generator.normal(size=number), np.zeros(number)
    for at in range(1, number):
        found[at] = 0.6 * found[at - 1] + noise[at]
    return found


def seasonal(generator: np.random.Generator, number: int) -> Values:
    """A wave of 300 events, ten of them in the reference."""
    return np.sin(2 * np.pi * np.arange(number) / 300) + generator.normal(size=number)


KINDS = [independent, tied, heavy_tailed, zero_inflated, autocorrelated, seasonal]


def rate(kind: object, level: float, seed: int) -> float:
    """Page-Hinkley detections per observation and test on data like the reference, over all channels of a stream.

    A detector that fired starts again at once, so that every observation is tested.
    """
    generator = np.random.default_rng(seed)
    values = kind(generator, REFERENCE + LIVE)  # type: ignore[operator]
    learner = Learner(REFERENCE)
    learner.add(np.full(REFERENCE, Cell.NUMBER, np.uint8), values[:REFERENCE], None, ())
    banks = Banks(AdwinBank(), PageHinkleyBank())
    # the rate of the stream is such that the budget, and not the lowered floor, gives the level
    terms, inputs = Terms(float(np.exp(-level)), floor=1.0), BudgetInputs(per_week=1 / 20, streams=1)
    regime = Regime(learn(learner.sample()), inputs, terms, banks)
    assert regime.level == pytest.approx(level + np.log(len(regime.tables) / 5))
    cells, found, tested = regime.reference.partition.encode(values[REFERENCE:]), 0, 0
    for channel in regime.channels.values():
        plan = channel.plan
        series = plan.table.values[cells]
        series = series[~np.isnan(series)]
        means = series[: len(series) // plan.block * plan.block].reshape(-1, plan.block).mean(axis=1)
        found += alarms(plan, (means - plan.mean) / plan.sd)
        tested += sum(np.isfinite(plan.threshold)) * len(series)
    return found / tested


def alarms(plan: ChannelPlan, z: Values) -> int:
    bank = PageHinkleyBank()
    row = bank.add(plan.slack, plan.threshold)
    bank.prime(row, plan.prior, 0.0)
    found, at = 0, bank.update(row, z)
    while at >= 0:
        found += 1
        bank.reset(row)
        at = bank.update(row, z, at + 1) if at + 1 < len(z) else -1
    return found


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("level", [4.0, 6.0, 8.0])
def test_fewer_false_alarms_than_the_level_allows(kind: object, level: float) -> None:
    """e^−A bounds them: on independent, tied, heavy-tailed, zero-inflated, autocorrelated and seasonal data alike."""
    assert rate(kind, level, seed=1) <= np.exp(-level)


@pytest.mark.parametrize("kind", [independent, tied, heavy_tailed], ids=lambda kind: kind.__name__)
def test_alarms_do_come_and_follow_the_level(kind: object) -> None:
    """Two levels more make them e² = 7.4 times rarer, within what so few can show; a wrong exponent would not."""
    low, high = rate(kind, 4.0, seed=2), rate(kind, 6.0, seed=2)
    assert high > 0
    assert 3 < low / high < 25


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_week_has_fewer_alarms_than_were_accepted(kind: object) -> None:
    """The whole model over weeks of event time, three streams sharing a budget that allows a few."""
    accepted_a_week = 2.0
    policy = Policy(warmup=Warmup(REFERENCE, 0.0), false_alarms_per_week=accepted_a_week, floor=1.0)
    generator = np.random.default_rng(3)
    values = {f"s{i}": kind(generator, REFERENCE + LIVE) for i in range(3)}  # type: ignore[operator]
    facts = ModelMonitor(MODEL, policy).observe(numbers(**values))
    assert len(findings(facts)) <= accepted_a_week * LIVE / MINUTES_A_WEEK
