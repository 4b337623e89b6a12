"""The compiled likelihood ratio against the same written out in Python, to the last bit."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.detectors.glr import Glr

MEMORY, GAP, LEAST = 32, 8, 3


def kl(p: float, q: float) -> float:
    found = p * math.log(p / q) if p > 0 else 0.0
    return found + ((1 - p) * math.log((1 - p) / (1 - q)) if p < 1 and q < 1 else 0.0)


class ByHand:
    """What `monitor.detectors.glr` says, one event at a time and in whole numbers that know no limit."""

    def __init__(self, number: int, events: int, level: float) -> None:
        self.number, self.events, self.level = number, events, level
        self.counted: list[int] = []
        self.verdict: tuple[int, float, float] = (0, 0.0, 1.0)

    def count(self, now: int) -> bool:
        if self.counted and now - self.counted[-1] < GAP:
            return False
        self.counted.append(now)
        number, events = self.number + now, self.events + len(self.counted)
        best, since = 0.0, 0
        for newer_events, begin in enumerate(reversed(self.counted[-MEMORY:]), start=1):
            newer = now - begin + 1
            older, older_events = number - newer, events - newer_events
            if newer_events >= LEAST and newer_events * older > older_events * newer:
                ratio = newer * kl(newer_events / newer, events / number) + older * kl(
                    older_events / older, events / number
                )
                best, since = (ratio, newer) if ratio > best else (best, since)
        self.verdict = since, best, self.level + math.log(3.0) + 0.5 * math.log(number)
        return best > self.verdict[2]


def verdict(detector: Any) -> tuple[int, float, float]:
    return detector.since, detector.statistic, detector.threshold


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=120),
    st.integers(100, 10_000),
    st.floats(0, 0.2),
    st.integers(1, 50),
    st.floats(2, 40),
)
def test_finds_what_the_formula_finds(steps: list[int], number: int, rate: float, cut: int, level: float) -> None:
    """At the same event, with the same statistic, however the observations are cut into calls."""
    events = int(rate * number)
    detector, oracle = Glr(number, events, level), ByHand(number, events, level)
    places = [sum(steps[: i + 1]) - 1 for i in range(len(steps))]
    expected = next((place for place in places if oracle.count(place + 1)), -1)
    found, start = -1, 0
    while found < 0 and start <= places[-1]:
        part = [place - start for place in places if start <= place < start + cut]
        told = detector.update(part, cut)
        found = -1 if told < 0 else start + told
        start += cut
    assert found == expected
    assert verdict(detector) == oracle.verdict


def test_goes_on_where_its_dump_stood() -> None:
    """Restored, it finds the same at the same observation."""
    first, second = Glr(1000, 0, 8.0), Glr(1000, 0, 8.0)
    assert first.update([5, 20], 25) == -1
    second.restore(first.dump())
    assert second.dump() == first.dump()
    assert first.update([0, 10, 20, 30, 40], 50) == second.update([0, 10, 20, 30, 40], 50) >= 0
    assert verdict(first) == verdict(second)


def test_forgets_all_but_the_reference_when_it_is_reset() -> None:
    """As new."""
    detector = Glr(1000, 3, 18.0)
    fresh = detector.dump()
    detector.update([5, 20], 25)
    detector.reset()
    assert detector.dump() == fresh
    assert detector.score == 0.0


@pytest.mark.parametrize(
    "damage",
    [
        {"seen": -1},
        {"counted": 99},
        {"newest": [5, 5]},
        {"newest": [0]},
        {"newest": [26]},
        {"newest": list(range(1, 34))},
    ],
)
def test_refuses_a_state_that_none_can_be_in(damage: dict[str, Any]) -> None:
    """And stays as it was."""
    detector = Glr(1000, 0, 18.0)
    detector.update([5, 20], 25)
    before = detector.dump()
    with pytest.raises(ValueError, match="expected"):
        detector.restore({**before, **damage})
    assert detector.dump() == before


@pytest.mark.parametrize(("number", "events"), [(10, 11), (10, -1)])
def test_refuses_more_events_than_observations(number: int, events: int) -> None:
    """A rate is at most 1."""
    with pytest.raises(ValueError, match="number, events: expected"):
        Glr(number, events, 18.0)
