"""The replay: event time made faster, and every event in its place."""

import math
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, TopicPartition

from monitor.demo.flights import Message
from monitor.demo.replay import LONGEST_PAUSE, Replay, ReplayError, due_times
from monitor.kafka.embedded import EmbeddedBroker
from tests.services.waiting import wait_until

DAY = 86_400.0


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({"t": 2, "u": 1}) as running:
        yield running


def received(bootstrap: str, topic: str, partition: int, count: int) -> list[bytes]:
    """The first `count` values of a partition."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "test", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, partition, 0)])
    values: list[bytes] = []

    def enough() -> bool:
        values.extend(value for found in consumer.consume(100, 0.1) if (value := found.value()) is not None)
        return len(values) >= count

    try:
        wait_until(enough, 60, f"{count} messages in {topic} [{partition}]", every=0)
    finally:
        consumer.close()
    return values


def test_the_pace_is_that_of_event_time() -> None:
    """Twice as long between two events is twice as long on the way, and the last is due at the end."""
    assert due_times([100.0, 160.0, 280.0], 9.0) == [0.0, 3.0, 9.0]


def test_a_long_pause_is_cut_short() -> None:
    """Half a year between two slices takes no longer than a night."""
    first = [0.0, LONGEST_PAUSE]
    due = due_times([*first, 180 * DAY, 180 * DAY + LONGEST_PAUSE], 3.0)
    assert due == [0.0, 1.0, 2.0, 3.0]


@pytest.mark.parametrize(("times", "due"), [([], []), ([5.0], [0.0]), ([5.0, 5.0], [0.0, 0.0])])
def test_events_without_any_time_between_are_due_at_once(times: list[float], due: list[float]) -> None:
    """None, one, or several of the same moment."""
    assert due_times(times, 30.0) == due


def test_only_what_is_due_is_sent(broker: EmbeddedBroker) -> None:
    """Half of the time, half of the events; the newest says how far it is."""
    events = [Message(float(n), "t", 0, b"%d" % n) for n in range(11)]
    with Replay(broker.bootstrap, events, 10.0) as replay:
        replay.send_until(5.0)
        assert (replay.sent, replay.newest.time, replay.done) == (6, 5.0, False)
        replay.send_until(10.0)
        assert (replay.sent, replay.newest.time, replay.done) == (11, 10.0, True)


def test_every_event_arrives_in_its_partition_in_order(broker: EmbeddedBroker) -> None:
    """What is sent to a topic's partition is read from there, and counted for the topic."""
    events = [Message(float(n), *((("t", n % 2)) if n % 3 else ("u", 0)), b"%d" % n) for n in range(300)]
    with Replay(broker.bootstrap, events, 0.0) as replay:
        replay.send_until(math.inf)
        replay.finish(10.0)
        assert (replay.sent_to("t"), replay.sent_to("u")) == (200, 100)
    for topic, partition in (("t", 0), ("t", 1), ("u", 0)):
        expected = [event.value for event in events if (event.topic, event.partition) == (topic, partition)]
        assert received(broker.bootstrap, topic, partition, len(expected)) == expected


def test_a_broker_that_is_gone_is_an_error(broker: EmbeddedBroker) -> None:
    """Events nobody took are not passed over in silence."""
    with Replay(broker.bootstrap, [Message(0.0, "t", 0, b"x")], 0.0) as replay:
        broker.stop()
        replay.send_until(0.0)
        with pytest.raises(ReplayError, match=r"expected 1 events to be taken within 0\.3 s, 1 were not"):
            replay.finish(0.3)


def test_a_refused_event_is_an_error(broker: EmbeddedBroker) -> None:
    """A partition that does not exist."""
    with Replay(broker.bootstrap, [Message(0.0, "t", 7, b"x")], 0.0) as replay:
        replay.send_until(0.0)
        with pytest.raises(ReplayError, match="refused 1 events"):
            replay.finish(10.0)
