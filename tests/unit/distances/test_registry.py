"""All measures of a window, read with its size in mind."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from monitor.channels.partition import NumberPartition, category_partition, number_partition
from monitor.distances.registry import BINS, LEAST, MEASURES, Yardstick, bin_starts, distances

Floats = npt.NDArray[np.float64]


def partition_of(values: Floats) -> NumberPartition:
    return number_partition(values, 0, (values.min(), values.max()))


def window(partition: NumberPartition, values: Floats) -> npt.NDArray[np.int64]:
    return np.bincount(partition.encode(values), minlength=partition.size).astype(np.int64)


REFERENCE = partition_of(np.random.default_rng(5).normal(size=2000))


@pytest.fixture
def generator() -> np.random.Generator:
    """The same draws for each test, whichever ran before."""
    return np.random.default_rng(6)


def test_a_short_window_shows_no_distance(generator: np.random.Generator) -> None:
    """Forty-nine values say nothing, fifty a little."""
    assert distances(Yardstick.of(REFERENCE), window(REFERENCE, generator.normal(size=LEAST - 1))) == {}
    assert set(distances(Yardstick.of(REFERENCE), window(REFERENCE, generator.normal(size=LEAST)))) == set(MEASURES)


def test_missing_values_do_not_fill_a_window() -> None:
    """They have a channel of their own."""
    values = np.full(500, np.nan)
    values[: LEAST - 1] = 0.0
    assert distances(Yardstick.of(REFERENCE), window(REFERENCE, values)) == {}


@pytest.mark.parametrize("size", [64, 200, 500, 2000, 20_000])
def test_no_drift_is_a_small_psi_for_windows_of_every_size(size: int, generator: np.random.Generator) -> None:
    """What chance alone would show is taken off, so that 0.1 and 0.2 mean what people expect."""
    found = [
        distances(Yardstick.of(REFERENCE), window(REFERENCE, generator.normal(size=size)))["psi"] for _ in range(40)
    ]
    assert np.mean(found) < 0.07
    assert np.quantile(found, 0.9) < 0.2


@pytest.mark.parametrize("size", [200, 2000])
def test_a_clear_shift_is_a_large_psi(size: int, generator: np.random.Generator) -> None:
    """One standard deviation is far above the famous 0.2."""
    assert distances(Yardstick.of(REFERENCE), window(REFERENCE, generator.normal(1.0, size=size)))["psi"] > 0.5


def test_wasserstein_counts_in_inter_quartile_ranges() -> None:
    """Whatever the unit, a shift by a fifth of it is about a fifth."""
    for unit in (1e-12, 1.0, 1e12):
        values = np.linspace(0, 1, 2000) * unit
        partition = partition_of(values)
        assert distances(Yardstick.of(partition), window(partition, values + 0.1 * unit))[
            "wasserstein"
        ] == pytest.approx(0.2, rel=0.1)


def test_a_constant_has_no_wasserstein_distance() -> None:
    """There is no unit to count in; the others are there."""
    partition = partition_of(np.full(100, 3.0))
    assert set(distances(Yardstick.of(partition), window(partition, np.full(100, 4.0)))) == {"psi", "js", "chi2", "ks"}


def test_categories_have_no_order() -> None:
    """So neither of the two measures that need one."""
    partition = category_partition({"a": 50, "b": 50}, 0, top=20)
    found = distances(Yardstick.of(partition), np.array([90, 10, 0, 0, 0]))
    assert set(found) == {"psi", "js", "chi2"}


def test_a_new_category_is_a_distance() -> None:
    """Unseen labels are a bin like the others."""
    partition = category_partition({"a": 50, "b": 50}, 0, top=20)
    none, some = (
        distances(Yardstick.of(partition), np.array(counts))["js"] for counts in ([50, 50, 0, 0, 0], [40, 40, 0, 20, 0])
    )
    assert none < some


def test_a_reference_of_missing_values_shows_no_distance() -> None:
    """There is nothing to measure from."""
    empty = NumberPartition(np.zeros(1), np.array([0, 0, 0, 90]), 0, 0)
    assert distances(Yardstick.of(empty), np.array([10, 80, 10, 0])) == {}


def test_bins_hold_about_equal_mass_and_none_is_lost(generator: np.random.Generator) -> None:
    """At most twenty, the first begins with the first cell."""
    counts = generator.integers(0, 9, 500)
    starts = bin_starts(counts)
    assert len(starts) <= BINS
    assert starts[0] == 0
    masses = np.add.reduceat(counts, starts)
    assert masses.sum() == counts.sum()
    assert masses.max() <= counts.sum() / BINS + 9


def test_huge_values_give_finite_distances(generator: np.random.Generator) -> None:
    """Positions are bounded by the reference."""
    partition = partition_of(np.concatenate([generator.normal(size=500), [1e300, -1e300]]))
    found = distances(Yardstick.of(partition), window(partition, np.full(100, 1e300)))
    assert all(np.isfinite(distance) for distance in found.values())
