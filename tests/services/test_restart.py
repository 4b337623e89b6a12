"""Killed and started again: the state is that of one uninterrupted run, and no counter runs backwards."""

import json
import math
import random
from collections.abc import Callable
from pathlib import Path

from monitor.domain.frame import MessageBatch
from monitor.domain.keys import ModelKey
from monitor.engine.model import ModelMonitor
from monitor.formats import open_format
from monitor.settings import load
from monitor.state.sqlite import SqliteStore
from tests.services import kafka
from tests.services.daemon import DaemonProcess, Series
from tests.services.waiting import wait_until

#: counters that live in the state
COUNTERS = ("driftgauge_observations_total", "driftgauge_invalid_values_total", "driftgauge_drift_detections_total")


def events(count: int, first: int = 0) -> list[bytes]:
    """Three models in turn, one of which drifts half way; some values missing."""
    chance = random.Random(first)
    lines = []
    for number in range(first, first + count):
        shift = 2.0 if number % 3 == 0 and number > 3_000 else 0.0
        features: dict[str, object] = {
            "amount": None if chance.random() < 0.05 else chance.gauss(shift, 1.0),
            "country": chance.choice(["FR", "DE", "IT"]),
        }
        body = {"ts": 1_767_225_600 + number, "model": f"m{number % 3}", "model_version": "1", "features": features}
        lines.append(json.dumps({**body, "event_id": str(number), "prediction": chance.random()}).encode())
    return lines


def fold(topic: str, values: list[bytes], configuration: Path) -> dict[ModelKey, bytes]:
    """The states after one uninterrupted run over the events, without any daemon."""
    batch = MessageBatch(topic, values, [0] * len(values), list(range(len(values))), [math.nan] * len(values))
    policy = load(configuration).policy()
    states = {}
    for frame in open_format("flat_json", {}).decode(batch).frames:
        monitor = ModelMonitor(frame.model, policy)
        monitor.observe(frame)
        states[frame.model] = monitor.dump()
    return states


def stored(daemon: DaemonProcess) -> tuple[dict[ModelKey, bytes], dict[tuple[str, int], int]]:
    store = SqliteStore(daemon.state)
    try:
        snapshot = store.load()
    finally:
        store.close()
    return dict(snapshot.models), dict(snapshot.offsets)


def await_progress(daemon: DaemonProcess, wanted: float) -> None:
    """Wait until more than this many events are in what is saved."""

    def progress() -> bool:
        assert daemon.process.running, daemon.process.last_words()
        return daemon.total(COUNTERS[0], feature="amount") > wanted

    wait_until(progress, 60, f"more than {wanted:g} events")


def counters(samples: dict[Series, float]) -> dict[Series, float]:
    return {series: value for series, value in samples.items() if series[0] in COUNTERS}


def test_killed_again_and_again_the_state_is_that_of_one_run(
    kafka_bootstrap: str, new_topic: Callable[..., str], tmp_path: Path
) -> None:
    """produce ── kill ── produce ── kill ── … ── stop in order: bit for bit, no event lost, none twice"""
    topic = new_topic()
    chance = random.Random(1)
    daemon = DaemonProcess(tmp_path, kafka_bootstrap, [topic])
    produced: list[bytes] = []
    with daemon:
        for _ in range(5):
            more = events(1_500, first=len(produced))
            kafka.produce(kafka_bootstrap, topic, more)
            produced += more
            wanted = chance.uniform(0.1, 0.9) * len(produced)
            await_progress(daemon, wanted)
            daemon.process.kill()
            daemon.start()
        daemon.await_total(len(produced), COUNTERS[0], feature="amount")
        assert daemon.process.stop() == 0
    states, offsets = stored(daemon)
    assert offsets == {(topic, 0): len(produced)}
    expected = fold(topic, produced, tmp_path / "driftgauge.yaml")
    assert states.keys() == expected.keys()
    assert [key for key in expected if states[key] != expected[key]] == []


def test_no_counter_runs_backwards_over_a_kill_between_two_scrapes(
    kafka_bootstrap: str, new_topic: Callable[..., str], tmp_path: Path
) -> None:
    """checkpoint ── more events, observed and not saved ── scrape ── kill ── scrape: nothing is less than before"""
    topic = new_topic()
    kafka.produce(kafka_bootstrap, topic, events(3_000))
    # an interval that never comes: what is saved is saved early, by a change of status or a stop in order
    state = {"path": "state", "interval_seconds": 3_600}
    with DaemonProcess(tmp_path, kafka_bootstrap, [topic], state=state) as daemon:
        daemon.await_total(3_000, "driftgauge_messages_total", result="ok")
        assert daemon.process.stop() == 0
        daemon.start()
        saved = daemon.total(COUNTERS[0])
        assert saved >= 3_000 * 3
        kafka.produce(kafka_bootstrap, topic, events(500))
        daemon.await_total(500, "driftgauge_messages_total", result="ok")
        daemon.await_total(0, "driftgauge_consumer_lag_messages")
        before = counters(daemon.scrape())
        daemon.process.kill()
        daemon.start()
        seen = [counters(daemon.scrape())]
        daemon.await_total(500, "driftgauge_messages_total", result="ok")
        assert daemon.process.stop() == 0
        daemon.start()
        seen.append(counters(daemon.scrape()))
        for after in seen:
            assert {series: after.get(series) for series in before if after.get(series, -1) < before[series]} == {}
            before = after
        assert sum(value for (name, _), value in before.items() if name == COUNTERS[0]) == 3_500 * 3
