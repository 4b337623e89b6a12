"""`driftgauge profile`: what it writes, says and refuses, and that replay takes it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from monitor.cli.readable_json import readable_json
from monitor.reference.profile import parse
from tests.unit.cli.frames import csv_text, json_lines
from tests.unit.cli.invoke import driftgauge


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "train.csv"
    path.write_text(csv_text(600))
    return path


def written(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text())
    assert isinstance(found, dict)
    return found


def test_a_profile_reads_back(tmp_path: Path, data: Path) -> None:
    """What is written is what the daemon's own reader accepts, one reference a column."""
    assert driftgauge("profile", data, "-o", tmp_path / "p.json").code == 0
    assert set(parse(written(tmp_path / "p.json")).streams) == {("feature", "f"), ("feature", "c")}


def test_a_profile_names_its_origin(tmp_path: Path, data: Path) -> None:
    """File, hash of its bytes, rows, and the model it was made for."""
    driftgauge("profile", data, "-o", tmp_path / "p.json", "--model", "fraud", "--model-version", "7")
    document = written(tmp_path / "p.json")
    digest = hashlib.sha256(data.read_bytes()).hexdigest()
    assert document["model"] == "fraud"
    assert document["source"] == {"file": "train.csv", "sha256": digest, "model_version": "7", "rows": 600}


def test_a_file_that_names_no_model_makes_a_profile_for_any(tmp_path: Path, data: Path) -> None:
    """The file's own name is not taken for a model's."""
    driftgauge("profile", data, "-o", tmp_path / "p.json")
    assert written(tmp_path / "p.json")["model"] is None


def test_a_profile_is_made_for_people_too(tmp_path: Path, data: Path) -> None:
    """Lines stay narrow, objects are indented, arrays of numbers are not spread over hundreds of lines."""
    driftgauge("profile", data, "-o", tmp_path / "p.json")
    lines = (tmp_path / "p.json").read_text().splitlines()
    assert max(map(len, lines)) <= 120
    assert len(lines) < 600


def test_the_terminal_shows_what_was_found(tmp_path: Path, data: Path) -> None:
    """A row a stream: type, count, missing, what it holds, what it goes without."""
    result = driftgauge("profile", data, "-o", tmp_path / "p.json")
    assert "2 streams from 600 events" in result.err
    (number,) = (line for line in result.err.splitlines() if line.startswith("f "))
    assert "number" in number
    assert "600" in number
    (category,) = (line for line in result.err.splitlines() if line.startswith("c "))
    assert "2 categories: " in category


def test_a_name_cannot_move_the_cursor(tmp_path: Path) -> None:
    """Names come from whoever writes events; control characters in them are written out."""
    path = tmp_path / "odd.jsonl"
    path.write_text(json_lines(200).replace('"f"', r'"f\u001b[2J\n"'))
    result = driftgauge("profile", path, "-o", tmp_path / "p.json")
    assert result.code == 0
    assert r"f\x1b[2J\n" in result.err
    assert "\x1b" not in result.err


def test_standard_output_holds_the_profile_alone(data: Path) -> None:
    """-o - can be piped."""
    assert parse(json.loads(driftgauge("profile", data, "-o", "-").out)).streams


def test_replay_holds_events_against_it(tmp_path: Path, data: Path) -> None:
    """No warm-up is needed, and a stream that is off from its first event is found soon."""
    driftgauge("profile", data, "-o", tmp_path / "p.json")
    result = driftgauge("replay", "--stdin", "--profile", tmp_path / "p.json", stdin=json_lines(200, 0))
    first = json.loads(result.out.splitlines()[0])
    assert (first["feature"], first["state"]) == ("f", "firing")
    assert first["i"] < 60


def test_a_profile_of_another_model_is_refused_by_a_replay(tmp_path: Path, data: Path) -> None:
    """Nothing was held against it, and that looks like health; told whose events they are, it is used."""
    driftgauge("profile", data, "-o", tmp_path / "p.json", "--model", "fraud")
    arguments = ("replay", "--stdin", "--profile", tmp_path / "p.json")
    result = driftgauge(*arguments, stdin=json_lines(200, 0))
    assert result.code == 2
    assert "p.json: nothing was held against it; expected events of fraud that" in result.err
    assert driftgauge(*arguments, "--model", "fraud", stdin=json_lines(200, 0)).code == 0


def test_two_models_in_one_file_are_refused(tmp_path: Path) -> None:
    """Whose reference would it be?  The message says what to do."""
    path = tmp_path / "both.jsonl"
    path.write_text(json_lines(10, model="a") + json_lines(10, model="b"))
    result = driftgauge("profile", path, "-o", tmp_path / "p.json")
    assert result.code == 2
    assert "got a/1 and b/1; split the file, or give --model and --model-version" in result.err
    assert not (tmp_path / "p.json").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope.csv", "-o", "p.json"], "nope.csv: there is no such file"),
        (["empty.csv", "-o", "p.json"], "expected at least one event"),
        (["train.csv", "-o", "nowhere/p.json"], "nowhere/p.json: cannot be written"),
        (["train.csv"], "--output"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path: Path, data: Path, arguments: list[str], message: str) -> None:
    """Exit code 2 and one message."""
    (tmp_path / "empty.csv").write_text("x\n")
    result = driftgauge("profile", *arguments, cwd=tmp_path)
    assert result.code == 2
    assert message in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    "value",
    [{}, [], {"a": list(range(500))}, {"a": {"b": [[1, 2], [3, 4.5]], "ü": None}}, [{"long": "x" * 200}, {"b": True}]],
)
def test_readable_json_reads_back(value: Any) -> None:
    """Layout never changes a value."""
    assert json.loads(readable_json(value)) == value
