"""Overrides: what may be different for single streams."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.domain.facts import Status
from monitor.engine.model import ModelMonitor
from monitor.engine.policy import Override
from tests.unit.engine.events import MODEL, episodes, feed, findings, monitor, numbers


def shifted(by: float, at: int = 2000, number: int = 5000, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=number)
    values[at:] += by
    return values


def test_only_the_named_channels_are_tested() -> None:
    """A variance that doubles is the business of `spread`; where that is off, nobody is told."""
    values = np.random.default_rng(1).normal(size=5000)
    values[2500:] *= 2
    assert "spread" in {found.channel for found in findings(feed(monitor(), numbers(x=values)))}
    quiet = monitor(overrides=(Override(feature="x", channels=("level", "missing")),))
    assert feed(quiet, numbers(x=values)) == []


@pytest.mark.parametrize(("by", "fires"), [(1.5, True), (-1.5, False)])
def test_a_direction_leaves_the_other_one_pending(by: float, fires: bool) -> None:
    """Whoever only minds higher values is not told of lower ones, nor of the spread that comes with them.

    level   ▁▁▁▁▔▔▔▔  fires     ▔▔▔▔▁▁▁▁  warns
    """
    watcher = monitor(overrides=(Override(direction="up"),))
    facts = feed(watcher, numbers(x=shifted(by, number=3500)))
    assert bool(episodes(facts)) == fires
    assert watcher.view().streams[0].status is (Status.DRIFT if fires else Status.WARNING)


def test_a_direction_leaves_rates_alone() -> None:
    """Missing values have no direction."""
    values = shifted(0)
    values[3000:] = np.nan
    facts = feed(monitor(overrides=(Override(direction="up"),)), numbers(x=values))
    assert [change[:3] for change in episodes(facts)] == [("x", "missing", "firing")]


def test_a_mute_ends_at_its_event_time() -> None:
    """What is open then fires then: the shift comes at event 2,000, the mute ends at that of event 2,500."""
    times = numbers(x=shifted(2)).event_time
    facts = feed(monitor(overrides=(Override(mute_until=float(times[2500])),)), numbers(x=shifted(2)))
    fired = next(fact for fact in facts if fact not in findings(facts))
    assert 2500 <= fired.place.offset < 2500 + 32


def test_a_stream_without_weight_does_not_count_in_the_roll_up() -> None:
    """It may drift as it likes."""
    data = numbers(x=shifted(3, number=2500), y=shifted(0, seed=1, number=2500))
    assert _share(monitor(), data) == 0.5
    assert _share(monitor(overrides=(Override(feature="x", weight=0.0),)), data) == 0.0


def _share(watcher: ModelMonitor, data: object) -> float:
    feed(watcher, data)  # type: ignore[arg-type]
    return watcher.view().drift_share


def test_a_change_of_channels_keeps_the_reference() -> None:
    """What was learned and is still tested goes on; what is new begins; what is gone gives its rows back."""
    before = monitor()
    feed(before, numbers(x=shifted(0, number=2500)))
    narrow = monitor(overrides=(Override(channels=("level",)),)).policy
    after = ModelMonitor.load(MODEL, narrow, before.dump())
    stream = after.streams[("feature", "x")]
    assert stream.generation == 1
    assert stream.regime is not None
    assert set(stream.regime.channels) == {"level"}
    wide = ModelMonitor.load(MODEL, before.policy, after.dump())
    assert set(wide.streams[("feature", "x")].regime.channels) >= {"level", "spread", "missing"}  # type: ignore[union-attr]
    assert episodes(feed(wide, numbers(x=shifted(3, at=200, number=400, seed=5))))[0][2] == "firing"
