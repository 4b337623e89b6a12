"""Findings as CloudEvents: equal conclusions have equal ids, different ones never, and all that matters is inside."""

import json
from dataclasses import replace

import pytest

from monitor.domain.facts import Fact
from monitor.domain.keys import ModelKey, StreamKey
from monitor.findings.events import encode_facts, encode_interventions
from monitor.state.store import Intervention
from tests.unit.state.facts import PROVENANCE, STREAM, episode, finding

FINDING = finding()


def ids(*facts: Fact) -> list[str]:
    return [record.id for record in encode_facts(facts, PROVENANCE)]


def test_the_same_conclusion_has_the_same_id_however_it_was_reached_again() -> None:
    """After a crash the events are read again, in other batches."""
    together = ids(FINDING, episode(), finding(offset=6))
    apart = ids(FINDING, episode()) + ids(finding(offset=6))
    assert together == apart


@pytest.mark.parametrize(
    "other",
    [
        replace(FINDING, place=replace(FINDING.place, topic="other")),
        replace(FINDING, place=replace(FINDING.place, partition=1)),
        replace(FINDING, place=replace(FINDING.place, offset=6)),
        replace(FINDING, place=replace(FINDING.place, row=1)),
        replace(FINDING, stream=replace(STREAM, feature="other")),
        replace(FINDING, stream=StreamKey("fraud7", "", "amount", "feature")),
        replace(FINDING, channel="spread"),
        replace(FINDING, detector="page_hinkley"),
        episode(),
        episode("resolved"),
    ],
)
def test_whatever_differs_gives_another_id(other: Fact) -> None:
    """Place, stream, channel, detector and transition each count."""
    assert ids(other) != ids(FINDING)


def test_another_incarnation_gives_another_id() -> None:
    """After a reset the same event may be concluded from anew."""
    (later,) = encode_facts([FINDING], replace(PROVENANCE, incarnation=2))
    assert later.id != ids(FINDING)[0]


def test_two_categories_that_change_at_the_same_event_are_two() -> None:
    """They share a channel, a detector and a place."""
    first, second = ids(replace(FINDING, channel="category"), replace(FINDING, channel="category"))
    assert first != second


def test_a_record_names_everything_the_decision_rests_on() -> None:
    """A structured CloudEvent whose data is enough to make the decision again."""
    (record,) = encode_facts([FINDING], PROVENANCE)
    event = json.loads(record.value or b"")
    assert (event["specversion"], event["id"], event["type"]) == ("1.0", record.id, "driftgauge.finding.v1")
    assert (event["source"], event["time"]) == ("/driftgauge/test", "1970-01-01T00:16:40Z")
    assert event["subject"] == "fraud/7/feature/amount"
    data = event["data"]
    assert {"reference_id", "generation", "statistic", "threshold", "score", "effect", "explanation"} <= data.keys()
    assert data["place"] == {
        "topic": "events",
        "partition": 0,
        "offset": 5,
        "row": 0,
        "event_id": "e1",
        "event_time": "1970-01-01T00:16:40Z",
    }
    assert (data["configuration"], data["driftgauge_version"], data["incarnation"]) == ("c0", "0.0", 1)
    assert record.key == b"fraud/7"
    assert dict(record.headers)["content-type"] == b"application/cloudevents+json; charset=utf-8"


def test_an_intervention_says_where_in_the_input_it_took_effect() -> None:
    """So that the fold can be repeated with it in its place."""
    done = Intervention("expired", ModelKey("m", "1"), {("t", 1): 7, ("t", 0): 5}, b'{"streams":[["feature","a"]]}')
    (record,) = encode_interventions([done], PROVENANCE, 10.0)
    event = json.loads(record.value or b"")
    assert event["type"] == "driftgauge.intervention.v1"
    assert event["data"]["positions"] == [["t", 0, 5], ["t", 1, 7]]
    assert event["data"]["detail"] == {"streams": [["feature", "a"]]}
