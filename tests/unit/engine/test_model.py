"""A model version: its streams, its limits, the order of its facts, what it shows."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.domain.facts import EpisodeChange, Status
from monitor.domain.frame import Frame
from monitor.domain.keys import StreamKey
from monitor.engine.policy import Limits, MinEffect, Override, Policy, ProfileMatch
from monitor.reference.profile import Profile
from tests.unit.engine.events import ABSENT, MODEL, Value, cut, episodes, feed, findings, frame, monitor, numbers


def gauss(number: int, seed: int = 0) -> list[Value]:
    return list(map(float, np.random.default_rng(seed).normal(size=number)))


def moved(number: int, at: int, by: float, seed: int = 0) -> list[Value]:
    values = np.random.default_rng(seed).normal(size=number)
    values[at:] += by
    return list(map(float, values))


def test_an_empty_frame_changes_nothing() -> None:
    """A poll without events for a model is no event."""
    watcher = monitor()
    feed(watcher, numbers(x=[1.0, 2.0]))
    before = watcher.dump()
    assert watcher.observe(cut(numbers(x=[1.0]), 0, 0)) == []
    assert watcher.dump() == before


def test_facts_come_in_the_order_of_the_events_then_of_the_streams() -> None:
    """However many streams found something in one frame."""
    whole = frame({"b": moved(3000, 2000, 2, 1), "a": moved(3000, 2000, 2, 2), "c": moved(3000, 1500, 3, 3)})
    facts = feed(monitor(1000), whole)
    offsets = [fact.place.offset for fact in facts]
    assert offsets == sorted(offsets)
    assert {fact.stream.feature for fact in facts} == {"a", "b", "c"}
    twins = feed(monitor(1000), frame({"b": moved(3000, 2000, 2), "a": moved(3000, 2000, 2)}))
    places = [(fact.place.offset, fact.stream.feature) for fact in twins]
    assert places == sorted(places)
    assert {feature for _, feature in places} == {"a", "b"}


def test_an_episode_change_carries_the_finding_behind_it() -> None:
    """At the same event, for one that fires at once."""
    facts = feed(monitor(1000), frame({"x": moved(2000, 1500, 3)}))
    fired = next(fact for fact in facts if isinstance(fact, EpisodeChange))
    assert fired.finding in findings(facts)
    assert fired.finding.place == fired.place
    assert facts.index(fired.finding) < facts.index(fired)


def test_streams_beyond_the_limit_are_refused_and_counted_once() -> None:
    """Those that came first stay; a refused name does not count again."""
    watcher = monitor(limits=Limits(streams=2))
    whole = frame({"c": [1.0, 1.0], "b": [ABSENT, 1.0], "a": [ABSENT, 1.0], "d": [1.0, 1.0]})
    feed(watcher, [whole, whole])
    assert [view.key.feature for view in watcher.view().streams] == ["c", "d"]
    assert watcher.view().refused == {"too_many": 2, "label_too_long": 0}


def test_names_that_make_no_label_are_refused() -> None:
    """Measured in bytes, as labels are."""
    watcher = monitor(limits=Limits(label_bytes=8))
    feed(watcher, frame({"eight888": [1.0], "nine99999": [1.0], "éééé": [1.0], "ééééé": [1.0]}))
    assert [view.key.feature for view in watcher.view().streams] == ["eight888", "éééé"]
    assert watcher.view().refused == {"too_many": 0, "label_too_long": 2}


def test_the_clock_of_a_model_is_the_newest_event_time() -> None:
    """Late events do not turn it back, events without a time leave it."""
    watcher = monitor()
    assert np.isnan(watcher.view().clock)
    late = numbers(x=[1.0, 2.0, 3.0])
    late.event_time[:] = [50.0, 10.0, np.nan]
    feed(watcher, late)
    assert watcher.view().clock == 50.0


def test_the_status_of_a_model_is_that_of_its_worst_stream() -> None:
    """And the share of its streams in drift is what they weigh."""
    watcher = monitor(1000, overrides=(Override(feature="moved", weight=3.0),))
    feed(watcher, frame({"calm": gauss(1600), "moved": moved(1600, 1500, 4)}))
    view = watcher.view()
    assert (view.status, view.drift_share) == (Status.DRIFT, 0.75)
    assert [stream.status for stream in view.streams] == [Status.STABLE, Status.DRIFT]


def test_a_model_without_streams_is_learning() -> None:
    """There is nothing else to say of it."""
    assert (monitor().view().status, monitor().view().drift_share) == (Status.LEARNING, 0.0)


def test_views_list_streams_in_order() -> None:
    """Features, then predictions, by name."""
    watcher = monitor()
    feed(watcher, frame({"b": [1.0], "a": [1.0]}, {"a": [1.0]}))
    keys = [view.key for view in watcher.view().streams]
    assert keys == [
        StreamKey(MODEL.model, MODEL.model_version, name, kind)
        for name, kind in (("a", "feature"), ("b", "feature"), ("a", "prediction"))
    ]


def test_every_detector_and_channel_is_shown_from_the_end_of_the_warm_up() -> None:
    """Counters begin at zero and not at their first increase; scores too."""
    watcher = monitor(1000)
    texts: list[Value] = [["red", "blue"][i % 3 == 0] for i in range(1000)]
    feed(watcher, frame({"x": gauss(1000), "k": texts}))
    text, number = watcher.view().streams
    banks = ("adwin", "page_hinkley")
    expected = {(bank, channel) for bank in banks for channel in ("level", "spread", "out_of_range", "missing")}
    assert expected | {("far", "far"), ("run_length", "stuck")} <= set(number.detections)
    assert {(bank, channel) for bank in banks for channel in ("category", "unseen", "missing")} <= set(text.detections)
    for view in (text, number):
        assert set(view.scores) == set(view.detections)
        assert set(view.detections.values()) == {0}
    feed(watcher, frame({"x": moved(2000, 500, 3, 1)}, start=1000))
    assert set(watcher.view().streams[1].detections) == set(number.detections)


def test_nothing_is_shown_of_channels_while_a_stream_learns() -> None:
    """There are none yet."""
    watcher = monitor(1000)
    feed(watcher, frame({"x": gauss(999)}))
    (view,) = watcher.view().streams
    assert (view.detections, view.scores, view.effects, view.distances) == ({}, {}, {}, {})


def test_distances_come_when_the_window_is_long_enough() -> None:
    """Fifty values after the warm-up."""
    watcher = monitor(1000)
    feed(watcher, frame({"x": gauss(1049)}))
    assert watcher.view().streams[0].distances == {}
    feed(watcher, frame({"x": gauss(1, 9)}, start=1049))
    assert set(watcher.view().streams[0].distances) == {"psi", "js", "ks", "wasserstein", "chi2"}


@pytest.mark.parametrize("warmup", [100, 400, 1000, 5000])
def test_no_drift_shows_no_distance_whatever_the_size_of_the_reference(warmup: int) -> None:
    """The recent window is a quarter of it."""
    watcher = monitor(warmup)
    feed(watcher, frame({"x": gauss(warmup + 3000)}))
    (view,) = watcher.view().streams
    assert view.distances["psi"] < 0.2
    assert abs(view.effects["level"]) < 0.15


def test_a_score_holds_the_value_that_fired_while_its_channel_is_open() -> None:
    """So that a scrape some seconds later still sees it."""
    watcher = monitor(1000)
    facts = feed(watcher, frame({"x": moved(1600, 1500, 3)}))
    first = findings(facts)[0]
    (view,) = watcher.view().streams
    assert view.scores[(first.detector, first.channel)] == first.score > 1
    assert view.detections[(first.detector, first.channel)] == 1


def test_looking_changes_nothing() -> None:
    """A view is derived; the state is the same before and after."""
    watcher = monitor(500)
    feed(watcher, frame({"x": moved(1600, 1500, 3)}))
    before = watcher.dump()
    assert repr(watcher.view()) == repr(watcher.view())
    assert watcher.dump() == before


def test_the_first_override_that_names_a_field_decides_it() -> None:
    """Each field on its own; an override that leaves it open passes it on."""
    wide, narrow = MinEffect(0.4, 0.4, 0.4), MinEffect(0.1, 0.1, 0.1)
    watcher = monitor(
        overrides=(
            Override(feature="amount", type="category"),
            Override(feature="a*", kind="prediction", budget_share=0.5),
            Override(feature="a*", min_effect=wide, type="number"),
            Override(min_effect=narrow, budget_share=0.1),
            Override(model="other", weight=5.0),
        )
    )
    feed(watcher, frame({"amount": [1.0], "age": [1.0], "zip": [1.0]}, {"amount": [1.0]}))
    settings = {(kind, name): stream.settings for (kind, name), stream in watcher.streams.items()}
    amount, age, zip_code = (settings[("feature", name)] for name in ("amount", "age", "zip"))
    assert (amount.wanted, amount.min_effect, amount.terms.false_alarms) == ("category", wide, 0.1)
    assert (age.wanted, age.min_effect, age.terms.false_alarms) == ("number", wide, 0.1)
    assert (zip_code.wanted, zip_code.min_effect, zip_code.terms.false_alarms) == (None, narrow, 0.1)
    assert settings[("prediction", "amount")].terms.false_alarms == 0.5
    assert watcher.view().drift_share == 0


def test_models_are_watched_apart() -> None:
    """Two versions of one model have nothing in common but their policy."""
    policy = monitor(500).policy
    one, other = monitor(500), monitor(500)
    feed(one, frame({"x": moved(1000, 700, 4)}))
    feed(other, frame({"x": gauss(1000)}))
    assert one.policy == other.policy == policy
    assert (one.view().status, other.view().status) == (Status.DRIFT, Status.STABLE)


def test_time_that_passes_expires_nothing_yet() -> None:
    """A tick is no event."""
    watcher = monitor()
    feed(watcher, numbers(x=[1.0]))
    before = watcher.dump()
    assert watcher.tick(2e9) == []
    assert watcher.dump() == before


def test_more_streams_share_the_alarm_budget() -> None:
    """At a high rate, thresholds of a model with many streams are stricter."""

    def level(streams: int) -> float:
        watcher = monitor(1000, false_alarms_per_week=1e-3)
        whole: Frame = numbers(**{f"x{i}": np.random.default_rng(i).normal(size=1000) for i in range(streams)})
        feed(watcher, whole)
        return watcher.streams[("feature", "x0")].regime.level  # type: ignore[union-attr]

    assert level(20) == pytest.approx(level(1) + np.log(20))


def test_a_policy_without_profiles_has_none_for_anybody() -> None:
    """A model version without a match learns from live events."""
    profile = Profile("sha256:0", None, None, {})
    assert Policy().profile_for(MODEL) is None
    assert Policy(profiles=(ProfileMatch("fraud", "*", profile),)).profile_for(MODEL) is profile


def test_two_drifts_of_one_model_are_two_episodes() -> None:
    """Each stream has its own."""
    facts = feed(monitor(1000), frame({"a": moved(1600, 1400, 3, 1), "b": moved(1600, 1400, 3, 2)}))
    assert sorted(change for change in episodes(facts) if change[2] == "firing") == [
        ("a", "value", "firing", None),
        ("b", "value", "firing", None),
    ]
