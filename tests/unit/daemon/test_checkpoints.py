"""Checkpoints on fakes: how long the loop stands still for one, whatever there is to copy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from monitor.checkpoints import CAPTURE_SECONDS, CAPTURE_STREAMS, READ_ON_STREAMS, Checkpoints, Sinks
from monitor.domain.facts import Status
from monitor.domain.keys import ModelKey
from monitor.engine.views import ModelView
from monitor.exposition.board import Board
from monitor.exposure import Exposure
from monitor.state.store import MemoryStore
from monitor.state.writer import Writer
from monitor.watch import Clock, Watched

BIG = ModelKey("big", "1")
#: what a fake takes for one stream
STREAM_SECONDS = CAPTURE_SECONDS / 100


@dataclass
class Copy:
    """Of a model with so many streams; copying them takes time."""

    left: int
    time: SimpleNamespace
    most: list[int] = field(default_factory=list)

    def copy(self, most: int) -> None:
        self.most.append(most)
        taken = min(most, self.left)
        self.left -= taken
        self.time.now += taken * STREAM_SECONDS

    @property
    def counts(self) -> ModelView:
        return ModelView(BIG, (), Status.STABLE, 0.0, 0.0, {})

    def encode(self) -> bytes:
        return b"state"


@contextmanager
def checkpoints(streams: int) -> Iterator[tuple[Checkpoints, SimpleNamespace, list[Copy], MemoryStore]]:
    """One that is due, over a model with so many streams."""
    time, copies, store = SimpleNamespace(now=0.0), list[Copy](), MemoryStore()

    def snapshot() -> Copy:
        copies.append(Copy(streams, time))
        return copies[-1]

    monitor: Any = SimpleNamespace(snapshot=snapshot, streams=range(streams), finish_snapshot=lambda: None)
    models = {BIG: Watched(monitor, Exposure(BIG))}
    writer = Writer(store)
    sinks = Sinks(Board(), lambda positions: None)
    clock = Clock(wall=lambda: time.now, monotonic=lambda: time.now)
    try:
        found = Checkpoints(models, writer, sinks, 10.0, clock)
        time.now = 11.0
        yield found, time, copies, store
    finally:
        assert writer.close(30.0)


def test_a_turn_copies_for_a_bounded_time_even_of_one_large_model() -> None:
    """
    streams   10,000 of one model
    turns     5 ms ▇ 5 ms ▇ 5 ms ▇ …  and the few streams that were begun with
    """
    with checkpoints(10_000) as (found, time, copies, store):
        turns = 0
        found.turn({})
        while copies[0].left:
            began = time.now
            found.turn({})
            assert time.now - began <= CAPTURE_SECONDS + CAPTURE_STREAMS * STREAM_SECONDS
            turns += 1
        assert turns > 10
        assert set(copies[0].most) == {CAPTURE_STREAMS}
        assert found.finish({}, 30.0)
        assert store.load().models == {BIG: b"state"}


def test_nothing_is_read_while_many_streams_are_still_to_be_copied() -> None:
    """The events would make them all be copied in the turn that reads them; the last few hundred may be."""
    with checkpoints(3 * READ_ON_STREAMS) as (found, _, copies, _store):
        assert not found.copying
        found.turn({})
        while copies[0].left:
            assert found.copying == (copies[0].left > READ_ON_STREAMS)
            found.turn({})
        assert not found.copying


def test_a_small_model_is_read_on_while_it_is_copied() -> None:
    """Holding back is for those whose copy takes longer than a turn."""
    with checkpoints(READ_ON_STREAMS) as (found, _, copies, _store):
        found.turn({})
        assert copies[0].left > 0
        assert not found.copying
