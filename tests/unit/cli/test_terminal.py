"""What a person sees: replay on a terminal, made by a pseudo-terminal."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from pathlib import Path

import numpy as np

from tests.unit.cli.frames import csv_text
from tests.unit.cli.invoke import clean_environment, command


def on_terminal(*arguments: str | Path) -> str:
    """All that a command writes on a terminal, standard error included."""
    mine, theirs = pty.openpty()
    process = subprocess.Popen(
        command(*arguments),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env=clean_environment({"TERM": "xterm"}),
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            piece = os.read(mine, 65_536)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        written += piece
    os.close(mine)
    assert process.wait(30) == 0, written.decode()
    return written.decode()


def test_a_terminal_gets_a_table(tmp_path: Path) -> None:
    """Episodes as rows with event, stream and reason, and how all stands at the end; no JSON."""
    path = tmp_path / "flights.csv"
    path.write_text(csv_text(1400, 1000))
    seen = on_terminal("replay", path, "--warmup", "500")
    assert "firing" in seen
    assert "1,400 events, flights/unversioned, 2 streams: " in seen
    assert '{"i":' not in seen


def test_lines_can_be_forced_on_a_terminal(tmp_path: Path) -> None:
    """--stdout prints what a program would get, and no bar between."""
    path = tmp_path / "flights.csv"
    path.write_text(csv_text(1400, 1000))
    seen = on_terminal("replay", path, "--warmup", "500", "--stdout")
    assert seen.startswith('{"i":')
    assert "events" not in seen.split('"explanation"')[0]


def test_a_replay_says_what_its_streams_are_tested_with(tmp_path: Path) -> None:
    """Reference, level, expected delays, and what other budgets would have raised, each in a table of its own."""
    generator = np.random.default_rng(1)
    values = generator.normal(size=4000)
    values[3000:] += 3
    (tmp_path / "e.csv").write_text("x\n" + "\n".join(f"{value:.4f}" for value in values))
    shown = on_terminal("replay", tmp_path / "e.csv", "--warmup", "2000", "--budgets", "10,0.1")
    assert "2,000 numbers" in shown
    assert "18.3 (floor)" in shown
    assert re.search(r"0\.25 σ.*0\.5 σ.*1 σ", shown)
    assert re.search(r"0\.1 a week.*10 a week", shown)
    assert re.search(r"all\s+1\s+1", shown)
