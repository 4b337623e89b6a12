"""The SQLite store: atomic, owned by one, and refusing whatever does not read back as it was written."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from monitor.domain.errors import StateError
from monitor.domain.keys import ModelKey
from monitor.state.decisions import decisions
from monitor.state.schema import DATABASE_FILE
from monitor.state.sqlite import SqliteStore
from monitor.state.store import Commit, CommitError, Snapshot
from tests.unit.state.facts import episode, finding, records

A, B = ModelKey("a", "1"), ModelKey("b", "1")
SAVED = Commit({A: b"state of a" * 100, B: b"state of b"}, {A: b"", B: b""}, {("t", 0): 5}, records(episode()), at=17.0)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A directory with a commit in it, owned by nobody."""
    with closing(SqliteStore(tmp_path)) as store:
        store.commit(SAVED)
    return tmp_path


def edit(directory: Path, statement: str) -> None:
    """Change the database as something other than the store would."""
    with closing(sqlite3.connect(directory / DATABASE_FILE)) as database:
        database.execute(statement)
        database.commit()


def test_the_directory_is_created(tmp_path: Path) -> None:
    """With its parents."""
    with closing(SqliteStore(tmp_path / "a" / "b")):
        assert (tmp_path / "a" / "b" / DATABASE_FILE).exists()


def test_a_commit_that_fails_half_way_leaves_nothing(saved: Path) -> None:
    """models written ── fact refused ── everything rolled back; the same commit succeeds when the cause is gone"""
    with closing(SqliteStore(saved)) as store:
        store.load()
        edit(saved, "CREATE TRIGGER full BEFORE INSERT ON decisions BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        later = Commit({A: b"newer"}, {A: b""}, {("t", 0): 6}, records(finding()))
        with pytest.raises(CommitError, match="disk full"):
            store.commit(later)
        assert store.load() == Snapshot(SAVED.models, SAVED.exposure, SAVED.offsets)
        edit(saved, "DROP TRIGGER full")
        store.commit(later)
        assert store.load().offsets == {("t", 0): 6}


def test_a_second_owner_is_refused_and_told_who_the_first_is(saved: Path) -> None:
    """In another process as well as in this one; afterwards the directory is free."""
    opener = f"from monitor.state.sqlite import SqliteStore; SqliteStore({str(saved)!r})"
    with closing(SqliteStore(saved)):
        with pytest.raises(StateError, match=r"process \d+ on .* is running"):
            SqliteStore(saved)
        second = subprocess.run([sys.executable, "-c", opener], capture_output=True, text=True, check=False)
        assert "StateError" in second.stderr
    assert subprocess.run([sys.executable, "-c", opener], check=False).returncode == 0


def test_the_decision_log_can_be_read_while_the_state_is_owned(saved: Path) -> None:
    """Readers do not disturb the owner, and see what it has committed."""
    with closing(SqliteStore(saved)) as store:
        store.commit(Commit({}, {}, {}, records(finding(offset=9, score=float("inf"))), at=18.0))
        first, second = decisions(saved)
        assert (first[1], first[2]["type"], first[2]["data"]["state"]) == (17.0, "driftgauge.episode.v1", "firing")
        found = second[2]["data"]
        assert (second[2]["type"], found["place"]["offset"], found["score"]) == ("driftgauge.finding.v1", 9, None)
        assert [number for number, _, _ in decisions(saved, after=first[0])] == [second[0]]
        json.dumps(first[2])


def test_no_state_has_no_decision_log(tmp_path: Path) -> None:
    """A wrong path is an error, not an empty log."""
    with pytest.raises(StateError, match="found no file"):
        list(decisions(tmp_path))


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE models SET state = CAST('stAte of b' AS BLOB) WHERE model = 'b'",
        "UPDATE models SET exposure = CAST('x' AS BLOB) WHERE model = 'b'",
        "UPDATE models SET model = 'c' WHERE model = 'b'",
        "UPDATE offsets SET next_offset = 4",
        "DELETE FROM offsets",
        "DELETE FROM meta WHERE key = 'positions_digest'",
        "DROP TABLE models",
    ],
)
def test_damaged_contents_are_refused(saved: Path, damage: str) -> None:
    """A flipped bit, a row under another key, an offset that moved: refused, and left as they are."""
    edit(saved, damage)
    before = (saved / DATABASE_FILE).read_bytes()
    with closing(SqliteStore(saved)) as store, pytest.raises(StateError, match=r"damaged|expected"):
        store.load()
    assert (saved / DATABASE_FILE).read_bytes() == before


def test_a_truncated_file_is_refused(saved: Path) -> None:
    """Half a database is none."""
    path = saved / DATABASE_FILE
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(StateError), closing(SqliteStore(saved)) as store:
        store.load()


def test_a_file_that_lost_everything_is_refused_and_not_taken_for_a_new_one(saved: Path) -> None:
    """Truncated to nothing: whoever finds it empty would read all events again and count them twice."""
    (saved / DATABASE_FILE).write_bytes(b"")
    for _ in range(2):
        with pytest.raises(StateError, match="found an empty one; move the directory away"):
            SqliteStore(saved)


def test_a_database_that_was_not_finished_is_made_again(tmp_path: Path) -> None:
    """Ended without warning while it was made: nothing was in it yet, and nothing stands in the way."""
    (tmp_path / "state.new").write_bytes(b"half a database")
    with closing(SqliteStore(tmp_path)) as store:
        assert store.load() == Snapshot()
    assert sorted(path.name for path in tmp_path.iterdir()) == [DATABASE_FILE, "state.lock"]


def test_a_file_that_is_no_database_is_refused_and_kept(saved: Path) -> None:
    """Whatever it is, somebody may need it."""
    (saved / DATABASE_FILE).write_bytes(b"something else entirely" * 100)
    with pytest.raises(StateError, match="move the directory away"):
        SqliteStore(saved)
    assert (saved / DATABASE_FILE).read_bytes().startswith(b"something else")


def test_an_unknown_format_is_refused_and_kept(saved: Path) -> None:
    """State from the future is for the version that wrote it."""
    edit(saved, "UPDATE meta SET value = '99' WHERE key = 'format'")
    with pytest.raises(StateError, match="found 99"):
        SqliteStore(saved)
    edit(saved, "UPDATE meta SET value = '2' WHERE key = 'format'")
    with closing(SqliteStore(saved)) as store:
        assert store.load().models == SAVED.models


def test_a_refused_database_leaves_the_directory_free(saved: Path) -> None:
    """The lock goes with the refusal: `state reset` must be able to take it."""
    edit(saved, "UPDATE meta SET value = '99' WHERE key = 'format'")
    for _ in range(2):
        with pytest.raises(StateError, match="found 99"):
            SqliteStore(saved)


def test_a_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """The message says what was expected there."""
    (tmp_path / "state").write_text("")
    with pytest.raises(StateError, match="expected a directory"):
        SqliteStore(tmp_path / "state")


def test_a_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """/proc takes no files from anybody, not even from root."""
    with pytest.raises(StateError, match="expected a directory that driftgauge may write"):
        SqliteStore("/proc/driftgauge-state")


def test_forgetting_a_model_keeps_the_others_and_the_offsets(saved: Path) -> None:
    """And raises the incarnation, so that facts before and after are told apart."""
    with closing(SqliteStore(saved)) as store:
        before = store.incarnation
        store.forget_models([A])
        assert store.load() == Snapshot({B: b"state of b"}, {B: b""}, SAVED.offsets)
        assert store.incarnation == before + 1


def test_a_damaged_model_can_be_forgotten(saved: Path) -> None:
    """The way out that the refusal names."""
    edit(saved, "UPDATE models SET state = CAST('?' AS BLOB) WHERE model = 'a'")
    with closing(SqliteStore(saved)) as store:
        store.forget_models([A])
        assert set(store.load().models) == {B}


def test_forgetting_offsets_keeps_the_models(saved: Path) -> None:
    """Reading begins anew, the references stay."""
    with closing(SqliteStore(saved)) as store:
        store.forget_offsets()
        assert store.load() == Snapshot(SAVED.models, SAVED.exposure, {})
