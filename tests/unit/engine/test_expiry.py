"""Forgetting by event time: what no event names for long goes, what is merely rare stays."""

from __future__ import annotations

import numpy as np

from monitor.domain.facts import EpisodeChange
from monitor.engine.model import ModelMonitor
from monitor.engine.policy import Limits
from tests.unit.engine.events import ABSENT, MINUTE, MODEL, Value, feed, frame, monitor

HOUR = Limits(forget_seconds=3600.0)
BEGIN = 1e9


def names(watcher: ModelMonitor) -> list[str]:
    return [feature for _, feature in sorted(watcher.streams)]


def test_a_stream_unseen_for_longer_than_the_limit_is_forgotten_and_a_rare_one_is_not() -> None:
    """
    gone   x . . . . . . . . .        last seen at minute 0
    rare   x . . . . x . . . .        last seen at minute 50;   at minute 61 and a bit only `gone` goes
    """
    watcher = monitor(limits=HOUR)
    gone: list[Value] = [1.0] + [ABSENT] * 61
    rare: list[Value] = [1.0 if at in (0, 50) else ABSENT for at in range(62)]
    feed(watcher, frame({"gone": gone, "rare": rare, "often": [1.0] * 62}))
    assert watcher.tick(BEGIN + 60 * MINUTE) == []
    assert names(watcher) == ["gone", "often", "rare"]
    watcher.tick(BEGIN + 61 * MINUTE)
    assert names(watcher) == ["often", "rare"]


def test_without_a_limit_nothing_is_forgotten() -> None:
    """Whatever the clock says."""
    watcher = monitor(limits=Limits(forget_seconds=None))
    feed(watcher, frame({"x": [1.0]}))
    assert watcher.tick(1e12) == []
    assert names(watcher) == ["x"]


def test_the_open_episode_of_a_forgotten_stream_ends_as_expired() -> None:
    """With the finding behind it, so that a consumer can close what it opened."""
    values = np.random.default_rng(0).normal(size=2000)
    values[1500:] += 3
    watcher = monitor(1000, limits=HOUR)
    feed(watcher, frame({"x": list(map(float, values))}))
    (end,) = watcher.tick(BEGIN + 5000 * MINUTE)
    assert isinstance(end, EpisodeChange)
    assert (end.stream.feature, end.state, end.reason) == ("x", "resolved", "expired")
    assert end.finding.stream == end.stream
    assert watcher.streams == {}


def test_a_forgotten_stream_that_comes_back_starts_as_if_it_were_new() -> None:
    """Its rows in the detectors are given back, and nothing of before shows in what it learns."""
    watcher = monitor(20, limits=HOUR)
    values = list(map(float, np.random.default_rng(1).normal(size=30)))
    feed(watcher, frame({"x": values, "y": values}))
    feed(watcher, frame({"y": values * 4}, start=30))
    watcher.tick(BEGIN + 100 * MINUTE)
    assert names(watcher) == ["y"]
    assert ModelMonitor.load(MODEL, watcher.policy, watcher.dump()).dump() == watcher.dump()
    feed(watcher, frame({"x": values, "y": values}, start=150))
    assert watcher.streams["feature", "x"].observations == 30


def test_a_refused_stream_is_taken_once_there_is_room() -> None:
    """Room that forgetting made is room."""
    watcher = monitor(limits=Limits(streams=1, forget_seconds=3600.0))
    feed(watcher, frame({"a": [1.0], "b": [1.0]}))
    assert names(watcher) == ["a"]
    feed(watcher, frame({"b": [1.0]}, start=100))
    watcher.tick(BEGIN + 100 * MINUTE)
    feed(watcher, frame({"b": [1.0]}, start=101))
    assert names(watcher) == ["b"]
