"""The source on real Kafka: what the mock broker cannot do (grow, retain, transact), and brokers that go away."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from monitor.domain.errors import StateError
from monitor.kafka.notices import Assigned, Gap, Identified, Notice, Trouble
from monitor.kafka.source import Source, SourceOptions
from tests.services import kafka
from tests.services.waiting import wait_until

OpenSource = Callable[..., Source]
Place = tuple[str, int, int]


@pytest.fixture
def open_source() -> Iterator[OpenSource]:
    opened: list[Source] = []

    def make(bootstrap: str, *topics: str, start: str = "earliest", group: str = "driftgauge") -> Source:
        source = Source(SourceOptions(bootstrap, topics, group, start))  # type: ignore[arg-type]
        opened.append(source)
        return source

    yield make
    for source in opened:
        source.close()


class Reader:
    """Polls a source and keeps everything it hands out and says."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.places: list[Place] = []
        self.values: list[bytes | None] = []
        self.said: list[Notice] = []

    def turn(self) -> None:
        for batch in self.source.poll():
            self.values.extend(batch.values)
            self.places.extend(
                (batch.topic, partition, offset)
                for partition, offset in zip(batch.partitions, batch.offsets, strict=True)
            )
        self.said.extend(self.source.notices())

    def until(self, condition: Callable[[], object], what: str, timeout: float = 90) -> None:
        def met() -> object:
            self.turn()
            return condition()

        wait_until(met, timeout, what, every=0)

    def read(self, count: int) -> list[Place]:
        self.until(lambda: len(self.places) >= count, f"{count} messages")
        return self.places

    def troubles(self) -> list[str]:
        return [notice.event for notice in self.said if isinstance(notice, Trouble)]


def test_several_topics_with_all_their_partitions(
    kafka_bootstrap: str, new_topic: Callable[..., str], open_source: OpenSource
) -> None:
    """Each message once, each partition in its order, nothing left over."""
    topics = [new_topic(partitions=3), new_topic(partitions=1)]
    sent = kafka.produce(kafka_bootstrap, topics[0], range(3_000)) + kafka.produce(
        kafka_bootstrap, topics[1], range(50)
    )
    source = open_source(kafka_bootstrap, *topics)
    reader = Reader(source)
    places = reader.read(sent)
    assert len(places) == len(set(places)) == sent
    for topic, partition in {place[:2] for place in places}:
        offsets = [place[2] for place in places if place[:2] == (topic, partition)]
        assert offsets == list(range(len(offsets)))
        assert source.positions()[topic, partition] == len(offsets)
    reader.until(lambda: set(source.lag().values()) == {0} and len(source.lag()) == 4, "no lag")


def test_partitions_that_are_added_are_found_and_read_from_their_beginning(
    kafka_bootstrap: str, new_topic: Callable[..., str], open_source: OpenSource
) -> None:
    """While running, with `latest` too: what is in them nobody has seen."""
    topic = new_topic(partitions=1)
    reader = Reader(open_source(kafka_bootstrap, topic, start="latest"))
    reader.until(lambda: reader.source.positions(), "a position")
    kafka.add_partitions(kafka_bootstrap, topic, 3)
    kafka.produce(kafka_bootstrap, topic, range(5), partition=2)
    assert reader.read(5) == [(topic, 2, offset) for offset in range(5)]
    assert Assigned(topic, (1, 2), found_running=True) in reader.said


def test_a_topic_made_later_is_found(
    kafka_bootstrap: str, open_source: OpenSource, request: pytest.FixtureRequest
) -> None:
    """Said once that it is missing, and read once it is there; other topics are read meanwhile."""
    topic = kafka.unique_name(request.node.name)
    reader = Reader(open_source(kafka_bootstrap, topic))
    reader.until(lambda: "topic_missing" in reader.troubles(), "the complaint")
    kafka.create_topic(kafka_bootstrap, topic, 2)
    kafka.produce(kafka_bootstrap, topic, range(10))
    reader.read(10)
    assert reader.troubles().count("topic_missing") == 1


def test_data_deleted_before_it_was_read_is_a_gap_with_its_range(
    kafka_bootstrap: str, new_topic: Callable[..., str], open_source: OpenSource
) -> None:
    """
    position 2, log's start 7:   0 1 | 2 3 4 5 6 | 7 8 9      five are lost
    """
    topic = new_topic()
    kafka.produce(kafka_bootstrap, topic, range(10))
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap})
    for future in admin.delete_records([TopicPartition(topic, 0, 7)]).values():
        future.result(20)
    source = open_source(kafka_bootstrap, topic)
    source.seek({(topic, 0): 2})
    reader = Reader(source)
    assert reader.read(3) == [(topic, 0, 7), (topic, 0, 8), (topic, 0, 9)]
    assert [notice for notice in reader.said if isinstance(notice, Gap)] == [Gap(topic, 0, 2, 7, 5)]


def topic_id(reader: Reader, topic: str) -> str:
    """What the broker calls the topic, as the source was told."""
    reader.until(lambda: any(isinstance(notice, Identified) for notice in reader.said), "the topic's id")
    return next(notice.topic_id for notice in reader.said if isinstance(notice, Identified) and notice.topic == topic)


def make_anew(bootstrap: str, topic: str) -> None:
    """Delete a topic and create one by the same name."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.delete_topics([topic])[topic].result(20)

    def created() -> bool:
        try:
            kafka.create_topic(bootstrap, topic)
        except KafkaException:  # its predecessor is still being deleted
            return False
        return True

    wait_until(created, 90, "the new topic")


def test_a_topic_made_anew_is_read_from_its_beginning(
    kafka_bootstrap: str, new_topic: Callable[..., str], open_source: OpenSource
) -> None:
    """
    state: old topic, position 3      new topic:   0 1 2 3 4 5 6 7      nothing of it is taken for read
    """
    topic = new_topic()
    kafka.produce(kafka_bootstrap, topic, range(3))
    before = Reader(open_source(kafka_bootstrap, topic))
    before.read(3)
    old = topic_id(before, topic)
    make_anew(kafka_bootstrap, topic)
    kafka.produce(kafka_bootstrap, topic, range(8))
    source = open_source(kafka_bootstrap, topic)
    source.seek({(topic, 0): 3}, {topic: old})
    reader = Reader(source)
    assert reader.read(8) == [(topic, 0, offset) for offset in range(8)]
    (said,) = [notice for notice in reader.said if isinstance(notice, Identified)]
    assert (said.before, said.recreated) == (old, True)


def test_a_topic_made_anew_while_it_is_read_is_read_from_its_beginning(
    kafka_bootstrap: str, new_topic: Callable[..., str], open_source: OpenSource
) -> None:
    """
    old topic, position 5      new topic, shorter:   0 1 2      position beyond its end, and another id
    """
    topic = new_topic()
    kafka.produce(kafka_bootstrap, topic, range(5))
    reader = Reader(open_source(kafka_bootstrap, topic))
    reader.read(5)
    topic_id(reader, topic)
    make_anew(kafka_bootstrap, topic)
    kafka.produce(kafka_bootstrap, topic, range(3))
    assert reader.read(8)[5:] == [(topic, 0, 0), (topic, 0, 1), (topic, 0, 2)]
    assert any(isinstance(notice, Identified) and notice.recreated for notice in reader.said)


def test_a_position_beyond_the_end_of_the_same_topic_is_refused(
    kafka_bootstrap: str, new_topic: Callable[..., str], open_source: OpenSource
) -> None:
    """The log went back behind what is counted: nobody but a person can say what is true, and the way out is named."""
    topic = new_topic()
    kafka.produce(kafka_bootstrap, topic, range(3))
    before = Reader(open_source(kafka_bootstrap, topic))
    before.read(3)
    source = open_source(kafka_bootstrap, topic)
    source.seek({(topic, 0): 50}, {topic: topic_id(before, topic)})
    reader = Reader(source)
    with pytest.raises(StateError, match=f"state reset --topic {topic}"):
        reader.read(1)


def test_aborted_events_are_never_seen_and_markers_are_no_lag(
    kafka_bootstrap: str, new_topic: Callable[..., str], open_source: OpenSource
) -> None:
    """
    committed 0 1 · marker · aborted 3 4 · marker · committed 6 · marker
    """
    topic = new_topic()
    producer = Producer({"bootstrap.servers": kafka_bootstrap, "transactional.id": topic})
    producer.init_transactions(20)
    for values, end in (
        ((b"0", b"1"), producer.commit_transaction),
        ((b"x", b"x"), producer.abort_transaction),
        ((b"2",), producer.commit_transaction),
    ):
        producer.begin_transaction()
        for value in values:
            producer.produce(topic, value, partition=0)
        producer.flush(20)
        end(20)
    source = open_source(kafka_bootstrap, topic)
    reader = Reader(source)
    reader.until(lambda: source.positions().get((topic, 0)) == 8, "the position beyond the last marker")
    assert reader.values == [b"0", b"1", b"2"]
    reader.until(lambda: source.lag() == {(topic, 0): 0}, "no lag")


def test_lag_tools_see_the_groups_offsets(
    kafka_bootstrap: str, new_topic: Callable[..., str], open_source: OpenSource
) -> None:
    """Committed without being a member of the group, and without waiting."""
    topic = new_topic()
    kafka.produce(kafka_bootstrap, topic, range(4))
    source = open_source(kafka_bootstrap, topic, group=topic)
    reader = Reader(source)
    reader.read(4)
    tool = Consumer({"bootstrap.servers": kafka_bootstrap, "group.id": topic})
    try:

        def told() -> bool:
            source.commit_group(source.positions())
            reader.turn()
            return bool(tool.committed([TopicPartition(topic, 0)], timeout=60)[0].offset == 4)

        wait_until(told, 90, "the group's offset")
    finally:
        tool.close()
    assert "group_commit_failed" not in reader.troubles()


@pytest.mark.usefixtures("own_kafka")
def test_a_broker_that_goes_away_and_comes_back_costs_nothing(tmp_path: Path, open_source: OpenSource) -> None:
    """read ── broker stopped: up is false, polls stay short ── started: goes on, each message once"""
    with kafka.KafkaBroker(tmp_path) as broker:
        kafka.create_topic(broker.bootstrap, "events", 2)
        kafka.produce(broker.bootstrap, "events", range(100))
        reader = Reader(open_source(broker.bootstrap, "events"))
        reader.read(100)
        assert reader.source.up
        broker.kill()
        reader.until(lambda: not reader.source.up, "the source to notice")
        longest = 0.0
        for _ in range(20):
            began = time.monotonic()
            reader.turn()
            longest = max(longest, time.monotonic() - began)
        assert longest < 15  # the requests that it dares to make, and a busy machine
        broker.start()
        kafka.produce(broker.bootstrap, "events", range(100))
        places = reader.read(200)
        assert len(places) == len(set(places)) == 200
        assert reader.source.up


@pytest.mark.usefixtures("own_kafka")
def test_a_broker_that_comes_up_after_the_source_is_found(tmp_path: Path, open_source: OpenSource) -> None:
    """The order in which things start does not matter."""
    broker = kafka.KafkaBroker(tmp_path)
    reader = Reader(open_source(broker.bootstrap, "events"))
    reader.until(lambda: "broker_down" in reader.troubles(), "the complaint")
    assert not reader.source.up
    with broker:
        kafka.create_topic(broker.bootstrap, "events")
        kafka.produce(broker.bootstrap, "events", range(10))
        reader.read(10)
