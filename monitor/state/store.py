"""The store's contract: what is saved together is loaded together, or not at all.

A commit is one atomic write of the models that changed, the offsets they stand at, and the facts concluded on the
way.  After a crash the snapshot is that of the last commit that returned, never a mixture: the fold over the events
from its offsets onwards gives the same state as if nothing had happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from monitor.domain.errors import DriftgaugeError
from monitor.domain.facts import Fact
from monitor.domain.keys import ModelKey

Offsets = Mapping[tuple[str, int], int]


class CommitError(DriftgaugeError):
    """This commit did not happen and changed nothing; the same contents may be committed again."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything of the last commit.  exposure: facts of the wall clock, opaque here, outside the compared state.

    offsets: (topic, partition) → next offset to read.
    """

    models: Mapping[ModelKey, bytes] = field(default_factory=dict)
    exposure: Mapping[ModelKey, bytes] = field(default_factory=dict)
    offsets: Offsets = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Commit:
    """What changed since the last commit; frozen, so that it may be written on another thread.

    models and exposure have the same keys, the models that changed.  offsets: all positions, each at least as new as
    the models.  facts: appended to the decision log.  at: wall clock, seconds.
    """

    models: Mapping[ModelKey, bytes]
    exposure: Mapping[ModelKey, bytes]
    offsets: Offsets
    facts: Sequence[Fact] = ()
    at: float = 0.0

    @property
    def size_bytes(self) -> int:
        """What the blobs weigh."""
        return sum(map(len, self.models.values())) + sum(map(len, self.exposure.values()))


class Store(Protocol):
    """Owned by one process from opening to `close`; `load` and `commit` from one thread at a time."""

    def load(self) -> Snapshot:
        """The last commit.  Raises StateError when it is damaged."""
        ...

    def commit(self, commit: Commit) -> None:
        """Write all of it or nothing.  Raises CommitError when nothing was written."""
        ...

    def close(self) -> None:
        """Give up ownership; may be called twice."""
        ...


class MemoryStore:
    """A store that forgets with its process: for trying things out, and the measure of the others' behaviour."""

    def __init__(self) -> None:
        self._snapshot = Snapshot()
        self.facts: list[Fact] = []

    def load(self) -> Snapshot:
        return self._snapshot

    def commit(self, commit: Commit) -> None:
        self._snapshot = Snapshot(
            models={**self._snapshot.models, **commit.models},
            exposure={**self._snapshot.exposure, **commit.exposure},
            offsets={**self._snapshot.offsets, **commit.offsets},
        )
        self.facts.extend(commit.facts)

    def close(self) -> None:
        pass
