"""Indicator channels and the list of all channels."""

from __future__ import annotations

import numpy as np

from monitor.channels import indicators, registry
from monitor.channels.partition import CategoryPartition, category_partition, number_partition

PARTITION = number_partition(np.array([0.0, 1.0, 10.0]), 0, (0.0, 10.0))  # far beyond −71 and 73


def test_out_of_range_is_beyond_the_smallest_and_largest_value() -> None:
    """The extremes themselves are inside."""
    table = indicators.out_of_range(PARTITION)
    cells = PARTITION.encode(np.array([-100.0, -0.1, 0.0, 5.0, 10.0, 10.1, 100.0]))
    assert table.values[cells].tolist() == [1, 1, 0, 0, 0, 1, 1]


def test_mode_is_the_most_frequent_value_where_it_lies_in_the_middle() -> None:
    """Here 5.0, of the integers 0 to 9 and as many fives."""
    partition = number_partition(np.append(np.full(100, 5.0), np.arange(100) % 10), 0, (0.0, 9.0))
    table = indicators.mode(partition)
    assert table is not None
    assert table.values[partition.encode(np.array([4.0, 4.9, 5.0, 5.1]))].tolist() == [0, 0, 1, 0]


def test_a_mode_at_an_end_needs_no_channel() -> None:
    """The level moves with its rate: the zeros of a column of amounts."""
    partition = number_partition(np.append(np.zeros(100), np.arange(1.0, 101.0)), 0, (0.0, 100.0))
    assert indicators.mode(partition) is None


def test_a_value_that_is_not_frequent_is_no_mode() -> None:
    """One value must be there in a tenth of the reference."""
    partition = number_partition(np.append(np.full(9, 50.0), np.arange(100.0)), 0, (0.0, 99.0))
    assert indicators.mode(partition) is None


def test_far_is_beyond_the_far_edges_alone() -> None:
    """A value a little out of range is not far."""
    table = indicators.far(PARTITION)
    assert table is not None
    cells = PARTITION.encode(np.array([-100.0, -71.0, -5.0, 5.0, 20.0, 73.0, 73.1, 1e300]))
    assert table.values[cells].tolist() == [1, 0, 0, 0, 0, 0, 1, 1]


def test_nothing_is_far_from_a_constant() -> None:
    """Without any spread there is no unit to tell far by."""
    assert indicators.far(number_partition(np.full(9, 4.0), 0, (4.0, 4.0))) is None


def test_missing_has_a_value_at_every_observation() -> None:
    """It is the one channel that no cell is absent from."""
    table = indicators.missing(PARTITION)
    assert table.applies.all()
    assert table.values.sum() == table.values[PARTITION.missing] == 1


def test_a_category_needs_five_occurrences_for_a_channel() -> None:
    """Rarer ones leave too little to hold a stream against."""
    partition = category_partition({"often": 5, "seldom": 4}, 0, top=20)
    assert [t.key for t in indicators.categories(partition)] == ["category:often", "unseen"]


def test_the_rarer_labels_share_a_channel_once_they_are_enough() -> None:
    """`other` stands for all labels beyond the top."""
    partition = category_partition({"a": 9, "b": 3, "c": 2}, 0, top=1)
    assert [t.key for t in indicators.categories(partition)] == ["category:a", "other", "unseen"]


def test_category_values_do_not_leak_into_channel_names() -> None:
    """Every category's channel is called `category`; labels are in keys only."""
    partition = category_partition({"anna@example.org": 9, "b": 9}, 0, top=20)
    assert {t.name for t in registry.tested_channels(partition)} == {"category", "unseen", "missing"}


def test_identifiers_have_the_missing_channel_only() -> None:
    """Where nearly every text is different, texts say nothing."""
    partition = CategoryPartition((), frozenset(), np.array([0, 100, 0]), 100)
    assert [t.key for t in registry.tested_channels(partition)] == ["missing"]


def test_a_stream_without_any_reference_value_has_the_missing_channel_only() -> None:
    """There is nothing else to hold it against."""
    partition = number_partition(np.zeros(1), 5, (0.0, 0.0))
    partition.tally[:-1] = 0
    assert [t.key for t in registry.tested_channels(partition)] == ["missing"]


def test_numbers_have_level_spread_range_and_missing() -> None:
    """In the order in which everything lists them; body comes third where there is one."""
    assert [t.key for t in registry.tested_channels(PARTITION)] == ["level", "spread", "out_of_range", "missing"]
    inflated = number_partition(np.append(np.zeros(100), np.arange(1.0, 90)), 0, (0.0, 89.0))
    assert [t.key for t in registry.tested_channels(inflated)] == ["level", "spread", "body", "out_of_range", "missing"]
