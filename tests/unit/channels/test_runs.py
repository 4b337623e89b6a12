"""Run lengths: how long is too long for a value to repeat."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from monitor.channels.runs import NEVER, RUN_LEAST, RunStatistics, run_statistics

POINTS = [True] * 4  # four cells that hold one value each


def cells(text: str) -> npt.NDArray[np.uint16]:
    """One digit a cell."""
    return np.array([int(letter) for letter in text], np.uint16)


def statistics(*runs: str, points: list[bool] = POINTS) -> RunStatistics | None:
    return run_statistics([cells(run) for run in runs], points)


def test_the_longest_run_is_read_off_the_reference() -> None:
    """0 1 1 1 2 … : three in a row."""
    found = statistics("0111" + "20" * 10)
    assert found is not None
    assert found.longest == 3


def test_runs_do_not_join_over_a_gap() -> None:
    """Two stretches that end and begin with the same value were not neighbours."""
    found = statistics("01" * 10 + "1", "11" + "01" * 10)
    assert found is not None
    assert found.longest == 2


def test_a_reference_that_never_changes_has_no_run_limit() -> None:
    """A constant is allowed to stay one."""
    assert statistics("1" * 500) is None


def test_a_reference_of_a_few_values_has_no_run_limit() -> None:
    """Nineteen steps are needed to say anything."""
    assert statistics("01" * 9) is None
    assert statistics("01" * 10) is not None
    assert statistics() is None


def test_two_values_of_one_interval_are_different_values() -> None:
    """A cell that is not a point holds many values, so staying in it is no repetition."""
    found = statistics("1" * 40, points=[True, False, True, True])
    assert found is not None
    assert found.longest == 1
    assert found.overall == 1.0


def test_limits_bound_the_chance_of_a_repetition() -> None:
    """A value left half of the time repeats L times with probability 2^−L."""
    (limit,) = RunStatistics(overall=0.5, own={}, longest=1).limits(1, level=20.0)
    assert limit == math.ceil(20 / math.log(2))


def test_sticky_values_get_longer_limits_than_fickle_ones() -> None:
    """Each frequent value has a leave rate of its own."""
    sticky = ("0" * 30 + "1") * 40
    found = statistics(sticky)
    assert found is not None
    calm, fickle = found.limits(2, level=20.0).tolist()
    assert calm > 3 * fickle
    assert calm >= 3 * found.longest


def test_a_value_never_left_has_no_limit() -> None:
    """There is nothing to learn a limit from."""
    assert RunStatistics(overall=0.5, own={0: 0.0}, longest=1).limits(1, level=20.0).tolist() == [NEVER]


@pytest.mark.parametrize("level", [0.1, 1.0])
def test_no_limit_is_below_a_dozen_values(level: float) -> None:
    """Short repetitions are never worth an alarm."""
    assert RunStatistics(overall=0.99, own={}, longest=1).limits(3, level).tolist() == [RUN_LEAST] * 3


def test_the_limit_is_at_least_three_times_the_longest_run_seen() -> None:
    """What the reference has done once it may do again, and somewhat more."""
    assert RunStatistics(overall=0.5, own={}, longest=40).limits(1, level=20.0).tolist() == [120]
