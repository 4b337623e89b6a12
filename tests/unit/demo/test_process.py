"""The daemon as a child process: started with a user's configuration, read along, stopped within a bound."""

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from monitor.demo import process as process_module
from monitor.demo.flights import MODEL, PREDICTIONS, VERSIONS
from monitor.demo.process import USUAL_PORT, DaemonEnded, DaemonProcess, configuration, free_port
from monitor.demo.scrape import predictions_saved, scrape
from monitor.domain.keys import ModelKey
from monitor.settings import load
from tests.services.waiting import wait_until
from tests.unit.demo.plans import BLIZZARD, command

Start = Callable[..., DaemonProcess]


@pytest.fixture
def daemon(tmp_path: Path) -> Start:
    """A stand-in with this plan, not started yet."""

    def make(**plan: Any) -> DaemonProcess:
        return DaemonProcess(tmp_path, configuration("127.0.0.1:1", 0, tmp_path / "state"), command(tmp_path, **plan))

    return make


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_the_configuration_is_one_the_daemon_takes(tmp_path: Path, daemon: Start) -> None:
    """Read back by the settings themselves: the topic, no lateness, and a profile for each version."""
    settings = load(daemon().config)
    assert [topic.name for topic in settings.kafka.topics] == [PREDICTIONS]
    assert settings.detection.max_alert_age is None
    assert settings.state.path == tmp_path / "state"
    policy = settings.policy()
    profiles = [policy.profile_for(ModelKey(MODEL, version.name)) for version in VERSIONS]
    assert None not in profiles
    assert profiles[0] != profiles[1]


def test_its_address_is_the_one_it_names(daemon: Start) -> None:
    """With port 0 only the daemon knows; what it says answers."""
    with daemon(saved=5) as running:
        assert predictions_saved(scrape(running.url)) == 5


def test_lines_are_given_once_and_whole(daemon: Start) -> None:
    """Every line after the start, in order, none twice."""
    lines: list[str] = []
    with daemon(lines=["a", "b", BLIZZARD]) as running:
        wait_until(lambda: lines.extend(running.new_lines()) or len(lines) >= 3, 60, "three lines")
        assert running.new_lines() == []
    assert lines[:2] == ["a", "b"]


def test_a_daemon_that_will_not_start_shows_its_last_words(daemon: Start) -> None:
    """The exit code and the end of the log are in the message."""
    with pytest.raises(DaemonEnded, match=r"exit code 3(.|\n)*no good reason"):
        daemon(at_start=3).__enter__()


def test_a_daemon_that_ends_is_an_error_after_its_last_line(daemon: Start) -> None:
    """What it said before it ended is still given; then comes the error."""
    lines: list[str] = []
    with daemon(lines=["last"], at_end=0) as running, pytest.raises(DaemonEnded, match="exit code 0"):
        wait_until(lambda: lines.extend(running.new_lines()), 60, "the end of the daemon")
    assert lines == ["last"]


def test_a_daemon_that_is_killed_is_told_by_its_signal(daemon: Start) -> None:
    """A negative exit code is nobody's language."""
    with daemon(lines=[]) as running:
        os.kill(running.pid, signal.SIGKILL)
        with pytest.raises(DaemonEnded, match="signal 9"):
            wait_until(lambda: running.new_lines(), 60, "the end of the daemon")


def test_it_is_gone_afterwards(daemon: Start) -> None:
    """Stopped in order, with its own exit code."""
    with daemon() as running:
        pid = running.pid
        assert not gone(pid)
        assert running.stop() == 0
    assert gone(pid)


def test_a_daemon_that_hangs_is_killed(daemon: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its time to stop in order."""
    monkeypatch.setattr(process_module, "STOP_SECONDS", 0.3)
    with daemon(stubborn=True) as running:
        pid = running.pid
        assert running.stop() == -signal.SIGKILL
    assert gone(pid)


def test_a_daemon_that_does_not_answer_is_not_waited_for(daemon: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start has a bound, and nothing is left running."""
    monkeypatch.setattr(process_module, "START_SECONDS", 0.0)
    starting = daemon()
    with pytest.raises(DaemonEnded, match="did not start within 0 s"):
        starting.__enter__()
    assert gone(starting.pid)


def test_a_users_variables_do_not_reach_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings for another daemon would make this one read other topics."""
    monkeypatch.setenv("DRIFTGAUGE_KAFKA__GROUP_ID", "another")
    monkeypatch.setenv("SOMETHING_ELSE", "kept")
    show = tmp_path / "show.sh"
    show.write_text('env; echo \'{"event": "started", "url": "x"}\'; sleep 60 & wait\n')
    with DaemonProcess(tmp_path, {}, ["sh", str(show)]) as running:
        said = running.last_words() + (tmp_path / "daemon.log").read_text()
    assert "SOMETHING_ELSE=kept" in said
    assert "DRIFTGAUGE_" not in said


def test_a_port_in_use_is_not_taken() -> None:
    """The usual one if nobody listens there, else the system's choice."""
    with socket.socket() as busy:
        busy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            busy.bind(("127.0.0.1", USUAL_PORT))
            busy.listen()
        except OSError:
            pass  # somebody else has it, which is as good
        assert free_port() == 0
