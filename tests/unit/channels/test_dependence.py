"""Dependence read off the reference."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from monitor.channels.dependence import BLOCKS_LEAST, FIRST_BLOCK, block_means, lag1, measure

Series = npt.NDArray[np.float64]


def ranks(values: Series) -> Series:
    """Values as evenly spread numbers between 0 and 1, in the same order."""
    return (np.argsort(np.argsort(values)) + 0.5) / len(values)


def autoregressive(number: int, rho: float, seed: int) -> Series:
    noise = np.random.default_rng(seed).normal(size=number)
    for i in range(1, number):
        noise[i] += rho * noise[i - 1]
    return ranks(noise)


@pytest.mark.parametrize("seed", range(20))
def test_independent_values_are_found_independent(seed: int) -> None:
    """White noise, whatever its distribution, is tested value by value."""
    white = np.random.default_rng(seed).normal(size=2000)
    assert not measure([ranks(white)]).dependent
    assert not measure([(white > 1.5).astype(float)]).dependent


@pytest.mark.parametrize("rho", [0.3, 0.5, 0.9, 0.97])
def test_an_autoregressive_series_is_tested_on_blocks(rho: float) -> None:
    """And the block means vary more than independent values' would."""
    found = measure([autoregressive(3000, rho, seed=1)])
    assert found.dependent
    assert found.correlation == pytest.approx(rho, abs=0.1)
    assert found.block >= FIRST_BLOCK
    assert found.block_sd > found.sd / np.sqrt(found.block)


def test_a_daily_season_is_found_and_gets_long_blocks() -> None:
    """Slow swings are no drift: blocks grow as long as neighbours resemble each other."""
    hours = np.arange(24 * 120)
    swing = ranks(np.sin(2 * np.pi * hours / 24 / 7) + np.random.default_rng(3).normal(size=len(hours)))
    found = measure([swing])
    assert found.dependent
    assert found.block > FIRST_BLOCK


def test_twenty_blocks_always_remain() -> None:
    """A trend correlates at every block length; blocks stop growing all the same."""
    found = measure([np.linspace(0, 1, 2000)])
    assert 2000 // found.block >= BLOCKS_LEAST


def test_a_spread_inherits_the_verdict_of_its_level() -> None:
    """It looks uncorrelated where the level is seasonal, and is not to be trusted."""
    white = np.random.default_rng(4).random(2000)
    assert not measure([white]).dependent
    assert measure([white], inherited=True).dependent


def test_a_constant_is_independent_with_a_standard_deviation_above_zero() -> None:
    """Nothing may divide by zero later."""
    found = measure([np.full(1500, 0.5)])
    assert not found.dependent
    assert found.correlation == 0
    assert found.sd > 0


def test_few_ones_side_by_side_do_not_make_a_rare_indicator_dependent() -> None:
    """A couple of neighbours among twenty ones is more correlation than chance allows for frequent ones, not for rare.

    ones   ·█···█···██···█···██···█·
    """
    series = np.zeros(2000)
    series[50::100] = 1
    series[[51, 1051, 1551]] = 1
    found = measure([series])
    assert 4 / np.sqrt(2000) < found.correlation < 7 / np.sqrt(2000)
    assert not found.dependent


def test_correlation_does_not_reach_over_a_gap() -> None:
    """Neighbours in different runs were not neighbours in the stream.

    run 0 0 0 0 │ 1 1 1 1 │ 0 0 0 0      inside a run nothing ever changes
    """
    inside = [np.zeros(4), np.ones(4), np.zeros(4)]
    assert lag1(inside) > lag1([np.concatenate(inside)])


def test_a_thinned_dependent_sample_is_still_dependent_and_blocks_outgrow_its_runs_by_whole_strides() -> None:
    """Between the length of a run and the distance of two nothing is known, so no block ends there.

    runs  ▇▇▇▇▁▁▁▁▇▇▇▇▁▁▁▁▇▇▇▇▁▁▁▁      stride 2
    """
    slow = ranks(np.sin(np.arange(64 * 256) / 2000) + 0.1 * np.random.default_rng(5).normal(size=64 * 256))
    runs = [slow[start : start + 256] for start in range(0, len(slow), 2 * 256)]
    found = measure(runs, stride=2)
    assert found.dependent
    assert found.block <= 256 or found.block % 512 == 0


def test_blocks_longer_than_a_run_are_made_of_the_runs_inside_them() -> None:
    """Two runs of four at stride two stand for a block of sixteen."""
    runs = [np.full(4, x) for x in (1.0, 3.0, 5.0, 7.0)]
    (means,) = block_means(runs, 2, 16)
    assert means.tolist() == [2.0, 6.0]


def test_blocks_do_not_straddle_runs() -> None:
    """What does not fill a block at the end of a run is left out."""
    means = block_means([np.arange(5.0), np.arange(4.0)], 1, 2)
    assert [m.tolist() for m in means] == [[0.5, 2.5], [0.5, 2.5]]


def test_a_short_reference_gets_a_variance_ratio_instead_of_blocks() -> None:
    """Independent values have a ratio near one, correlated ones a large one."""
    white, slow = np.random.default_rng(6).random(400), autoregressive(400, 0.9, seed=6)
    assert measure([white], short=True).variance_ratio < 3
    found = measure([slow], short=True)
    assert found.variance_ratio > 8
    assert not found.dependent


def test_a_season_of_which_blocks_see_little_has_a_real_spread() -> None:
    """The correlation of few neighbouring blocks can come out above one, which no root may be taken of."""
    values = np.sin(np.arange(2000) / 300) * 3 + np.random.default_rng(1).normal(size=2000) * 0.3
    found = measure([ranks(values)])
    assert lag1(block_means([ranks(values)], 1, found.block)) > 1
    assert 0 < found.block_sd < 2
