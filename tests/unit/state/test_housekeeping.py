"""A backup that can be put back, and a decision log that does not grow for ever."""

import shutil
from contextlib import closing
from pathlib import Path

from monitor.domain.keys import ModelKey
from monitor.state.decisions import decisions
from monitor.state.schema import BACKUP_FILE, DATABASE_FILE
from monitor.state.sqlite import SqliteOptions, SqliteStore
from monitor.state.store import Commit
from tests.unit.state.facts import finding, records

A = ModelKey("a", "1")
HOUR = 3600.0


def test_a_backup_put_in_the_states_place_is_the_state_of_its_time(tmp_path: Path) -> None:
    """
    commits   0 h   ½ h   1 h   1½ h      backups at 0 h and 1 h; the one of 1 h is what is there
    """
    with closing(SqliteStore(tmp_path / "live", SqliteOptions(backup_seconds=HOUR))) as store:
        for half in range(4):
            at = 1e9 + half * HOUR / 2
            store.commit(Commit({A: b"%d" % half}, {A: b""}, {("t", 0): half}, at=at))
    (tmp_path / "again").mkdir()
    shutil.copy(tmp_path / "live" / BACKUP_FILE, tmp_path / "again" / DATABASE_FILE)
    with closing(SqliteStore(tmp_path / "again")) as store:
        assert store.load().models == {A: b"2"}
        assert store.load().offsets == {("t", 0): 2}


def test_a_backup_that_cannot_be_written_costs_no_commit(tmp_path: Path) -> None:
    """Something else stands in its place."""
    (tmp_path / BACKUP_FILE).mkdir(parents=True)
    with closing(SqliteStore(tmp_path, SqliteOptions(backup_seconds=HOUR))) as store:
        store.commit(Commit({A: b"1"}, {A: b""}, {}, at=1e9))
        assert store.load().models == {A: b"1"}


def test_decisions_leave_the_log_at_their_age(tmp_path: Path) -> None:
    """By the wall clock of their commits."""
    with closing(SqliteStore(tmp_path, SqliteOptions(retention_seconds=24 * HOUR))) as store:
        for hour in (0, 12, 30):
            store.commit(Commit({}, {}, {}, records(finding(offset=hour)), at=1e9 + hour * HOUR))
        offsets = [event["data"]["place"]["offset"] for _, _, event in decisions(tmp_path)]
    assert offsets == [12, 30]
