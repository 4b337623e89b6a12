"""The sides of the end-to-end comparison, each a process of its own: `python -m benchmarks.sides SIDE FILE`.

FILE holds the case as JSON; the answer is one line of JSON.  Every side reads the same topic from its beginning; the
first `warm` events make the references, and time runs from there to the last one.

daemon    driftgauge as it is: assembled from a configuration, with its server, checkpoints and published views
raw       the client alone: consume(1000) and the body of every message
obvious   what one writes in an afternoon: json.loads, river's ADWIN and PageHinkley per value, prometheus_client gauges
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any


class Stopwatch:
    """Wall and CPU seconds between the first look at or after `warm` events, and the first at or after `until`.

    A small load may come in one piece, so that one look sees both: then it is all of it, from the first event on.
    """

    def __init__(self, warm: int, until: int) -> None:
        self._warm, self._until = warm, until
        self._born = 0, time.perf_counter(), time.process_time()
        self._begin: tuple[int, float, float] | None = None
        self._end: tuple[int, float, float] | None = None

    def look(self, events: int) -> bool:
        """Is it over?"""
        now = events, time.perf_counter(), time.process_time()
        if self._begin is None and events >= self._warm:
            self._begin = now
        if events >= self._until:
            self._end = now
        return self._end is not None

    def result(self) -> dict[str, float]:
        assert self._begin is not None
        assert self._end is not None
        first = self._born if self._begin[0] == self._end[0] else self._begin
        events, wall, cpu = (end - begin for begin, end in zip(first, self._end, strict=True))
        memory = {"peak_mib": resident_mib("VmHWM"), "end_mib": resident_mib()}
        return {"events": events, "wall": wall, "cpu": cpu, **memory}


def resident_mib(entry: str = "VmRSS", process: int | str = "self") -> float:
    """Resident memory of a process: VmRSS now, VmHWM at its highest (since exec: rusage counts what was forked too)."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(entry))


def daemon(case: dict[str, Any]) -> dict[str, Any]:
    from monitor.assembly import assemble
    from monitor.daemon import Daemon
    from monitor.logs import configure
    from monitor.settings import load

    settings = load(Path(case["configuration"]))
    configure("error", "json")
    parts, timing = assemble(settings)
    watch = Stopwatch(case["warm"], case["until"])

    class UntilRead:
        @property
        def asked(self) -> bool:
            return watch.look(sum(parts.source.positions().values()))

    code = Daemon(parts, timing, UntilRead()).run()  # type: ignore[arg-type]
    views = [watched.view for watched in parts.watch.models.values()]
    observations = sum(stream.observations for view in views for stream in view.streams)
    return {**watch.result(), "code": code, "observations": observations}


def _consumer(case: dict[str, Any]) -> Any:
    from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

    from monitor.kafka.options import DEFAULTS

    consumer = Consumer({**DEFAULTS, "bootstrap.servers": case["bootstrap"], "group.id": "bench"})
    partitions = consumer.list_topics(case["topic"], timeout=10).topics[case["topic"]].partitions
    consumer.assign([TopicPartition(case["topic"], number, OFFSET_BEGINNING) for number in partitions])
    return consumer


def raw(case: dict[str, Any]) -> dict[str, Any]:
    consumer, watch, read, size = _consumer(case), Stopwatch(case["warm"], case["until"]), 0, 0
    while not watch.look(read):
        for message in consumer.consume(1000, 0.05):
            size += len(message.value())
            read += 1
    return {**watch.result(), "bytes": size}


def obvious(case: dict[str, Any]) -> dict[str, Any]:
    from prometheus_client import CollectorRegistry, Gauge
    from river.drift import ADWIN, PageHinkley

    registry = CollectorRegistry()
    value_of = Gauge("value", "newest value", ["model", "feature"], registry=registry)
    drifts_of = Gauge("drifts", "changes found", ["model", "feature", "detector"], registry=registry)
    streams: dict[tuple[str, str], Any] = {}
    consumer, watch, read = _consumer(case), Stopwatch(case["warm"], case["until"]), 0
    while not watch.look(read):
        for message in consumer.consume(1000, 0.05):
            event = json.loads(message.value())
            model = event["model"]
            for feature, value in event["features"].items():
                stream = streams.get((model, feature))
                if stream is None:
                    names = model, feature
                    stream = streams[names] = (
                        ADWIN(),
                        PageHinkley(),
                        value_of.labels(*names),
                        drifts_of.labels(*names, "adwin"),
                        drifts_of.labels(*names, "page_hinkley"),
                    )
                adwin, page_hinkley, gauge, adwin_drifts, page_hinkley_drifts = stream
                adwin.update(value)
                if adwin.drift_detected:
                    adwin_drifts.inc()
                page_hinkley.update(value)
                if page_hinkley.drift_detected:
                    page_hinkley_drifts.inc()
                gauge.set(value)
            read += 1
    return {**watch.result(), "streams": len(streams)}


if __name__ == "__main__":
    case = json.loads(Path(sys.argv[2]).read_text())
    if case.get("cores"):
        os.sched_setaffinity(0, case["cores"])
    sys.stdout.write(json.dumps({"daemon": daemon, "raw": raw, "obvious": obvious}[sys.argv[1]](case)) + "\n")
