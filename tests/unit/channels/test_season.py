"""Seasons in short references."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.channels.season import season, without


def wave(number: int, period: int, noise: float = 0.3) -> np.ndarray:
    return np.sin(2 * np.pi * np.arange(number) / period) + noise * np.random.default_rng(1).normal(size=number)


@pytest.mark.parametrize("period", [7, 24, 48])
def test_a_wave_is_found_with_its_period(period: int) -> None:
    """Six cycles, some noise."""
    assert len(season(wave(6 * period, period), np.arange(6 * period))) == period


def test_less_than_three_cycles_are_no_season() -> None:
    """Two cycles could be anything."""
    assert len(season(wave(100, 48), np.arange(100))) == 0


def test_a_random_walk_has_none() -> None:
    """Slow wandering correlates with itself, but not at a peak that explains most of it."""
    found = [len(season(np.cumsum(np.random.default_rng(seed).normal(size=300)), np.arange(300))) for seed in range(20)]
    assert sum(length > 0 for length in found) <= 2


def test_missing_observations_leave_the_phases_in_place() -> None:
    """A third of the observations is missing; the means are those of the whole wave."""
    places = np.flatnonzero(np.random.default_rng(2).random(480) > 0.3)
    found = season(wave(480, 24)[places], places)
    assert len(found) == 24
    assert np.abs(found - np.sin(2 * np.pi * np.arange(24) / 24)).max() < 0.4


@given(st.integers(6, 30), st.integers(0, 2**32 - 1))
def test_what_is_left_does_not_know_the_value_it_is_taken_from(period: int, seed: int) -> None:
    """A single value moved by d moves what is left of it by exactly d, and its phase's others by d/(cycles − 1)."""
    series = np.random.default_rng(seed).normal(size=4 * period)
    moved = series.copy()
    moved[period] += 3.0
    places = np.arange(4 * period)
    change = without(moved, places, period) - without(series, places, period)
    assert change[period] == pytest.approx(3.0)
    assert change[[0, 2 * period, 3 * period]] == pytest.approx([-1.0] * 3)
    assert np.abs(np.delete(change, [0, period, 2 * period, 3 * period])).max() == pytest.approx(0.0)
