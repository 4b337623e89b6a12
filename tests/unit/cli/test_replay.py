"""`driftgauge replay`, as a process: what goes in, what comes out."""

from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from tests.unit.cli.frames import csv_text, events, json_lines
from tests.unit.cli.invoke import Result, clean_environment, command, driftgauge

CHANGE = 1000
LENGTH = 1400
KEYS = [
    "i",
    "ts",
    "model",
    "model_version",
    "feature",
    "kind",
    "aspect",
    "state",
    "reason",
    "detector",
    "channel",
    "score",
    "effect",
    "explanation",
    "direction",
    "since",
    "summary",
]


def lines(result: Result) -> list[dict[str, Any]]:
    assert result.code == 0, result.err
    return [json.loads(line) for line in result.out.splitlines()]


@pytest.fixture(scope="module")
def from_stdin() -> list[dict[str, Any]]:
    """What a shift of 2σ at event 1000 gives, after a warm-up of 500."""
    return lines(driftgauge("replay", "--stdin", "--stdout", "--warmup", "500", stdin=json_lines(LENGTH, CHANGE)))


def test_a_change_is_reported_soon_after_it_happened(from_stdin: list[dict[str, Any]]) -> None:
    """The first line is the episode of the shifted feature, within 50 events."""
    first = from_stdin[0]
    assert (first["feature"], first["state"], first["aspect"]) == ("f", "firing", "value")
    assert CHANGE <= first["i"] < CHANGE + 50


def test_a_line_has_exactly_these_keys(from_stdin: list[dict[str, Any]]) -> None:
    """Names and order are a promise to programs."""
    assert all(list(line) == KEYS for line in from_stdin)


def test_a_line_says_when_whose_and_why(from_stdin: list[dict[str, Any]]) -> None:
    """Time of the event, model version, and a sentence."""
    first = from_stdin[0]
    assert first["ts"] == list(events(LENGTH, CHANGE))[first["i"]]["ts"]
    assert (first["model"], first["model_version"], first["kind"], first["reason"]) == ("m", "1", "feature", None)
    assert first["explanation"].startswith("f: ")
    assert first["effect"] > 0.2
    assert first["score"] >= 1


def test_a_line_has_the_numbers_of_its_sentence(from_stdin: list[dict[str, Any]]) -> None:
    """Quartiles on both sides, what the effect is, and since when."""
    first = from_stdin[0]
    assert first["since"] <= first["i"] + 1
    assert first["summary"]["unit"] == "probability above ½"
    now, before = (first["summary"][side]["quartiles"] for side in ("recent", "reference"))
    assert (now[1] > before[1]) == (first["direction"] == "up")


def test_no_change_gives_no_line() -> None:
    """Quiet data, quiet output."""
    assert lines(driftgauge("replay", "--stdin", "--warmup", "500", stdin=json_lines(LENGTH))) == []


def without_model(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in line.items() if key not in ("model", "model_version")} for line in found]


def test_csv_says_the_same(tmp_path: Path, from_stdin: list[dict[str, Any]]) -> None:
    """The same events as a table give the same lines; the model is called as the file."""
    path = tmp_path / "flights.csv"
    path.write_text(csv_text(LENGTH, CHANGE))
    found = lines(driftgauge("replay", path, "--warmup", "500"))
    assert without_model(found) == without_model(from_stdin)
    assert {(line["model"], line["model_version"]) for line in found} == {("flights", "unversioned")}


def test_zipped_csv_says_the_same(tmp_path: Path, from_stdin: list[dict[str, Any]]) -> None:
    """A .gz is read as what is in it."""
    path = tmp_path / "flights.csv.gz"
    path.write_bytes(gzip.compress(csv_text(LENGTH, CHANGE).encode()))
    assert without_model(lines(driftgauge("replay", path, "--warmup", "500"))) == without_model(from_stdin)


def test_json_lines_in_a_file_say_the_same(tmp_path: Path, from_stdin: list[dict[str, Any]]) -> None:
    """A file is read in larger pieces than a pipe, with the same result."""
    path = tmp_path / "events.jsonl"
    path.write_text(json_lines(LENGTH, CHANGE))
    assert lines(driftgauge("replay", path, "--warmup", "500")) == from_stdin


def test_parquet_says_the_same(tmp_path: Path, from_stdin: list[dict[str, Any]]) -> None:
    """Columns of numbers, texts and texts of time."""
    rows = [{"ts": event["ts"], **event["features"]} for event in events(LENGTH, CHANGE)]
    path = tmp_path / "flights.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    assert without_model(lines(driftgauge("replay", path, "--warmup", "500"))) == without_model(from_stdin)


def test_lines_that_cannot_be_read_are_counted_and_survived(from_stdin: list[dict[str, Any]]) -> None:
    """Bad lines have numbers too, are named with their line, and change nothing for the others."""
    good = json_lines(LENGTH, CHANGE).splitlines()
    bad = ["{not json", "[1]", '{"features": {"f": 1}}', "", '{"model": "m", "features": 5}']
    result = driftgauge("replay", "--stdin", "--warmup", "500", stdin="\n".join([*good[:3], *bad, *good[3:]]))
    found = lines(result)
    assert [line["i"] - 4 for line in found] == [line["i"] for line in from_stdin]  # the blank line is no event
    assert f"4 events of {LENGTH + 4:,} could not be read:" in result.err
    assert "line 4: not_json" in result.err
    assert "line 8: wrong_shape" in result.err


def test_dirty_values_neither_end_nor_blind_it() -> None:
    """NaN, infinities, absurd magnitudes and texts among numbers: the change behind them is still found."""
    changed = list(events(LENGTH, CHANGE))
    dirty: list[object] = [float("nan"), None, float("inf"), 1e308, "seven", 10**30]
    for at, value in enumerate(dirty):
        changed[600 + 10 * at]["features"]["f"] = value
    result = driftgauge("replay", "--stdin", "--warmup", "500", stdin="".join(json.dumps(e) + "\n" for e in changed))
    assert any(line["feature"] == "f" and CHANGE <= line["i"] < CHANGE + 50 for line in lines(result))


def test_a_warm_up_that_never_ends_is_said() -> None:
    """Silence would look like health."""
    result = driftgauge("replay", "--stdin", stdin=json_lines(50))
    assert result.code == 0
    assert "nothing was tested: no stream finished its warm-up (the longest has 50 observations)" in result.err


def test_several_models_come_in_the_order_of_their_events() -> None:
    """Lines of two models are sorted by event number."""
    both = zip(json_lines(LENGTH, CHANGE, "a").splitlines(), json_lines(LENGTH, CHANGE, "b").splitlines(), strict=True)
    found = lines(
        driftgauge("replay", "--stdin", "--warmup", "500", stdin="\n".join(line for pair in both for line in pair))
    )
    assert {line["model"] for line in found} == {"a", "b"}
    assert [line["i"] for line in found] == sorted(line["i"] for line in found)


def test_a_topic_of_the_configuration_reads_the_lines(tmp_path: Path) -> None:
    """A dump of a company's own topic is read as the daemon reads the topic, with its warm-up."""
    config = tmp_path / "c.yaml"
    fields = "{model: {const: fraud}, ts: null, features: payload}"
    config.write_text(
        f"kafka: {{topics: [{{name: own, fields: {fields}}}]}}\n"
        "reference: {warmup: {observations: 500, duration: 0s}}\n"
    )
    text = "".join(json.dumps({"payload": event["features"]}) + "\n" for event in events(LENGTH, CHANGE))
    found = lines(driftgauge("replay", "--stdin", "--config", config, stdin=text))
    assert found[0]["model"] == "fraud"
    assert found[0]["ts"] is None


def test_variables_count_for_a_replay_too() -> None:
    """A setting from the environment holds without any file."""
    environ = {"DRIFTGAUGE_REFERENCE__WARMUP__OBSERVATIONS": "500", "DRIFTGAUGE_REFERENCE__WARMUP__DURATION": "0"}
    assert lines(driftgauge("replay", "--stdin", stdin=json_lines(LENGTH, CHANGE), environ=environ))


def test_changes_of_a_live_stream_are_printed_while_it_is_open() -> None:
    """Whoever pipes a stream sees the change before the stream ends."""
    text = json_lines(LENGTH, CHANGE)
    process = subprocess.Popen(
        command("replay", "--stdin", "--warmup", "500"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=clean_environment(),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(text.encode())
        process.stdin.flush()
        first = json.loads(process.stdout.readline())  # the pipe is still open: this would wait for ever otherwise
        assert first["feature"] == "f"
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(20)


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    """`replay | head` ends quietly."""
    text = "".join(json_lines(LENGTH, CHANGE, f"m{n}") for n in range(5))
    process = subprocess.Popen(
        command("replay", "--stdin", "--warmup", "500"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment(),
    )
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(text.encode(), timeout=60)
    assert (process.returncode, err) == (0, b"")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give a FILE, or --stdin"),
        (["nope.csv"], "nope.csv: there is no such file"),
        (["data.xlsx"], "data.xlsx: expected a file ending in .csv"),
        (["--stdin", "--read-as", "xml"], "--read-as: expected csv, json or parquet, got 'xml'"),
        (["--stdin", "--set", "x"], "--set: expected NAME=VALUE, got 'x'"),
        (["--stdin", "--set", "log.lvl=x"], "log.lvl: unknown key; did you mean level?"),
        (["--stdin", "--warmup", "0"], "--warmup"),
        (["--stdin", "--topic", "t"], "--topic names a topic of the configuration"),
        (["--stdin", "--config", "nope.yaml"], "nope.yaml: there is no such file"),
        (["--stdin", "--profile", "nope.json"], "nope.json: cannot be read"),
    ],
)
def test_wrong_usage_ends_with_2_and_one_message(tmp_path: Path, arguments: list[str], message: str) -> None:
    """No traceback; the message names what was wrong."""
    result = driftgauge("replay", *arguments, cwd=tmp_path)
    assert result.code == 2
    assert message in result.err
    assert "Traceback" not in result.err
