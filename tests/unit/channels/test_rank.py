"""Rank channels: scale-free by construction."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from monitor.channels.partition import NumberPartition, number_partition
from monitor.channels.rank import BODY_LEAST, body, level, mode, spread
from monitor.channels.table import ABSENT, ChannelTable, mean_over

#: few distinct values, many ties; integers, so that transforms of them are exact
references = st.lists(st.integers(-20, 20), min_size=1, max_size=200)


def partition_of(values: list[float]) -> NumberPartition:
    return number_partition(np.array(values), 3, (min(values), max(values)))


def read(table: ChannelTable, partition: NumberPartition, values: list[float]) -> list[float]:
    """Channel values of a stream's values."""
    return table.values[partition.encode(np.array(values))].tolist()


@given(references)
def test_the_mean_level_of_the_reference_is_exactly_one_half(reference: list[int]) -> None:
    """Mid-ranks make it so whatever the ties."""
    partition = partition_of(list(map(float, reference)))
    table, counts = level(partition), partition.counts
    total = int(np.dot(table.numerators[:-1], counts[:-1]))
    assert Fraction(total, table.denominator * len(reference)) == Fraction(1, 2)
    assert mean_over(table, counts)[0] == 0.5


@given(references, st.lists(st.integers(-25, 25), min_size=1, max_size=20))
def test_level_is_the_mid_rank_of_its_definition(reference: list[int], values: list[int]) -> None:
    """u = (values below + values not above + 1) / (2 (n + 1))."""
    partition = partition_of(list(map(float, reference)))
    expected = [
        (sum(r < v for r in reference) + sum(r <= v for r in reference) + 1) / (2 * (len(reference) + 1))
        for v in values
    ]
    assert read(level(partition), partition, list(map(float, values))) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(
    "transform",
    [lambda x: 3.0 * x - 7.0, lambda x: x**3, np.exp, lambda x: np.arctan(x / 30), lambda x: 1e-9 * x + 1.0],
    ids=["affine", "cube", "exponential", "arctangent", "tiny scale"],
)
@given(reference=references, values=st.lists(st.integers(-20, 20), min_size=1, max_size=20))
def test_no_strictly_rising_transform_of_the_data_changes_a_rank_channel(transform, reference, values) -> None:  # type: ignore[no-untyped-def]
    """Units, logarithms, calibration curves: the channels see none of them."""
    plain = np.array(reference, float)
    turned = transform(plain)
    assume(len(np.unique(turned)) == len(np.unique(plain)))
    first, second = partition_of(plain.tolist()), partition_of(turned.tolist())
    seen = [v for v in map(float, values) if min(reference) <= v <= max(reference)]
    assume(seen)
    for channel in (level, spread):
        after = read(channel(second), second, transform(np.array(seen)).tolist())
        assert read(channel(first), first, seen) == after


@given(references)
def test_spread_is_the_distance_of_the_level_from_its_centre(reference: list[int]) -> None:
    """|2u − 1| in every cell."""
    partition = partition_of(list(map(float, reference)))
    expected = np.abs(2 * level(partition).values - 1)
    np.testing.assert_allclose(spread(partition).values, expected, atol=1e-15)


def test_mirrored_data_have_mirrored_levels_and_the_same_spread() -> None:
    """Up and down are treated alike."""
    reference = [1.0, 2.0, 2.0, 3.0, 8.0]
    there, back = partition_of(reference), partition_of([-x for x in reference])
    values = [0.0, 1.0, 2.0, 2.5, 8.0, 9.0]
    mirrored = [-x for x in values]
    assert read(level(there), there, values) == pytest.approx([1 - u for u in read(level(back), back, mirrored)])
    assert read(spread(there), there, values) == read(spread(back), back, mirrored)


def test_missing_values_have_no_rank() -> None:
    """Rank channels skip them; the missing channel has them."""
    partition = partition_of([1.0, 2.0, 3.0])
    assert level(partition).numerators[partition.missing] == ABSENT
    assert spread(partition).numerators[partition.missing] == ABSENT


def test_a_zero_inflated_stream_has_a_body_without_its_zeros() -> None:
    """Among the values beside the mode, the mean is one half again.

    0 0 0 0 0 0 · 1 2 3 … 60      60 others: enough for a body
    """
    partition = partition_of([0.0] * 70 + [float(i) for i in range(1, 61)])
    table = body(partition)
    assert table is not None
    assert mode(partition) == partition.encode(np.array([0.0]))[0]
    assert table.numerators[mode(partition)] == ABSENT
    assert mean_over(table, partition.counts) == (0.5, 60)


@pytest.mark.parametrize(
    "reference",
    [
        [0.0] * 50 + [float(i) for i in range(1, 61)],  # the mode holds less than half
        [0.0] * 900 + [float(i) for i in range(1, BODY_LEAST)],  # too few beside it
        [float(i) for i in range(100)],
    ],
    ids=["mode too rare", "rest too small", "no ties"],
)
def test_other_streams_have_no_body(reference: list[float]) -> None:
    """One value has to hold half of the reference, and enough others have to be left."""
    assert body(partition_of(reference)) is None


@given(references)
def test_channel_values_lie_between_zero_and_one(reference: list[int]) -> None:
    """Strictly inside for the level: no value is beyond doubt."""
    partition = partition_of(list(map(float, reference)))
    levels = level(partition).values[:-1]
    assert ((levels > 0) & (levels < 1)).all()
    spreads = spread(partition).values[:-1]
    assert ((spreads >= 0) & (spreads < 1)).all()
