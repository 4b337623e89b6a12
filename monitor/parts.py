"""What a daemon is put together from: frozen bundles, so that a test may swap any part for a fake."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from monitor.exposition.board import Board
from monitor.findings.events import Provenance
from monitor.kafka.control import Control
from monitor.kafka.source import EventSource
from monitor.state.store import Store
from monitor.watch import Clock, Watch


class HttpEnd(Protocol):
    """What serves the board."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    @property
    def url(self) -> str: ...


class Outlet(Protocol):
    """What sends on, beside the loop, what was committed."""

    def start(self) -> None: ...
    def close(self, timeout: float) -> bool: ...


class ShardParts(Protocol):
    """What a shard works on; it closes source and store when it lets go."""

    @property
    def store(self) -> Store: ...
    @property
    def source(self) -> EventSource: ...
    @property
    def watch(self) -> Watch: ...
    @property
    def board(self) -> Board: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def provenance(self) -> Provenance: ...
    @property
    def control(self) -> Control | None: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What the daemon is put together from; it closes source, server and store when it stops."""

    store: Store
    source: EventSource
    watch: Watch
    board: Board
    server: HttpEnd
    clock: Clock = field(default_factory=Clock)
    provenance: Provenance = field(default_factory=lambda: Provenance("/driftgauge", 1, "0", ""))
    publisher: Outlet | None = None
    control: Control | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """interval_seconds: between checkpoints.  max_alert_age_seconds: older events page nobody; None: never too old.

    forget_seconds: event time after which what is no longer seen is forgotten; None: never.
    """

    interval_seconds: float = 10.0
    max_alert_age_seconds: float | None = 3600.0
    forget_seconds: float | None = None
