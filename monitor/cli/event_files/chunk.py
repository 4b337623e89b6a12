"""What every reader yields, and what it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitor.domain.frame import Frame


@dataclass(frozen=True, slots=True)
class Unreadable:
    """One event that was left out.  line: 1-based in the file (row number where a file has no lines)."""

    line: int
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Some consecutive events.  events: how many were read, unreadable ones included; fraction: of the file so far."""

    frames: Sequence[Frame]
    unreadable: Sequence[Unreadable]
    events: int
    fraction: float | None = None


@dataclass(frozen=True, slots=True)
class Naming:
    """What the user said about names; None leaves it to the file, an empty column name means that there is none.

    model and model_version are constants for every event; the others name columns of a table.
    """

    model: str | None = None
    model_version: str | None = None
    ts: str | None = None
    event_id: str | None = None
    model_column: str | None = None
    model_version_column: str | None = None
    predictions: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
