"""From each older format of `state.db` to the present one, step by step, in one transaction: all of it or nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping

import msgspec

from monitor.domain.errors import StateError
from monitor.state import schema


def migrate(database: sqlite3.Connection, found: int) -> None:
    """Take the tables from format `found` to the present one; inside a transaction.  Raises StateError on damage."""
    for version in range(found, schema.FORMAT_VERSION):
        STEPS[version](database)
    database.execute(schema.SAVE_META, ("format", str(schema.FORMAT_VERSION)))


def _from_1(database: sqlite3.Connection) -> None:
    """Format 1 knew no topic ids, no configuration, no interventions and no outbox; its decisions were bare facts."""
    rows = database.execute("SELECT topic, partition, next_offset FROM offsets").fetchall()
    offsets = {(str(topic), int(partition)): int(offset) for topic, partition, offset in rows}
    digest = database.execute("SELECT value FROM meta WHERE key = 'offsets_digest'").fetchone()
    if digest is None or digest[0] != schema.offsets_digest_1(offsets):
        raise StateError("the offsets are damaged: their digest does not fit")
    facts = database.execute("SELECT id, recorded_at, fact FROM decisions ORDER BY id").fetchall()
    database.execute("DROP TABLE decisions")
    for name, statement in _tables().items():
        if name in ("topics", "decisions", "interventions", "outbox", "pieces", "parts"):
            database.execute(statement)
    for number, recorded_at, fact in facts:
        event = (number, recorded_at, _event_of_1(number, fact))
        database.execute("INSERT INTO decisions (id, recorded_at, event) VALUES (?, ?, ?)", event)
    database.execute("DELETE FROM meta WHERE key = 'offsets_digest'")
    database.execute(schema.SAVE_META, ("positions_digest", schema.positions_digest(offsets, {}, b"")))
    database.execute(schema.SAVE_META, ("configuration", b""))


def _event_of_1(number: int, fact: str) -> str:
    """A bare fact as an event; its identity is its place in the log, for it was never published."""
    data = msgspec.json.decode(fact, type=dict[str, object])
    kind = data.pop("type", "finding")
    event = {"specversion": "1.0", "id": f"log-{number}", "type": f"driftgauge.{kind}.v1", "data": data}
    return msgspec.json.encode(event).decode()


def _tables() -> Mapping[str, str]:
    """Statement by table."""
    statements = [statement.strip() for statement in schema.TABLES.split(";\n") if statement.strip()]
    return {statement.split()[2]: statement for statement in statements}


STEPS: Mapping[int, Callable[[sqlite3.Connection], None]] = {1: _from_1}
