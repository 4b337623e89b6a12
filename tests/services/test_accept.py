"""`driftgauge accept` against a running daemon: recorded with where it took effect, so that a fold can repeat it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from monitor.domain.keys import ModelKey
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
