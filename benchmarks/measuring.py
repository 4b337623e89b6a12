"""Repeated measurements, and what they were made on."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Spread:
    """Median and extremes of repeated measurements, all in one unit."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True)
class Row:
    """One line of the table.  ratio: how many times ours the peer's median is; None where there is no peer."""

    group: str
    what: str
    unit: str
    ours: Spread
    peer: str = ""
    theirs: Spread | None = None
    ratio: float | None = None
    goal: str = ""
    meaning: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def seconds(work: Callable[[], object], repeats: int) -> Spread:
    """CPU seconds of a piece of work on this thread, after one run that is not counted; other programs do not show."""
    work()
    found = []
    for _ in range(repeats):
        began = time.thread_time()
        work()
        found.append(time.thread_time() - began)
    return Spread.of(found)


def per(spread: Spread, count: int, unit: float = 1e9) -> Spread:
    """Per item; nanoseconds unless told otherwise."""
    return Spread(*(value / count * unit for value in (spread.median, spread.low, spread.high)))


def compared(group: str, what: str, ours: Spread, peer: tuple[str, Spread], **more: Any) -> Row:
    """A row of costs: the ratio says how many times cheaper ours is."""
    name, theirs = peer
    return Row(group, what, ours=ours, peer=name, theirs=theirs, ratio=theirs.median / ours.median, **more)


def machine() -> dict[str, Any]:
    """What the figures hold for."""
    model = ""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {
        "processor": model or platform.processor(),
        "architecture": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
    }
