"""A connection to `state.db`, and transactions on it that are all or nothing."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path

#: how long a statement waits for a reader's lock
BUSY_SECONDS = 5.0


def open_owned(path: Path) -> sqlite3.Connection:
    """For the owner: write-ahead log, and a commit that returned survives a power cut."""
    # check_same_thread: commits come from the writer's thread, one at a time; isolation_level: BEGIN is ours to say
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def open_reading(path: Path) -> sqlite3.Connection:
    """For anybody beside the owner; from the thread that opens it."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS, isolation_level=None)


class Transaction:
    """All or nothing around a block; a failed one is rolled back even where SQLite has not done so itself."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> sqlite3.Connection:
        self._connection.execute("BEGIN IMMEDIATE")
        return self._connection

    def __exit__(self, kind: object, value: object, traceback: object) -> None:
        if kind is None:
            try:
                self._connection.execute("COMMIT")
                return
            except sqlite3.Error:
                self._roll_back()
                raise
        self._roll_back()

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
