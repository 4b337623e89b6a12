"""State in one SQLite database, `state.db`, in a directory that one process owns.

Write-ahead log and `synchronous=FULL`: a commit that returned survives a power cut, one that did not left no trace,
and other processes may read the decision log meanwhile.  What does not read back exactly as it was written is
refused; nothing is ever repaired or wiped by itself.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from monitor.domain.errors import StateError
from monitor.domain.keys import ModelKey
from monitor.state import schema
from monitor.state.decisions import decode_fact, encode_fact
from monitor.state.lock import DirectoryLock
from monitor.state.store import Commit, CommitError, Snapshot

#: how long a statement waits for a reader's lock
_BUSY_SECONDS = 5.0
_HELP = "move the directory away to start anew, or put a copy of it back"


class SqliteStore:
    """Owns the directory from creation to `close`.  Used by one thread at a time, whichever it is."""

    def __init__(self, directory: Path | str) -> None:
        """Open the directory's state, or make it where there is none.

        Raises StateError: owned by another process, not writable, damaged, or of a format this version cannot read.
        """
        self._directory = Path(directory)
        self._path = self._directory / schema.DATABASE_FILE
        self._lock = DirectoryLock(self._directory)
        self._offsets: dict[tuple[str, int], int] | None = None  # as they are in the table; None before it was read
        self._connection: sqlite3.Connection | None = None
        try:
            self._connection = _open(self._path)
            self._prepare()
        except sqlite3.Error as error:
            self.close()
            raise StateError(f"{self._path}: expected a state database, found: {error}; {_HELP}") from error
        except BaseException:
            self.close()
            raise

    @property
    def incarnation(self) -> int:
        """Raised whenever state was thrown away on purpose, so that facts concluded before and after differ."""
        return int(self._meta("incarnation"))

    def load(self) -> Snapshot:
        """The last commit.  Raises StateError when any of it is damaged."""
        try:
            rows = self._db.execute("SELECT model, model_version, state, exposure, digest FROM models").fetchall()
            offsets = {
                (str(topic), int(partition)): int(offset)
                for topic, partition, offset in self._db.execute("SELECT topic, partition, next_offset FROM offsets")
            }
            expected = self._meta("offsets_digest")
        except (sqlite3.Error, ValueError, TypeError) as error:
            raise StateError(f"{self._path}: expected to read the state back, found: {error}; {_HELP}") from error
        for model, version, state, exposure, digest in rows:
            if schema.model_digest(model, version, state, exposure) != digest:
                raise StateError(
                    f"{self._path}: the state of model {model}/{version} is damaged: its digest does not fit; "
                    f"{_HELP}, or `driftgauge state reset` that model"
                )
        if schema.offsets_digest(offsets) != expected:
            raise StateError(f"{self._path}: the offsets are damaged: their digest does not fit; {_HELP}")
        self._offsets = dict(offsets)
        return Snapshot(
            models={ModelKey(model, version): state for model, version, state, _, _ in rows},
            exposure={ModelKey(model, version): exposure for model, version, _, exposure, _ in rows},
            offsets=offsets,
        )

    def commit(self, commit: Commit) -> None:
        """Write all of it in one transaction.  Raises CommitError when nothing was written."""
        before = self._offsets if self._offsets is not None else dict(self.load().offsets)
        offsets = {**before, **commit.offsets}
        moved = [(*place, offset) for place, offset in offsets.items() if before.get(place) != offset]
        models = [
            (key.model, key.model_version, state, commit.exposure.get(key, b"")) for key, state in commit.models.items()
        ]
        try:
            with _transaction(self._db) as database:
                database.executemany(schema.SAVE_MODEL, [(*row, schema.model_digest(*row)) for row in models])
                database.executemany(schema.SAVE_OFFSET, moved)
                database.execute(schema.SAVE_META, ("offsets_digest", schema.offsets_digest(offsets)))
                database.execute(schema.SAVE_META, ("committed_at", repr(commit.at)))
                database.executemany(schema.SAVE_DECISION, [(commit.at, encode_fact(fact)) for fact in commit.facts])
        except sqlite3.Error as error:
            raise CommitError(f"{self._path}: the state could not be written: {error}") from error
        self._offsets = offsets

    def forget_models(self, models: Collection[ModelKey]) -> None:
        """Throw the state of these models away and raise the incarnation; the offsets stay where they are."""
        with _transaction(self._db) as database:
            database.executemany(
                "DELETE FROM models WHERE model = ? AND model_version = ?",
                [(key.model, key.model_version) for key in models],
            )
            database.execute(schema.SAVE_META, ("incarnation", str(self.incarnation + 1)))

    def forget_offsets(self) -> None:
        """Forget where reading stood, so that it begins at `kafka.start` again, and raise the incarnation."""
        with _transaction(self._db) as database:
            database.execute("DELETE FROM offsets")
            database.execute(schema.SAVE_META, ("offsets_digest", schema.offsets_digest({})))
            database.execute(schema.SAVE_META, ("incarnation", str(self.incarnation + 1)))
        self._offsets = {}

    def close(self) -> None:
        """Close the database, then give the directory up; may be called twice."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._lock.release()

    @property
    def _db(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StateError(f"{self._path}: the store is closed")
        return self._connection

    def _meta(self, key: str) -> str:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise StateError(f"{self._path}: expected `{key}` among the state's facts about itself; {_HELP}")
        return str(row[0])

    def _prepare(self) -> None:
        """Make the tables of a new database; check format and structure of an old one."""
        tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables == 0:
            with _transaction(self._db) as database:
                for statement in schema.TABLES.split(";\n"):
                    database.execute(statement)
                facts = {"format": str(schema.FORMAT_VERSION), "incarnation": "1"}
                facts["offsets_digest"] = schema.offsets_digest({})
                database.executemany(schema.SAVE_META, facts.items())
            return
        found = self._meta("format")
        if found != str(schema.FORMAT_VERSION):
            raise StateError(
                f"{self._path}: expected state format {schema.FORMAT_VERSION}, found {found}: it was written by "
                "another version of driftgauge; run that one, or move the directory away to start anew"
            )
        verdict = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise StateError(f"{self._path}: the database is damaged: {verdict}; {_HELP}")


def decisions(directory: Path | str, after: int = 0) -> Iterator[tuple[int, float, dict[str, Any]]]:
    """The decision log, oldest first, as (id, wall clock of its commit, fact), from beyond `after`.

    Reads beside a running owner.  Raises StateError when there is no state, or none that can be read.
    """
    path = Path(directory) / schema.DATABASE_FILE
    if not path.exists():
        raise StateError(f"{path}: expected a state database, found no file")
    address = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS)) as database:
            query = "SELECT id, recorded_at, fact FROM decisions WHERE id > ? ORDER BY id"
            for number, recorded_at, fact in database.execute(query, (after,)):
                yield number, recorded_at, decode_fact(fact)
    except sqlite3.Error as error:
        raise StateError(f"{path}: expected to read the decision log, found: {error}") from error


def _open(path: Path) -> sqlite3.Connection:
    # check_same_thread: commits come from the writer's thread, one at a time; isolation_level: BEGIN is ours to say
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
    except BaseException:
        connection.close()
        raise
    return connection


class _transaction:
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
