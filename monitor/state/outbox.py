"""What waits in `state.db` to be published: written with the commit, sent after it, deleted with a later one.

commit ──▶ outbox rows ──read──▶ publisher ──delivered──▶ `Deliveries` ──▶ deleted by the next commit
               └──────── read again after a crash: sent at least once, with equal ids ───────┘
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from monitor.state.connection import open_reading
from monitor.state.store import Record

FINDINGS, DEAD_LETTERS = "findings", "dead_letters"
#: letters that wait at most; findings wait without limit, for they are promised
LETTERS = 10_000


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


class OutboxRows:
    """The rows of a directory's outbox for whoever publishes them, beside the owner's commits."""

    def __init__(self, path: Path, deliveries: Deliveries) -> None:
        self._path = path
        self._deliveries = deliveries
        self._database: sqlite3.Connection | None = None

    def waiting(self, after: int, most: int) -> Sequence[Waiting]:
        """Up to `most` rows beyond the row `after`; none while the database is busy.  Always from the same thread."""
        try:
            if self._database is None:
                self._database = open_reading(self._path)
            return waiting(self._database, after, most)
        except sqlite3.OperationalError:
            return ()

    def delivered(self, rows: Sequence[int]) -> None:
        """The next commit deletes them."""
        self._deliveries.add(rows)

    def close(self) -> None:
        """From the thread that read."""
        if self._database is not None:
            self._database.close()
            self._database = None
