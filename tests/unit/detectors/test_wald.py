"""Thresholds from a probability."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from monitor.detectors.page_hinkley import PageHinkleyBank
from monitor.detectors.wald import OFF, exponent, units

Floats = npt.NDArray[np.float64]
PSEUDO = (16.0, 16.0)


@pytest.mark.parametrize("slack", [0.125, 0.5])
@pytest.mark.parametrize("sd", [0.5, 1.0])
def test_a_gaussian_has_the_exponent_of_the_textbook(slack: float, sd: float) -> None:
    """For a normal distribution of mean 0 it is 2 × slack / variance."""
    points = np.linspace(-8 * sd, 8 * sd, 4001)
    found = exponent(points, np.exp(-((points / sd) ** 2) / 2), slack, cap=100.0)
    assert found == pytest.approx(2 * slack / sd**2, rel=1e-6)


@pytest.mark.parametrize("rate", [0.001, 0.05, 0.3])
def test_the_exponent_of_an_indicator_solves_its_equation(rate: float) -> None:
    """E[exp(θ (z − slack))] = 1 at the root, for zeros and ones of any rate."""
    sd = math.sqrt(rate * (1 - rate))
    values = np.array([(0 - rate) / sd, (1 - rate) / sd])
    theta = exponent(values, np.array([1 - rate, rate]), slack=0.5, cap=100.0)
    assert theta > 0
    expectation = (1 - rate) * math.exp(theta * (values[0] - 0.5)) + rate * math.exp(theta * (values[1] - 0.5))
    assert expectation == pytest.approx(1.0, abs=1e-9)


def test_a_skewed_distribution_has_a_smaller_exponent_than_a_gaussian() -> None:
    """So it gets a wider threshold: a rare large value adds up faster."""
    skewed = np.random.default_rng(0).lognormal(0, 1, 5000)
    skewed = (skewed - skewed.mean()) / skewed.std()
    assert exponent(skewed, np.ones(5000), slack=0.5, cap=100.0) < 0.8


def test_the_exponent_is_capped() -> None:
    """A distribution that can never reach the slack would have an infinite one."""
    assert exponent(np.array([-1.0, 0.1]), np.ones(2), slack=0.5, cap=3.0) == 3.0


def test_a_direction_without_room_is_switched_off() -> None:
    """A rate near zero cannot fall, a constant cannot do either.

    values   0 0 0 0 0 … 1      down: nothing left to go to
    """
    rare = units(np.array([0.0, 1.0]), np.array([1990.0, 10.0]), 0.07, PSEUDO)
    up_slow, down_slow, up_fast, down_fast = rare.units
    assert (down_slow, down_fast) == (OFF, OFF)
    assert math.isfinite(up_slow)
    assert math.isfinite(up_fast)


def test_both_directions_of_a_level_are_on_and_alike() -> None:
    """A symmetric reference is watched symmetrically."""
    level = (np.arange(1000) + 0.5) / 1000
    found = units(level, np.ones(1000), float(level.std()), PSEUDO)
    assert found.units[0] == pytest.approx(found.units[1])
    assert found.units[2] == pytest.approx(found.units[3])
    assert found.slack[0] == pytest.approx(found.slack[1])


def test_a_short_reference_is_read_more_pessimistically() -> None:
    """The same shares, ten times fewer of them: wider thresholds."""
    values, sd = np.array([0.0, 1.0]), 0.3
    long = units(values, np.array([9000.0, 1000.0]), sd, PSEUDO)
    short = units(values, np.array([900.0, 100.0]), sd, PSEUDO)
    assert short.units[0] + short.slack[0] > long.units[0] + long.slack[0]


REFERENCES = {
    "level": lambda g: (np.arange(2000) + 0.5) / 2000,
    "tied level": lambda g: np.repeat([0.1, 0.3, 0.65, 0.95], [400, 400, 600, 600]).astype(float),
    "common indicator": lambda g: (g.random(2000) < 0.3).astype(float),
    "rare indicator": lambda g: (g.random(2000) < 0.02).astype(float),
    "skewed": lambda g: np.minimum(g.exponential(0.05, 2000), 1.0),
    "heavy": lambda g: 0.5 + 0.5 * np.tanh(g.standard_t(1.5, 2000) / 20),
}


@pytest.mark.parametrize("name", sorted(REFERENCES))
@pytest.mark.parametrize("level", [4.0, 5.0, 6.0])
def test_false_alarms_stay_below_the_promised_rate(name: str, level: float) -> None:
    """Fed with draws from the very reference, no direction fires more often than e^−A per observation."""
    generator = np.random.default_rng(11)
    reference = REFERENCES[name](generator)
    mean, sd = float(reference.mean()), float(reference.std())
    found = units(reference, np.ones(len(reference)), sd, PSEUDO)
    observations = 200_000
    z = (generator.choice(reference, observations) - mean) / sd
    for which in range(4):
        if math.isfinite(found.units[which]):
            threshold = [OFF] * 4
            threshold[which] = level * found.units[which]
            alarms = _alarms(z, found.slack, tuple(threshold))
            assert alarms <= observations * math.exp(-level)


def _alarms(z: Floats, slack: tuple[float, ...], threshold: tuple[float, ...]) -> int:
    """Alarms of a Page-Hinkley row that knows its mean and begins anew after each."""
    bank = PageHinkleyBank()
    row = bank.add(slack, threshold)
    bank.prime(row, 1e12, 0.0)
    alarms, at = 0, bank.update(row, z)
    while at >= 0:
        alarms += 1
        bank.reset(row)
        at = bank.update(row, z, at + 1)
    return alarms
