"""Shapes: counts of cells become bars that people can compare, and every value is in exactly one of them."""

import numpy as np
import numpy.typing as npt
import pytest

from monitor.channels.partition import NumberPartition, category_partition, number_partition
from monitor.engine.shape import BARS, Shape, quartiles, shape

GENERATOR = np.random.default_rng(7)


def partition_of(values: npt.NDArray[np.float64], missing: int = 0) -> NumberPartition:
    return number_partition(values, missing, (float(values.min()), float(values.max())))


def held_against(partition: NumberPartition, values: npt.NDArray[np.float64]) -> Shape:
    return shape(partition, np.bincount(partition.encode(values), minlength=partition.size))


@pytest.mark.parametrize(
    "values",
    [
        GENERATOR.normal(size=3000),
        GENERATOR.lognormal(0, 2, 3000),
        np.repeat([0.0, 1.0], 500),
        np.append(np.zeros(999), 5.0),
        np.full(100, 3.0),
        np.array([1.0]),
        np.array([1e300, -1e300, 0.0]),
    ],
    ids=["normal", "skewed", "binary", "almost constant", "constant", "one value", "extreme"],
)
def test_every_value_is_in_one_of_few_bars(values: npt.NDArray[np.float64]) -> None:
    """Shares sum to 1 whatever the reference looks like, and there are never more bars than the bound."""
    found = held_against(partition_of(values), values)
    assert len(found.reference) == len(found.recent) == len(found.edges) + 1 <= BARS
    assert sum(found.reference) == pytest.approx(1)
    assert found.recent == pytest.approx(found.reference)
    assert list(found.edges) == sorted(found.edges)


def test_bars_say_how_many_values_lie_between_their_limits() -> None:
    """Within the grain of the cells they agree with a histogram of the values themselves."""
    before, now = GENERATOR.normal(size=5000), GENERATOR.normal(0.5, 1, 1000)
    found = held_against(partition_of(before), now)
    counts = np.histogram(now, [-np.inf, *found.edges, np.inf])[0] / len(now)
    assert np.abs(counts - found.recent).max() < 0.02


def test_what_lies_beyond_the_reference_is_at_the_ends() -> None:
    """Values far outside are in the first and in the last bar."""
    found = held_against(partition_of(GENERATOR.normal(size=2000)), np.array([-1e9, -50.0, 50.0, 1e9]))
    assert (found.recent[0], found.recent[-1]) == (0.5, 0.5)


def test_of_a_constant_one_sees_on_which_side_values_left_it() -> None:
    """Three bars: below, at, above."""
    found = held_against(partition_of(np.full(100, 3.0)), np.array([3.0, 3.0, 4.0, 5.0]))
    assert found.reference == (0, 1, 0)
    assert found.recent == (0, 0.5, 0.5)


def test_missing_values_are_told_apart() -> None:
    """They are in no bar, and have a share of their own in what is recent and in the reference."""
    found = held_against(partition_of(np.arange(90.0), missing=10), np.array([1.0, np.nan]))
    assert found.missing == (0.1, 0.5)
    assert sum(found.recent) == 1
    assert found.values == 2


def test_without_recent_values_the_bars_are_empty() -> None:
    """Rather than not numbers."""
    found = held_against(partition_of(np.arange(90.0)), np.empty(0))
    assert set(found.recent) == {0.0}
    assert found.missing == (0.0, 0.0)


def test_the_largest_categories_of_either_side_have_bars() -> None:
    """One that has become frequent is shown, though it was the rarest that has a cell; others and unseen share."""
    frequencies = {f"c{number:02}": 100 - number for number in range(30)}
    partition = category_partition(frequencies, missing=0, top=20)
    cells = partition.index(["c19", "c19", "c29", "never"])
    found = shape(partition, np.bincount(cells, minlength=partition.size))
    assert len(found.labels) == BARS
    shares = dict(zip(found.labels, found.recent, strict=True))
    assert (shares["c19"], shares["other"], shares["unseen"]) == (0.5, 0.25, 0.25)
    assert sum(found.reference) == pytest.approx(1)


def test_quartiles_are_those_of_the_values() -> None:
    """As near as the cells are narrow; None where nothing is usable."""
    values = GENERATOR.normal(size=2000)
    partition = partition_of(values)
    assert quartiles(partition, partition.counts) == pytest.approx(np.quantile(values, [0.25, 0.5, 0.75]), abs=0.02)
    assert quartiles(partition, np.zeros(partition.size, dtype=np.int64)) is None
