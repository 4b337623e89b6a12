"""A model's state as it is at one moment, copied a few streams at a time.

     begin ──▶ copy 32 streams ──▶ copy 32 streams ──▶ …  ──▶ all are there ──▶ encode, on any thread
                      └── a stream that is about to change is copied first

However many streams a model has, nobody waits for more than a few of them to be copied.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import msgspec

from monitor.domain.facts import Status
from monitor.domain.keys import Kind, ModelKey
from monitor.engine.show import count_stream
from monitor.engine.snapshot import PIECE_STREAMS, Encodable, Head, StreamEntry, join, seal
from monitor.engine.stream import StreamMonitor
from monitor.engine.views import ModelView, StreamView
from monitor.reference import packing
from monitor.reference.reference import StreamReference

Name = tuple[Kind, str]


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference that is stored once; it never changes, so it is encoded only when somebody wants its bytes."""

    reference: StreamReference

    def encode(self) -> bytes:
        return packing.pack(self.reference)


@dataclass(frozen=True, slots=True)
class Pieces:
    """A state as a store keeps it: what changed, and by their names the references it needs."""

    pieces: Sequence[bytes]
    parts: Mapping[bytes, Encodable]

    def joined(self) -> bytes:
        """All of it as one."""
        return join(self.pieces, {name: part.encode() for name, part in self.parts.items()})


class _Copy(NamedTuple):
    home: str | None
    seen: float | None
    state: bytes
    counts: StreamView


class ModelSnapshot:
    """Of one moment; nothing that happens to the model later shows in it, if `take` is called before it happens."""

    def __init__(
        self,
        key: ModelKey,
        head: Head,
        streams: Mapping[Name, StreamMonitor],
        homes: Mapping[Name, str],
        seen: Mapping[Name, float],
    ) -> None:
        """head: without its streams, and not to change any more.  homes, seen: read when a stream is copied."""
        self._key = key
        self._head = head
        self._waiting = dict(streams)
        self._homes, self._seen = homes, seen
        self._copies: dict[Name, _Copy] = {}
        self._parts: dict[bytes, Encodable] = {}

    def refer(self, references: Iterable[tuple[bytes, StreamReference]]) -> None:
        """Further references that are part of the state."""
        self._parts.update((digest, Reference(reference)) for digest, reference in references)

    @property
    def left(self) -> int:
        """Streams that are still to be copied."""
        return len(self._waiting)

    def take(self, name: Name) -> None:
        """Copy a stream, if that has not been done yet: it is about to change."""
        stream = self._waiting.pop(name, None)
        if stream is not None:
            self.refer((regime.digest, regime.reference) for regime in stream.regimes())
            self._copies[name] = _Copy(self._homes.get(name), self._seen.get(name), stream.dump(), count_stream(stream))

    def copy(self, most: int) -> None:
        """Copy so many further streams, if there are."""
        for name in list(islice(self._waiting, most)):
            self.take(name)

    @property
    def counts(self) -> ModelView:
        """What the model counted by then, as a view without anything that has to be worked out."""
        counted = tuple(copy.counts for _, copy in sorted(self._copies.items(), key=_by_name))
        clock = math.nan if self._head.clock is None else self._head.clock
        return ModelView(self._key, counted, Status.LEARNING, 0.0, clock, dict(self._head.refused))

    def encode(self) -> Pieces:
        """Its bytes, when all streams are copied; on any thread."""
        assert not self._waiting, "expected every stream to be copied"
        entries = [
            StreamEntry(
                kind,
                feature,
                copy.home,
                None if copy.seen is None or math.isnan(copy.seen) else copy.seen,
                copy.seen is not None,
                msgspec.Raw(copy.state),
            )
            for (kind, feature), copy in sorted(self._copies.items(), key=_by_name)
        ]
        rest = [
            seal(entries[start : start + PIECE_STREAMS]) for start in range(PIECE_STREAMS, len(entries), PIECE_STREAMS)
        ]
        head = msgspec.structs.replace(
            self._head, pieces=[checksum for _, checksum in rest], streams=entries[:PIECE_STREAMS]
        )
        return Pieces((seal(head)[0], *(sealed for sealed, _ in rest)), self._parts)


def _by_name(item: tuple[Name, _Copy]) -> Name:
    return item[0]
