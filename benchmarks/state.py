"""What state costs: memory, checkpoints and restores of 10,000 streams, as one model and as a thousand."""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.events import FIRST
from benchmarks.measuring import Row, Spread
from benchmarks.sides import resident_mib
from monitor.checkpoints import CAPTURE_SECONDS, Checkpoints, Sinks
from monitor.domain.frame import Cell, Column, Frame
from monitor.domain.keys import ModelKey
from monitor.engine.model import ModelMonitor
from monitor.engine.policy import Limits, Policy, Warmup
from monitor.exposition.board import Board
from monitor.exposure import Exposure
from monitor.state.sqlite import SqliteStore
from monitor.state.store import Store
from monitor.state.writer import Writer
from monitor.watch import Clock, Watched

WARM, LIVE = 1_000, 2_000
POLICY = Policy(warmup=Warmup(WARM, 0.0), limits=Limits(streams=20_000))


def frame(key: ModelKey, features: int, rows: int, start: int, chance: np.random.Generator) -> Frame:
    """Standard normal values, a hundredth of a second apart."""
    cells, ordinals = np.full(rows, Cell.NUMBER, np.uint8), np.arange(start, start + rows)
    return Frame(
        model=key,
        topic="t",
        columns=[Column(f"f{n}", "feature", cells, chance.normal(size=rows).round(6)) for n in range(features)],
        event_time=FIRST + ordinals * 0.01,
        has_features=np.ones(rows, bool),
        event_id=[str(at) for at in ordinals],
        partition=np.zeros(rows, np.int32),
        offset=ordinals,
        row=np.zeros(rows, np.int32),
    )


def grown(models: int, features: int) -> dict[ModelKey, Watched]:
    """Warm models whose windows of recent values are full."""
    chance, found = np.random.default_rng(7), {}
    step = max(20, min(500, 200_000 // features))
    for number in range(models):
        monitor = ModelMonitor(ModelKey(f"m{number}", "1"), POLICY)
        for start in range(0, WARM + LIVE, step):
            monitor.observe(frame(monitor.key, features, step, start, chance))
        found[monitor.key] = Watched(monitor, Exposure(monitor.key))
    return found


def checkpoint(models: Mapping[ModelKey, Watched], store: Store) -> dict[str, float]:
    """One commit of everything, as the loop makes it; the longest of its turns is what the loop stands still for."""
    writer = Writer(store)
    checkpoints = Checkpoints(models, writer, Sinks(Board(), lambda positions: None), 0.0, Clock())
    for watched in models.values():
        watched.unsaved = True
    turns, began, cpu = list[float](), time.perf_counter(), time.thread_time()
    checkpoints.turn({})
    turns.append(time.perf_counter() - began)
    while checkpoints._capture is not None:
        at = time.perf_counter()
        checkpoints.turn({})
        turns.append(time.perf_counter() - at)
    loop = time.thread_time() - cpu
    outcome = writer.outcome(600.0)
    assert outcome is not None
    assert outcome.error is None, outcome.error
    assert outcome.commit is not None
    assert writer.close(60.0)
    return {
        "turn_ms": max(turns) * 1e3,
        "loop_seconds": loop,
        "write_seconds": outcome.duration_seconds,
        "mib": outcome.commit.size_bytes / 2**20,
    }


def state(models: int, features: int, repeats: int) -> list[Row]:
    """Rows of one shape."""
    streams, shape = models * features, f"{models:,} × {features:,} streams"
    gc.collect()
    before = resident_mib()
    watched = grown(models, features)
    gc.collect()
    memory = (resident_mib() - before) * 1024 / streams
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder))
        store.load()
        first = checkpoint(watched, store)
        costs = []
        chance = np.random.default_rng(8)
        for number in range(repeats):
            for key, own in watched.items():
                own.monitor.observe(frame(key, features, 20, WARM + LIVE + 20 * number, chance))
            costs.append(checkpoint(watched, store))
        store.close()
        peak = resident_mib("VmHWM")
        restored = []
        for _ in range(repeats):
            store, began = SqliteStore(Path(folder)), time.perf_counter()
            snapshot = store.load()
            again = {key: ModelMonitor.load(key, POLICY, blob) for key, blob in snapshot.models.items()}
            restored.append(time.perf_counter() - began)
            store.close()
        for key, own in watched.items():
            assert isinstance(own.monitor, ModelMonitor)
            assert again[key].dump() == own.monitor.dump(), f"{key} came back as something else"

    def row(what: str, unit: str, values: list[float], goal: str = "", meaning: str = "") -> Row:
        return Row("state", f"{shape}: {what}", unit, Spread.of(values), goal=goal, meaning=meaning)

    everything = "all models have changed, every window is full, references are stored already"
    return [
        row("memory", "KiB/stream", [memory], "≤ 19", "resident after warm-up, less before, by stream"),
        row("peak of this process", "MiB", [peak], "≤ 300"),
        row("first checkpoint", "s", [first["write_seconds"]], meaning="with all references"),
        row("checkpoint, SQLite", "s", [cost["write_seconds"] for cost in costs], "≤ 0.3", everything),
        row("checkpoint, bytes", "MiB", [cost["mib"] for cost in costs]),
        row("loop's part of it", "s CPU", [cost["loop_seconds"] for cost in costs], "≤ 0.3", "3 % of ten seconds"),
        row(
            "longest turn", "ms", [cost["turn_ms"] for cost in costs], "≤ 10", f"slices of {CAPTURE_SECONDS * 1e3:g} ms"
        ),
        row("restore, SQLite", "s", restored, "≤ 1"),
    ]
