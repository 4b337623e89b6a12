"""The daemon as a process on real Kafka: what it reads, counts, shows and how it stops."""

import os
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from monitor.domain.keys import ModelKey
from monitor.state.decisions import decisions
from monitor.state.sqlite import SqliteStore
from tests.services import kafka
from tests.services.daemon import DaemonProcess
from tests.services.waiting import wait_until


def event(number: int, model: str = "fraud", version: str = "7", shift: float = 0.0) -> dict[str, object]:
    value = random.Random(number).gauss(shift, 1.0)
    return {
        "event_id": f"e{number}",
        "ts": 1_767_225_600 + number,
        "model": model,
        "model_version": version,
        "features": {"amount": value, "country": "FR" if value > 0 else "DE"},
        "prediction": value / 10,
    }


#: one after the other what producers in the wild send by mistake; none may hurt its neighbours
BAD = [
    b"",
    b"not json",
    b"\xff\xfe\x00",
    b"[1, 2]",
    b"null",
    b'{"model": null, "features": {"x": 1}}',
    b"{" * 900_000,
    b'{"model": "fraud", "features": {"x": 1}',
    b'{"model": "m", "features": {"x": 1e999, "y": ' + b"9" * 400 + b'}, "ts": 1e300}',
    None,
]


#: good events all the same, of the same day as `event`: a model whose day is long over is forgotten
ODD = [
    b'{"ts": 1767225600, "model": "\\ud800", "features": {"\\udfff": "\\ud800"}}',
    b'{"ts": 1767225600, "model": "a \\"quoted\\" name", "features": {"new\\nline\\\\": NaN, "big": 1'
    + b"0" * 400
    + b"}}",
    b'{"ts": 1767225600, "model": "twice", "model": "once", "features": {"x": "text", "x": [1]}, "more": {"deep": []}}',
]


@pytest.fixture
def start(tmp_path: Path, kafka_bootstrap: str) -> Iterator[Callable[..., DaemonProcess]]:
    started: list[DaemonProcess] = []

    def make(*topics: str, **sections: dict[str, object]) -> DaemonProcess:
        daemon = DaemonProcess(tmp_path, kafka_bootstrap, list(topics), **sections)
        started.append(daemon)
        daemon.start()
        return daemon

    yield make
    for daemon in started:
        daemon.process.kill()


def test_several_topics_models_and_versions_at_once(
    kafka_bootstrap: str, new_topic: Callable[..., str], start: Callable[..., DaemonProcess]
) -> None:
    """Every event is an observation of its own stream, also where a partition appears while it runs."""
    first, second = new_topic(partitions=2), new_topic(partitions=1)
    daemon = start(first, second)
    kafka.produce(kafka_bootstrap, first, (event(number) for number in range(500)))
    kafka.produce(kafka_bootstrap, second, (event(number, "price", "1") for number in range(300)))
    kafka.produce(kafka_bootstrap, second, (event(number, "price", "2") for number in range(200)))
    daemon.await_total(500, "driftgauge_observations_total", model="fraud", feature="amount")
    daemon.await_total(300, "driftgauge_observations_total", model_version="1", kind="prediction")
    daemon.await_total(200, "driftgauge_observations_total", model_version="2", feature="country")
    kafka.add_partitions(kafka_bootstrap, first, 4)
    kafka.produce(kafka_bootstrap, first, (event(number) for number in range(100)), partition=3)
    daemon.await_total(600, "driftgauge_observations_total", model="fraud", feature="amount")
    daemon.await_total(0, "driftgauge_consumer_lag_messages")
    assert daemon.total("driftgauge_messages_total", topic=first, result="ok") == 600


def test_good_and_rejected_and_ignored_are_what_was_produced(
    kafka_bootstrap: str, new_topic: Callable[..., str], start: Callable[..., DaemonProcess]
) -> None:
    """To the message, with the bad ones between the good."""
    topic = new_topic()
    daemon = start(topic)
    sent = 0
    for number in range(5):
        sent += kafka.produce(kafka_bootstrap, topic, [event(number), *BAD, *ODD, {"model": "fraud", "label": 1}])
    daemon.await_total(sent, "driftgauge_messages_total", topic=topic)
    assert daemon.total("driftgauge_messages_total", topic=topic, result="ok") == 5 * (1 + len(ODD))
    assert daemon.total("driftgauge_messages_total", topic=topic, result="ignored") == 5
    daemon.await_total(5, "driftgauge_observations_total", feature="amount")
    rejected = daemon.lines("message_rejected")
    assert 0 < len(rejected) <= 60
    assert all({"topic", "partition", "offset", "expected", "found"} <= line.keys() for line in rejected)
    assert daemon.total("driftgauge_observations_total", model='a "quoted" name', feature="new\nline\\") == 5
    assert daemon.process.stop() == 0


def test_a_drift_is_an_episode_in_log_metrics_and_decision_log(
    kafka_bootstrap: str, new_topic: Callable[..., str], start: Callable[..., DaemonProcess]
) -> None:
    """One change of the world, seen everywhere within seconds."""
    topic = new_topic()
    daemon = start(topic)
    kafka.produce(kafka_bootstrap, topic, (event(number) for number in range(1_000)))
    kafka.produce(kafka_bootstrap, topic, (event(number, shift=3.0) for number in range(1_000, 2_000)))
    daemon.await_total(2_000, "driftgauge_observations_total", feature="amount")
    opened = daemon.lines("episode_opened")
    assert "amount" in {line["feature"] for line in opened}
    assert min(line["observation"] for line in opened) > 1_000
    wait_until(
        lambda: daemon.total("driftgauge_last_drift_timestamp_seconds", feature="amount") > 0, 60, "the drift's time"
    )
    episodes = [event["data"] for _, _, event in decisions(daemon.state) if event["type"] == "driftgauge.episode.v1"]
    assert any(episode["feature"] == "amount" for episode in episodes)


def test_sigterm_saves_everything_and_ends_with_0(
    kafka_bootstrap: str, new_topic: Callable[..., str], start: Callable[..., DaemonProcess]
) -> None:
    """With a checkpoint long before its interval."""
    topic = new_topic()
    daemon = start(topic, state={"path": "state", "interval_seconds": 3600})
    kafka.produce(kafka_bootstrap, topic, (event(number) for number in range(100)))
    daemon.await_total(100, "driftgauge_messages_total", result="ok")
    assert daemon.process.stop() == 0
    store = SqliteStore(daemon.state)
    snapshot = store.load()
    store.close()
    assert snapshot.offsets == {(topic, 0): 100}
    assert set(snapshot.models) == {ModelKey("fraud", "7")}


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux tells what a process has loaded")
def test_river_is_not_loaded_by_a_daemon_that_watches(
    kafka_bootstrap: str, new_topic: Callable[..., str], start: Callable[..., DaemonProcess]
) -> None:
    """It would cost 70 MiB; learning, detecting and saving go without."""
    topic = new_topic()
    daemon = start(topic)
    kafka.produce(kafka_bootstrap, topic, [event(n, shift=3.0 if n > 300 else 0.0) for n in range(600)])
    daemon.await_total(600, "driftgauge_observations_total", feature="amount")
    loaded = Path(f"/proc/{daemon.process.pid}/maps").read_text()
    assert "/numpy/" in loaded
    assert "/river/" not in loaded


def test_a_second_instance_on_the_same_state_ends_with_3(
    kafka_bootstrap: str, new_topic: Callable[..., str], start: Callable[..., DaemonProcess], tmp_path: Path
) -> None:
    """It says who owns the state, and the first one does not notice."""
    topic = new_topic()
    first = start(topic)
    (tmp_path / "second").mkdir()
    second = DaemonProcess(tmp_path / "second", kafka_bootstrap, [topic], state={"path": str(first.state)})
    second.process.start()
    assert second.process.wait(90) == 3
    (line,) = second.lines("not_started")
    assert f"process {first.process.pid}" in line["error"]
    assert first.get("/-/healthy")[0] == 200


def test_an_address_in_use_ends_with_2(
    kafka_bootstrap: str, new_topic: Callable[..., str], start: Callable[..., DaemonProcess], tmp_path: Path
) -> None:
    """A mistake of configuration, said as one."""
    topic = new_topic()
    first = start(topic)
    (tmp_path / "second").mkdir()
    http = {"listen": f"127.0.0.1:{first.port}"}
    second = DaemonProcess(tmp_path / "second", kafka_bootstrap, [topic], http=http)
    second.process.start()
    assert second.process.wait(90) == 2


@pytest.mark.usefixtures("own_kafka")
def test_an_outage_of_the_broker_is_shown_and_survived(tmp_path: Path) -> None:
    """up 1 ── killed: up 0, still healthy ── back: up 1, each event once ── frozen: SIGTERM ends it all the same"""
    with kafka.KafkaBroker(tmp_path) as broker:
        kafka.create_topic(broker.bootstrap, "events")
        kafka.produce(broker.bootstrap, "events", (event(number) for number in range(100)))
        with DaemonProcess(tmp_path, broker.bootstrap, ["events"]) as daemon:
            daemon.await_total(100, "driftgauge_observations_total", feature="amount")
            daemon.await_total(1, "driftgauge_kafka_up")
            broker.kill()
            wait_until(lambda: daemon.total("driftgauge_kafka_up") == 0, 90, "the outage to show")
            assert daemon.get("/-/healthy")[0] == 200
            broker.start()
            kafka.produce(broker.bootstrap, "events", (event(number) for number in range(100, 150)))
            daemon.await_total(150, "driftgauge_observations_total", feature="amount")
            daemon.await_total(1, "driftgauge_kafka_up")
            broker.pause()
            assert daemon.process.stop(timeout=60) == 0
            broker.resume()


def test_a_second_signal_ends_it_at_once(
    kafka_bootstrap: str, new_topic: Callable[..., str], start: Callable[..., DaemonProcess]
) -> None:
    """Two in a row, while the process is stopped and cannot look at either: the first asks, the second ends."""
    daemon = start(new_topic())
    daemon.process.pause()
    os.kill(daemon.process.pid, signal.SIGTERM)
    os.kill(daemon.process.pid, signal.SIGINT)
    daemon.process.resume()
    assert daemon.process.wait(60) == 1
    assert daemon.lines("stopped") == []
