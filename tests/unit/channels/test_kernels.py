"""The compiled loops: sums of blocks, runs of equal values, cells between edges."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.channels._kernels import block_sums, cells, first_flagged, first_long_run, first_run_end, tally

NAN = float("nan")


def flags(text: str) -> npt.NDArray[np.uint8]:
    """'1' set, '0' not."""
    return np.array([int(letter) for letter in text], np.uint8)


def codes(text: str) -> npt.NDArray[np.uint16]:
    """A digit for each."""
    return np.array([int(letter) for letter in text], np.uint16)


def integers(*values: int) -> npt.NDArray[np.int64]:
    return np.array(values, np.int64)


def reals(*values: float) -> npt.NDArray[np.float64]:
    return np.array(values, np.float64)


def test_sums_whole_blocks_and_carries_the_rest() -> None:
    """What does not fill a block waits for the next call.

    (carried 10, 2 values) 1 | 2 3 4 | 5 6
    """
    sums, carry, filled = block_sums(integers(1, 2, 3, 4, 5, 6), 3, 10, 2)
    assert sums.tolist() == [11, 9]
    assert (carry, filled) == (11, 2)


def test_a_block_of_one_is_the_value() -> None:
    """Nothing is carried with blocks of one."""
    sums, carry, filled = block_sums(integers(4, -5), 1, 0, 0)
    assert sums.tolist() == [4, -5]
    assert (carry, filled) == (0, 0)


@given(st.lists(st.integers(-(2**40), 2**40), max_size=200), st.integers(1, 20), st.integers(0, 200))
def test_block_sums_do_not_depend_on_the_split(values: list[int], block: int, at: int) -> None:
    """Two calls give what one gives."""
    whole, carry, filled = block_sums(integers(*values), block, 0, 0)
    first, between, count = block_sums(integers(*values[:at]), block, 0, 0)
    second, last, rest = block_sums(integers(*values[at:]), block, between, count)
    assert [*first.tolist(), *second.tolist()] == whole.tolist()
    assert (last, rest) == (carry, filled)
    assert whole.tolist() == [sum(values[i : i + block]) for i in range(0, len(values) - block + 1, block)]


@pytest.mark.parametrize(("block", "filled"), [(0, 0), (3, 3), (3, -1)])
def test_refuses_a_block_that_cannot_be_filled(block: int, filled: int) -> None:
    """block >= 1 and 0 <= filled < block."""
    with pytest.raises(ValueError, match="expected"):
        block_sums(integers(1), block, 0, filled)


def test_finds_the_value_that_completes_a_run() -> None:
    """The run is counted from the first equal value, and the value found is consumed.

    1 2 2 2 2     limit 3
          ^
    """
    assert first_long_run(reals(1, 2, 2, 2, 2), codes("00000"), integers(3), NAN, 0) == (3, 2.0, 3)


def test_a_run_goes_on_across_calls() -> None:
    """previous and run carry what came before; a value that differs begins a run of one."""
    assert first_long_run(reals(7, 7), codes("00"), integers(5), 7.0, 3) == (1, 7.0, 5)
    assert first_long_run(reals(8, 8), codes("00"), integers(5), 7.0, 4) == (-1, 8.0, 2)


def test_a_run_is_looked_for_from_the_start_given() -> None:
    """What lies before it says nothing, whatever it is."""
    assert first_long_run(reals(7, 7, 7, 7), codes("0000"), integers(3), NAN, 0, 1) == (3, 7.0, 3)


def test_the_limit_that_counts_is_the_one_of_the_values_code() -> None:
    """Limits may change from value to value."""
    limits = integers(9, 4, 2)
    assert first_long_run(reals(1, 1, 1, 1), codes("0001"), limits, NAN, 0) == (3, 1.0, 4)
    assert first_long_run(reals(1, 1, 1, 1), codes("0200"), limits, NAN, 0) == (1, 1.0, 2)


def test_one_limit_may_stand_for_all() -> None:
    """A table that repeats one number needs no memory for it."""
    limits = np.broadcast_to(np.int64(3), (9,))
    assert first_long_run(reals(1, 1, 1, 1), codes("8888"), limits, NAN, 0) == (2, 1.0, 3)


def test_nan_neither_ends_nor_lengthens_a_run() -> None:
    """It is passed over, whatever its code."""
    assert first_long_run(reals(3, NAN, NAN, 3, 3), codes("01100"), integers(3, 1), NAN, 0) == (4, 3.0, 3)
    assert first_long_run(reals(NAN, NAN), codes("11"), integers(1, 1), 5.0, 2) == (-1, 5.0, 2)


def test_both_zeros_are_one_value() -> None:
    """0.0 and -0.0 are equal, so a run of them is one run."""
    assert first_long_run(reals(0.0, -0.0, 0.0), codes("000"), integers(3), NAN, 0)[0] == 2


@given(st.lists(st.sampled_from([0.0, 1.0, NAN]), max_size=60), st.integers(2, 6), st.integers(0, 60))
def test_runs_do_not_depend_on_the_split(entries: list[float], limit: int, at: int) -> None:
    """Two calls give what one gives."""
    values = reals(*entries)
    all_0, limits = np.zeros(len(entries), np.uint16), integers(limit)
    whole = first_long_run(values, all_0, limits, NAN, 0)
    index, previous, run = first_long_run(values[:at], all_0[:at], limits, NAN, 0)
    if index < 0:
        index, previous, run = first_long_run(values[at:], all_0[at:], limits, previous, run)
        index = index + min(at, len(entries)) if index >= 0 else -1
    assert repr((index, previous, run)) == repr(whole)


def test_a_run_ends_at_the_first_value_that_differs() -> None:
    """From `start` on; NaN says nothing."""
    assert first_run_end(reals(2, NAN, 2, 5, 2), 2.0) == 3
    values = reals(2, 9, 2, 5, 2)
    assert first_run_end(values, 2.0) == 1
    assert first_run_end(values, 2.0, 2) == 3
    assert first_run_end(values, 2.0, 4) == -1
    assert first_run_end(reals(NAN, NAN), 7.0) == -1


def test_refuses_what_does_not_belong_together() -> None:
    """Reading beyond an array is not an option."""
    with pytest.raises(ValueError, match="expected 2 entries"):
        first_long_run(reals(1, 2), codes("1"), integers(1, 1), NAN, 0)
    with pytest.raises(IndexError, match="found 1 for code 1"):
        first_long_run(reals(1, 2), codes("01"), integers(9), NAN, 0)
    with pytest.raises(IndexError, match="found 1 for code 1"):
        first_flagged(codes("01"), flags("0"))
    for call in (
        lambda: first_long_run(reals(1, 2), codes("00"), integers(9), NAN, 0, -1),
        lambda: first_run_end(reals(1, 2), 0.0, -1),
        lambda: first_flagged(codes("00"), flags("0"), -1),
    ):
        with pytest.raises(ValueError, match="start: expected at least 0"):
            call()


def test_finds_the_first_flagged_code() -> None:
    """From `start` on."""
    assert first_flagged(codes("01201"), flags("010")) == 1
    assert first_flagged(codes("01201"), flags("010"), 2) == 4
    assert first_flagged(codes("01201"), flags("0001")) == -1


@given(st.lists(st.integers(0, 5), max_size=600))
def test_tallies_every_code(entries: list[int]) -> None:
    """Also of those that never come, and of more than a byte can count."""
    assert tally(np.array(entries, np.uint8)) == tuple(entries.count(code) for code in range(6))
    assert tally(np.full(1000, 5, np.uint8)) == (0, 0, 0, 0, 0, 1000)


def test_cells_lie_on_and_between_the_edges() -> None:
    """Odd on an edge, even between, the last for NaN.

    edges        1     2     5
    cells     0  1  2  3  4  5  6     nan: 7
    """
    values = reals(float("-inf"), 0.9, 1, 1.5, 2, 3, 5, 6, float("inf"), NAN)
    assert cells(values, reals(1, 2, 5)).tolist() == [0, 0, 1, 2, 3, 4, 5, 6, 6, 7]
    assert cells(values, reals(1, 2, 5)).dtype == np.uint16


def test_both_zeros_lie_on_the_same_edge() -> None:
    """-0.0 equals 0.0."""
    assert cells(reals(0.0, -0.0), reals(-1.0, -0.0, 1.0)).tolist() == [3, 3]


@given(
    st.lists(st.floats(allow_nan=False), min_size=1, max_size=520, unique=True),
    st.lists(st.floats(), max_size=50),
)
def test_cells_agree_with_numpy(edges: list[float], values: list[float]) -> None:
    """searchsorted from both sides gives the same cells, at every number of edges."""
    sorted_edges = np.unique(reals(*edges))
    both = reals(*values, *edges[:50])
    expected = np.searchsorted(sorted_edges, both, "left") + np.searchsorted(sorted_edges, both, "right")
    expected[np.isnan(both)] = 2 * len(sorted_edges) + 1
    assert cells(both, sorted_edges).tolist() == expected.tolist()


@given(
    st.lists(st.floats(allow_nan=False), min_size=4, max_size=520, unique=True),
    st.lists(st.floats(), min_size=1, max_size=50),
)
def test_many_cells_agree_with_few(edges: list[float], values: list[float]) -> None:
    """Many values at once are looked up in a table, few are not; on the edges, beside them and anywhere."""
    sorted_edges = np.unique(reals(*edges))
    with np.errstate(over="ignore"):
        beside = [np.nextafter(sorted_edges, -np.inf), sorted_edges, np.nextafter(sorted_edges, np.inf)]
    many = np.tile(np.concatenate([reals(*values), *beside]), 64)[:1000]
    few = [cells(many[at : at + 50], sorted_edges) for at in range(0, len(many), 50)]
    assert np.array_equal(cells(many, sorted_edges), np.concatenate(few))


@pytest.mark.parametrize("edges", [[], [1.0, 1.0], [2.0, 1.0], [NAN], [0.0, NAN], list(range(521))])
def test_refuses_edges_that_do_not_rise_or_are_too_many(edges: list[float]) -> None:
    """1 to 520 numbers, each above the one before."""
    with pytest.raises(ValueError, match="edges: expected"):
        cells(reals(1.0), reals(*edges))
