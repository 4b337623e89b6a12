"""Histories keep the shape of a score in bounded memory, however long the process runs."""

import numpy as np
import pytest

from monitor.domain.keys import StreamKey
from monitor.exposition.pages.history import FIRST_SECONDS, LONGEST_SECONDS, POINTS, History

A, B, C = (StreamKey("m", "1", name, "feature") for name in "abc")


def sampled(history: History, begin: float, end: float, **scores: float) -> None:
    """Offer a sample every second."""
    keys = {"a": A, "b": B, "c": C}
    for now in np.arange(begin, end, 1.0):
        if history.due(now):
            history.sample(now, {keys[name]: score for name, score in scores.items()})


def test_it_begins_with_a_point_a_second() -> None:
    """A demonstration of a minute is seen."""
    history = History(2)
    sampled(history, 100, 105, a=0.5)
    assert history.times == [100, 101, 102, 103, 104]
    assert history.of(A) == [0.5] * 5


@pytest.mark.parametrize("seconds", [POINTS * FIRST_SECONDS, 1_000, 3_600, 20_000])
def test_points_are_bounded_and_evenly_apart(seconds: float) -> None:
    """When it is full, points come half as often; never less than one a minute or so."""
    history = History(1)
    sampled(history, 0, seconds, a=0.1)
    assert len(history.times) <= POINTS
    gaps = np.diff(history.times)
    assert gaps.max() <= LONGEST_SECONDS + 1
    assert gaps.max() <= 2 * gaps.min() + 1


def test_a_peak_survives_being_thinned() -> None:
    """Of two points that become one the larger stays."""
    history = History(1)
    sampled(history, 0, 30, a=0.1)
    sampled(history, 30, 31, a=2.5)
    sampled(history, 31, 1500, a=0.1)
    scores = history.of(A)
    assert max(score for score in scores if score is not None) == 2.5


def test_at_its_longest_the_oldest_goes() -> None:
    """It then covers about an hour and a half."""
    history = History(1)
    sampled(history, 0, 30_000, a=0.1)
    assert history.times[0] > 30_000 - (POINTS + 1) * LONGEST_SECONDS
    assert history.times[-1] > 30_000 - LONGEST_SECONDS - 1


def test_a_stream_that_was_not_sampled_has_gaps() -> None:
    """Nothing is made up for the time before, between and after."""
    history = History(2)
    sampled(history, 0, 2, a=0.5)
    sampled(history, 2, 4, a=0.5, b=1.5)
    sampled(history, 4, 5, a=0.5)
    assert history.of(B) == [None, None, 1.5, 1.5, None]


def test_the_longest_unsampled_makes_room() -> None:
    """And leaves nothing of its own behind."""
    history = History(2)
    sampled(history, 0, 1, a=0.1, b=0.2)
    sampled(history, 1, 2, b=0.3)
    sampled(history, 2, 3, c=0.4)
    assert history.of(A) == [None] * 3
    assert history.of(B) == [0.2, 0.3, None]
    assert history.of(C) == [None, None, 0.4]


def test_a_row_costs_less_than_half_a_kilobyte() -> None:
    """With as many points as there can be."""
    assert POINTS * np.dtype(np.float32).itemsize <= 512
