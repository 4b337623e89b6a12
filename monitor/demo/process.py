"""The daemon as a process of its own: the same `run` a user would start, its log in a file that is read along."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from monitor.demo.episodes import log_entry
from monitor.demo.flights import MODEL, PREDICTIONS, VERSIONS
from monitor.domain.errors import DriftgaugeError

USUAL_PORT = 9480
START_SECONDS = 20.0
#: the daemon bounds its own end; only one that hangs is killed
STOP_SECONDS = 15.0
_LAST_LINES = 15


class DaemonEnded(DriftgaugeError):
    """The daemon ended before it was asked to, or would not start; carries the end of its log."""


def configuration(bootstrap: str, port: int, state: Path) -> dict[str, Any]:
    """What a user would write to watch these flights."""
    profiles = [
        {"match": {"model": MODEL, "model_version": version.name}, "path": str(version.profile)} for version in VERSIONS
    ]
    return {
        "kafka": {
            "bootstrap_servers": bootstrap,
            "group_id": "driftgauge-demo",
            "topics": [{"name": PREDICTIONS, "format": "flat_json"}],
            "start": "earliest",
        },
        "reference": {"profiles": profiles},
        # the flights are of 2013, and no reason to keep quiet
        "detection": {"max_alert_age": None},
        # half a year lies between the two versions, in which the first must not be forgotten
        "limits": {"forget_after": None},
        "state": {"store": "sqlite", "path": str(state), "interval_seconds": 1.0},
        "http": {"listen": f"127.0.0.1:{port}"},
        "log": {"format": "json"},
    }


def free_port() -> int:
    """The usual port if nobody has it, else 0: whichever the system gives."""
    with socket.socket() as probe:
        # connections of a demonstration just over do not hold the port; a process that listens on it does
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", USUAL_PORT))
        except OSError:
            return 0
    return USUAL_PORT


def own_command() -> list[str]:
    """`driftgauge` of the environment this runs in, also off the PATH; without an installation, the package."""
    script = Path(sys.executable).with_name("driftgauge")
    return [str(script)] if script.exists() else [sys.executable, "-m", "monitor"]


class DaemonProcess:
    """`driftgauge run` from `__enter__`, when it answers probes, to `__exit__`, when it has stopped.

    Everything is kept in `folder`: its configuration, its state, its log.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], command: Sequence[str] | None = None) -> None:
        self.config = folder / "driftgauge.yaml"
        self.config.write_text(yaml.safe_dump(dict(settings), sort_keys=False), encoding="utf-8")
        self._log = folder / "daemon.log"
        self._command = [*(own_command() if command is None else command), "run", "--config", str(self.config)]
        self._child: subprocess.Popen[bytes] | None = None
        self._read = 0
        self._unseen: list[str] = []  # came with the line that said it had started
        self.url = ""

    def __enter__(self) -> Self:
        """Start, and wait until it answers.  Raises DaemonEnded when it does not come to that."""
        # variables meant for another daemon must not change what this one does
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DRIFTGAUGE_")}
        with self._log.open("ab") as output:
            self._child = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                process_group=0,  # Ctrl-C is for the demonstration, which then stops the daemon in order
            )
        try:
            self._await_start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Its process id; 0 before it was started."""
        return 0 if self._child is None else self._child.pid

    def new_lines(self) -> list[str]:
        """Whole lines of the log since the last call.  Raises DaemonEnded if there are none because it ended."""
        unseen, self._unseen = self._unseen, []
        # asked first: what a process that has ended wrote is all in the file by then
        ended = self._child is None or self._child.poll() is not None
        with self._log.open("rb") as log:
            log.seek(self._read)
            fresh = log.read()
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._read += len(whole)
        if ended and not whole and not unseen:
            raise DaemonEnded(f"the daemon ended by itself ({self._code()}); the end of its log:\n{self.last_words()}")
        return unseen + whole.decode(errors="replace").splitlines()

    def last_words(self) -> str:
        """The end of the log."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-_LAST_LINES:])

    def stop(self) -> int:
        """Ask it to stop, make it stop if it does not; its exit code, negative if a signal ended it."""
        if self._child is None:
            return 0
        if self._child.poll() is None:
            self._child.terminate()
            try:
                self._child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._child.kill()
        return self._child.wait()

    def _await_start(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.url:
            lines = self.new_lines()
            for position, line in enumerate(lines):
                entry = log_entry(line)
                if entry.get("event") == "started":
                    self.url = str(entry.get("url"))
                    self._unseen = lines[position + 1 :]
                    break
            if time.monotonic() > deadline:
                raise DaemonEnded(f"the daemon did not start within {START_SECONDS:g} s:\n{self.last_words()}")
            time.sleep(0.05)

    def _code(self) -> str:
        code = None if self._child is None else self._child.returncode
        return "not started" if code is None else f"exit code {code}" if code >= 0 else f"signal {-code}"
