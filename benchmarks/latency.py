"""How long an event takes to show in /metrics, at parts of the capacity that was measured before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

import yaml
from confluent_kafka import Producer

from benchmarks.end_to_end import PARTITIONS, Bench, Load
from benchmarks.events import FIRST, events
from benchmarks.measuring import Row, Spread
from tests.services.kafka import create_topic
from tests.services.process import Process
from tests.services.waiting import free_port, wait_until

#: seconds between two events whose way is followed, and between two looks at /metrics
PROBE_SECONDS, LOOK_SECONDS = 0.25, 0.02
PROBE = 'driftgauge_last_observation_timestamp_seconds{feature="x",kind="feature",model="probe"'


def latencies(bench: Bench, load: Load, capacity: float, shares: tuple[float, ...], seconds: float) -> list[Row]:
    """Percentiles for each share of the capacity (events/s)."""
    rows = []
    with TemporaryDirectory(dir=bench.directory) as name:
        port = free_port()
        configuration = Path(name) / "driftgauge.yaml"
        configuration.write_text(yaml.safe_dump(bench.configuration(load, Path(name) / "state", f"127.0.0.1:{port}")))
        daemon = Process(
            [sys.executable, "-m", "monitor", "run", "--config", str(configuration)],
            Path(name) / "log",
            folder=Path(__file__).parents[1],
        )
        create_topic(bench.bootstrap, load.name, PARTITIONS)
        began = time.perf_counter()
        daemon.start()
        daemon.await_ready(lambda: _answers(port, "/-/ready"), 120)
        ready = time.perf_counter() - began
        meaning = "wall time from the process's start to the first 200 of /-/ready, brokers found, nothing stored"
        rows.append(Row("start", "start to ready, empty state", "s", Spread.of([ready]), goal="≤ 0.8", meaning=meaning))
        try:
            for task in Path(f"/proc/{daemon.pid}/task").iterdir():
                os.sched_setaffinity(int(task.name), bench.cores)
            for share in shares:
                rows.append(_at(bench, load, port, (share, capacity * share, seconds)))
        finally:
            daemon.stop()
    return rows


def _at(bench: Bench, load: Load, port: int, pace: tuple[float, float, float]) -> Row:
    share, rate, seconds = pace
    case = {"bootstrap": bench.bootstrap, "topic": load.name, "rate": rate, "seconds": seconds + 2}
    case |= {"features": load.features, "models": load.models}
    feeder = subprocess.Popen([sys.executable, "-m", "benchmarks.latency", json.dumps(case)])
    producer = Producer({"bootstrap.servers": bench.bootstrap, "linger.ms": 0})
    found: list[float] = []
    try:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            sent = time.time()
            body = {"model": "probe", "model_version": "1", "ts": sent, "features": {"x": sent % 1}}
            producer.produce(load.name, json.dumps(body).encode())
            producer.flush(5)
            wait_until(lambda sent=sent: _seen(port) >= sent, 120, "the probe to show", every=LOOK_SECONDS)
            found.append((time.time() - sent) * 1e3)
            time.sleep(PROBE_SECONDS)
    finally:
        feeder.wait(180)
    found.sort()
    p50, p90, p99 = (found[min(len(found) - 1, int(len(found) * part))] for part in (0.5, 0.9, 0.99))
    return Row(
        "latency",
        f"event to /metrics at {share:.0%} of capacity ({rate:,.0f}/s)",
        "ms",
        Spread(p50, found[0], found[-1]),
        goal="p99 ≤ 150 at 50%" if share == 0.5 else "",
        meaning=f"median (fastest – slowest) of {len(found)} events; p90 {p90:.0f}, p99 {p99:.0f}; "
        f"includes up to {LOOK_SECONDS * 1e3:.0f} ms between looks and the scrape itself",
        details={"p50": p50, "p90": p90, "p99": p99},
    )


def _answers(port: int, path: str) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _seen(port: int) -> float:
    """When the probe was last seen by the daemon, 0 if never."""
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    at = text.find(PROBE)
    return float(text[at : text.index("\n", at)].rpartition(" ")[2]) if at >= 0 else 0.0


def _feed(case: dict[str, float | str]) -> None:
    """Send events at a steady rate for a while."""
    producer = Producer({"bootstrap.servers": case["bootstrap"], "linger.ms": 5, "compression.type": "lz4"})
    rate, seconds = float(case["rate"]), float(case["seconds"])
    ready = list(events(20_000, int(case["features"]), int(case["models"])))
    began, sent = time.monotonic(), 0
    while (past := time.monotonic() - began) < seconds:
        while sent < past * rate:
            key, body = ready[sent % len(ready)]
            try:
                producer.produce(str(case["topic"]), body, key)
            except BufferError:
                producer.poll(0.01)
                continue
            sent += 1
        producer.poll(0)
        time.sleep(0.002)
    producer.flush(30)


if __name__ == "__main__":
    assert FIRST
    _feed(json.loads(sys.argv[1]))
