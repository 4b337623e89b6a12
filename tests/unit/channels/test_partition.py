"""Cells: where every value and every label belongs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.channels.partition import (
    EDGES_MOST,
    FAR,
    NumberPartition,
    category_partition,
    number_partition,
)

usable = st.floats(-1e300, 1e300, allow_nan=False)
references = st.lists(usable, min_size=1, max_size=60)


def partition_of(values: list[float], missing: int = 0) -> NumberPartition:
    """The partition of a whole reference."""
    return number_partition(np.array(values), missing, (min(values), max(values)))


@given(references, st.lists(usable, min_size=1, max_size=20))
def test_every_value_lies_in_the_cell_it_is_given(reference: list[float], values: list[float]) -> None:
    """Odd cells are their edge, even ones the open interval between two.

    cell     0   1    2    3   4
    ─────────────●─────────●──────▶
                e₁        e₂
    """
    partition = partition_of(reference)
    bounds = np.concatenate([[-np.inf], partition.edges, [np.inf]])
    for value, cell in zip(values, partition.encode(np.array(values)).tolist(), strict=True):
        if cell % 2:
            assert value == partition.edges[cell // 2]
        else:
            assert bounds[cell // 2] < value < bounds[cell // 2 + 1]


@given(references)
def test_counts_are_those_of_the_encoded_reference(reference: list[float]) -> None:
    """What is counted is what encoding the reference again gives; few distinct values sit on edges, all of them."""
    partition = partition_of(reference, missing=7)
    again = np.bincount(partition.encode(np.array(reference)), minlength=partition.size)
    again[partition.missing] = 7
    assert partition.counts.tolist() == again.tolist()
    assert partition.counts[:-1:2].sum() == 0


@given(references)
def test_low_and_high_are_the_extreme_reference_values(reference: list[float]) -> None:
    """The edges beyond them, if any, mark what is far."""
    partition = partition_of(reference)
    assert partition.edges[partition.low] == min(reference)
    assert partition.edges[partition.high] == max(reference)
    assert (partition.low, len(partition.edges) - 1 - partition.high) in ((0, 0), (1, 1))


def test_far_edges_lie_eight_times_as_far_as_the_farthest_reference_value() -> None:
    """Both ends count from the median by the larger distance.

    edges  −70 ······ 0 1 10 ······ 72        median 1, farthest 10
    """
    partition = partition_of([0.0, 1.0, 10.0])
    assert partition.edges.tolist() == [1 - FAR * 9, 0.0, 1.0, 10.0, 1 + FAR * 9]


def test_both_zeros_share_a_cell() -> None:
    """−0.0 and 0.0 are one value, in the reference as in what is encoded."""
    partition = partition_of([-0.0, 0.0, 1.0, -1.0])
    cells = partition.encode(np.array([-0.0, 0.0]))
    assert cells[0] == cells[1]
    assert partition.counts[cells[0]] == 2
    assert not np.signbit(partition.edges[partition.edges == 0]).any()


def test_one_value_leaves_no_edge_but_itself() -> None:
    """A constant reference has three cells and a missing one, and nothing is far."""
    partition = partition_of([5.0, 5.0, 5.0], missing=2)
    assert partition.edges.tolist() == [5.0]
    assert partition.counts.tolist() == [0, 3, 0, 2]
    assert (partition.low, partition.high) == (0, 0)


def test_many_distinct_values_share_the_edges_by_rank() -> None:
    """Beyond the limit edges are equally spaced in rank, so that cells hold about equally many values."""
    values = np.random.default_rng(1).lognormal(0, 3, 20_000)
    partition = number_partition(values, 0, (values.min(), values.max()))
    assert len(partition.edges) == EDGES_MOST
    assert partition.counts[:-1].sum() == 20_000
    assert partition.counts.max() <= 2 * 20_000 / 510


def test_a_sample_keeps_to_the_limit_and_to_its_own_extremes_and_those_it_stands_for() -> None:
    """Extremes seen but not kept become edges; a frequent value at the sample's end stays a point."""
    values = np.maximum(0, np.random.default_rng(2).normal(size=20_000))
    partition = number_partition(values, 0, (-5.0, 50.0))
    assert len(partition.edges) <= EDGES_MOST
    assert partition.edges[[partition.low, partition.high]].tolist() == [-5.0, 50.0]
    zero = int(partition.encode(np.array([0.0]))[0])
    assert zero % 2 == 1
    assert partition.counts[zero] == (values == 0).sum()


def test_the_largest_numbers_stay_finite() -> None:
    """Neither the far edges nor the middles of cells overflow."""
    partition = partition_of([-1e300, 1e300])
    assert np.isfinite(partition.edges).all()
    assert np.isfinite(partition.positions).all()


@given(references)
def test_positions_never_fall_and_edges_stand_for_themselves(reference: list[float]) -> None:
    """One position a cell, missing aside."""
    partition = partition_of(reference)
    assert len(partition.positions) == partition.size - 1
    assert (np.diff(partition.positions) >= 0).all()
    assert partition.positions[1::2].tolist() == partition.edges.tolist()


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=60), st.sampled_from([0.1, 0.25, 0.5, 0.75, 0.9, 1.0]))
def test_a_quantile_is_the_reference_value_at_that_rank(reference: list[int], share: float) -> None:
    """The smallest value that at least the share of the values do not exceed."""
    values = sorted(map(float, reference))
    partition = partition_of(values)
    at_least = next(x for i, x in enumerate(values, 1) if i >= share * len(values))
    assert partition.quantile(partition.counts, share) == at_least


def test_the_quantile_of_nothing_is_not_a_number() -> None:
    """Missing values are no values."""
    partition = partition_of([1.0, 2.0])
    counts = np.zeros(partition.size, np.int64)
    counts[partition.missing] = 9
    assert np.isnan(partition.quantile(counts, 0.5))


def test_a_missing_number_has_the_last_cell() -> None:
    """NaN is how missing values reach a partition."""
    partition = partition_of([1.0, 2.0])
    assert partition.encode(np.array([np.nan])).tolist() == [partition.missing] == [partition.size - 1]


def test_categories_beyond_the_top_are_other_and_new_ones_unseen() -> None:
    """Rare is known but has no cell of its own; unseen is not known."""
    partition = category_partition({"a": 5, "b": 3, "c": 1}, missing=4, top=2)
    assert partition.index(["a", "b", "c", "z"]).tolist() == [0, 1, partition.other, partition.unseen]
    assert partition.counts.tolist() == [5, 3, 1, 0, 4]


def test_ties_are_ranked_by_name() -> None:
    """Which of equally frequent labels get a cell does not depend on the order in which they came."""
    there = category_partition({"b": 2, "a": 2, "c": 2}, 0, top=2)
    back = category_partition({"c": 2, "a": 2, "b": 2}, 0, top=2)
    assert there.labels == back.labels == ("a", "b")
    assert there.rare == back.rare == {"c"}


def test_singletons_count_labels_seen_once() -> None:
    """They tell how often unseen labels are to be expected."""
    assert category_partition({"a": 5, "b": 1, "c": 1}, 0, top=20).singletons == 2


@pytest.mark.parametrize("top", [0, 1, 20])
def test_no_observation_is_lost_among_categories(top: int) -> None:
    """Counts add up to the observations, however few labels get a cell."""
    frequencies = {f"c{i}": i for i in range(1, 30)}
    assert category_partition(frequencies, 11, top).counts.sum() == sum(frequencies.values()) + 11
