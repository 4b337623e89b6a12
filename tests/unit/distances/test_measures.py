"""Measures: what holds for all of them, and what scipy says of those it knows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import spatial, stats

from monitor.distances.chi2 import chi2
from monitor.distances.js import js
from monitor.distances.ks import ks
from monitor.distances.psi import psi
from monitor.distances.wasserstein import wasserstein

Counts = npt.NDArray[np.int64]
Measure = Callable[[Counts, Counts], float]


def on_a_line(reference: Counts, recent: Counts) -> float:
    return wasserstein(reference, recent, np.arange(float(len(reference))), 1.0)


MEASURES: dict[str, Measure] = {"psi": psi, "js": js, "ks": ks, "chi2": chi2, "wasserstein": on_a_line}
BOUNDS = {"js": 1.0, "ks": 1.0, "chi2": 2.0}


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Counts, Counts]:
    """Two histograms over the same bins, each with something in it."""
    bins = draw(st.integers(1, 20))
    histograms = st.lists(st.integers(0, 1000), min_size=bins, max_size=bins).filter(any)
    return np.array(draw(histograms)), np.array(draw(histograms))


every_measure = pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)


@every_measure
@given(pair=pairs())
def test_no_measure_is_negative_and_equal_shares_are_no_distance(measure: Measure, pair: tuple[Counts, Counts]) -> None:
    """A histogram is at no distance from itself."""
    reference, recent = pair
    assert measure(reference, recent) >= 0
    assert measure(reference, reference) == pytest.approx(0, abs=1e-7)


@every_measure
@given(pair=pairs())
def test_every_measure_is_symmetric(measure: Measure, pair: tuple[Counts, Counts]) -> None:
    """Which of the two is the reference does not matter."""
    reference, recent = pair
    assert measure(reference, recent) == pytest.approx(measure(recent, reference), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", sorted(BOUNDS))
@given(pair=pairs())
def test_bounded_measures_keep_to_their_bounds(name: str, pair: tuple[Counts, Counts]) -> None:
    """1 for two, 2 for the third."""
    assert MEASURES[name](*pair) <= BOUNDS[name] + 1e-12


@pytest.mark.parametrize("name", ["js", "ks", "chi2", "wasserstein"])
@given(pair=pairs(), times=st.integers(2, 50))
def test_only_shares_count(name: str, pair: tuple[Counts, Counts], times: int) -> None:
    """A window as wide again with the same shares is at the same distance."""
    reference, recent = pair
    measure = MEASURES[name]
    assert measure(reference, times * recent) == pytest.approx(measure(reference, recent), abs=1e-7)


@given(pairs())
def test_jensen_shannon_agrees_with_scipy(pair: tuple[Counts, Counts]) -> None:
    """Its distance to base 2."""
    expected = spatial.distance.jensenshannon(*pair, base=2)
    assert js(*pair) == pytest.approx(0 if np.isnan(expected) else expected, abs=1e-6)


@given(pairs())
def test_wasserstein_agrees_with_scipy(pair: tuple[Counts, Counts]) -> None:
    """On a line of unit steps."""
    places = np.arange(len(pair[0]))
    expected = stats.wasserstein_distance(places, places, *pair)
    assert on_a_line(*pair) == pytest.approx(expected, abs=1e-9)


@pytest.mark.filterwarnings("ignore:divide by zero")  # in scipy's p-value of tiny samples, which nobody asked for
@given(pairs())
def test_kolmogorov_smirnov_agrees_with_scipy(pair: tuple[Counts, Counts]) -> None:
    """As the statistic of two samples with ties."""
    samples = [np.repeat(np.arange(len(counts)), counts) for counts in pair]
    assert ks(*pair) == pytest.approx(stats.ks_2samp(*samples, method="asymp").statistic, abs=1e-9)


@pytest.mark.parametrize(("moved", "expected"), [(1, 1.0), (3, 3.0)])
def test_wasserstein_tells_how_far(moved: int, expected: float) -> None:
    """All mass moved by some bins."""
    reference, recent = np.zeros(5, np.int64), np.zeros(5, np.int64)
    reference[0] = recent[moved] = 10
    assert on_a_line(reference, recent) == expected


def test_psi_is_finite_where_a_bin_is_empty() -> None:
    """Half a count stands for what was not seen."""
    assert 0 < psi(np.array([100, 0]), np.array([0, 100])) < 20
