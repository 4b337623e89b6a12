"""`driftgauge check` and `rules`: what a configuration amounts to, and whether the world agrees."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.unit.cli.frames import csv_text
from tests.unit.cli.invoke import driftgauge

GOOD = """
kafka:
  bootstrap_servers: 127.0.0.1:1
  topics: [{name: predictions}, {name: own, fields: {model: {const: fraud}}}]
http: {listen: "127.0.0.1:0"}
"""


def config(tmp_path: Path, text: str = GOOD) -> Path:
    path = tmp_path / "driftgauge.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_configuration_is_summed_up(tmp_path: Path) -> None:
    """Topics with formats, reference, budget, state and address, on standard output; exit 0."""
    result = driftgauge("check", "--config", config(tmp_path))
    assert (result.code, result.err) == (0, "")
    for expected in (
        "predictions (flat_json)",
        "own (flat_json, fields mapped: model)",
        "every model version learns from 2,000 observations over at least 1d",
        "1 false alarm a week and model version",
        "level 18.3 (floor); an independent stream with a reference of 2,000: expected events until a shift is found",
        "http://127.0.0.1:0/metrics",
    ):
        assert expected in result.out


def test_thresholds_of_a_profile_are_told(tmp_path: Path) -> None:
    """How many of its streams the floor holds for, and what to expect of the one in the middle."""
    (tmp_path / "train.csv").write_text(
        "x,y\n" + "".join(f"{i * 7919 % 3001},{i * 104729 % 2999}\n" for i in range(2500))
    )
    assert driftgauge("profile", tmp_path / "train.csv", "-o", tmp_path / "p.json").code == 0
    text = GOOD + "reference: {profiles: [{match: {model: fraud}, path: p.json}]}\n"
    result = driftgauge("check", "--config", config(tmp_path, text))
    assert "fraud/*: the floor binds for 2 of 2 numeric streams" in result.out


def test_every_mistake_is_a_line(tmp_path: Path) -> None:
    """All at once on standard error; exit 2."""
    result = driftgauge("check", "--config", config(tmp_path, "kafak: {}\nlog: {level: loud}\n"))
    assert result.code == 2
    assert {line.split(": ")[1] for line in result.err.splitlines()} == {"kafak", "log.level"}


def test_profiles_are_read(tmp_path: Path) -> None:
    """A profile is named with its match and streams; a damaged one is a mistake."""
    (tmp_path / "train.csv").write_text(csv_text(300))
    driftgauge("profile", "train.csv", "-o", "p.json", cwd=tmp_path)
    text = GOOD + "reference: {profiles: [{match: {model: fraud}, path: p.json}]}\n"
    assert "p.json for fraud/*: 2 streams" in driftgauge("check", "--config", config(tmp_path, text)).out
    (tmp_path / "p.json").write_text("{}")
    result = driftgauge("check", "--config", config(tmp_path, text))
    assert result.code == 2
    assert "reference.profiles[0].path" in result.err


def test_a_property_that_the_client_does_not_know_is_refused(tmp_path: Path) -> None:
    """librdkafka itself is asked, without connecting."""
    text = GOOD.replace("kafka:\n", "kafka:\n  properties: {socket.keepalive.enabel: true, fetch.min.bytes: many}\n")
    result = driftgauge("check", "--config", config(tmp_path, text))
    assert result.code == 2
    assert "socket.keepalive.enabel" in result.err
    assert "fetch.min.bytes" in result.err


def test_secrets_are_in_no_output(tmp_path: Path) -> None:
    """Neither a good configuration nor a refused one shows a password."""
    good = GOOD.replace("kafka:\n", "kafka:\n  properties: {sasl.password: hunter2}\n")
    bad = good.replace("hunter2", "hunter2, ssl.key.pem: hunter2, fetch.min.bytes: many")
    for text in (good, bad):
        result = driftgauge("check", "--config", config(tmp_path, text))
        assert "hunter2" not in result.out + result.err


def test_overrides_are_summed_up(tmp_path: Path) -> None:
    """Whom they are for and what they set, without what they leave alone."""
    override = "{match: {feature: 'amount*'}, min_effect: {level: 0.1}, weight: 2}"
    result = driftgauge("check", "--config", config(tmp_path, GOOD + f"detection: {{overrides: [{override}]}}\n"))
    assert "feature amount*: min_effect.level 0.1, weight 2\n" in result.out


def test_connecting_to_nobody_fails_with_a_line_each(tmp_path: Path) -> None:
    """No broker there, address taken: two lines that say so, exit 1."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        text = GOOD.replace("127.0.0.1:0", listen)
        result = driftgauge("check", "--connect", "--config", config(tmp_path, text))
    assert result.code == 1
    failed = [line for line in result.out.splitlines() if "FAILED" in line]
    assert "brokers 127.0.0.1:1" in failed[0]
    assert f"http {listen}: Address already in use" in failed[1]


def test_rules_hold_as_long_as_told(tmp_path: Path) -> None:
    """The hold ends up in the rules; without --config they are the defaults'."""
    assert "30m" in driftgauge("rules", "--hold", "30m").out
    assert driftgauge("rules").out == driftgauge("rules", "--config", config(tmp_path)).out


@pytest.mark.parametrize("hold", ["soon", "0"])
def test_a_hold_that_is_none_is_refused(hold: str) -> None:
    """Exit 2, with what was expected."""
    result = driftgauge("rules", "--hold", hold)
    assert result.code == 2
    assert "--hold: expected" in result.err


def test_hash_password_reads_a_pipe() -> None:
    """What it prints is accepted by the settings; the password is not in it."""
    result = driftgauge("hash-password", stdin="secret\n")
    assert result.code == 0
    assert result.out.startswith("$scrypt$")
    assert driftgauge("hash-password", stdin="\n").code == 2
