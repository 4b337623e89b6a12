"""The store's contract: what is saved together is loaded together, or not at all.

A commit is one atomic write of the models that changed, the offsets they stand at, and the records of what was
concluded on the way.  After a crash the snapshot is that of the last commit that returned, never a mixture: the fold
over the events from its offsets onwards gives the same state as if nothing had happened.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from monitor.domain.errors import DriftgaugeError, StateError
from monitor.domain.keys import ModelKey
from monitor.engine.snapshot import Encodable, join

Offsets = Mapping[tuple[str, int], int]
Headers = tuple[tuple[str, bytes | None], ...]


class CommitError(DriftgaugeError):
    """This commit did not happen and changed nothing; the same contents may be committed again.

    What must not be tried again (another owner writes now) is a StateError instead, and ends the process with code 3.
    """


class FencedError(StateError):
    """Another process has taken the state over, or seems to: this store writes nothing any more."""


class Parted(Protocol):
    """A model's state in pieces.  parts: what never changes, by a name that follows from its bytes; it is encoded only
    where a store does not have that name yet."""

    @property
    def pieces(self) -> Sequence[bytes]: ...
    @property
    def parts(self) -> Mapping[bytes, Encodable]: ...


@dataclass(frozen=True, slots=True)
class Whole:
    """A state that came as one run of bytes."""

    pieces: Sequence[bytes]
    parts: Mapping[bytes, Encodable] = field(default_factory=dict)


def parted(state: bytes | Parted) -> Parted:
    """The state in pieces, however it came."""
    return Whole((state,)) if isinstance(state, bytes) else state


@dataclass(frozen=True, slots=True)
class Record:
    """One message of the findings or dead letter topic, encoded: what is written is what is read, byte for byte.

    id: of a finding, equal whenever the same event is concluded from again; empty for dead letters.
    """

    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    id: str = ""


@dataclass(frozen=True, slots=True)
class Intervention:
    """Something other than an event that changed a model: it was asked for, its time was up, its configuration changed,
    it started from an older version's references.

    positions: it took effect after the events before these offsets and before all others, so that the fold over the
    log can be repeated with it in its place.  detail: what exactly, as JSON.
    """

    kind: Literal["accepted", "expired", "configured", "inherited"]
    model: ModelKey
    positions: Offsets
    detail: bytes = b"{}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything of the last commit.  exposure: facts of the wall clock, opaque here, outside the compared state.

    offsets: (topic, partition) → next offset to read, the control topic's among them.  topic_ids: what the broker
    calls each topic, so that one that was made anew is told from its predecessor.  configuration: how the events were
    read and judged, opaque here; empty in a new store.  incarnation: raised by every reset, so that records before
    and after one never have the same id; not compared.
    """

    models: Mapping[ModelKey, bytes] = field(default_factory=dict)
    exposure: Mapping[ModelKey, bytes] = field(default_factory=dict)
    offsets: Offsets = field(default_factory=dict)
    topic_ids: Mapping[str, str] = field(default_factory=dict)
    configuration: bytes = b""
    incarnation: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class Commit:
    """What changed since the last commit; frozen, so that it may be written on another thread.

    models and exposure have the same keys, the models that changed; `removed` are to be gone, and in neither.  A model
    that comes in pieces is loaded as the one run of bytes that they were made from (`engine.snapshot.join`).
    offsets: all positions, each at least as new as the models; what is not named stays.  forgotten: topics whose
    offsets are dropped before `offsets` are written, for one that was made anew.  records: findings, changes of
    episodes and interventions, in order; dead_letters: messages that could not be read.  topic_ids: what is not named
    stays.  configuration, incarnation: None leaves them as they are.  at: wall clock, seconds.
    """

    models: Mapping[ModelKey, bytes | Parted]
    exposure: Mapping[ModelKey, bytes]
    offsets: Offsets
    records: Sequence[Record] = ()
    at: float = 0.0
    removed: Collection[ModelKey] = ()
    dead_letters: Sequence[Record] = ()
    interventions: Sequence[Intervention] = ()
    topic_ids: Mapping[str, str] = field(default_factory=dict)
    forgotten: Collection[str] = ()
    configuration: bytes | None = None
    incarnation: int | None = None

    @property
    def size_bytes(self) -> int:
        """What the blobs weigh, without the parts, of which most are there already."""
        pieces = sum(len(piece) for state in self.models.values() for piece in parted(state).pieces)
        return pieces + sum(map(len, self.exposure.values()))


class Store(Protocol):
    """Owned by one process from opening to `close`; `load` and `commit` from one thread at a time."""

    def load(self) -> Snapshot:
        """The last commit.  Raises StateError when it is damaged."""
        ...

    def interventions(self) -> Sequence[Intervention]:
        """All that are kept, in order: a fold over the log repeats them at their positions."""
        ...

    def commit(self, commit: Commit) -> None:
        """Write all of it or nothing.

        Raises CommitError when nothing was written and it may be tried again, StateError when it must not: another
        process owns the state now.
        """
        ...

    def close(self) -> None:
        """Give up ownership; may be called twice."""
        ...


class MemoryStore:
    """A store that forgets with its process: for trying things out, and the measure of the others' behaviour."""

    def __init__(self) -> None:
        self._snapshot = Snapshot()
        self._interventions: list[Intervention] = []
        self._parts: dict[ModelKey, dict[bytes, bytes]] = {}
        self.records: list[Record] = []
        self.dead_letters: list[Record] = []

    def load(self) -> Snapshot:
        return self._snapshot

    def interventions(self) -> Sequence[Intervention]:
        return tuple(self._interventions)

    def commit(self, commit: Commit) -> None:
        old, gone = self._snapshot, set(commit.removed)
        kept = {place: offset for place, offset in old.offsets.items() if place[0] not in commit.forgotten}
        self._snapshot = Snapshot(
            models={key: state for key, state in {**old.models, **self._joined(commit)}.items() if key not in gone},
            exposure={key: state for key, state in {**old.exposure, **commit.exposure}.items() if key not in gone},
            offsets={**kept, **commit.offsets},
            topic_ids={**old.topic_ids, **commit.topic_ids},
            configuration=old.configuration if commit.configuration is None else commit.configuration,
            incarnation=old.incarnation if commit.incarnation is None else commit.incarnation,
        )
        self._interventions.extend(commit.interventions)
        self.records.extend(commit.records)
        self.dead_letters.extend(commit.dead_letters)

    def _joined(self, commit: Commit) -> dict[ModelKey, bytes]:
        for key in commit.removed:
            self._parts.pop(key, None)
        found = {}
        for key, state in commit.models.items():
            own, known = parted(state), self._parts.get(key, {})
            self._parts[key] = {
                name: known[name] if name in known else part.encode() for name, part in own.parts.items()
            }
            found[key] = join(own.pieces, self._parts[key])
        return found

    def close(self) -> None:
        pass
