"""Episodes out of the daemon's log, and what counts as having seen what happened."""

import json
from typing import Any

import pytest

from monitor.demo.episodes import Change, Episodes, changes
from monitor.demo.flights import VERSIONS
from tests.unit.demo.plans import BLIZZARD, GAP, line

WINTER, SUMMER = VERSIONS


def read(*entries: dict[str, Any]) -> list[Change]:
    return list(changes(json.dumps(entry) for entry in entries))


def episodes(*entries: dict[str, Any]) -> Episodes:
    found = Episodes()
    for change in read(*entries):
        found.add(change)
    return found


def closing(entry: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The line that closes what this one opened."""
    return {**entry, "event": "episode_closed", "state": "resolved", "reason": "returned", **fields}


def test_a_line_is_a_change_in_new_york_time() -> None:
    """Stream, aspect, words, the local time of the event and the number of the flight."""
    (change,) = read({**GAP, "event_id": "summer-live-02816"})
    assert (change.version, change.feature, change.aspect, change.opens) == (SUMMER, "temp", "missing", True)
    assert (change.moment and change.moment.isoformat(), change.flight) == ("2013-08-22T19:00:00-04:00", 2816)
    assert change.why == "something is off"


def test_other_lines_are_passed_over() -> None:
    """What is no JSON, no object, no episode, or of another model."""
    others = ["Traceback (most recent call last):", "[]", "", '{"event": "started"}']
    others += [json.dumps({**GAP, "model": "another"}), json.dumps({**GAP, "model_version": "spring"})]
    assert list(changes(others)) == []


def test_the_count_of_observations_stands_in_for_a_number() -> None:
    """An event id that ends in no number."""
    (change,) = read({**GAP, "event_id": "e-1b"})
    assert change.flight == 7


def test_an_episode_lasts_from_opening_to_closing() -> None:
    """Closed with its reason, and not among the open ones any more."""
    found = episodes(BLIZZARD, GAP, closing(BLIZZARD, ts="2013-02-11T12:00:00Z"))
    first, second = found.all
    assert first.closed is not None
    assert (first.closed.reason, first.closed.opens) == ("returned", False)
    assert (second.closed, found.open) == (None, [second])


def test_firing_again_is_no_new_episode() -> None:
    """A further change inside an open one is counted there; after it closed, the next is another."""
    found = episodes(BLIZZARD, BLIZZARD, closing(BLIZZARD), BLIZZARD)
    assert [(episode.again, episode.closed is None) for episode in found.all] == [(1, False), (0, True)]


def test_aspects_are_apart() -> None:
    """Values and missing values of one stream are two episodes, and close apart."""
    missing = line("winter", "precip", "2013-02-09T13:35:00Z", aspect="missing")
    found = episodes(BLIZZARD, missing, closing(missing))
    assert [episode.opened.aspect for episode in found.open] == ["value"]


def test_closing_what_never_opened_is_nothing() -> None:
    """As after a log that was cut."""
    assert episodes(closing(GAP)).all == []


@pytest.mark.parametrize(
    ("version", "feature", "aspect", "ts", "seen"),
    [
        ("winter", "precip", "value", "2013-02-08T05:00:00Z", True),  # midnight in New York
        ("winter", "precip", "value", "2013-02-08T04:59:00Z", False),
        ("winter", "prev_dep_delay", "missing", "2013-02-10T04:59:00Z", True),
        ("winter", "prev_dep_delay", "missing", "2013-02-10T05:00:00Z", False),
        ("winter", "visib", "value", "2013-02-08T20:00:00Z", False),
        ("winter", "precip", "value", None, False),
        ("summer", "temp", "missing", "2013-08-22T04:00:00Z", True),
        ("summer", "visib", "missing", "2013-08-24T03:59:00Z", True),
        ("summer", "visib", "missing", "2013-08-24T04:00:00Z", False),
        ("summer", "temp", "value", "2013-08-22T23:00:00Z", False),
        ("summer", "dewp", "missing", "2013-08-22T23:00:00Z", False),
    ],
)
def test_what_counts_as_seen(version: str, feature: str, aspect: str, ts: str | None, seen: bool) -> None:
    """One of the features, the right aspect, opened within the two days by New York time; the end is not in."""
    found = episodes(line(version, feature, ts, aspect=aspect))
    of = WINTER if version == "winter" else SUMMER
    assert (found.meeting(of, of.expected) is not None) == seen


def test_one_version_does_not_stand_in_for_the_other() -> None:
    """A summer's gap says nothing about the winter."""
    assert episodes(GAP).meeting(WINTER, SUMMER.expected) is None


def test_a_prediction_of_the_same_name_does_not_count() -> None:
    """Only features were said to drift."""
    assert episodes({**BLIZZARD, "kind": "prediction"}).meeting(WINTER, WINTER.expected) is None
