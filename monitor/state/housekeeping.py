"""Beside the commits, on the writer's thread: a backup that was read back before it counts, and old decisions deleted.

Neither may cost a commit: what fails here is logged and tried again later.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import structlog

from monitor.domain.errors import StateError
from monitor.state import models, schema
from monitor.state.connection import Transaction

log = structlog.get_logger("driftgauge")

#: seconds between two looks at what is too old
PRUNE_SECONDS = 600.0
#: rows deleted at once, so that no commit waits for a long one
PRUNE_ROWS = 10_000


class Housekeeping:
    """What falls due by the wall clock of the commits."""

    def __init__(self, directory: Path, retention_seconds: float | None, backup_seconds: float | None) -> None:
        self._path = directory / schema.BACKUP_FILE
        self._retention = retention_seconds
        self._backup = backup_seconds
        self._pruned = self._backed_up = 0.0

    def turn(self, database: sqlite3.Connection, at: float) -> None:
        """Do what is due at this time, seconds; the clock may jump either way."""
        if self._retention is not None and abs(at - self._pruned) >= PRUNE_SECONDS:
            self._pruned = at
            self._prune(database, at - self._retention)
        if self._backup is not None and abs(at - self._backed_up) >= self._backup:
            self._backed_up = at
            self._back_up(database)

    def _prune(self, database: sqlite3.Connection, before: float) -> None:
        oldest = "SELECT id FROM decisions WHERE recorded_at < ? ORDER BY id LIMIT ?"
        try:
            with Transaction(database):
                database.execute(f"DELETE FROM decisions WHERE id IN ({oldest})", (before, PRUNE_ROWS))
        except sqlite3.Error as error:
            log.warning("decisions_not_deleted", error=str(error))

    def _back_up(self, database: sqlite3.Connection) -> None:
        """Copy, read the copy back, and only then let it take the place of the one before."""
        fresh = self._path.with_suffix(".new")
        try:
            with suppress(FileNotFoundError):
                fresh.unlink()
            with closing(sqlite3.connect(fresh, isolation_level=None)) as copy:
                database.backup(copy)
                copy.execute("PRAGMA journal_mode=DELETE")
                problem = verify(copy)
            if problem is not None:
                log.error("backup_failed", error=problem)
                return
            replace_durably(fresh, self._path)
        except (sqlite3.Error, OSError) as error:
            log.warning("backup_failed", error=str(error))


def verify(database: sqlite3.Connection) -> str | None:
    """What is wrong with a copy, None if nothing: its structure, and every model against its digest."""
    verdict = str(database.execute("PRAGMA quick_check(1)").fetchone()[0])
    if verdict != "ok":
        return verdict
    try:
        models.check(database)
    except StateError as error:
        return str(error)
    return None


def replace_durably(fresh: Path, path: Path) -> None:
    """Let a file take another's place, in such a way that no power cut leaves half of either."""
    _flush(fresh)
    os.replace(fresh, path)
    _flush(path.parent)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
