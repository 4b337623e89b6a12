"""From the real broker to published views, against the client alone and against the obvious program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from confluent_kafka import Producer

from benchmarks.events import events
from benchmarks.measuring import Row, Spread
from tests.services.kafka import KafkaBroker, create_topic

PARTITIONS = 4


@dataclass(frozen=True)
class Load:
    """A topic's events: so many, of so many features and models, the first `warm` of which make the references."""

    name: str
    features: int
    models: int
    warm: int
    until: int

    @property
    def observations(self) -> int:
        return self.until * self.features


class Bench:
    """A broker on one half of the cores; the sides run on the other."""

    def __init__(self, directory: Path, broker: KafkaBroker) -> None:
        self.directory = directory
        self.bootstrap = broker.bootstrap
        cores = sorted(os.sched_getaffinity(0))
        self.cores = cores[len(cores) // 2 :]
        if len(cores) > 1:
            for task in Path(f"/proc/{broker.process.pid}/task").iterdir():
                os.sched_setaffinity(int(task.name), cores[: len(cores) // 2])

    def produce(self, load: Load) -> None:
        """Fill the topic of a load."""
        create_topic(self.bootstrap, load.name, PARTITIONS)
        producer = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 20, "compression.type": "lz4"})
        for key, body in events(load.until, load.features, load.models):
            while True:
                try:
                    producer.produce(load.name, body, key)
                    break
                except BufferError:
                    producer.poll(0.1)
        assert producer.flush(60) == 0, "not all events were acknowledged"

    def run(
        self, side: str, load: Load, warm: int, until: int, sections: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """What one side says of the events from `warm` to `until`; sections: of the daemon's configuration."""
        with TemporaryDirectory(dir=self.directory) as name:
            folder = Path(name)
            configuration = folder / "driftgauge.yaml"
            configuration.write_text(yaml.safe_dump({**self.configuration(load, folder / "state"), **(sections or {})}))
            case = {
                "bootstrap": self.bootstrap,
                "topic": load.name,
                "configuration": str(configuration),
                "warm": warm,
                "until": until,
                "cores": self.cores,
            }
            (folder / "case.json").write_text(json.dumps(case))
            command = [sys.executable, "-m", "benchmarks.sides", side, str(folder / "case.json")]
            answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        if answer.returncode:
            raise RuntimeError(f"{side} failed:\n{answer.stderr[-3000:]}")
        return {**json.loads(answer.stdout.splitlines()[-1]), "log": answer.stderr[-3000:]}

    def configuration(self, load: Load, state: Path, listen: str = "127.0.0.1:0") -> dict[str, Any]:
        """The daemon's, for a load."""
        return {
            "kafka": {"bootstrap_servers": self.bootstrap, "topics": [{"name": load.name}]},
            "reference": {"warmup": {"observations": 2000, "duration": 0}},
            "detection": {"max_alert_age": None},
            "limits": {"streams": 20_000},
            "state": {"path": str(state)},
            "http": {"listen": listen},
        }


@contextmanager
def opened() -> Iterator[Bench]:
    """A broker for the time of the benchmark."""
    with TemporaryDirectory() as name, KafkaBroker(Path(name)) as broker:
        yield Bench(Path(name), broker)


def compare(bench: Bench, load: Load, repeats: int, goals: tuple[str, str]) -> list[Row]:
    """The three sides by turns, each with as many events as a few seconds allow."""
    bench.produce(load)
    spans = {"daemon": (load.warm, load.until), "raw": (load.warm, load.until)}
    spans["obvious"] = (load.warm // 4, min(load.until, load.warm // 4 + 400_000 // load.features))
    found: dict[str, list[dict[str, Any]]] = {side: [] for side in spans}
    for _ in range(repeats):
        for side, (warm, until) in spans.items():
            found[side].append(bench.run(side, load, warm, until))
    for result in found["daemon"]:
        expected = load.observations
        assert (result["code"], result["observations"]) == (0, expected), f"{result}, expected {expected} observations"
    rows = []
    for clock in ("cpu", "wall"):
        cost = {
            side: Spread.of([result[clock] / result["events"] * 1e6 for result in results])
            for side, results in found.items()
        }
        for peer, name, goal in zip(("obvious", "raw"), ("the obvious program", "raw consume"), goals, strict=True):
            rows.append(
                Row(
                    "end to end",
                    f"{load.features} features, {clock} time",
                    "µs/event",
                    cost["daemon"],
                    name,
                    cost[peer],
                    cost[peer].median / cost["daemon"].median,
                    goal,
                    f"one event from the broker to published views, checkpoints included, {load.models} models; "
                    "all sides on the same core, the broker on the other",
                    {"runs": found} if (clock, peer) == ("cpu", "obvious") else {},
                )
            )
    peak = Spread.of([result["peak_mib"] for result in found["daemon"]])
    end = Spread.of([result["end_mib"] for result in found["daemon"]])
    streams = load.features * load.models
    meaning = (
        "resident memory of the daemon, not scraped: at its highest since the process began, and after the last event"
    )
    rows.append(
        Row("memory", f"under load, {streams} streams", "MiB", peak, goal="≤ 120 (100 streams)", meaning=meaning)
    )
    rows.append(Row("memory", f"at rest, {streams} streams", "MiB", end, goal="≤ 80 (100 streams)", meaning=meaning))
    return rows
