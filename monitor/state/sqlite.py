"""State in one SQLite database, `state.db`, in a directory that one process owns.

Write-ahead log and `synchronous=FULL`: a commit that returned survives a power cut, one that did not left no trace,
and other processes may read the decision log meanwhile.  What does not read back exactly as it was written is
refused; nothing is ever repaired or wiped by itself.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import msgspec

from monitor.domain.errors import StateError
from monitor.domain.keys import ModelKey
from monitor.state import models, schema
from monitor.state.connection import Transaction, open_owned
from monitor.state.housekeeping import Housekeeping, replace_durably
from monitor.state.lock import DirectoryLock
from monitor.state.migrations import STEPS, migrate
from monitor.state.outbox import DEAD_LETTERS, FINDINGS, LETTERS, Deliveries, outbox_row
from monitor.state.store import Commit, CommitError, Intervention, Snapshot

_HELP = (
    f"move the directory away to start anew, or put {schema.BACKUP_FILE}, if it is there, in the place of "
    f"{schema.DATABASE_FILE}: events since it was written are then read again"
)


@dataclass(frozen=True, slots=True)
class SqliteOptions:
    """outlets: destinations whose records also wait in the outbox, to be published after the commit.

    retention_seconds: decisions older than this are deleted; backup_seconds: between two backup files; None: never.
    """

    outlets: frozenset[str] = frozenset()
    retention_seconds: float | None = None
    backup_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    """What the tables hold beside the models, as of the last commit."""

    offsets: Mapping[tuple[str, int], int]
    topic_ids: Mapping[str, str]
    configuration: bytes

    @property
    def digest(self) -> str:
        return schema.positions_digest(self.offsets, self.topic_ids, self.configuration)


class SqliteStore:
    """Owns the directory from creation to `close`.  Used by one thread at a time, whichever it is."""

    def __init__(self, directory: Path | str, options: SqliteOptions = SqliteOptions()) -> None:
        """Open the directory's state, or make it where there is none; an older format is taken to the present one.

        Raises StateError: owned by another process, not writable, damaged, or of a format this version cannot read.
        """
        self._directory = Path(directory)
        self._path = self._directory / schema.DATABASE_FILE
        self._options = options
        self._lock = DirectoryLock(self._directory)
        self._known: _Known | None = None
        self._names: models.Names = {}  # of the models' parts
        self._connection: sqlite3.Connection | None = None
        self.deliveries = Deliveries()
        self._housekeeping = Housekeeping(self._directory, options.retention_seconds, options.backup_seconds)
        try:
            if not self._path.exists():
                _make(self._path)
            self._connection = open_owned(self._path)
            self._prepare()
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise StateError(f"{self._path}: expected a state database, found: {error}; {_HELP}") from error
        except BaseException:
            self.close()
            raise

    @property
    def path(self) -> Path:
        """The database's file."""
        return self._path

    @property
    def incarnation(self) -> int:
        """Raised whenever state was thrown away on purpose, so that facts concluded before and after differ."""
        return int(self._meta("incarnation"))

    def load(self) -> Snapshot:
        """The last commit.  Raises StateError when any of it is damaged."""
        try:
            found = models.read(self._db)
            known = self._read_known()
            expected = self._meta("positions_digest")
            incarnation = self.incarnation
        except (sqlite3.Error, ValueError, TypeError) as error:
            raise StateError(f"{self._path}: expected to read the state back, found: {error}; {_HELP}") from error
        except StateError as error:
            raise StateError(f"{self._path}: {error}; {_HELP}, or `driftgauge state reset` that model") from error
        if known.digest != expected:
            raise StateError(f"{self._path}: the offsets are damaged: their digest does not fit; {_HELP}")
        self._known, self._names = known, found.names
        return Snapshot(
            models=found.states,
            exposure=found.exposure,
            offsets=dict(known.offsets),
            topic_ids=dict(known.topic_ids),
            configuration=known.configuration,
            incarnation=incarnation,
        )

    def interventions(self) -> Sequence[Intervention]:
        """All that are kept, in order."""
        rows = self._db.execute(
            "SELECT kind, model, model_version, positions, detail FROM interventions ORDER BY id"
        ).fetchall()
        return [
            Intervention(
                kind,
                ModelKey(model, version),
                {(t, p): offset for t, p, offset in msgspec.json.decode(positions)},
                detail,
            )
            for kind, model, version, positions, detail in rows
        ]

    def commit(self, commit: Commit) -> None:
        """Write all of it in one transaction.  Raises CommitError when nothing was written."""
        if self._known is None:
            self.load()
        assert self._known is not None
        before = self._known
        kept = {place: offset for place, offset in before.offsets.items() if place[0] not in commit.forgotten}
        after = _Known(
            {**kept, **commit.offsets},
            {**before.topic_ids, **commit.topic_ids},
            before.configuration if commit.configuration is None else commit.configuration,
        )
        delivered = self.deliveries.take()
        try:
            with Transaction(self._db) as database:
                names = models.write(database, commit, self._names)
                _write_known(database, before, after)
                _write_records(database, commit, self._options.outlets)
                database.execute(schema.SAVE_META, ("committed_at", repr(commit.at)))
                if commit.incarnation is not None:
                    database.execute(schema.SAVE_META, ("incarnation", str(commit.incarnation)))
                database.executemany("DELETE FROM outbox WHERE id = ?", [(number,) for number in delivered])
        except sqlite3.Error as error:
            self.deliveries.put_back(delivered)
            raise CommitError(f"{self._path}: the state could not be written: {error}") from error
        self._known, self._names = after, names
        self._housekeeping.turn(self._db, commit.at)

    def contents(self) -> tuple[Sequence[ModelKey], Sequence[tuple[str, int]]]:
        """Names of the models, and the topics and partitions that were read, damaged or not; both in order."""
        keys = self._db.execute("SELECT model, model_version FROM models ORDER BY 1, 2").fetchall()
        places = self._db.execute("SELECT topic, partition FROM offsets ORDER BY 1, 2").fetchall()
        return [ModelKey(*key) for key in keys], [(topic, partition) for topic, partition in places]

    def forget_models(self, keys: Collection[ModelKey]) -> None:
        """Throw the state of these models away and raise the incarnation; the offsets stay where they are."""
        with Transaction(self._db) as database:
            models.delete(database, keys)
            database.execute(schema.SAVE_META, ("incarnation", str(self.incarnation + 1)))
        self._names = {key: names for key, names in self._names.items() if key not in keys}

    def forget_offsets(self) -> None:
        """Forget where reading stood, so that it begins at `kafka.start` again, and raise the incarnation."""
        before = self._read_known()
        after = _Known({}, {}, before.configuration)
        with Transaction(self._db) as database:
            _write_known(database, before, after)
            database.execute(schema.SAVE_META, ("incarnation", str(self.incarnation + 1)))
        self._known = after

    def close(self) -> None:
        """Close the database, then give the directory up; may be called twice."""
        if self._connection is not None:
            self._forget_delivered(self._connection)
            self._connection.close()
            self._connection = None
        self._lock.release()

    def _forget_delivered(self, connection: sqlite3.Connection) -> None:
        """What was published since the last commit need not be published again; if this fails, it is."""
        delivered = self.deliveries.take()
        if delivered:
            try:
                with Transaction(connection) as database:
                    database.executemany("DELETE FROM outbox WHERE id = ?", [(number,) for number in delivered])
            except sqlite3.Error:
                self.deliveries.put_back(delivered)

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

    def _read_known(self) -> _Known:
        rows = self._db.execute("SELECT topic, partition, next_offset FROM offsets")
        offsets = {(str(topic), int(partition)): int(offset) for topic, partition, offset in rows}
        ids = {str(topic): str(name) for topic, name in self._db.execute("SELECT topic, topic_id FROM topics")}
        configuration = self._db.execute("SELECT value FROM meta WHERE key = 'configuration'").fetchone()
        return _Known(offsets, ids, b"" if configuration is None else bytes(configuration[0]))

    def _prepare(self) -> None:
        """Check format and structure, and migrate an older format."""
        if self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            raise StateError(f"{self._path}: expected a state database, found an empty one; {_HELP}")
        found = self._meta("format")
        if found != str(schema.FORMAT_VERSION) and found not in map(str, STEPS):
            raise StateError(
                f"{self._path}: expected state format {schema.FORMAT_VERSION}, found {found}: it was written by "
                "another version of driftgauge; run that one, or move the directory away to start anew"
            )
        verdict = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise StateError(f"{self._path}: the database is damaged: {verdict}; {_HELP}")
        if found != str(schema.FORMAT_VERSION):
            with Transaction(self._db) as database:
                migrate(database, int(found))


def _make(path: Path) -> None:
    """A new database, which gets its name when it is whole: an empty file of that name has lost what was in it."""
    fresh = path.with_suffix(".new")
    for leftover in (fresh, Path(f"{path}-wal"), Path(f"{path}-shm")):
        leftover.unlink(missing_ok=True)
    with closing(sqlite3.connect(fresh, isolation_level=None)) as connection, Transaction(connection) as database:
        for statement in schema.TABLES.split(";\n"):
            database.execute(statement)
        empty = _Known({}, {}, b"")
        # seconds, so that a directory that was moved away leaves no ids to be given out a second time
        facts = {"format": str(schema.FORMAT_VERSION), "incarnation": str(int(time.time()))}
        database.executemany(schema.SAVE_META, facts.items())
        database.execute(schema.SAVE_META, ("configuration", empty.configuration))
        database.execute(schema.SAVE_META, ("positions_digest", empty.digest))
    replace_durably(fresh, path)


def _write_known(database: sqlite3.Connection, before: _Known, after: _Known) -> None:
    """Write what differs, row by row: most commits move a few of many offsets."""
    moved = [(*place, offset) for place, offset in after.offsets.items() if before.offsets.get(place) != offset]
    gone = before.offsets.keys() - after.offsets.keys()
    database.executemany("DELETE FROM offsets WHERE topic = ? AND partition = ?", sorted(gone))
    database.executemany(schema.SAVE_OFFSET, moved)
    database.executemany(
        "DELETE FROM topics WHERE topic = ?", [(t,) for t in before.topic_ids.keys() - after.topic_ids]
    )
    database.executemany(schema.SAVE_TOPIC, after.topic_ids.items() - before.topic_ids.items())
    if after.configuration != before.configuration:
        database.execute(schema.SAVE_META, ("configuration", after.configuration))
    database.execute(schema.SAVE_META, ("positions_digest", after.digest))


def _write_records(database: sqlite3.Connection, commit: Commit, outlets: Collection[str]) -> None:
    events = [(commit.at, (record.value or b"").decode()) for record in commit.records]
    database.executemany(schema.SAVE_DECISION, events)
    if FINDINGS in outlets:
        database.executemany(schema.SAVE_OUTBOX, [outbox_row(FINDINGS, record) for record in commit.records])
    if DEAD_LETTERS in outlets and commit.dead_letters:
        (there,) = database.execute("SELECT count(*) FROM outbox WHERE destination = ?", (DEAD_LETTERS,)).fetchone()
        kept = commit.dead_letters[: max(0, LETTERS - there)]
        database.executemany(schema.SAVE_OUTBOX, [outbox_row(DEAD_LETTERS, letter) for letter in kept])
    database.executemany(
        schema.SAVE_INTERVENTION,
        [
            (done.kind, done.model.model, done.model.model_version, _positions(done), done.detail)
            for done in commit.interventions
        ],
    )


def _positions(done: Intervention) -> str:
    return msgspec.json.encode([[*place, offset] for place, offset in sorted(done.positions.items())]).decode()
