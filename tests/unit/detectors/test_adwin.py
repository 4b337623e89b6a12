"""ADWIN: parameters, what a window tells about itself, and what a dump must satisfy."""

from __future__ import annotations

from math import log, sqrt

import numpy as np
import numpy.typing as npt
import pytest

from monitor.detectors.adwin import AdwinBank

Values = npt.NDArray[np.float64]


def step(before: int, after: int, size: float = 1.0) -> Values:
    """0.5 with a little noise, then `size` higher.

    ____________________________|‾‾‾‾‾‾‾‾‾‾
             before                 after
    """
    noise = np.random.default_rng(5).uniform(0.0, 0.1, before + after)
    values: Values = noise + np.repeat([0.5, 0.5 + size], [before, after])
    return values


def score_of(bank: AdwinBank) -> float:
    """The documented formula, from the buckets of a bank of one row."""
    state = bank.dump()
    width, total, variance = int(state["width"][0]), float(state["total"][0]), float(state["variance"][0])
    shortest, delta = bank.min_window_length, float(state["delta"][0])
    levels = [level for level, count in enumerate(state["counts"]) for _ in range(count)]
    buckets = sorted(zip(levels, range(len(levels)), state["bucket_totals"], strict=True), key=lambda b: (-b[0], b[1]))
    best, n0, u0 = 0.0, 0, 0.0
    for level, _, u in buckets[:-1]:
        n0, u0 = n0 + 2**level, u0 + float(u)
        n1, u1 = width - n0, total - u0
        if min(n0, n1) < shortest:
            continue
        d = log(2.0 * log(width) / delta)
        m = 1.0 / (n0 - shortest + 1) + 1.0 / (n1 - shortest + 1)
        epsilon = sqrt(2.0 * m * (variance / width) * d) + 2.0 / 3.0 * d * m
        best = max(best, abs(u0 / n0 - u1 / n1) / epsilon)
    return best


@pytest.mark.parametrize("delta", [0.0, 1.0, -0.1, 2.0, float("nan"), float("inf")])
def test_refuses_a_delta_outside_the_open_unit_interval(delta: float) -> None:
    """The message says what was expected and what was found."""
    with pytest.raises(ValueError, match=f"delta: expected more than 0 and less than 1, found {delta}"):
        AdwinBank().add(delta, 32)


@pytest.mark.parametrize("clock", [0, -1])
def test_refuses_a_clock_that_never_strikes(clock: int) -> None:
    """A check every 0 values is a mistake, and not a crash."""
    with pytest.raises(ValueError, match=f"clock: expected at least 1, found {clock}"):
        AdwinBank().add(0.002, clock)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"max_buckets": 1}, "max_buckets: expected 2 to 31, found 1"),
        ({"max_buckets": 32}, "max_buckets: expected 2 to 31, found 32"),
        ({"min_window_length": 0}, "min_window_length: expected at least 1, found 0"),
        ({"grace_period": -1}, "grace_period: expected at least 0, found -1"),
    ],
)
def test_refuses_bucket_parameters_outside_their_range(parameters: dict[str, int], message: str) -> None:
    """The parameters of the whole bank are checked when it is built."""
    with pytest.raises(ValueError, match=message):
        AdwinBank(**parameters)


def test_a_refused_row_takes_no_place() -> None:
    """A mistake in add leaves the bank as it was."""
    bank = AdwinBank()
    with pytest.raises(ValueError):
        bank.add(2.0, 32)
    assert len(bank) == 0
    assert bank.add(0.002, 32) == 0


def test_width_and_mean_describe_the_window() -> None:
    """Without a change the window is everything seen since the reset."""
    bank = AdwinBank()
    row = bank.add(0.002, 32)
    assert (bank.width(row), bank.mean(row)) == (0, 0.0)
    bank.update(row, np.array([1.0, 2.0, 6.0]))
    assert (bank.width(row), bank.mean(row), bank.total(row), bank.variance(row)) == (3, 3.0, 9.0, 14.0)


def test_a_change_is_only_looked_for_when_the_clock_strikes() -> None:
    """The index found is the last value of a clock period."""
    for clock in (1, 7, 32, 100):
        bank = AdwinBank()
        index = bank.update(bank.add(0.002, clock), step(500, 500))
        assert index >= 500
        assert (index + 1) % clock == 0


def test_the_window_loses_the_older_side_of_the_cut() -> None:
    """After a change the row holds the last few buckets, whose mean has left the old level, and says how wide it is."""
    bank = AdwinBank()
    row = bank.add(0.002, 32)
    assert bank.update(row, step(1000, 200)) > 1000
    assert bank.last_cut(row) == bank.width(row) < 100
    assert bank.mean(row) > 0.9
    left = bank.last_cut(row)
    assert bank.update(row, np.full(20, bank.mean(row))) == -1
    assert (bank.last_cut(row), bank.width(row)) == (left, left + 20)
    bank.reset(row)
    assert (bank.last_cut(row), bank.width(row)) == (0, 0)


def test_values_up_to_the_grace_period_are_not_judged() -> None:
    """A window no wider than the grace period has neither change nor score."""
    values = step(50, 50)
    bank, patient = AdwinBank(), AdwinBank(grace_period=100)
    assert bank.update(bank.add(0.3, 1), values) >= 50
    row = patient.add(0.3, 1)
    assert patient.update(row, values) == -1
    assert patient.score(row) == 0.0
    assert patient.update(row, values[-1:]) == 0


def test_score_is_the_documented_formula() -> None:
    """Largest |mean0 - mean1| / epsilon over the admissible cuts, computed from the dumped buckets."""
    for length in (11, 40, 200, 3000):
        bank = AdwinBank(min_window_length=3)
        row = bank.add(0.05, 10**6)
        bank.update(row, np.random.default_rng(length).uniform(size=length))
        assert bank.score(row) == pytest.approx(score_of(bank), rel=1e-9)
        assert bank.score(row) > 0.0


def test_score_passes_one_exactly_when_a_check_would_cut() -> None:
    """Seen with a clock that has not struck yet: above 1 the next check finds a change."""
    values = step(300, 40, 0.3)
    for length in range(290, 340):
        watched, checked = AdwinBank(), AdwinBank()
        row = watched.add(0.002, 10**6)
        watched.update(row, values[:length])
        other = checked.add(0.002, length)
        assert (watched.score(row) > 1.0) == (checked.update(other, values[:length]) == length - 1)


def test_a_check_leaves_no_significant_cut_behind() -> None:
    """Right after a change the score is at most 1: the older values are gone."""
    bank = AdwinBank()
    row = bank.add(0.002, 32)
    assert bank.update(row, step(500, 500)) >= 0
    assert bank.score(row) <= 1.0


def test_a_million_zeros_cost_next_to_nothing_and_count() -> None:
    """A silent channel is counted in full, and the first values that differ are found against its whole history."""
    silent, stepwise = AdwinBank(), AdwinBank()
    rows = silent.add(1e-8, 32), stepwise.add(1e-8, 32)
    zeros = np.zeros(1_000_003)
    assert silent.update(rows[0], zeros) == stepwise.update_stepwise(rows[1], zeros) == -1
    assert silent.width(rows[0]) == 1_000_003
    ones = np.ones(200)
    assert silent.update(rows[0], ones) == stepwise.update_stepwise(rows[1], ones) > 0
    assert silent.dump()["bucket_totals"].tobytes() == stepwise.dump()["bucket_totals"].tobytes()


@pytest.mark.parametrize("first", [1.0, -0.0, 1e-300])
def test_a_loaded_window_knows_that_it_was_not_always_silent(first: float) -> None:
    """Zeros after a load are only counted in bulk if nothing but zeros came before it."""
    bank, resumed = AdwinBank(), AdwinBank()
    row = bank.add(0.002, 32)
    bank.update(row, np.array([0.0, 0.0, first, 0.0]))
    resumed.load(bank.dump())
    bank.update_stepwise(row, np.zeros(500))
    resumed.update(row, np.zeros(500))
    for name, array in bank.dump().items():
        assert resumed.dump()[name].tobytes() == array.tobytes()


def test_memory_follows_the_window_and_not_the_bank() -> None:
    """A dump holds the living buckets alone: none for an idle row, about max_buckets a doubling for a busy one."""
    bank = AdwinBank()
    busy = bank.add(1e-8, 32)
    for _ in range(99):
        bank.add(1e-8, 32)
    bank.update(busy, np.random.default_rng(0).uniform(size=100_000))
    state = bank.dump()
    assert len(state["counts"]) == int(state["levels"][busy]) == 15
    assert len(state["bucket_totals"]) <= 15 * 5


def spoil(state: dict[str, npt.NDArray[np.generic]], name: str, value: float) -> dict[str, npt.NDArray[np.generic]]:
    state[name][0] = value
    return state


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("live", 2),
        ("delta", 0.0),
        ("delta", float("nan")),
        ("clock", 0),
        ("tick", 10),
        ("tick", -1),
        ("tick", 2**53),
        ("width", 999),
        ("width", -5),
        ("last_cut", -1),
        ("last_cut", 5000),
        ("levels", 60),
        ("counts", 6),
        ("counts", 0),
        ("counts", 3),
    ],
)
def test_refuses_a_dump_no_history_can_have_left(name: str, value: float) -> None:
    """Counts, buckets and clock have to agree, or the loops would run outside their memory."""
    bank = AdwinBank()
    row = bank.add(0.002, 32)
    bank.update(row, np.random.default_rng(0).uniform(size=1000))
    before = bank.dump()
    with pytest.raises(ValueError):
        bank.load(spoil(bank.dump(), name, value))
    assert {key: array.tobytes() for key, array in bank.dump().items()} == {
        key: array.tobytes() for key, array in before.items()
    }


def test_refuses_an_empty_window_that_remembers_something() -> None:
    """A window without values has neither total nor clock."""
    bank = AdwinBank()
    bank.add(0.002, 32)
    for name in ("tick", "total", "variance"):
        with pytest.raises(ValueError, match="empty window"):
            bank.load(spoil(bank.dump(), name, 1.0))


def test_refuses_more_values_than_can_be_counted_exactly() -> None:
    """Beyond 2**52 values since the reset an update is refused before it does anything."""
    bank = AdwinBank()
    row = bank.add(0.002, 32)
    bank.update(row, np.array([1.0, 2.0]))
    bank.load(spoil(bank.dump(), "tick", 2**52 - 1))
    before = bank.dump()["tick"].tolist()
    with pytest.raises(OverflowError, match="2\\*\\*52"):
        bank.update(row, np.zeros(2))
    assert bank.dump()["tick"].tolist() == before
    assert bank.update(row, np.zeros(1)) == -1


@pytest.mark.parametrize("constant", [0.1, -1 / 3, 3.0, 1e200, 1e-300])
@pytest.mark.parametrize("restored", [False, True])
def test_runs_of_one_value_leave_what_single_steps_leave(constant: float, restored: bool) -> None:
    """A run, another value, the run again, and a step: cuts and state to the last bit, across a restart too."""
    random = np.random.default_rng(3)
    once = np.full(1500, constant)
    values = np.concatenate(
        [once, [constant * 1.5], once, np.full(700, constant * 2), random.normal(size=300) * constant]
    )
    fast, slow = AdwinBank(), AdwinBank()
    rows = fast.add(1e-3, 32), slow.add(1e-3, 32)
    for part in np.split(values, [900, 1000, 1490, 2400]):
        found: list[list[int]] = [[], []]
        for at, update in enumerate((fast.update, slow.update_stepwise)):
            start = 0
            while start < len(part) and (cut := update(rows[at], part, start)) >= 0:
                found[at].append(cut)
                start = cut + 1
        assert found[0] == found[1]
        state, expected = fast.dump(), slow.dump()
        assert all(state[name].tobytes() == expected[name].tobytes() for name in expected)
        if restored:
            fast = AdwinBank()
            fast.load(state)
