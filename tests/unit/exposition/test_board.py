"""What the loop publishes is what a scrape shows, and counters of state wait for their checkpoint."""

from dataclasses import replace
from threading import Thread

import pytest

from monitor.domain.facts import Status
from monitor.domain.keys import ModelKey
from monitor.exposition.board import Board
from tests.unit.exposition.made import FRAUD, drifted, model, stream
from tests.unit.exposition.scraped import named, value

AMOUNT = {"model": "fraud", "model_version": "7", "feature": "amount", "kind": "feature"}
LEVEL = {**AMOUNT, "detector": "adwin", "channel": "level"}


def test_gauges_are_live_while_counters_wait_for_the_checkpoint() -> None:
    """A drift that is not stored yet shows in the status, not in the counter."""
    board = Board()
    board.publish_committed({FRAUD: model(replace(stream(), observations=100))})
    board.publish_live({FRAUD: model(drifted(stream()))})

    assert value(board, "drift_status", **AMOUNT) == Status.DRIFT
    assert value(board, "drift_score", **LEVEL) == 1.4
    assert value(board, "effect", **AMOUNT, channel="level") == 0.21
    assert value(board, "observations_total", **AMOUNT) == 100
    assert value(board, "drift_detections_total", **LEVEL) == 0


def test_counters_move_with_the_checkpoint() -> None:
    """Once the view is stored its counters show."""
    board = Board()
    view = {FRAUD: model(drifted(stream()))}
    board.publish_live(view)
    board.publish_committed(view)

    assert value(board, "observations_total", **AMOUNT) == 500
    assert value(board, "drift_detections_total", **LEVEL) == 1


def test_a_stream_without_a_checkpoint_has_all_its_counters_at_zero() -> None:
    """Counters exist from birth, or an increase from nothing to one would be no increase."""
    board = Board()
    board.publish_live({FRAUD: model(drifted(stream()))})

    assert value(board, "observations_total", **AMOUNT) == 0
    assert [count for _, count in sorted(named(board, "invalid_values_total").items(), key=str)] == [0, 0, 0]
    assert len(named(board, "drift_detections_total")) == 2
    assert set(named(board, "drift_detections_total").values()) == {0}


def test_a_restored_model_shows_before_its_first_event() -> None:
    """What was stored is exposed at once after a restart, so that nothing runs backwards between two scrapes."""
    board = Board()
    board.publish_committed({FRAUD: model(drifted(stream()))})

    assert value(board, "observations_total", **AMOUNT) == 500
    assert value(board, "drift_status", **AMOUNT) == Status.DRIFT


def test_models_that_are_not_named_keep_what_they_show() -> None:
    """Publishing is by model: the others stand."""
    board = Board()
    other = ModelKey("other", "1")
    board.publish_live({FRAUD: model(stream())})
    board.publish_live({other: model(stream(model=other), key=other)})

    assert value(board, "drift_status", **AMOUNT) == Status.STABLE
    assert value(board, "streams") == 2


def test_a_forgotten_model_leaves_nothing_but_what_it_refused() -> None:
    """All its series go; the counter of refused streams does not run backwards."""
    board = Board()
    view = {FRAUD: model(stream(), refused={"too_many": 3, "label_too_long": 0})}
    board.publish_live(view)
    board.publish_committed(view)
    board.late(FRAUD, True)
    board.last_drift(stream().key, 1000.0)

    board.forget(FRAUD)

    assert not any("fraud" in dict(labels).values() for labels in named(board, "drift_status"))
    assert named(board, "model_late") == {}
    assert named(board, "last_drift_timestamp_seconds") == {}
    assert value(board, "streams_refused_total", reason="too_many") == 3


def test_times_of_a_stream_are_zero_until_told() -> None:
    """0 = never, so that rules can compare."""
    board = Board()
    board.publish_live({FRAUD: model(stream())})
    assert value(board, "last_drift_timestamp_seconds", **AMOUNT) == 0
    assert value(board, "last_observation_timestamp_seconds", **AMOUNT) == 0

    board.last_drift(stream().key, 1700000000.5)
    board.last_observations({stream().key: 1700000001.0})

    assert value(board, "last_drift_timestamp_seconds", **AMOUNT) == 1700000000.5
    assert value(board, "last_observation_timestamp_seconds", **AMOUNT) == 1700000001.0


def test_messages_are_there_from_birth_for_topics_and_reasons_that_are_known() -> None:
    """Every result of a configured topic is exposed at 0."""
    board = Board(topics=["events"], reject_reasons=["not_json", "too_deep"])
    board.count_messages("events", "not_json", 2)

    assert {dict(labels)["result"]: count for labels, count in named(board, "messages_total").items()} == {
        "ok": 0,
        "ignored": 0,
        "not_json": 2,
        "too_deep": 0,
    }


def test_a_gap_is_exposed_at_zero_for_every_partition_with_a_lag() -> None:
    """The counter of lost messages exists before anything is lost."""
    board = Board()
    board.set_lag({("events", 0): 7, ("events", 1): 0})
    board.gap("events", 1, 40)

    assert value(board, "consumer_lag_messages", topic="events", partition="0") == 7
    assert value(board, "offset_gap_messages_total", topic="events", partition="0") == 0
    assert value(board, "offset_gap_messages_total", topic="events", partition="1") == 40


def test_a_partition_that_is_not_owned_any_more_shows_no_lag() -> None:
    """The lag is a whole picture each time."""
    board = Board()
    board.set_lag({("events", 0): 7, ("events", 1): 3})
    board.set_lag({("events", 1): 3})

    assert value(board, "consumer_lag_messages", topic="events", partition="0") is None


def test_numbers_of_the_daemon_show_as_published() -> None:
    """Checkpoint, poll, brokers, limit and role."""
    board = Board(version="1.2.3")
    board.checkpoint(1700000000.0, 0.25, 4096)
    board.checkpoint_failed()
    board.polled(1700000002.0)
    board.kafka_up(True)
    board.active(False)
    board.streams_limit(50)

    assert value(board, "checkpoint_timestamp_seconds") == 1700000000.0
    assert value(board, "checkpoint_duration_seconds") == 0.25
    assert value(board, "checkpoint_bytes") == 4096
    assert value(board, "checkpoint_failures_total") == 1
    assert value(board, "last_poll_timestamp_seconds") == 1700000002.0
    assert value(board, "kafka_up") == 1
    assert value(board, "active") == 0
    assert value(board, "streams_limit") == 50
    assert value(board, "build_info", version="1.2.3") == 1


def test_histograms_are_cumulative_and_count_every_event() -> None:
    """A delay on a bound belongs to that bucket; a clock ahead of ours is no delay."""
    board = Board()
    board.observe_event_delay(1.0, 10)
    board.observe_event_delay(-5.0, 2)
    board.observe_event_delay(1e9)

    assert value(board, "event_delay_seconds_bucket", le="0.1") == 2
    assert value(board, "event_delay_seconds_bucket", le="0.5") == 2
    assert value(board, "event_delay_seconds_bucket", le="1.0") == 12
    assert value(board, "event_delay_seconds_bucket", le="+Inf") == 13
    assert value(board, "event_delay_seconds_count") == 13
    assert value(board, "event_delay_seconds_sum") == pytest.approx(10 + 1e9)


def test_the_loop_is_healthy_for_as_long_as_its_last_turn_is_within_the_deadline() -> None:
    """Measured by a monotonic clock from the last poll, and from the start before the first."""
    now = [100.0]
    board = Board(monotonic=lambda: now[0])
    now[0] = 129.0
    assert board.healthy(30.0)
    now[0] = 131.0
    assert not board.healthy(30.0)

    board.polled(1700000000.0)

    assert board.healthy(30.0)


def test_publishing_from_one_thread_while_another_reads_never_tears_a_reading() -> None:
    """Every reading holds either the old picture of the lag or the new one."""
    board = Board()
    pictures = ({("t", partition): 1 for partition in range(50)}, {("t", partition): 2 for partition in range(50)})
    board.set_lag(pictures[0])

    def publish() -> None:
        for turn in range(500):
            board.set_lag(pictures[turn % 2])

    publisher = Thread(target=publish)
    publisher.start()
    seen = []
    while publisher.is_alive():
        seen.append(set(board.read().lag.values()))
    publisher.join()

    assert all(values in ({1}, {2}) for values in seen)
