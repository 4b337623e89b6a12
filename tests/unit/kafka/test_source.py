"""The source on the mock broker that comes with the client: four partitions a topic, admin calls answer nothing."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Producer

from monitor.kafka.notices import Assigned, Gap, Notice, Trouble
from monitor.kafka.source import Source, SourceOptions
from tests.services.waiting import wait_until


@pytest.fixture
def broker() -> Iterator[Producer]:
    """A producer that carries the broker."""
    producer = Producer({"bootstrap.servers": "unused", "test.mock.num.brokers": 1})
    yield producer
    producer.flush(5)


def address(broker: Producer) -> str:
    found = next(iter(broker.list_topics(timeout=60).brokers.values()))
    return f"{found.host}:{found.port}"


def send(broker: Producer, topic: str, count: int, partition: int = 0) -> None:
    for number in range(count):
        broker.produce(topic, str(number).encode(), partition=partition)
    assert broker.flush(10) == 0


@pytest.fixture
def open_source(broker: Producer) -> Iterator[Callable[..., Source]]:
    opened: list[Source] = []

    def make(*topics: str, servers: str | None = None, start: str = "earliest") -> Source:
        source = Source(SourceOptions(servers or address(broker), topics, start=start))  # type: ignore[arg-type]
        opened.append(source)
        return source

    yield make
    for source in opened:
        source.close()


def read(source: Source, count: int) -> list[tuple[str, int, int]]:
    """Poll until `count` messages arrived: (topic, partition, offset) of each."""
    places: list[tuple[str, int, int]] = []

    def enough() -> bool:
        for batch in source.poll():
            places.extend(
                (batch.topic, partition, offset)
                for partition, offset in zip(batch.partitions, batch.offsets, strict=True)
            )
        return len(places) >= count

    wait_until(enough, 20, f"{count} messages", every=0)
    return places


def heard(source: Source, matches: Callable[[Notice], bool]) -> Notice:
    """Poll until the source says something that matches."""
    said: list[Notice] = []

    def found() -> list[Notice]:
        source.poll()
        said.extend(source.notices())
        return [notice for notice in said if matches(notice)]

    return wait_until(found, 20, "a notice", every=0)[0]


def test_every_partition_of_every_topic_is_read(broker: Producer, open_source: Callable[..., Source]) -> None:
    """Nothing subscribes, nothing is left out."""
    for partition in range(4):
        send(broker, "a", 3, partition)
    send(broker, "b", 2)
    places = read(open_source("a", "b"), 14)
    expected = {("a", partition, offset) for partition in range(4) for offset in range(3)} | {("b", 0, 0), ("b", 0, 1)}
    assert set(places) == expected
    assert len(places) == len(expected)


def test_positions_are_the_next_offsets_of_what_was_handed_out(
    broker: Producer, open_source: Callable[..., Source]
) -> None:
    """And lag is what is left."""
    send(broker, "a", 5)
    source = open_source("a")
    read(source, 5)
    assert source.positions()["a", 0] == 5
    wait_until(lambda: source.poll() or source.lag().get(("a", 0)) == 0, 60, "no lag", every=0)


def test_reading_goes_on_at_the_stored_position(broker: Producer, open_source: Callable[..., Source]) -> None:
    """0 1 2 | 3 4"""
    send(broker, "a", 5)
    source = open_source("a")
    source.seek({("a", 0): 3})
    assert read(source, 2) == [("a", 0, 3), ("a", 0, 4)]


def test_a_stored_topic_reads_its_unknown_partitions_from_their_beginning(
    broker: Producer, open_source: Callable[..., Source]
) -> None:
    """A partition that appeared while nobody looked holds only unread events, whatever `start` says."""
    send(broker, "a", 2, partition=0)
    send(broker, "a", 2, partition=1)
    source = open_source("a", start="latest")
    source.seek({("a", 0): 2})
    assert read(source, 2) == [("a", 1, 0), ("a", 1, 1)]


def test_latest_skips_what_is_there_and_reads_what_comes(broker: Producer, open_source: Callable[..., Source]) -> None:
    """Its position is known before the first event, so that a checkpoint can hold it."""
    send(broker, "a", 5)
    source = open_source("a", start="latest")
    wait_until(lambda: source.poll() or source.positions().get(("a", 0)) == 5, 60, "a position", every=0)
    send(broker, "a", 1)
    assert read(source, 1) == [("a", 0, 5)]


def test_a_missing_topic_is_said_once_and_read_from_its_beginning_when_it_appears(
    broker: Producer, open_source: Callable[..., Source]
) -> None:
    """Not fatal, and with `latest` nothing written before it was found is lost."""
    source = open_source("later", start="latest")
    heard(source, lambda notice: isinstance(notice, Trouble) and notice.event == "topic_missing")
    send(broker, "later", 3)
    assert len(read(source, 3)) == 3
    assert not [notice for notice in source.notices() if isinstance(notice, Trouble)]


def test_a_position_before_the_logs_start_is_a_gap_with_its_range(
    broker: Producer, open_source: Callable[..., Source]
) -> None:
    """Beyond the log's end, as after a topic was made anew, reading begins at the earliest too, with nothing lost."""
    send(broker, "a", 3)
    source = open_source("a")
    source.seek({("a", 0): 40})
    gap = heard(source, lambda notice: isinstance(notice, Gap))
    assert gap == Gap("a", 0, expected=40, resumed=0, lost=0)
    assert read(source, 3) == [("a", 0, 0), ("a", 0, 1), ("a", 0, 2)]


def test_no_broker_at_start_is_said_and_does_not_raise(open_source: Callable[..., Source]) -> None:
    """`up` is false, polls return nothing, and the source goes on trying."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        source = open_source("a", servers=f"127.0.0.1:{taken.getsockname()[1]}")
        heard(source, lambda notice: isinstance(notice, Trouble) and notice.event == "broker_down")
        assert not source.up
        assert source.poll() == []
        assert source.lag() == {}


class Raising:
    """A client whose next `consume` raises after it has taken messages."""

    def __init__(self, client: object) -> None:
        self._client = client
        self.raised = False

    def consume(self, count: int, timeout: float) -> list[object]:
        messages: list[object] = self._client.consume(count, timeout)  # type: ignore[attr-defined]
        if messages and not self.raised:
            self.raised = True
            raise RuntimeError("a callback raised")
        return messages

    def __getattr__(self, name: str) -> object:
        return getattr(self._client, name)


def test_an_exception_in_consume_loses_no_message_and_doubles_none(
    broker: Producer, open_source: Callable[..., Source]
) -> None:
    """What the client had taken is read again from our own positions."""
    send(broker, "a", 4)
    source = open_source("a")
    read(source, 4)
    source._consumer = Raising(source._consumer)  # type: ignore[assignment]
    send(broker, "a", 6)
    assert read(source, 6) == [("a", 0, offset) for offset in range(4, 10)]
    assert source._consumer.raised


class Stuck:
    """A client that waits for a dead broker in its close until somebody lets it go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.closed = 0

    def close(self) -> None:
        self.closed += 1
        self.let_go.wait(30)


def test_a_client_that_does_not_close_holds_nobody(
    open_source: Callable[..., Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Close gives up after its bound, and a second close has nothing left to do."""
    source = open_source("a")
    client, source._consumer = source._consumer, Stuck()  # type: ignore[assignment]
    monkeypatch.setattr("monitor.kafka.source.CLOSE_SECONDS", 0.05)
    source.close()
    source.close()
    assert source._consumer.closed == 1
    source._consumer.let_go.set()
    client.close()


def test_partitions_are_announced(broker: Producer, open_source: Callable[..., Source]) -> None:
    """The log can say what is read."""
    send(broker, "a", 1)
    said = heard(open_source("a"), lambda notice: isinstance(notice, Assigned))
    assert said == Assigned("a", (0, 1, 2, 3), found_running=False)
