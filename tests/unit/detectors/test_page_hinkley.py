"""Page-Hinkley: the four recursions of a row, priming, and what a dump must satisfy."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.detectors.page_hinkley import PageHinkleyBank

NEVER = float("inf")
UP_SLOW, DOWN_SLOW, UP_FAST, DOWN_FAST = range(4)


def row_of(bank: PageHinkleyBank, threshold: tuple[float, float, float, float], slack: float = 0.0) -> int:
    return bank.add((slack,) * 4, threshold)


@pytest.mark.parametrize("slack", [(0.0,) * 3, (0.0,) * 5, (0.0, 0.0, 0.0, -1e-9), (NEVER,) * 4, (float("nan"),) * 4])
def test_refuses_slacks_that_are_not_four_finite_numbers(slack: tuple[float, ...]) -> None:
    """A slack is a distance: finite and not negative."""
    with pytest.raises(ValueError, match="slack: expected 4 finite numbers of at least 0"):
        PageHinkleyBank().add(slack, (1.0,) * 4)


@pytest.mark.parametrize("threshold", [(1.0,) * 3, (1.0,) * 5, (1.0, 1.0, 1.0, 0.0), (-1.0,) * 4, (float("nan"),) * 4])
def test_refuses_thresholds_that_are_not_four_positive_numbers(threshold: tuple[float, ...]) -> None:
    """A threshold may be infinite, for never, but has to be above 0."""
    with pytest.raises(ValueError, match="threshold: expected 4 numbers above 0"):
        PageHinkleyBank().add((0.0,) * 4, threshold)


@pytest.mark.parametrize(
    ("n", "mean"), [(0.0, 0.0), (-1.0, 0.0), (NEVER, 0.0), (float("nan"), 0.0), (1.0, NEVER), (1.0, float("nan"))]
)
def test_refuses_a_priming_that_is_no_mean(n: float, mean: float) -> None:
    """Priming takes a positive number of values and their finite mean; a refused one leaves the row alone."""
    bank = PageHinkleyBank()
    row = row_of(bank, (1.0,) * 4)
    with pytest.raises(ValueError, match="expected a finite number"):
        bank.prime(row, n, mean)
    assert bank.dump()["primed_n"].tolist() == [0.0]


def test_refuses_a_recursion_beyond_the_fourth() -> None:
    """`which` is 0 to 3."""
    bank = PageHinkleyBank()
    row = row_of(bank, (1.0,) * 4)
    for which in (-1, 4):
        with pytest.raises(IndexError, match="which: expected 0 to 3"):
            bank.statistic(row, which)
        with pytest.raises(IndexError, match="which: expected 0 to 3"):
            bank.since(row, which)


@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_each_recursion_watches_its_own_direction(which: int, direction: float) -> None:
    """Up ones find a rise and no fall, down ones a fall and no rise; infinite thresholds never fire."""
    threshold = [NEVER] * 4
    threshold[which] = 5.0
    bank = PageHinkleyBank()
    row = bank.add((0.1,) * 4, threshold)
    bank.prime(row, 1000.0, 0.0)
    index = bank.update(row, np.full(100, direction))
    if (direction > 0) == (which in (UP_SLOW, UP_FAST)):
        assert index == 5
        assert bank.fired(row) == which
    else:
        assert index == -1
        assert bank.fired(row) == -1


def test_fired_names_the_recursion_farthest_above_its_threshold() -> None:
    """Several may be above at once; statistic / threshold decides."""
    for threshold, expected in [((4.0, 9.0, 2.0, 9.0), UP_FAST), ((2.0, 9.0, 4.0, 9.0), UP_SLOW)]:
        bank = PageHinkleyBank()
        row = row_of(bank, threshold)
        bank.prime(row, 1000.0, 0.0)
        assert bank.update(row, np.array([100.0])) == 0
        assert bank.statistic(row, UP_SLOW) > 4.0
        assert bank.fired(row) == expected
        assert bank.score(row) == pytest.approx(bank.statistic(row, expected) / 2.0)


def test_a_threshold_has_to_be_passed_and_not_met() -> None:
    """A statistic equal to the threshold is no change."""
    bank = PageHinkleyBank()
    row = row_of(bank, (8.0, NEVER, NEVER, NEVER))
    bank.prime(row, 1.0, 0.0)
    assert bank.update(row, np.array([16.0])) == -1
    assert bank.statistic(row, UP_SLOW) == 8.0
    assert (bank.fired(row), bank.score(row)) == (-1, 1.0)


def test_the_first_value_after_priming_counts_in_full() -> None:
    """A stream that is off from its first live value is found; unprimed, that value would define the mean."""
    primed, unprimed = PageHinkleyBank(), PageHinkleyBank()
    off = np.full(50, 0.4)
    rows = row_of(primed, (5.0,) * 4), row_of(unprimed, (5.0,) * 4)
    primed.prime(rows[0], 10_000.0, 0.0)
    assert primed.update(rows[0], off[:1]) == -1
    assert primed.statistic(rows[0], UP_SLOW) == pytest.approx(0.4, rel=1e-3)
    assert primed.update(rows[0], off[1:]) == 11
    assert unprimed.update(rows[1], off) == -1


def test_priming_is_as_having_seen_the_values() -> None:
    """prime(n, m) and n live values of m lead to the same statistics."""
    primed, fed = PageHinkleyBank(), PageHinkleyBank()
    first, second = row_of(primed, (NEVER,) * 4, 0.25), row_of(fed, (NEVER,) * 4, 0.25)
    primed.prime(first, 64.0, 0.5)
    fed.update(second, np.full(64, 0.5))
    later = np.array([1.0, 0.0, 3.0, 3.0, -8.0, 0.5])
    primed.update(first, later)
    fed.update(second, later)
    assert primed.mean(first) == fed.mean(second)
    for which in range(4):
        assert primed.statistic(first, which) == pytest.approx(fed.statistic(second, which))
        assert primed.since(first, which) == fed.since(second, which)


def test_reset_goes_back_to_the_last_priming() -> None:
    """The anchor survives a change; without one the row starts afresh."""
    bank = PageHinkleyBank()
    row = row_of(bank, (5.0,) * 4)
    bank.prime(row, 10.0, 9.0)
    bank.prime(row, 100.0, 0.25)
    primed = {key: array.tobytes() for key, array in bank.dump().items()}
    assert bank.update(row, np.ones(100)) > 0
    bank.reset(row)
    assert {key: array.tobytes() for key, array in bank.dump().items()} == primed
    assert (bank.mean(row), bank.fed(row), bank.score(row)) == (0.25, 0, 0.0)


def test_since_counts_back_to_where_the_change_began() -> None:
    """Values since the recursion last sat at its extreme; a tie counts as sitting there.

    0 0 0 0 1 1 1      up sat at its extreme at the fourth zero
            <--->  3
    """
    bank = PageHinkleyBank()
    row = row_of(bank, (NEVER,) * 4)
    bank.prime(row, 1000.0, 0.0)
    bank.update(row, np.array([0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0]))
    assert bank.since(row, UP_SLOW) == bank.since(row, UP_FAST) == 3
    assert bank.since(row, DOWN_SLOW) == bank.since(row, DOWN_FAST) == 0
    assert bank.fed(row) == 7


def test_since_is_everything_when_the_stream_was_off_from_the_start() -> None:
    """A primed row sits at its extremes before the first value."""
    bank = PageHinkleyBank()
    row = row_of(bank, (NEVER,) * 4)
    bank.prime(row, 1000.0, 0.0)
    assert bank.since(row, UP_SLOW) == 0
    bank.update(row, np.ones(9))
    assert bank.since(row, UP_SLOW) == 9


def test_min_instances_counts_fed_values_and_not_primed_ones() -> None:
    """No change is reported before that many values since the reset, however clear."""
    bank = PageHinkleyBank(min_instances=20)
    row = row_of(bank, (5.0,) * 4)
    bank.prime(row, 1000.0, 0.0)
    assert bank.update(row, np.ones(19)) == -1
    assert bank.fired(row) == -1
    assert bank.score(row) > 1.0
    assert bank.update(row, np.ones(1)) == 0
    with pytest.raises(ValueError, match="min_instances: expected at least 1, found 0"):
        PageHinkleyBank(min_instances=0)


def test_speeds_of_a_row_share_the_mean_and_nothing_else() -> None:
    """Each recursion of a row behaves as if the others were switched off."""
    values = np.random.default_rng(3).normal(0.0, 1.0, 2000)
    slack = (0.01, 0.02, 0.3, 0.4)
    together = PageHinkleyBank()
    row = together.add(slack, (NEVER,) * 4)
    together.update(row, values)
    for which in range(4):
        alone = PageHinkleyBank()
        single = alone.add([slack[which]] * 4, [NEVER] * 4)
        alone.update(single, values)
        assert together.statistic(row, which) == alone.statistic(single, which)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("live", 2),
        ("n", 1.0),
        ("n", float("nan")),
        ("primed_n", -1.0),
        ("primed_n", float("inf")),
        ("primed_mean", float("nan")),
        ("fed", -1),
        ("fed", 2**53),
        ("slack", -1.0),
        ("slack", float("inf")),
        ("threshold", 0.0),
        ("threshold", float("nan")),
        ("sat", -1),
        ("sat", 2**40),
    ],
)
def test_refuses_a_dump_no_history_can_have_left(name: str, value: float) -> None:
    """Parameters are checked again as in add, and counts have to agree."""
    bank = PageHinkleyBank()
    row = row_of(bank, (NEVER,) * 4)
    bank.prime(row, 10.0, 0.5)
    bank.update(row, np.ones(5))
    state = bank.dump()
    state[name][0] = value
    with pytest.raises(ValueError):
        bank.load(state)
    assert bank.fed(row) == 5


def test_infinite_thresholds_survive_a_dump() -> None:
    """Never stays never."""
    bank, loaded = PageHinkleyBank(), PageHinkleyBank()
    row_of(bank, (NEVER, 1.0, NEVER, 2.0))
    loaded.load(bank.dump())
    assert loaded.dump()["threshold"].tolist() == [[NEVER, 1.0, NEVER, 2.0]]


def test_refuses_more_values_than_can_be_counted_exactly() -> None:
    """Beyond 2**52 values since the reset an update is refused before it does anything."""
    bank = PageHinkleyBank()
    row = row_of(bank, (NEVER,) * 4)
    state = bank.dump()
    state["fed"][0] = 2**52 - 1
    bank.load(state)
    with pytest.raises(OverflowError, match="2\\*\\*52"):
        bank.update(row, np.zeros(2))
    assert bank.update(row, np.zeros(1)) == -1
