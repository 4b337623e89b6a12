"""What waits in `state.db` to be published: written with the commit, sent after it, deleted with a later one.

commit ──▶ outbox rows ──read──▶ publisher ──delivered──▶ `Deliveries` ──▶ deleted by the next commit
               └──────── read again after a crash: sent at least once, with equal ids ───────┘
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from monitor.state.store import Record

FINDINGS, DEAD_LETTERS = "findings", "dead_letters"


class Deliveries:
    """Rows that were published and may go with the next commit; told by one thread, taken by another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: list[int] = []

    def add(self, rows: Iterable[int]) -> None:
        """These rows have been published."""
        with self._lock:
            self._rows.extend(rows)

    def take(self) -> list[int]:
        """All that were told since the last time."""
        with self._lock:
            rows, self._rows = self._rows, []
            return rows

    def put_back(self, rows: Iterable[int]) -> None:
        """They are still in the table after all."""
        self.add(rows)


@dataclass(frozen=True, slots=True)
class Waiting:
    """One row of the outbox."""

    number: int
    destination: str
    record: Record


def outbox_row(destination: str, record: Record) -> tuple[str, bytes | None, bytes | None, bytes]:
    """The row that a record waits in."""
    return destination, record.key, record.value, msgspec.msgpack.encode(record.headers)


def waiting(database: sqlite3.Connection, after: int, most: int) -> Sequence[Waiting]:
    """Up to `most` rows beyond the row `after`, oldest first."""
    query = "SELECT id, destination, key, value, headers FROM outbox WHERE id > ? ORDER BY id LIMIT ?"
    return [
        Waiting(number, destination, Record(key, value, _headers(headers)))
        for number, destination, key, value, headers in database.execute(query, (after, most))
    ]


def _headers(packed: bytes) -> tuple[tuple[str, bytes | None], ...]:
    return msgspec.msgpack.decode(packed, type=tuple[tuple[str, bytes | None], ...])
