"""A new model version that starts from the old one's references, in the running daemon."""

import json
from collections.abc import Callable
from pathlib import Path

from monitor.domain.keys import ModelKey
from monitor.state.decisions import decisions
from monitor.state.sqlite import SqliteStore
from tests.services import kafka
from tests.services.daemon import DaemonProcess
from tests.services.test_daemon import event
from tests.services.waiting import wait_until


def test_a_new_version_that_is_off_from_its_first_event_is_in_drift_at_once_and_over_a_kill(
    kafka_bootstrap: str, new_topic: Callable[..., str], tmp_path: Path
) -> None:
    """version 7: learns 1,000 events ── version 8: 3 σ higher: drift, no warm-up ── kill ── still, recorded once"""
    topic = new_topic()
    warmup = {"new_version": "inherit", "warmup": {"observations": 500, "duration": 0}}
    kafka.produce(kafka_bootstrap, topic, (event(number) for number in range(1_000)))
    with DaemonProcess(tmp_path, kafka_bootstrap, [topic], reference=warmup) as daemon:
        daemon.await_total(1_000, "driftgauge_observations_total", feature="amount")
        kafka.produce(kafka_bootstrap, topic, (event(number, version="8", shift=3.0) for number in range(1_000, 1_300)))
        newer = {"model_version": "8", "feature": "amount"}
        wait_until(lambda: daemon.total("driftgauge_drift_status", **newer) == 2, 60, "drift")
        daemon.await_total(300, "driftgauge_observations_total", **newer)
        daemon.process.kill()
        daemon.start()
        wait_until(lambda: daemon.total("driftgauge_drift_status", **newer) == 2, 60, "drift after the kill")
        assert daemon.process.stop() == 0
    store = SqliteStore(tmp_path / "state")
    try:
        (done,) = store.interventions()
    finally:
        store.close()
    assert (done.kind, done.model) == ("inherited", ModelKey("fraud", "8"))
    assert done.positions == {(topic, 0): 1_000}
    assert json.loads(done.detail) == {"from_version": "7", "streams": 3, "learning": 0}
    found = [line["data"] for _, _, line in decisions(daemon.state) if line["type"] == "driftgauge.finding.v1"]
    assert {line["reference_id"] for line in found if line["model_version"] == "8"} == {"inherited:7"}
