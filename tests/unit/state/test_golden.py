"""States of every version that there was are read, taken over and continued: see tools/make_golden_state.py."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from monitor.domain.keys import ModelKey
from monitor.engine import snapshot as engine
from monitor.engine.model import ModelMonitor
from monitor.kafka import state_records
from monitor.kafka.stored import contents
from monitor.state import schema
from monitor.state.decisions import decisions
from monitor.state.sqlite import SqliteStore
from monitor.state.store import Snapshot
from tools import make_golden_state as golden

FILES = {stem: dict(golden.versions(stem)) for stem in ("engine", "sqlite", "kafka")}
PRESENT = {"engine": engine.VERSION, "sqlite": schema.FORMAT_VERSION, "kafka": state_records.FORMAT_VERSION}
WHERE = {
    "engine": "VERSION in monitor/engine/snapshot.py",
    "sqlite": "FORMAT_VERSION in monitor/state/schema.py",
    "kafka": "FORMAT_VERSION in monitor/kafka/state_records.py",
}
KNOWN = json.loads((golden.GOLDEN / "golden.json").read_text())


def changed(stem: str) -> str:
    """What to do about a format that is another under the same version."""
    return (
        f"what is written now is laid out in another way than {stem}-{PRESENT[stem]} in tests/unit/state/golden: what "
        f"was written before would be misread. Raise {WHERE[stem]}, add the step that takes the older version "
        "over, then run `python tools/make_golden_state.py` and commit what it writes"
    )


CONCLUDED = (
    "the same events lead to other conclusions than golden.json says. If that is meant, run "
    "`python tools/make_golden_state.py` and commit what it writes"
)


@pytest.fixture(scope="module")
def present() -> Mapping[ModelKey, bytes]:
    """What this version writes."""
    return golden.states()


@pytest.mark.parametrize("stem", sorted(FILES))
def test_there_is_a_golden_state_of_the_present_version(stem: str) -> None:
    """And of none that is still to come."""
    assert max(FILES[stem], default=0) == PRESENT[stem], (
        f"{stem} is at version {PRESENT[stem]}: run `python tools/make_golden_state.py` and commit what it writes"
    )


@pytest.mark.parametrize("version", sorted(FILES["engine"]))
def test_a_models_snapshot_is_taken_over_and_continued(version: int) -> None:
    """To conclusions that are known: nothing that was learned is lost."""
    assert golden.conclusions(golden.read_engine(FILES["engine"][version])) == KNOWN[str(version)], CONCLUDED


def test_a_snapshot_of_the_present_version_comes_back_byte_for_byte() -> None:
    """Reading and writing it again adds nothing and leaves nothing out."""
    for key, state in golden.read_engine(FILES["engine"][engine.VERSION]).items():
        assert ModelMonitor.load(key, golden.policy(), state).dump() == state, changed("engine")


def test_the_layout_of_snapshots_is_that_of_their_version(present: Mapping[ModelKey, bytes]) -> None:
    """A changed layout without a raised version is a state that the next release misreads."""
    written = golden.read_engine(FILES["engine"][engine.VERSION])
    for key, state in present.items():
        assert _outline(key, state) == _outline(key, written[key]), changed("engine")


def _outline(key: ModelKey, state: bytes) -> Any:
    return golden.outline(engine.unseal(key, engine.split(key, state)[0][0], dict)[0])


@pytest.mark.parametrize("version", sorted(FILES["sqlite"]))
def test_a_database_is_taken_over_with_everything_in_it(version: int, tmp_path: Path) -> None:
    """Models, positions, the log and what else there is; and the models go on from it."""
    shutil.copyfile(FILES["sqlite"][version], tmp_path / schema.DATABASE_FILE)
    with closing(SqliteStore(tmp_path)) as store:
        loaded, interventions = store.load(), store.interventions()
    _holds_everything(loaded)
    assert [(done.kind, done.model) for done in interventions] == [("inherited", golden.HEIR)]
    assert [event["id"] for _, _, event in decisions(tmp_path)] == ["1"]


@pytest.mark.parametrize("version", sorted(FILES["kafka"]))
def test_the_records_of_a_state_topic_are_taken_over(version: int) -> None:
    """As they would be read from its partition."""
    records = dict(msgspec.msgpack.decode(FILES["kafka"][version].read_bytes(), type=list[tuple[bytes, bytes]]))
    found = contents(records, "golden-state/0")
    _holds_everything(found.snapshot())
    assert [done.model for done in found.interventions.values()] == [golden.HEIR]


def _holds_everything(loaded: Snapshot) -> None:
    assert loaded.offsets == golden.OFFSETS
    assert (loaded.configuration, loaded.topic_ids) == (golden.CONFIGURATION, golden.TOPIC_IDS)
    assert loaded.incarnation == golden.INCARNATION
    found = golden.conclusions(loaded.models)
    known = [{name: all_of_it[name] for name in found} for all_of_it in KNOWN.values()]
    assert (len(found), found in known) == (len(golden.STORED), True), CONCLUDED


def test_the_tables_are_those_of_their_version(tmp_path: Path) -> None:
    """A column more, without a raised version, is a database that the next release refuses or misreads."""
    SqliteStore(tmp_path).close()
    assert _tables(tmp_path / schema.DATABASE_FILE) == _tables(FILES["sqlite"][schema.FORMAT_VERSION]), changed(
        "sqlite"
    )


def _tables(path: Path) -> tuple[list[Any], set[Any]]:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as database:
        tables = database.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        known = {key for (key,) in database.execute("SELECT key FROM meta")}
    return tables, known - {"committed_at"}  # only after the first commit


def test_records_are_those_of_their_version() -> None:
    """The same commit gives the same bytes."""
    path = FILES["kafka"][state_records.FORMAT_VERSION]
    written = msgspec.msgpack.decode(path.read_bytes(), type=list[tuple[bytes, bytes]])
    models = {key: golden.read_engine(FILES["engine"][engine.VERSION])[key] for key in golden.STORED}
    assert dict(golden.kafka_records(models)) == dict(written), changed("kafka")
