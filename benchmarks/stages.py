"""Where the time of an event goes inside the daemon, one stage after the other, on messages in memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from benchmarks.events import FIRST, events
from benchmarks.measuring import Row, Spread
from monitor.domain.frame import Frame, MessageBatch
from monitor.engine.model import ModelMonitor
from monitor.engine.policy import Policy, Warmup
from monitor.formats import open_format


def batches(features: int, models: int, size: int, count: int) -> list[MessageBatch]:
    """Batches as the source gives them."""
    found = []
    for number in range(count):
        bodies: list[bytes | None] = [body for _, body in events(size, features, models, number * size)]
        offsets = list(range(number * size, (number + 1) * size))
        found.append(MessageBatch("t", bodies, [0] * size, offsets, [FIRST + offset * 0.01 for offset in offsets]))
    return found


def stages(features: int, models: int, size: int, repeats: int) -> list[Row]:
    """Decoding, statistics, views and dumps, per event; each with how many events a batch has."""
    warm = max(1, -(-2200 * models // size))
    given = batches(features, models, size, warm + repeats)
    reader = open_format("flat_json", {})
    policy = Policy(warmup=Warmup(observations=2000, duration_seconds=0.0))
    monitors: dict[Any, ModelMonitor] = {}
    cost: dict[str, list[float]] = {"decode": [], "statistics": [], "view": [], "dump": []}

    def timed(stage: str, work: Callable[[], Any]) -> Any:
        began = time.thread_time()
        outcome = work()
        cost[stage].append((time.thread_time() - began) / size * 1e6)
        return outcome

    def observe(frames: list[Frame]) -> None:
        for frame in frames:
            monitors[frame.model].observe(frame)

    for number, batch in enumerate(given):
        frames = timed("decode", lambda batch=batch: reader.decode(batch).frames)
        for frame in frames:
            if frame.model not in monitors:
                monitors[frame.model] = ModelMonitor(frame.model, policy)
        timed("statistics", lambda frames=frames: observe(frames))
        if number >= warm:
            timed("view", lambda: [monitor.view() for monitor in monitors.values()])
            timed("dump", lambda: [monitor.dump() for monitor in monitors.values()])
    meanings = {
        "decode": "bytes to columns, learned templates",
        "statistics": "all channels, detectors and distances of every value",
        "view": "what /metrics is rendered from; once per batch here, at most a tenth of the loop's time in the daemon",
        "dump": "what a checkpoint copies; once per batch here, every ten seconds in the daemon",
    }
    return [
        Row(
            "stages",
            f"{stage}, {features} features, {size // models} rows a frame",
            "µs CPU/event",
            Spread.of(cost[stage][-repeats:]),
            meaning=meanings[stage],
        )
        for stage in cost
    ]
