"""The store in a Kafka topic: what every store promises, and what only transactions can."""

import secrets
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka.admin import AdminClient

from monitor.domain.errors import ConfigurationError, StateError
from monitor.domain.keys import ModelKey
from monitor.kafka import state_topic
from monitor.kafka.store import KafkaStore, StoreOptions
from monitor.state.store import Commit, CommitError, Intervention, Record, Snapshot, Store
from tests.services import kafka
from tests.unit.state.store_suite import Reopen, StoreSuite

A, B = ModelKey("a", "1"), ModelKey("b", "1")


def options(bootstrap: str, topic: str, **more: str) -> StoreOptions:
    properties = {"bootstrap.servers": bootstrap}
    return StoreOptions(properties, {**properties, "group.id": "reading"}, topic, topic, **more)


@pytest.fixture
def state(kafka_bootstrap: str, request: pytest.FixtureRequest) -> str:
    """A state topic as driftgauge makes it."""
    name = kafka.unique_name("state")
    state_topic.ensure(AdminClient({"bootstrap.servers": kafka_bootstrap}), name, 1)
    kafka.await_partitions(kafka_bootstrap, name, 1)
    return name


class TestKafkaStore(StoreSuite):
    """What every store promises."""

    @pytest.fixture
    def reopen(self, kafka_bootstrap: str, state: str) -> Iterator[Reopen]:
        opened: list[Store] = []

        def make() -> Store:
            for store in opened:
                store.close()
            opened[:] = [KafkaStore(options(kafka_bootstrap, state))]
            return opened[0]

        yield make
        for store in opened:
            store.close()


def test_a_state_beyond_the_brokers_message_limit_comes_back(kafka_bootstrap: str, state: str) -> None:
    """Cut into chunks, put together again; and what a shorter one leaves over is gone."""
    large, small = bytes(range(251)) * 20_000, b"small"
    store = KafkaStore(options(kafka_bootstrap, state))
    store.commit(Commit({A: large, B: b"b"}, {A: b"", B: b""}, {("t", 0): 1}))
    store.close()
    again = KafkaStore(options(kafka_bootstrap, state))
    assert again.load().models == {A: large, B: b"b"}
    again.commit(Commit({A: small}, {A: b""}, {("t", 0): 2}))
    again.close()
    assert KafkaStore(options(kafka_bootstrap, state)).load() == Snapshot(
        {A: small, B: b"b"}, {A: b"", B: b""}, {("t", 0): 2}
    )


def test_the_owner_before_is_fenced_and_writes_nothing_any_more(kafka_bootstrap: str, state: str) -> None:
    """old ── commit ── ░░░ ── commit: refused for good          new ── load ── commit: holds"""
    old, new = KafkaStore(options(kafka_bootstrap, state)), KafkaStore(options(kafka_bootstrap, state))
    old.commit(Commit({A: b"old"}, {A: b""}, {("t", 0): 1}))
    assert new.load().models == {A: b"old"}
    for _ in range(2):
        with pytest.raises(StateError, match="another process owns this shard"):
            old.commit(Commit({A: b"zombie"}, {A: b""}, {("t", 0): 9}))
    new.commit(Commit({A: b"new"}, {A: b""}, {("t", 0): 2}))
    assert KafkaStore(options(kafka_bootstrap, state)).load() == Snapshot({A: b"new"}, {A: b""}, {("t", 0): 2})


def test_findings_and_dead_letters_are_read_with_the_state_or_not_at_all(
    kafka_bootstrap: str, state: str, new_topic: Callable[..., str]
) -> None:
    """One transaction: what the broker refuses of it takes everything else with it."""
    findings, letters = new_topic(), new_topic(config={"max.message.bytes": "1000"})
    store = KafkaStore(options(kafka_bootstrap, state, findings_topic=findings, dead_letter_topic=letters))
    finding, letter = Record(b"k", b"finding"), Record(None, b"letter", (("reason", b"bad"),))
    store.commit(Commit({A: b"1"}, {A: b""}, {("t", 0): 1}, [finding], dead_letters=[letter]))
    refused = Record(None, secrets.token_bytes(100_000))
    with pytest.raises(CommitError):
        store.commit(Commit({A: b"2"}, {A: b""}, {("t", 0): 2}, [Record(b"k", b"never")], dead_letters=[refused]))
    store.commit(Commit({A: b"3"}, {A: b""}, {("t", 0): 3}, [Record(b"k", b"later")]))
    assert [message.value() for message in kafka.read_topic(kafka_bootstrap, findings)] == [b"finding", b"later"]
    assert [message.headers() for message in kafka.read_topic(kafka_bootstrap, letters)] == [[("reason", b"bad")]]
    assert KafkaStore(options(kafka_bootstrap, state)).load().models == {A: b"3"}


def test_records_that_are_not_ours_are_refused(kafka_bootstrap: str, state: str) -> None:
    """Nothing is guessed, and nothing wiped."""
    kafka.produce(kafka_bootstrap, state, [b"hello"], key=lambda _: b"world")
    with pytest.raises(StateError, match="only driftgauge's own records"):
        KafkaStore(options(kafka_bootstrap, state)).load()


def test_a_state_topic_that_would_lose_state_is_refused_with_all_that_is_wrong(
    kafka_bootstrap: str, new_topic: Callable[..., str]
) -> None:
    """Every wrong setting in one message, each with what was expected."""
    topic = new_topic(partitions=2, config={"cleanup.policy": "delete", "max.message.bytes": "1000"})
    with pytest.raises(StateError) as refused:
        state_topic.ensure(AdminClient({"bootstrap.servers": kafka_bootstrap}), topic, 1)
    for part in ("2 partitions, expected 1", "cleanup.policy=delete", "max.message.bytes=1000"):
        assert part in str(refused.value)


def test_topics_that_the_shards_do_not_divide_are_refused_with_the_remedy(
    kafka_bootstrap: str, new_topic: Callable[..., str]
) -> None:
    """4 partitions over 3 shards: 1, 2 or 4 shards would do, or 6 partitions."""
    four, six = new_topic(partitions=4), new_topic(partitions=6)
    with pytest.raises(ConfigurationError) as refused:
        state_topic.refuse_undivided(AdminClient({"bootstrap.servers": kafka_bootstrap}), [four, six], 3)
    assert [("one of 1, 2, 4" in line, "6 partitions" in line) for line in refused.value.mistakes] == [(True, True)]


def test_what_is_damaged_is_refused_by_name_and_can_be_reset_alone(kafka_bootstrap: str, state: str) -> None:
    """a damaged, b sound ── load: refused, says the command ── reset of a ── b is what it was"""
    store = KafkaStore(options(kafka_bootstrap, state))
    store.commit(Commit({A: b"a", B: b"b"}, {A: b"", B: b""}, {("t", 0): 1}, incarnation=7))
    kafka.produce(kafka_bootstrap, state, [b"noise"], key=lambda _: b'["model","a","1",0]')
    with pytest.raises(StateError, match="driftgauge state reset --model a --model-version 1"):
        KafkaStore(options(kafka_bootstrap, state)).load()
    damaged = KafkaStore(options(kafka_bootstrap, state))
    with pytest.raises(StateError, match="model a/1 is damaged"):
        damaged.reset([B], [], 1e9)
    damaged.reset([A], [], 1e9)
    left = KafkaStore(options(kafka_bootstrap, state)).load()
    assert (left, left.incarnation) == (Snapshot({B: b"b"}, {B: b""}, {("t", 0): 1}), 8)


def test_a_state_whose_own_facts_are_damaged_can_only_be_reset_whole(kafka_bootstrap: str, state: str) -> None:
    """Its incarnation cannot be told, so the next one is a time that none had before."""
    store = KafkaStore(options(kafka_bootstrap, state))
    done = Intervention("accepted", A, {("t", 0): 1})
    store.commit(Commit({A: b"a"}, {A: b""}, {("t", 0): 1}, interventions=[done]))
    for key in (b'["meta",0]', b'["intervention","1",0]'):
        kafka.produce(kafka_bootstrap, state, [b"noise"], key=lambda _, key=key: key)
    damaged = KafkaStore(options(kafka_bootstrap, state))
    with pytest.raises(StateError, match="state reset --all"):
        damaged.reset([], ["t"], 1e9)
    found = damaged.contents()
    damaged.reset(found.model_names, found.topic_names, 1e9)
    again = KafkaStore(options(kafka_bootstrap, state))
    assert (again.load(), again.load().incarnation, again.interventions()) == (Snapshot(), 1_000_000_000, ())
