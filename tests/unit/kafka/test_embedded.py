"""The embedded broker: a TCP server with the topics that were asked for, gone when it is stopped."""

import socket
from contextlib import ExitStack

import pytest
from confluent_kafka.admin import AdminClient

from monitor.domain.errors import SourceError
from monitor.kafka.embedded import EmbeddedBroker


def partitions(broker: EmbeddedBroker) -> dict[str, int]:
    """What a client is told: topic → number of partitions."""
    topics = AdminClient({"bootstrap.servers": broker.bootstrap}).list_topics(timeout=60).topics
    return {name: len(topic.partitions) for name, topic in topics.items()}


def test_topics_have_the_partitions_asked_for() -> None:
    """As many as named, from one up."""
    with EmbeddedBroker({"one": 1, "many": 12}) as broker:
        assert partitions(broker) == {"one": 1, "many": 12}


def test_it_listens_on_loopback_only() -> None:
    """Nobody outside this machine can reach it."""
    with EmbeddedBroker({}) as broker:
        assert broker.bootstrap.startswith("127.0.0.1:")


def test_two_brokers_are_two() -> None:
    """Each has its own address and its own topics."""
    with ExitStack() as stack:
        first, second = (stack.enter_context(EmbeddedBroker({name: 1})) for name in ("a", "b"))
        assert first.bootstrap != second.bootstrap
        assert (partitions(first), partitions(second)) == ({"a": 1}, {"b": 1})


def test_nothing_listens_after_the_end() -> None:
    """The port is closed, and the broker has no address any more; stopping twice is no mistake."""
    with EmbeddedBroker({}) as broker:
        host, port = broker.bootstrap.split(":")
    broker.stop()
    with pytest.raises(SourceError, match="not running"):
        _ = broker.bootstrap
    with socket.socket() as probe:
        assert probe.connect_ex((host, int(port))) != 0


def test_a_topic_needs_a_partition() -> None:
    """librdkafka would abort the process; it is not asked."""
    with pytest.raises(ValueError, match="topic 'none': expected at least 1 partition, got 0"):
        EmbeddedBroker({"none": 0})


def test_a_running_broker_is_not_started_again() -> None:
    """A second start is refused, and leaves the first as it is."""
    broker = EmbeddedBroker({"t": 1})
    with broker:
        address = broker.bootstrap
        with pytest.raises(SourceError, match="runs already"):
            broker.__enter__()
        assert broker.bootstrap == address
        assert partitions(broker) == {"t": 1}
