"""The alarm budget, the roll-up and the gate: small laws that everything above rests on."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.channels.partition import Partition, category_partition, number_partition
from monitor.channels.registry import tested_channels as channels_of
from monitor.domain.facts import Status
from monitor.engine.budget import FLOOR, BudgetInputs, floor_level, level
from monitor.engine.effects import Effect, effects, matters, means, worst_by_name
from monitor.engine.policy import MinEffect
from monitor.engine.rollup import roll_up

rates = st.floats(1e-3, 1e12)
counts = st.integers(1, 1000)


def effects_of(partition: Partition, recent: npt.NDArray[np.int64]) -> dict[str, Effect]:
    """Effects of all channels, of counts of cells."""
    channels = channels_of(partition)
    return effects(channels, means(channels, partition.counts), recent)


@given(per_week=rates, streams=counts, channels=st.integers(1, 25), budget=st.floats(1e-6, 1e6))
def test_the_level_keeps_the_budget(per_week: float, streams: int, channels: int, budget: float) -> None:
    """Expected false alarms of all tests together: rate × streams × 4 tests a channel × e^−A, within the budget."""
    found = level(BudgetInputs(per_week, streams), channels, budget)
    assert per_week * streams * 4 * channels * math.exp(-found) <= budget * (1 + 1e-9)
    assert found >= floor_level(channels) >= FLOOR


def test_an_unknown_rate_leaves_the_floor() -> None:
    """There is nothing to work out a budget from."""
    assert level(BudgetInputs(None, 1000), 4, 1e-9) == floor_level(4)


@given(per_week=rates, streams=counts)
def test_accepting_fewer_false_alarms_is_never_less_strict(per_week: float, streams: int) -> None:
    """Nor are more streams, nor a higher rate."""
    base = level(BudgetInputs(per_week, streams), 4, 1.0)
    assert level(BudgetInputs(per_week, streams), 4, 0.1) >= base
    assert level(BudgetInputs(per_week, streams + 1), 4, 1.0) >= base
    assert level(BudgetInputs(per_week * 2, streams), 4, 1.0) >= base


statuses = st.lists(st.tuples(st.sampled_from(Status), st.floats(0.1, 10)), max_size=10)


@given(statuses)
def test_the_roll_up_is_the_worst_status_and_the_weight_in_drift(streams: list[tuple[Status, float]]) -> None:
    """A pure function of the streams, whatever their order."""
    worst, share = roll_up(streams)
    assert (worst, share) == pytest.approx(roll_up(streams[::-1]))
    assert worst == max((status for status, _ in streams), default=Status.LEARNING)
    assert 0 <= share <= 1
    assert (share > 0) == (worst is Status.DRIFT)


def test_streams_without_weight_have_no_share() -> None:
    """Zero weights do not divide by zero."""
    assert roll_up([(Status.DRIFT, 0.0)]) == (Status.DRIFT, 0.0)


NUMBERS = number_partition(np.arange(1000.0), 100, (0.0, 999.0))


def window(*values: float) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.bincount(NUMBERS.encode(np.array(values)), minlength=NUMBERS.size)


def test_the_reference_is_at_no_distance_from_itself() -> None:
    """Every effect is zero."""
    found = effects_of(NUMBERS, NUMBERS.counts)
    assert {effect.effect for effect in found.values()} == {0.0}


@pytest.mark.parametrize(("value", "effect"), [(1e9, 0.5), (-1e9, -0.5), (499.5, 0.0), (749.5, 0.25)])
def test_the_effect_on_level_is_how_much_more_often_live_exceeds_the_reference(value: float, effect: float) -> None:
    """Signed, at most one half."""
    found = effects_of(NUMBERS, window(*[value] * 50))
    assert found["level"].effect == pytest.approx(effect, abs=2e-3)


def test_the_effect_on_a_rate_is_a_difference_of_rates() -> None:
    """A hundred in 1,100 were missing; now one in two is."""
    found = effects_of(NUMBERS, window(*[1.0, np.nan] * 50))
    assert found["missing"].effect == pytest.approx(0.5 - 100 / 1100)


def test_a_channel_without_recent_values_has_no_effect() -> None:
    """All of them missing: there is no level to speak of."""
    assert set(effects_of(NUMBERS, window(np.nan))) == {"missing"}


def test_of_several_categories_the_largest_effect_is_shown() -> None:
    """In size, with its sign."""
    partition = category_partition({"a": 60, "b": 30, "c": 10}, 0, top=20)
    found = effects_of(partition, np.array([20, 60, 20, 0, 0, 0]))
    assert worst_by_name(found)["category"] == pytest.approx(-0.4)


@pytest.mark.parametrize(("least", "expected"), [(0.2, True), (0.24, True), (0.26, False)])
def test_an_effect_matters_from_its_smallest_on(least: float, expected: bool) -> None:
    """Each family of channels has its own; the others are out of reach here."""
    found = effects_of(NUMBERS, window(*[749.6] * 50))
    assert matters(found, MinEffect(level=least, spread=9, rate=9)) is expected
