"""`driftgauge accept` against a running daemon: recorded with where it took effect, so that a fold can repeat it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from monitor.domain.keys import ModelKey
from monitor.kafka.control import Accept, Control, ask
from monitor.kafka.states import StatesOptions, look
from monitor.state.sqlite import SqliteStore
from tests.services import kafka
from tests.services.daemon import DaemonProcess
from tests.services.test_restart import events
from tests.services.waiting import wait_until


def test_an_accepted_drift_closes_and_stays_closed_over_a_restart(
    kafka_bootstrap: str, new_topic: Callable[..., str], tmp_path: Path
) -> None:
    """drift ── accept ── resolved, learning ── restart ── stable; asked once, done once"""
    topic, control = new_topic(), new_topic()
    kafka.produce(kafka_bootstrap, topic, events(4_500))
    with DaemonProcess(tmp_path, kafka_bootstrap, [topic], kafka={"control_topic": control}) as daemon:
        wait_until(lambda: daemon.total("driftgauge_drift_status", model="m0", feature="amount") == 2, 60, "drift")
        config = str(tmp_path / "driftgauge.yaml")
        command = [sys.executable, "-m", "monitor", "accept", "--config", config, "--model", "m0"]
        said = subprocess.run(
            [*command, "--feature", "amount", "--why", "new prices", "--by", "ann"],
            cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        assert "offset 0" in said.stdout
        wait_until(lambda: daemon.total("driftgauge_drift_status", model="m0", feature="amount") == -1, 60, "learning")
        assert daemon.process.stop() == 0
        daemon.start()
        kafka.produce(kafka_bootstrap, topic, events(1_500, first=4_500))
        daemon.await_total(6_000, "driftgauge_observations_total", feature="amount")
        wait_until(lambda: daemon.total("driftgauge_drift_status", model="m0", feature="amount") == 0, 60, "stable")
        assert daemon.process.stop() == 0
        assert len(daemon.lines("accepted")) == 1
    store = SqliteStore(tmp_path / "state")
    try:
        (done,) = store.interventions()
        assert store.load().offsets[control, 0] == 1
    finally:
        store.close()
    assert (done.kind, done.model) == ("accepted", ModelKey("m0", "1"))
    assert done.positions[topic, 0] == 4_500
    detail = json.loads(done.detail)
    assert (detail["feature"], detail["by"], detail["why"]) == ("amount", "ann", "new prices")


def test_an_acceptance_is_kept_and_told_with_a_state_in_kafka(
    kafka_bootstrap: str, new_topic: Callable[..., str], tmp_path: Path
) -> None:
    """drift ── accept ── resolved, learning ── killed ── stable; in the findings topic once, and in the state"""
    topic, control, findings = new_topic(), new_topic(), new_topic()
    state = kafka.unique_name("state")
    kafka.produce(kafka_bootstrap, topic, events(4_500))
    sections: dict[str, dict[str, Any]] = {
        "kafka": {"control_topic": control, "properties": {"session.timeout.ms": 6_000}},
        "state": {"store": "kafka", "topic": state},
        "output": {"findings_topic": findings},
    }
    amount = {"model": "m0", "feature": "amount"}
    with DaemonProcess(tmp_path, kafka_bootstrap, [topic], **sections) as daemon:
        wait_until(lambda: daemon.total("driftgauge_drift_status", **amount) == 2, 90, "drift")
        request = Accept("m0", None, "amount", "ann", "new prices")
        assert ask({"bootstrap.servers": kafka_bootstrap}, control, request) == 0
        wait_until(lambda: daemon.total("driftgauge_drift_status", **amount) == -1, 90, "learning")
        wait_until(lambda: _told(kafka_bootstrap, findings), 60, "the acceptance to be told")
        daemon.process.kill()
        daemon.start()
        kafka.produce(kafka_bootstrap, topic, events(1_500, first=4_500))
        wait_until(lambda: daemon.total("driftgauge_observations_total", feature="amount") == 6_000, 90, "all events")
        wait_until(lambda: daemon.total("driftgauge_drift_status", **amount) == 0, 60, "stable")
        assert daemon.process.stop() == 0
    ((done, ended),) = _told(kafka_bootstrap, findings)
    assert (done["positions"], done["detail"]["why"]) == ([[topic, 0, 4_500]], "new prices")
    assert ended == ["amount"]
    found = look(StatesOptions({"bootstrap.servers": kafka_bootstrap}, topic, state))
    assert found.offsets[control, 0] == 1


def _told(bootstrap: str, topic: str) -> list[tuple[dict[str, Any], list[str]]]:
    """What was said of acceptances, and the features whose episodes ended by one."""
    told = [json.loads(message.value() or b"") for message in kafka.read_topic(bootstrap, topic)]
    data = [event["data"] for event in told]
    ended = [each["feature"] for each in data if each.get("reason") == "accepted"]
    return [(each, ended) for each in data if each.get("intervention") == "accepted"]


def test_what_is_asked_from_a_new_states_first_start_on_is_heard(
    kafka_bootstrap: str, new_topic: Callable[..., str]
) -> None:
    """asked before: not meant ── start ── asked: heard, though nothing was committed yet"""
    topic, properties = new_topic(), {"bootstrap.servers": kafka_bootstrap}
    ask(properties, topic, Accept("before"))
    control = Control({**properties, "group.id": "control"}, topic)
    try:
        control.seek(None)
        wait_until(lambda: (control.notices(), control.position)[1] == 1, 30, "the end to be known")
        ask(properties, topic, Accept("after"))
        heard = wait_until(control.take, 30, "the request")
        assert [asked.request for asked in heard] == [Accept("after")]
    finally:
        control.close()


def test_a_control_topic_made_anew_is_read_from_its_start(kafka_bootstrap: str, new_topic: Callable[..., str]) -> None:
    """read up to 7 ── the topic ends at 1: another one, in which everything is new"""
    topic, properties = new_topic(), {"bootstrap.servers": kafka_bootstrap}
    ask(properties, topic, Accept("new"))
    control = Control({**properties, "group.id": "control"}, topic)
    try:
        control.seek(7)
        heard = wait_until(control.take, 30, "the request")
        assert [asked.request for asked in heard] == [Accept("new")]
    finally:
        control.close()
