"""A state of an older format is taken over whole, once, or not at all."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from monitor.domain.errors import StateError
from monitor.domain.keys import ModelKey
from monitor.state import schema
from monitor.state.decisions import decisions
from monitor.state.sqlite import SqliteStore
from monitor.state.store import Commit, Snapshot

#: the tables as format 1 made them
FORMAT_1 = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE models (
    model TEXT NOT NULL, model_version TEXT NOT NULL,
    state BLOB NOT NULL, exposure BLOB NOT NULL, digest BLOB NOT NULL,
    PRIMARY KEY (model, model_version)
);
CREATE TABLE offsets (
    topic TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)
) WITHOUT ROWID;
CREATE TABLE decisions (id INTEGER PRIMARY KEY AUTOINCREMENT, recorded_at REAL NOT NULL, fact TEXT NOT NULL);
"""
A = ModelKey("a", "1")
OFFSETS = {("t", 0): 5, ("t", 1): 7}
FACT = '{"type":"episode","model":"a","model_version":"1","feature":"x","kind":"feature","state":"firing"}'


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A directory as a daemon of format 1 left it."""
    with closing(sqlite3.connect(tmp_path / schema.DATABASE_FILE)) as database:
        database.executescript(FORMAT_1)
        row, digest = ("a", "1", b"state", b"exposure"), schema.model_digest(A, [b"state"], b"exposure")
        database.execute("INSERT INTO models VALUES (?, ?, ?, ?, ?)", (*row, digest))
        database.executemany("INSERT INTO offsets VALUES (?, ?, ?)", [(*place, at) for place, at in OFFSETS.items()])
        facts = {"format": "1", "incarnation": "3", "offsets_digest": schema.offsets_digest_1(OFFSETS)}
        database.executemany("INSERT INTO meta VALUES (?, ?)", facts.items())
        database.execute("INSERT INTO decisions (recorded_at, fact) VALUES (17.0, ?)", (FACT,))
        database.commit()
    return tmp_path


def test_models_offsets_incarnation_and_decisions_are_kept(old: Path) -> None:
    """And commits go on from there."""
    with closing(SqliteStore(old)) as store:
        loaded = store.load()
        assert loaded == Snapshot({A: b"state"}, {A: b"exposure"}, OFFSETS)
        assert loaded.incarnation == 3
        store.commit(Commit({}, {}, {("t", 0): 6}, topic_ids={"t": "id"}))
    with closing(SqliteStore(old)) as store:
        assert store.load().offsets == {("t", 0): 6, ("t", 1): 7}
    ((_, recorded_at, event),) = decisions(old)
    assert (recorded_at, event["type"], event["data"]["feature"]) == (17.0, "driftgauge.episode.v1", "x")


def test_damage_is_refused_before_anything_is_changed(old: Path) -> None:
    """A migration is no occasion to make a damaged state look sound."""
    with closing(sqlite3.connect(old / schema.DATABASE_FILE)) as database:
        database.execute("UPDATE offsets SET next_offset = 4 WHERE partition = 0")
        database.commit()
    for _ in range(2):
        with pytest.raises(StateError, match="damaged"):
            SqliteStore(old)
    with closing(sqlite3.connect(old / schema.DATABASE_FILE)) as database:
        assert database.execute("SELECT value FROM meta WHERE key = 'format'").fetchone() == ("1",)
        assert database.execute("SELECT fact FROM decisions").fetchone() == (FACT,)
