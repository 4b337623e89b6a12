"""Normal scores for short references."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.channels.partition import number_partition
from monitor.channels.scores import TAIL, is_trending, score_reference, scores


def test_scores_rise_with_the_values_and_reach_beyond_the_reference() -> None:
    """Ranks saturate at the ends; scores go on linearly, and no further than the tail."""
    partition = number_partition(np.arange(50.0), 0, (0.0, 49.0))
    found = scores(partition, np.array([-1e300, -50.0, 0.0, 25.0, 49.0, 99.0, 199.0, 1e300]))
    assert (np.diff(found) > 0).all()
    assert -found[0] == pytest.approx(found[-1])
    assert TAIL < found[-1] < TAIL + 3


@pytest.mark.parametrize("unit", [1e-13, 1.0, 1e250])
def test_scores_have_no_unit(unit: float) -> None:
    """A huge value over a tiny scale does not overflow either (warnings are errors here)."""
    reference = np.random.default_rng(0).normal(size=100) * unit
    partition = number_partition(reference, 0, (reference.min(), reference.max()))
    found = scores(partition, np.array([0.0, 3 * unit, 1e300]))
    plain = reference / unit
    same = number_partition(plain, 0, (plain.min(), plain.max()))
    assert found == pytest.approx(scores(same, np.array([0.0, 3.0, 1e60])), abs=1e-6)


def test_a_climbing_series_is_judged_by_its_steps() -> None:
    """A meter that only counts up is no drift as long as it climbs as before."""
    climbing = np.arange(100.0) + np.random.default_rng(1).normal(size=100)
    assert is_trending(climbing)
    assert not is_trending(np.random.default_rng(1).normal(size=100))
    assert not is_trending(np.repeat([0.0, 1.0], 50))  # one step is no trend
    found = score_reference(climbing)
    assert found is not None
    assert found.differences


@pytest.mark.parametrize("values", [[1.0] * 50, [0.0] * 99 + [1.0], [1.0, 2.0, 3.0]], ids=["constant", "mode", "few"])
def test_there_is_nothing_to_chart_without_variety(values: list[float]) -> None:
    """No chart is better than one whose unit is made up."""
    assert score_reference(np.array(values)) is None


def test_window_means_of_correlated_values_vary_more() -> None:
    """Their standard deviations fall slower than with the root of the window."""
    noise = np.random.default_rng(2).normal(size=512)
    slow = noise.copy()
    for i in range(1, len(slow)):
        slow[i] += 0.9 * slow[i - 1]
    white, correlated = score_reference(noise), score_reference(slow)
    assert white is not None
    assert correlated is not None
    assert white.independent
    assert not correlated.independent
    assert len(white.window_sds) == len(correlated.window_sds) == 8  # 1, 2, 4 … 128
    assert white.window_sds[4] < 0.6
    assert correlated.window_sds[4] > 0.6
