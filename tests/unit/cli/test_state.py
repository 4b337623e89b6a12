"""`driftgauge state`: shows, resets and exports what a stopped daemon left."""

from __future__ import annotations

import base64
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from monitor.domain.frame import MessageBatch
from monitor.domain.keys import ModelKey
from monitor.engine.model import ModelMonitor
from monitor.engine.policy import Policy, Warmup
from monitor.formats import open_format
from monitor.state.schema import DATABASE_FILE
from monitor.state.sqlite import SqliteStore
from monitor.state.store import Commit, Snapshot
from tests.unit.cli.frames import json_lines
from tests.unit.cli.invoke import driftgauge

OFFSETS = {("predictions", 0): 1200, ("predictions", 1): 7}


def watched(model: str) -> ModelMonitor:
    """A model after 800 events, with its feature f in drift since event 600."""
    values = [line.encode() for line in json_lines(800, 600, model).splitlines()]
    batch = MessageBatch("predictions", values, [0] * 800, range(800), [float("nan")] * 800)
    monitor = ModelMonitor(ModelKey(model, "1"), Policy(warmup=Warmup(500, 0.0)))
    (frame,) = open_format("flat_json", {}).decode(batch).frames
    monitor.observe(frame)
    return monitor


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The state of a daemon that watched the models a and b, beside its configuration."""
    directory = tmp_path / "state"
    store = SqliteStore(directory)
    models = {ModelKey(model, "1"): watched(model).dump() for model in ("a", "b")}
    store.commit(Commit(models, dict.fromkeys(models, b""), OFFSETS))
    store.close()
    text = "state: {path: state}\nreference: {warmup: {observations: 500, duration: 0}}\n"
    (tmp_path / "c.yaml").write_text(text)
    return directory


def loaded(directory: Path) -> Snapshot:
    store = SqliteStore(directory)
    try:
        return store.load()
    finally:
        store.close()


def test_inspect_shows_streams_episodes_and_positions(state: Path) -> None:
    """Each stream with status and counts, why it is in drift, and where reading goes on."""
    result = driftgauge("state", "inspect", state)
    assert result.code == 0, result.err
    (row,) = (line.split() for line in result.out.splitlines() if line.startswith("a/1") and " f " in line)
    assert row[:5] == ["a/1", "f", "feature", "drift", "800"]
    assert "predictions/0: next offset 1,200" in result.out
    assert "2 model versions, 4 streams" in result.out


def test_inspect_finds_the_directory_in_the_configuration(state: Path) -> None:
    """--config is as good as the path."""
    assert driftgauge("state", "inspect", "--config", state.parent / "c.yaml").out.endswith(
        "2 model versions, 4 streams\n"
    )


def test_inspect_changes_nothing(state: Path) -> None:
    """Looking is free."""
    before = loaded(state)
    driftgauge("state", "inspect", state)
    assert loaded(state) == before


def test_reset_of_a_model_keeps_the_others_and_the_positions(state: Path) -> None:
    """What is removed is said."""
    result = driftgauge("state", "reset", state, "--model", "a")
    assert (result.code, result.out) == (0, "reset: model version a/1\n")
    left = loaded(state)
    assert list(left.models) == [ModelKey("b", "1")]
    assert dict(left.offsets) == OFFSETS


def test_reset_of_a_feature_keeps_its_models_other_streams(state: Path) -> None:
    """The feature starts anew, the others are bit for bit what they were."""
    config = state.parent / "c.yaml"
    result = driftgauge("state", "reset", "--config", config, "--model", "a", "--feature", "f")
    assert (result.code, result.out) == (0, "reset: stream a/1/feature/f\n"), result.err
    key, policy, left = ModelKey("a", "1"), Policy(warmup=Warmup(500, 0.0)), loaded(state)
    reset = ModelMonitor.load(key, policy, left.models[key]).view()
    (before,) = (stream for stream in watched("a").view().streams if stream.key.feature == "c")
    assert reset.streams == (before,)
    assert left.models[ModelKey("b", "1")] == watched("b").dump()


def test_a_reset_feature_learns_again(state: Path) -> None:
    """It comes back with its next events, in a new warm-up."""
    driftgauge("state", "reset", "--config", state.parent / "c.yaml", "--feature", "f")
    key = ModelKey("a", "1")
    monitor = ModelMonitor.load(key, Policy(warmup=Warmup(500, 0.0)), loaded(state).models[key])
    values = [line.encode() for line in json_lines(30, 0, "a").splitlines()]
    batch = MessageBatch("predictions", values, [0] * 30, range(800, 830), [float("nan")] * 30)
    (frame,) = open_format("flat_json", {}).decode(batch).frames
    monitor.observe(frame)
    assert [(stream.key.feature, stream.observations) for stream in monitor.view().streams] == [("c", 830), ("f", 30)]


def test_reset_of_everything_forgets_positions_too(state: Path) -> None:
    """The next start begins where kafka.start says."""
    result = driftgauge("state", "reset", state, "--all")
    assert result.code == 0
    assert "reset: position of predictions/1" in result.out
    assert loaded(state) == Snapshot()


@pytest.mark.parametrize("arguments", [["--model", "a"], ["--all"]])
def test_reset_is_the_way_out_of_a_damaged_state_that_its_refusal_names(state: Path, arguments: list[str]) -> None:
    """Exit 3 names the command, and the command works on what it was named for."""
    with closing(sqlite3.connect(state / DATABASE_FILE)) as database:
        database.execute("UPDATE models SET state = zeroblob(9) WHERE model = 'a'")
        database.commit()
    refused = driftgauge("state", "inspect", state)
    assert refused.code == 3
    assert "`driftgauge state reset` that model" in refused.err
    assert driftgauge("state", "reset", state, *arguments).code == 0
    assert ModelKey("a", "1") not in loaded(state).models


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say what to reset"),
        (["--all", "--model", "a"], "say what to reset"),
        (["--model", "zzz"], "nothing matches; the state holds a/1, b/1"),
        (["--feature", "f"], "--feature needs --config"),
    ],
)
def test_reset_refuses_what_it_does_not_understand(state: Path, arguments: list[str], message: str) -> None:
    """Exit 2, and nothing is lost."""
    before = loaded(state)
    result = driftgauge("state", "reset", state, *arguments)
    assert result.code == 2
    assert message in result.err
    assert loaded(state) == before


@pytest.mark.parametrize("arguments", [["inspect"], ["reset", "--all"], ["export"]])
def test_a_running_daemons_state_is_refused(state: Path, arguments: list[str]) -> None:
    """Exit 3: the state belongs to the process that runs."""
    store = SqliteStore(state)
    try:
        result = driftgauge("state", arguments[0], state, *arguments[1:])
    finally:
        store.close()
    assert result.code == 3
    assert "which is running; stop it first" in result.err


def test_a_directory_without_state_is_refused_and_not_made(tmp_path: Path) -> None:
    """A typing mistake leaves no empty state behind."""
    result = driftgauge("state", "inspect", tmp_path / "nope")
    assert (result.code, result.err) == (
        3,
        f"driftgauge: {tmp_path / 'nope'}: expected a state of driftgauge, found none\n",
    )
    assert not (tmp_path / "nope").exists()


def test_export_holds_everything(state: Path, tmp_path: Path) -> None:
    """Positions and each model's bytes, in a file or on standard output."""
    assert driftgauge("state", "export", state, "-o", tmp_path / "s.json").code == 0
    text = (tmp_path / "s.json").read_text()
    assert driftgauge("state", "export", state).out == text
    document, stored = json.loads(text), loaded(state)
    assert {(o["topic"], o["partition"]): o["next_offset"] for o in document["offsets"]} == OFFSETS
    exported = {ModelKey(m["model"], m["model_version"]): base64.b64decode(m["state"]) for m in document["models"]}
    assert exported == dict(stored.models)


def test_the_positions_of_one_topic_can_be_reset_alone(state: Path) -> None:
    """What was learned stays; facts from then on belong to another incarnation."""
    before = loaded(state)
    result = driftgauge("state", "reset", state, "--topic", "predictions")
    assert result.code == 0, result.err
    assert "reset: position of predictions/0" in result.out
    after = loaded(state)
    assert after.models == before.models
    assert after.offsets == {}
    assert after.incarnation == before.incarnation + 1
    assert driftgauge("state", "reset", state, "--topic", "nothing").code == 2
