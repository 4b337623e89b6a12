"""`driftgauge state` on a state topic: looked at beside the daemon, changed only when none runs."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

from monitor.domain.keys import ModelKey
from monitor.kafka.states import StatesOptions, look
from monitor.kafka.store import KafkaStore
from monitor.state.store import Commit, Snapshot
from tests.services import kafka
from tests.services.daemon import DaemonProcess
from tests.services.test_daemon import event
from tests.unit.cli.invoke import driftgauge

A, B = ModelKey("fraud", "7"), ModelKey("fraud", "8")


def stored(bootstrap: str, group: str, topic: str) -> Snapshot:
    return look(StatesOptions({"bootstrap.servers": bootstrap}, group, topic))


def test_a_state_in_kafka_is_shown_beside_its_owner_and_reset_without_one(
    kafka_bootstrap: str, new_topic: Callable[..., str], tmp_path: Path
) -> None:
    """running: inspect, export; reset refused ── stopped ── a version reset ── positions reset ── everything reset"""
    topic, state = new_topic(), kafka.unique_name("state")
    config = tmp_path / "driftgauge.yaml"
    kafka.produce(kafka_bootstrap, topic, (event(n, version="78"[n % 2]) for n in range(1_200)))
    section = {"store": "kafka", "topic": state}
    with DaemonProcess(tmp_path, kafka_bootstrap, [topic], state=section) as daemon:
        daemon.await_total(1_200, "driftgauge_observations_total", feature="amount")
        shown = driftgauge("state", "inspect", "--config", config)
        assert shown.code == 0, shown.err
        assert f"{topic}/0: next offset 1,200" in shown.out
        assert "2 model versions, 6 streams" in shown.out
        refused = driftgauge("state", "reset", "--config", config, "--all")
        assert (refused.code, "which is running" in refused.err) == (3, True), refused.err
        assert daemon.process.stop() == 0
    before = stored(kafka_bootstrap, topic, state)
    exported = json.loads(driftgauge("state", "export", "--config", config).out)
    assert {base64.b64decode(each["state"]) for each in exported["models"]} == set(before.models.values())

    done = driftgauge("state", "reset", "--config", config, "--model", "fraud", "--model-version", "7")
    assert (done.code, done.out) == (0, "reset: model version fraud/7\n"), done.err
    done = driftgauge("state", "reset", "--config", config, "--feature", "amount")
    assert (done.code, done.out) == (0, "reset: stream fraud/8/feature/amount\n"), done.err
    after = stored(kafka_bootstrap, topic, state)
    assert (after.models.keys(), after.offsets) == ({B}, before.offsets)
    assert after.models[B] != before.models[B]
    done = driftgauge("state", "reset", "--config", config, "--topic", topic)
    assert (done.code, done.out) == (0, f"reset: position of {topic}/0\n"), done.err
    assert stored(kafka_bootstrap, topic, state).offsets == {}
    assert driftgauge("state", "reset", "--config", config, "--all").code == 0
    left = stored(kafka_bootstrap, topic, state)
    assert left.models == {}
    assert left.incarnation > after.incarnation > before.incarnation


def test_all_shards_are_one_state(kafka_bootstrap: str, new_topic: Callable[..., str], tmp_path: Path) -> None:
    """A model is looked for where it is, and the control topic's position is that of the shard furthest back."""
    state = new_topic(partitions=2, config={"cleanup.policy": "compact"})
    options = StatesOptions({"bootstrap.servers": kafka_bootstrap}, "g", state)
    for number, (key, control) in enumerate(((A, 5), (B, 3))):
        store = KafkaStore(options.shard(number))
        store.commit(Commit({key: b"state"}, {key: b""}, {("t", number): 7, ("control", 0): control}))
        store.close()
    assert look(options) == Snapshot(
        {A: b"state", B: b"state"}, {A: b"", B: b""}, {("t", 0): 7, ("t", 1): 7, ("control", 0): 3}
    )
    text = f"kafka: {{bootstrap_servers: {kafka_bootstrap!r}, group_id: g}}\nstate: {{store: kafka, topic: {state}}}\n"
    (tmp_path / "c.yaml").write_text(text)
    done = driftgauge("state", "reset", "--config", tmp_path / "c.yaml", "--model-version", "8")
    assert (done.code, done.out) == (0, "reset: model version fraud/8\n"), done.err
    assert look(options).models == {A: b"state"}


def test_a_state_topic_that_is_not_there_is_refused_and_not_made(kafka_bootstrap: str, tmp_path: Path) -> None:
    """A typing mistake leaves no empty state behind."""
    name = kafka.unique_name("state")
    text = f"kafka: {{bootstrap_servers: {kafka_bootstrap!r}}}\nstate: {{store: kafka, topic: {name}}}\n"
    (tmp_path / "c.yaml").write_text(text)
    for command in (["inspect"], ["export"], ["reset", "--all"]):
        found = driftgauge("state", *command, "--config", tmp_path / "c.yaml")
        assert (found.code, "found no such topic" in found.err) == (3, True), found.err


def test_what_is_being_written_is_not_looked_at(kafka_bootstrap: str, new_topic: Callable[..., str]) -> None:
    """commit 1 ── commit 2 written, not committed ── look: commit 1, whole, at once"""
    from confluent_kafka import Producer

    from monitor.kafka.state_records import cut

    state = new_topic(config={"cleanup.policy": "compact"})
    options = StatesOptions({"bootstrap.servers": kafka_bootstrap}, "g", state)
    store = KafkaStore(options.shard(0))
    store.commit(Commit({A: b"one"}, {A: b""}, {("t", 0): 1}))
    other = Producer({"bootstrap.servers": kafka_bootstrap, "transactional.id": kafka.unique_name("other")})
    other.init_transactions(20)
    other.begin_transaction()
    ((key, value),) = cut(("model", "fraud", "7"), b"two")
    other.produce(state, value, key)
    other.flush(20)
    assert look(options).models == {A: b"one"}
    other.abort_transaction(20)
