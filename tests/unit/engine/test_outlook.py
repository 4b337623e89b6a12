"""What the budget means in observations."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.engine.outlook import Outlook, outlook
from tests.unit.engine.events import episodes, feed, findings, monitor, numbers


def look(values: np.ndarray, **policy: object) -> Outlook:
    watcher = monitor(len(values), **policy)
    feed(watcher, numbers(x=values))
    regime = watcher.streams[("feature", "x")].regime
    assert regime is not None
    return outlook(regime)


@pytest.mark.parametrize("shift", [0.25, 0.5, 1.0])
def test_the_delay_told_is_the_delay_seen(shift: float) -> None:
    """Within a factor of two of the median over twenty streams, some of which other channels find sooner."""
    told = look(np.random.default_rng(0).normal(size=2000)).delays[shift]
    seen = []
    for seed in range(20):
        values = np.random.default_rng(seed).normal(size=6000)
        values[3000:] += shift
        found = [f for f in findings(feed(monitor(2000), numbers(x=values))) if f.observation > 3000]
        seen.append(found[0].observation - 3000)
    assert told is not None
    assert told / 2 <= np.median(seen) <= told * 1.5


def test_a_larger_shift_is_found_sooner() -> None:
    """And a dependent stream later than an independent one."""
    white = look(np.random.default_rng(1).normal(size=2000)).delays
    assert white[1.0] is not None
    assert white[0.5] is not None
    assert white[0.25] is not None
    assert white[1.0] < white[0.5] < white[0.25]
    wandering = np.zeros(2000)
    for at, step in enumerate(np.random.default_rng(2).normal(size=2000)[1:], start=1):
        wandering[at] = 0.9 * wandering[at - 1] + step
    slow = look(wandering).delays[1.0]
    assert slow is None or slow > 5 * white[1.0]


def test_a_smaller_budget_is_slower_and_a_generous_one_meets_the_floor() -> None:
    """The floor binds where the budget would allow more false alarms than anybody wants."""
    values = np.random.default_rng(3).normal(size=2000)
    generous, strict = look(values, false_alarms_per_week=1.0), look(values, false_alarms_per_week=1e-6)
    assert generous.floor_binds
    assert not strict.floor_binds
    assert strict.level > generous.level
    assert (strict.delays[1.0] or 0) > (generous.delays[1.0] or 0)


def test_a_category_has_no_delay_of_a_shift() -> None:
    """A shift in standard deviations means nothing there."""
    watcher = monitor(100)
    assert episodes(feed(watcher, numbers(x=np.full(100, np.nan)))) == []
    regime = watcher.streams[("feature", "x")].regime
    assert regime is not None
    assert outlook(regime).delays == {}
