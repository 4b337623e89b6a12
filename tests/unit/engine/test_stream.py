"""The life of a stream: warm-up, drift, return, relearning."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from monitor.domain.facts import EpisodeChange, Fact, Status
from monitor.engine.model import ModelMonitor
from monitor.engine.policy import MinEffect, Override, Policy, Warmup
from tests.unit.engine.events import MINUTE, MODEL, episodes, feed, findings, frame, monitor, numbers

Floats = npt.NDArray[np.float64]


def gauss(number: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=number)


def changes(facts: list[Fact]) -> list[tuple[int, str, str, str | None]]:
    """(observation, aspect, state, reason) of every change of an episode."""
    found = [fact for fact in facts if isinstance(fact, EpisodeChange)]
    return [(change.observation, change.aspect, change.state, change.reason) for change in found]


def test_a_stream_learns_first_and_says_so() -> None:
    """Nothing is found while the reference is being learned, whatever happens."""
    watcher = monitor(1000)
    wild = np.concatenate([gauss(500), 50 + gauss(499)])
    assert feed(watcher, numbers(x=wild)) == []
    (view,) = watcher.view().streams
    assert (view.status, view.observations, view.reference_generation) == (Status.LEARNING, 999, 0)
    feed(watcher, numbers(x=[0.0]))
    (view,) = watcher.view().streams
    assert (view.status, view.reference_observations, view.reference_generation) == (Status.STABLE, 1000, 1)


def test_a_warm_up_waits_for_its_duration_too() -> None:
    """Both have to be met: enough observations, and a full cycle of the data.

    observations   0 ····· 200 ············ 600      event time 600 minutes
    """
    policy = Policy(warmup=Warmup(200, 600 * MINUTE))
    watcher = ModelMonitor(MODEL, policy)
    feed(watcher, numbers(x=gauss(600)))
    assert watcher.view().streams[0].status is Status.LEARNING
    feed(watcher, frame({"x": [0.0]}, start=600))
    assert watcher.view().streams[0].reference_observations == 601


def test_events_without_a_time_do_not_wait() -> None:
    """Files with no time count durations as met."""
    watcher = ModelMonitor(MODEL, Policy(warmup=Warmup(200, 600 * MINUTE)))
    timeless = numbers(x=gauss(200))
    timeless.event_time[:] = np.nan
    feed(watcher, timeless)
    assert watcher.view().streams[0].reference_observations == 200


def test_nothing_is_found_where_nothing_changes() -> None:
    """Forty thousand values of a stable stream."""
    assert feed(monitor(1000), numbers(x=gauss(40_000))) == []


@pytest.mark.parametrize(
    ("change", "channel", "within"),
    [
        (lambda x: x + 1, "level", 80),
        (lambda x: x - 0.5, "level", 200),
        (lambda x: x * 3, "spread", 60),
        (lambda x: x * 0.3, "spread", 80),
        (lambda x: x + 1e6, "far", 10),
        (lambda x: np.where(np.arange(len(x)) % 10 == 0, np.nan, x), "missing", 150),
        (lambda x: np.full(len(x), x[0]), "stuck", 35),
    ],
    ids=["up", "down", "wider", "narrower", "far", "missing", "stuck"],
)
def test_every_kind_of_change_is_found_soon_by_its_channel(change, channel: str, within: int) -> None:  # type: ignore[no-untyped-def]
    """Within so many events of its onset, after four thousand without any."""
    values = gauss(6000, seed=1)
    values[5000:] = change(values[5000:])
    found = findings(feed(monitor(1000), numbers(x=values)))
    assert 5000 < found[0].observation <= 5000 + within
    assert channel in {f.channel for f in found if f.observation <= 5000 + within}


def test_the_onset_is_estimated_near_where_it_was() -> None:
    """`since` is where people should look."""
    values = gauss(5000, seed=2)
    values[3000:] += 1
    found = findings(feed(monitor(1000), numbers(x=values)))[0]
    assert abs(found.since - 3001) < 40
    assert f"since event {found.since:,}" in found.explanation
    assert found.effect == pytest.approx(0.26, abs=0.1)
    assert found.score > 1


def test_a_finding_names_the_event_that_revealed_it() -> None:
    """Topic, offset, event id and event time, and its place in the stream."""
    values = gauss(2000, seed=3)
    values[1500:] += 4
    found = findings(feed(monitor(1000), numbers(x=values)))[0]
    assert found.place.offset == found.observation - 1
    assert found.place.event_id == f"e{found.place.offset}"
    assert found.place.event_time == 1e9 + found.place.offset * MINUTE
    assert (found.reference_id, found.generation) == ("warm-up", 1)


def test_a_short_disturbance_opens_an_episode_that_resolves_by_itself() -> None:
    """It returned, and the stream is stable again.

    values  ▁▁▁▁▁▁▔▔▁▁▁▁▁▁▁▁▁
    episode       F      R
    """
    values = np.random.default_rng(4).random(8000)
    values[3000:3300] **= 0.3
    watcher = monitor(1000)
    (opened, *_), (closed, *rest) = changes(feed(watcher, numbers(x=values)))
    assert rest == ["value", "resolved", "returned"]
    assert 3000 < opened < 3060
    assert 3300 < closed < 5000
    assert watcher.view().streams[0].status is Status.STABLE


def test_a_lasting_change_becomes_the_new_normal_so_that_the_next_one_is_found() -> None:
    """The episode closes with `relearned`, the generation goes up, and the old level is now a drift.

    values  ▁▁▁▁▁▁▁▔▔▔▔▔▔▔▔▔▔▔▔▔▔▁▁▁▁▁▁▁▁▁
    episode        F     R       F     R
    """
    values = gauss(14_000, seed=5)
    values[4000:9000] += 2
    watcher = monitor(1000)
    found = changes(feed(watcher, numbers(x=values)))
    assert [rest for _, *rest in found] == [
        ["value", "firing", None],
        ["value", "resolved", "relearned"],
        ["value", "firing", None],
        ["value", "resolved", "relearned"],
    ]
    assert 4000 < found[0][0] < 4030
    assert found[1][0] - found[0][0] == pytest.approx(2000, abs=2)
    assert 9000 < found[2][0] < 9030
    assert watcher.view().streams[0].reference_generation == 3


def test_relearning_waits_for_its_event_time() -> None:
    """Not before a day, however many events that is."""
    values = gauss(9000, seed=6)
    values[2000:] += 2
    watcher = monitor(1000, relearn_after_seconds=5000 * MINUTE)
    found = changes(feed(watcher, numbers(x=values)))
    (relearned,) = [at for at, _, _, reason in found if reason == "relearned"]
    opened = found[0][0]
    assert 5000 <= relearned - opened <= 5000 + 64


def test_a_slow_creep_below_the_gate_is_not_relearned_but_fires_when_it_matters() -> None:
    """Only what a person was told of becomes normal; else the reference would creep along, and nobody would ever hear.

    values   ▁▁▁▁▁▂▂▂▂▃▃▃▃▄▄▄▄▅▅▅
    episode        ·····F
    """
    values = gauss(20_000, seed=7)
    values[3000:] += np.arange(17_000) / 10_000
    watcher = monitor(1000, min_effect=MinEffect(level=0.2, spread=0.2, rate=0.2))
    found = changes(feed(watcher, numbers(x=values)))
    assert found[0][1:] == ("value", "firing", None)
    assert 7000 < found[0][0] < 15_000  # the mean is .4 to 1.2 standard deviations up


def test_a_feed_of_nulls_is_never_the_new_normal() -> None:
    """It stays an open episode of `missing` for as long as it is dead, and ends when the feed is back."""
    values = gauss(30_000, seed=8)
    values[3000:20_000] = np.nan
    watcher = monitor(1000)
    (fired, *opened), (closed, *resolved) = changes(feed(watcher, numbers(x=values)))
    assert (opened, resolved) == (["missing", "firing", None], ["missing", "resolved", "returned"])
    assert 3000 < fired < 3030
    assert 20_000 < closed < 22_000
    (view,) = watcher.view().streams
    assert (view.reference_generation, view.status) == (1, Status.STABLE)


@pytest.mark.parametrize("dead", [0.25, 40.0])
def test_a_stuck_feed_is_never_the_new_normal(dead: float) -> None:
    """Nothing is relearned while it is stuck, and nothing of that time afterwards."""
    values = gauss(30_000, seed=8)
    values[3000:20_000] = dead
    watcher = monitor(1000)
    found = changes(feed(watcher, numbers(x=values)))
    assert [at for at, _, _, reason in found if reason == "relearned" and at <= 21_000] == []
    (fired,) = [at for at, aspect, state, _ in found if (aspect, state) == ("stuck", "firing")]
    (closed,) = [at for at, aspect, state, _ in found if (aspect, state) == ("stuck", "resolved")]
    assert (3000 < fired < 5000, closed) == (True, 20_001)
    assert watcher.view().streams[0].status is Status.STABLE
    reference = watcher.streams[("feature", "x")].regime.reference  # type: ignore[union-attr]
    assert reference.partition.counts.max() < 4


def test_values_and_missing_ones_are_two_episodes() -> None:
    """A blizzard moves the values and takes half of them away."""
    values = gauss(6000, seed=9)
    values[3000:] += 3
    values[3000::2] = np.nan
    aspects = {aspect for _, aspect, _, _ in changes(feed(monitor(1000), numbers(x=values)))}
    assert aspects == {"value", "missing"}


def test_an_effect_below_the_smallest_that_matters_stays_a_warning() -> None:
    """It is found all the same, and the stream says warning."""
    values = gauss(9000, seed=10)
    values[3000:] += 0.5
    watcher = monitor(1000, min_effect=MinEffect(level=0.4, spread=0.4, rate=0.4))
    facts = feed(watcher, numbers(x=values))
    assert findings(facts)
    assert episodes(facts) == []
    assert watcher.view().streams[0].status is Status.WARNING


def test_a_pending_change_fires_when_it_has_grown() -> None:
    """The gate opens later, at the observation at which the effect matters.

    values   ▁▁▁▁▂▂▂▂▂▂▇▇▇▇▇▇
    episode        ·····F
    """
    values = gauss(5000, seed=11)
    values[3000:3900] += 0.4
    values[3900:] += 4
    facts = feed(monitor(1000, min_effect=MinEffect(level=0.25, spread=0.3, rate=0.3)), numbers(x=values))
    assert 3000 < findings(facts)[0].observation < 3500
    fired = changes(facts)[0]
    assert fired[1:] == ("value", "firing", None)
    assert fired[0] > 3900


def test_far_and_stuck_need_no_effect() -> None:
    """Their detection alone matters."""
    values = gauss(3000, seed=12)
    values[2000:] = values[2000]
    facts = feed(monitor(1000, min_effect=MinEffect(level=9, spread=9, rate=9)), numbers(x=values))
    assert ("x", "stuck", "firing", None) in episodes(facts)


def test_an_override_for_a_stream_decides_its_gate() -> None:
    """The first match in order; other streams keep the common one."""
    moved = gauss(5000, seed=13)
    moved[3000:] += 1
    deaf = Override(feature="a", min_effect=MinEffect(level=0.45, spread=0.45, rate=0.45))
    facts = feed(monitor(1000, overrides=(deaf,)), numbers(a=moved, b=moved))
    assert {feature for feature, *_ in episodes(facts)} == {"b"}


def test_autocorrelated_streams_are_calm() -> None:
    """Slow swings that the reference has too are no drift."""
    noise = gauss(40_000, seed=14)
    for i in range(1, len(noise)):
        noise[i] += 0.9 * noise[i - 1]
    assert episodes(feed(monitor(3000), numbers(x=noise))) == []


def test_a_short_reference_finds_large_changes_too() -> None:
    """Sixty values are enough for a jump."""
    values = gauss(600, seed=15)
    values[300:] += 10
    found = changes(feed(monitor(60), numbers(x=values)))
    assert found[0][1:] == ("value", "firing", None)
    assert 300 < found[0][0] < 320


def test_the_time_of_the_last_drift_is_that_of_the_event() -> None:
    """Event time, not the wall clock; zero before any drift."""
    values = gauss(4000, seed=16)
    values[3000:] += 3
    watcher = monitor(1000)
    feed(watcher, numbers(x=values[:3000]))
    assert watcher.view().streams[0].last_drift_event_time == 0
    facts = feed(watcher, frame({"x": list(map(float, values[3000:]))}, start=3000))
    fired = next(fact for fact in facts if isinstance(fact, EpisodeChange))
    assert watcher.view().streams[0].last_drift_event_time == fired.place.event_time
