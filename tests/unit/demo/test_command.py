"""The demonstration as a whole, around a stand-in for the daemon: what it says, how it ends, what it leaves behind."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from monitor.demo import command as command_module
from monitor.demo.command import run_demo
from tests.services.waiting import free_port, wait_until
from tests.unit.cli.invoke import ROOT, clean_environment
from tests.unit.demo.plans import BLIZZARD, FLIGHTS, GAP, command

Show = Callable[..., tuple[int, str]]


@pytest.fixture
def show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Show:
    """Runs it with a stand-in of this plan, in no time, and gives exit code and text; its folder must be gone then."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))

    def run(**plan: Any) -> tuple[int, str]:
        said = io.StringIO()
        daemon = command(tmp_path, **plan)
        code = run_demo(port=free_port(), seconds=0.0, daemon=daemon, console=Console(file=said, highlight=False))
        assert list(folder.iterdir()) == []
        return code, said.getvalue()

    return run


def test_all_is_well_when_both_were_seen(show: Show) -> None:
    """Exit code 0; the changes as they came, a table, the exposition, and where /metrics answers."""
    code, said = show()
    assert code == 0
    assert "DRIFT  precip: something is off" in said
    assert "Episodes (New York time)" in said
    assert "/metrics, 2 streams: 1 stream drifts" in said
    assert (
        'driftgauge_drift_status{model="flight-delay",model_version="winter",feature="precip",kind="feature"} 2' in said
    )
    assert said.count("seen   ") == 2


@pytest.mark.parametrize(("lines", "lacking"), [([BLIZZARD], "summer"), ([GAP], "winter"), ([], "winter")])
def test_what_was_not_seen_is_said_and_fails(show: Show, lines: list[Any], lacking: str) -> None:
    """Exit code 1, with the version, the days and what was expected."""
    code, said = show(lines=lines)
    assert code == 1
    assert f"NOT SEEN  {lacking}" in said


def test_an_episode_on_the_wrong_day_does_not_do(show: Show) -> None:
    """The blizzard found three days late is not found."""
    code, said = show(lines=[{**BLIZZARD, "ts": "2013-02-12T13:35:00Z"}, GAP])
    assert code == 1
    assert "12 Feb 08:35" in said


def test_a_daemon_that_dies_fails_it_with_its_last_words(show: Show) -> None:
    """During the replay or before it."""
    for plan in ({"at_start": 2}, {"at_end": 2, "lines": ["no good reason"]}):
        code, said = show(**plan)
        assert code == 1
        assert "exit code 2" in said
        assert "no good reason" in said


def test_a_daemon_that_lost_events_fails_it(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not every prediction counted in time: the demonstration has shown nothing."""
    monkeypatch.setattr(command_module, "CATCH_UP_SECONDS", 0.3)
    code, said = show(saved=FLIGHTS - 1)
    assert code == 1
    assert "expected 21,762 predictions" in said
    assert "got 21,761" in said


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Callable[..., "Running"]]:
    started: list[Running] = []

    def start(keep: bool, seconds: float) -> Running:
        started.append(Running(tmp_path, keep, seconds))
        return started[-1]

    yield start
    for running in started:
        running.end()


class Running:
    """A demonstration as a process, which signals can be sent to."""

    def __init__(self, folder: Path, keep: bool, seconds: float) -> None:
        self.temporary, self.log = folder / "temporary", folder / "said"
        self.temporary.mkdir()
        daemon = command(folder)
        text = (
            "from monitor.demo.command import run_demo; "
            f"raise SystemExit(run_demo({keep}, {free_port()}, seconds={seconds}, daemon={daemon}))"
        )
        with self.log.open("wb") as output:
            self.child = subprocess.Popen(
                [sys.executable, "-c", text],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=clean_environment({"TMPDIR": str(self.temporary)}),
            )

    def await_said(self, what: str) -> None:
        wait_until(lambda: what in self.log.read_text(), 30, f"the demonstration to say {what!r}")

    def ended(self, number: signal.Signals) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.child.send_signal(number)
        return self.child.wait(30)

    def daemons(self) -> list[str]:
        """Processes that still run with this demonstration's plan."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if os.fsencode(self.temporary) in words:
                found.append(folder.name)
        return found

    def end(self) -> None:
        if self.child.poll() is None:
            self.child.terminate()
            self.child.wait(30)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing_behind(demo: Callable[..., Running], number: signal.Signals) -> None:
    """Ctrl-C or SIGTERM in the middle: the daemon stopped, the folder gone, exit code 130."""
    running = demo(keep=False, seconds=60.0)
    running.await_said("flights sent")
    assert running.daemons() != []
    assert running.ended(number) == 130
    assert running.daemons() == []
    assert list(running.temporary.iterdir()) == []


def test_kept_it_goes_on_until_interrupted(demo: Callable[..., Running]) -> None:
    """After the verdict the daemon goes on; Ctrl-C then ends with the verdict's exit code."""
    running = demo(keep=True, seconds=0.0)
    running.await_said("until Ctrl-C")
    assert running.daemons() != []
    assert running.ended(signal.SIGINT) == 0
    assert running.daemons() == []
    assert list(running.temporary.iterdir()) == []
