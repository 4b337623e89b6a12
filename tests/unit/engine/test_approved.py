"""Streams held against an approved profile: tested from the first event on, and faithful to it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from monitor.domain.facts import EpisodeChange, Fact, Status
from monitor.domain.frame import Frame
from monitor.engine.model import ModelMonitor
from monitor.engine.policy import Policy, ProfileMatch
from monitor.reference.profile import Profile, learn_profile, parse
from tests.unit.engine.events import ABSENT, MODEL, Columns, cut, feed, findings, frame, monitor, numbers

Floats = npt.NDArray[np.float64]


def gauss(number: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=number)


def profile_of(*frames: Frame, events_per_week: float | None = None) -> Profile:
    return parse(learn_profile(frames, model=None, source={}, events_per_week=events_per_week))


def approved(*frames: Frame, **policy: object) -> ModelMonitor:
    """A monitor with a profile made of the given frames."""
    return monitor(profiles=(ProfileMatch("*", "*", profile_of(*frames)),), **policy)


def changes(facts: list[Fact], aspect: str = "value") -> list[tuple[int, str, str | None]]:
    found = [fact for fact in facts if isinstance(fact, EpisodeChange) and fact.aspect == aspect]
    return [(change.observation, change.state, change.reason) for change in found]


def test_a_profile_is_watched_against_from_the_first_event() -> None:
    """No warm-up, and every stream of the profile is there."""
    watcher = approved(numbers(x=gauss(2000), y=gauss(2000, 1)))
    views = watcher.view().streams
    assert [(view.key.feature, view.status, view.reference_generation) for view in views] == [
        ("x", Status.STABLE, 1),
        ("y", Status.STABLE, 1),
    ]


def test_a_stream_that_was_off_from_its_first_event_is_found() -> None:
    """It is anchored in the profile, so that there need not be a change to see."""
    watcher = approved(numbers(x=gauss(2000)))
    fired = changes(feed(watcher, numbers(x=gauss(400, 1) + 1)))[0]
    assert fired[0] < 80
    assert fired[1:] == ("firing", None)


def test_live_values_like_the_training_data_are_calm() -> None:
    """Twenty thousand of them."""
    assert feed(approved(numbers(x=gauss(2000))), numbers(x=gauss(20_000, 1))) == []


def test_a_stream_of_the_profile_that_never_comes_is_missing() -> None:
    """Its name is known, and that it was always there."""
    watcher = approved(numbers(x=gauss(2000), gone=gauss(2000, 1)))
    facts = feed(watcher, numbers(x=gauss(100, 2)))
    assert {(finding.stream.feature, finding.channel) for finding in findings(facts)} == {("gone", "missing")}


def test_a_prediction_that_has_not_come_yet_is_not_missed_in_events_of_features() -> None:
    """Its topic is not known before its first event, in the same frame or in another.

    features    x x x x x x x x
    prediction  . . . . p p p p
    """
    training = frame({"x": gauss(500).tolist()}, {"p": gauss(500, 1).tolist()})
    live: tuple[Columns, Columns] = ({"x": gauss(60, 2).tolist()}, {"p": [ABSENT] * 30 + gauss(30, 3).tolist()})
    for at in (30, 10, 45, 60):
        watcher = approved(training)
        whole = frame(*live)
        feed(watcher, [cut(whole, 0, at), cut(whole, at, 60)] if at < 60 else whole)
        (prediction,) = [view for view in watcher.view().streams if view.key.kind == "prediction"]
        assert (prediction.observations, prediction.invalid["missing"]) == (30, 0)


def test_a_stream_that_is_not_in_the_profile_warms_up() -> None:
    """New features are learned from live events."""
    watcher = approved(numbers(x=gauss(2000)))
    feed(watcher, numbers(x=gauss(1500, 1), new=gauss(1500, 2)))
    by_name = {view.key.feature: view for view in watcher.view().streams}
    assert by_name["new"].reference_observations == 1000


def test_a_lasting_change_stays_open_against_a_profile() -> None:
    """Only a person changes what is approved; effect and distances keep pointing at it.

    values  ▁▁▁▁▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔
    episode     F·················
    """
    values = gauss(12_000, 1)
    values[2000:] += 2
    watcher = approved(numbers(x=gauss(2000)))
    found = changes(feed(watcher, numbers(x=values)))
    assert [rest for _, *rest in found] == [["firing", None]]
    (view,) = watcher.view().streams
    assert (view.status, view.reference_generation) == (Status.DRIFT, 1)
    assert view.effects["level"] > 0.4
    assert set(view.open_episodes) == {"value"}


def test_a_second_lasting_change_fires_again() -> None:
    """The relearned regime finds it, against the profile it is explained.

    values  ▁▁▁▁▄▄▄▄▄▄▄▄▄▄▄▄█████████
    episode     F           F
    """
    values = gauss(16_000, 1)
    values[2000:] += 2
    values[10_000:] += 2
    watcher = approved(numbers(x=gauss(2000)))
    facts = feed(watcher, numbers(x=values))
    (first, *_), (second, *_) = changes(facts)
    assert [rest for _, *rest in changes(facts)] == [["firing", None]] * 2
    assert 2000 < first < 2030
    assert 10_000 < second < 10_060
    assert watcher.view().streams[0].status is Status.DRIFT


def test_a_third_change_is_found_as_well() -> None:
    """The regime is relearned again and again."""
    values = gauss(40_000, 1)
    values[2000:] += 2
    values[10_000:] += 2
    values[25_000:] -= 1.5
    found = changes(feed(approved(numbers(x=gauss(2000))), numbers(x=values)))
    assert [at // 1000 for at, state, _ in found if state == "firing"] == [2, 10, 25]


def test_a_return_to_the_profile_resolves_and_the_relearned_regime_is_forgotten() -> None:
    """The stream is where it was approved; the next drift is judged afresh."""
    values = np.random.default_rng(1).random(40_000)
    values[2000:9000] **= 0.3
    watcher = approved(numbers(x=np.random.default_rng(0).random(2000)))
    found = changes(feed(watcher, numbers(x=values)))
    assert found[0][1:] == ("firing", None)
    assert found[-1][1:] == ("resolved", "returned")
    assert 9000 < found[-1][0] < 14_000
    (view,) = watcher.view().streams
    assert (view.status, view.reference_generation) == (Status.STABLE, 1)
    stream = watcher.streams[("feature", "x")]
    assert stream.relearned is None
    channels = stream.regime.channels  # type: ignore[union-attr]
    assert len(watcher._banks.adwin) == len(watcher._banks.page_hinkley) == len(channels)


def test_findings_name_the_profile() -> None:
    """Its identity is in every one of them."""
    profile = profile_of(numbers(x=gauss(2000)))
    watcher = ModelMonitor(MODEL, Policy(profiles=(ProfileMatch("*", "*", profile),)))
    found = findings(feed(watcher, numbers(x=gauss(200, 1) + 2)))
    assert {finding.reference_id for finding in found} == {profile.identity}


@pytest.mark.parametrize(
    ("model", "version", "fits"),
    [("fraud", "3", True), ("fr*", "*", True), ("fraud", "4", False), ("FRAUD", "3", False)],
)
def test_a_profile_is_for_the_model_versions_that_match(model: str, version: str, fits: bool) -> None:
    """Globs, in order, case and all; without a match the model warms up."""
    matches = ProfileMatch(model, version, profile_of(numbers(x=gauss(100))))
    assert (monitor(profiles=(matches,)).view().streams != ()) is fits


def test_the_first_matching_profile_is_taken() -> None:
    """More special ones are written first."""
    one, two = profile_of(numbers(one=gauss(100))), profile_of(numbers(two=gauss(100)))
    watcher = monitor(profiles=(ProfileMatch("fraud", "*", one), ProfileMatch("*", "*", two)))
    assert [view.key.feature for view in watcher.view().streams] == ["one"]


def test_a_told_rate_makes_thresholds_fit_the_alarm_budget() -> None:
    """More events and more streams a week mean stricter thresholds for the same number of false alarms."""
    training = numbers(x=gauss(2000))
    levels = []
    for rate in (None, 1e4, 1e9):
        watcher = monitor(profiles=(ProfileMatch("*", "*", profile_of(training, events_per_week=rate)),))
        levels.append(watcher.streams[("feature", "x")].regime.level)  # type: ignore[union-attr]
    unknown, slow, fast = levels
    assert unknown == slow
    assert fast > unknown + 3
