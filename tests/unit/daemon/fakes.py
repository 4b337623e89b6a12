"""A daemon of fakes: events from a list, a monitor that adds up, a store in memory, clocks that are set by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from monitor.daemon import Daemon
from monitor.domain.errors import StateError
from monitor.domain.facts import Fact, Status
from monitor.domain.frame import Cell, Column, Decoded, Frame, MessageBatch, Reject
from monitor.domain.keys import Kind, ModelKey, StreamKey
from monitor.engine.policy import Policy
from monitor.engine.views import ModelView, StreamView
from monitor.exposition.board import Board
from monitor.kafka.notices import Notice
from monitor.parts import Parts, Timing
from monitor.signals import StopSignals
from monitor.state.store import MemoryStore, Store
from monitor.watch import Clock, Watch
from tests.unit.state.facts import episode

A = ModelKey("a", "1")
NOW = 1_000_000.0


class LineFormat:
    """`a`: a good event of model a at NOW; `a@5`: at time 5; `-`: ignored; `!`: rejected; `!!`: in two of its rows;
    `#`: a defect of the format."""

    def decode(self, batch: MessageBatch) -> Decoded:
        rows: dict[str, list[tuple[int, int, float, str]]] = {}
        rejects: list[Reject] = []
        ignored = 0
        for value, partition, offset in zip(batch.values, batch.partitions, batch.offsets, strict=True):
            text = (value or b"").decode()
            if text == "#":
                raise ZeroDivisionError("a defect")
            if text == "-":
                ignored += 1
            elif text.startswith("!"):
                rejects += [Reject(batch.topic, partition, offset, "bad", "good", text, r) for r in range(len(text))]
            else:
                model, _, time = text.partition("@")
                rows.setdefault(model.rstrip("*?"), []).append((partition, offset, float(time or NOW), text))
        accepted = len(batch) - ignored - len({(reject.partition, reject.offset) for reject in rejects})
        return Decoded([_frame(batch.topic, model, own) for model, own in rows.items()], rejects, accepted, ignored)


def _frame(topic: str, model: str, rows: Sequence[tuple[int, int, float, str]]) -> Frame:
    count = len(rows)
    numbers = Column("x", "feature", np.full(count, Cell.NUMBER, np.uint8), np.ones(count))
    return Frame(
        model=ModelKey(model, "1"),
        topic=topic,
        columns=[numbers],
        event_time=np.array([row[2] for row in rows]),
        has_features=np.ones(count, bool),
        event_id=[row[3] for row in rows],
        partition=np.array([row[0] for row in rows], np.int32),
        offset=np.array([row[1] for row in rows], np.int64),
        row=np.zeros(count, np.int32),
    )


@dataclass(frozen=True)
class Seen:
    """What an AddingMonitor saw up to a moment."""

    offsets: tuple[int, ...]
    counts: ModelView

    left: int = 1

    def copy(self, most: int) -> None:
        object.__setattr__(self, "left", 0)

    def encode(self) -> bytes:
        return json.dumps(self.offsets).encode()


class AddingMonitor:
    """Remembers every offset it saw.  An event `a*` opens an episode, `a?` is a defect; state `damaged` is refused."""

    def __init__(self, key: ModelKey, policy: Policy) -> None:
        self.key = key
        self.seen: list[int] = []
        self.room = policy.limits.streams
        self.clock = math.nan
        self.streams: dict[tuple[Kind, str], object] = {("feature", "x"): None}

    def observe(self, frame: Frame) -> list[Fact]:
        facts: list[Fact] = []
        newest = float(frame.event_time.max())
        self.clock = newest if self.clock != self.clock else max(newest, self.clock)
        for offset, event in zip(frame.offset.tolist(), frame.event_id, strict=True):
            if "?" in event:
                raise ZeroDivisionError("a defect")
            self.seen.append(offset)
            if "*" in event:
                facts.append(episode(offset=offset, stream=self.stream))
        return facts

    def tick(self, watermark: float) -> list[Fact]:
        return []

    def expire(self) -> list[Fact]:
        return [episode("resolved", stream=self.stream)]

    @property
    def stream(self) -> StreamKey:
        return StreamKey(self.key.model, self.key.model_version, "x", "feature")

    def snapshot(self) -> Seen:
        return Seen(tuple(self.seen), self.view())

    def finish_snapshot(self) -> None:
        """A snapshot is whole from the beginning."""

    @classmethod
    def load(cls, key: ModelKey, policy: Policy, state: bytes) -> AddingMonitor:
        if state == b"damaged":
            raise StateError("expected numbers, found `damaged`")
        monitor = cls(key, policy)
        monitor.seen = json.loads(state)
        return monitor

    def view(self) -> ModelView:
        invalid = {"missing": 0, "non_finite": 0, "wrong_type": 0}
        stream = StreamView(self.stream, Status.STABLE, len(self.seen), invalid, {}, {}, {}, {}, 0.0, 0, 0, {})
        return ModelView(self.key, (stream,), Status.STABLE, 0.0, math.nan, {})


@dataclass
class Ticking:
    """Both clocks in one: they stand until they are told to go on."""

    now: float = NOW

    def clock(self) -> Clock:
        return Clock(wall=lambda: self.now, monotonic=lambda: self.now)


class ListSource:
    """Hands out prepared polls; after the last one calls `at_end`, which usually asks for the end."""

    def __init__(self, polls: Sequence[Sequence[str] | Callable[[], object]], at_end: Callable[[], object]) -> None:
        self._polls = list(polls)
        self._at_end = at_end
        self._offset = 0
        self.said: list[Notice] = []
        self.told: list[Mapping[tuple[str, int], int]] = []
        self.closed = False
        self.up = True

    def seek(self, positions: Mapping[tuple[str, int], int], topic_ids: Mapping[str, str] | None = None) -> None:
        self.known = dict(topic_ids or {})
        self._offset = positions.get(("t", 0), 0)
        self.start = self._offset

    def poll(self, timeout: float = 0.05) -> list[MessageBatch]:
        if not self._polls:
            self._at_end()
            return []
        poll = self._polls.pop(0)
        if callable(poll):
            poll()
            return []
        offsets = range(self._offset, self._offset + len(poll))
        self._offset += len(poll)
        values = [event.encode() for event in poll]
        return [MessageBatch("t", values, [0] * len(poll), list(offsets), [math.nan] * len(poll))]

    def positions(self) -> dict[tuple[str, int], int]:
        return {("t", 0): self._offset}

    def lag(self) -> dict[tuple[str, int], int]:
        return {("t", 0): 7}

    def commit_group(self, positions: Mapping[tuple[str, int], int]) -> None:
        self.told.append(positions)

    def notices(self) -> list[Notice]:
        said, self.said = self.said, []
        return said

    def close(self) -> None:
        self.closed = True


class FakeServer:
    url = "http://127.0.0.1:0"

    def __init__(self) -> None:
        self.running = False
        self.failure: Exception | None = None

    def start(self) -> None:
        if self.failure is not None:
            raise self.failure
        self.running = True

    def stop(self) -> None:
        self.running = False


@dataclass
class Bench:
    """One daemon on fakes: fill `polls`, call `run`, look at the rest."""

    polls: list[Sequence[str] | Callable[[], object]]
    store: Store = field(default_factory=MemoryStore)
    timing: Timing = field(default_factory=lambda: Timing(10.0, 3600.0))
    policy: Policy = field(default_factory=Policy)
    time: Ticking = field(default_factory=Ticking)

    def __post_init__(self) -> None:
        clock = self.time.clock()
        self.signals = StopSignals()
        self.source = ListSource(self.polls, self.signals.ask)
        self.board = Board(topics=("t",), reject_reasons=("bad",), monotonic=clock.monotonic)
        self.watch = Watch({"t": LineFormat()}, AddingMonitor, self.policy, self.board, clock)
        self.server = FakeServer()
        parts = Parts(self.store, self.source, self.watch, self.board, self.server, clock)
        self.daemon = Daemon(parts, self.timing, self.signals)

    def run(self) -> int:
        return self.daemon.run()

    def later(self, seconds: float) -> Callable[[], object]:
        """A poll in which nothing arrives and time goes by."""

        def go_on() -> None:
            self.time.now += seconds

        return go_on

    def written(self) -> None:
        """A poll that waits until the commit under way is written (its outcome is taken in the same turn)."""
        writer = self.daemon.shard.writer
        with writer._changed:
            assert writer._changed.wait_for(lambda: not writer._busy or writer._finished is not None, 10)
