"""A service as a child process: started, watched until it is ready, stopped by its own id, its output kept."""

import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.services.waiting import wait_until


class ServiceFailed(AssertionError):
    """A service ended before it was ready; carries the end of what it printed."""


class Process:
    """One child process, which may be started again after it ended.

    Signals go to this process alone, by its id.  Everything it prints is appended to the file `log`.  It runs in
    `folder`, by default where the log is, with the variables `environment`, by default those of the tests.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.command = [str(word) for word in command]
        self.log = log
        self._environment = environment
        self._folder = folder or log.parent
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        assert self._child is not None, f"{self.command[0]} was not started"
        return self._child.pid

    def start(self) -> None:
        """Start the process; it must not be running."""
        assert not self.running, f"{self.command[0]} runs already, as process {self.pid}"
        with self.log.open("ab") as output:
            self._child = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env=None if self._environment is None else dict(self._environment),
            )

    def await_ready(self, ready: Callable[[], bool], timeout: float) -> None:
        """Wait until `ready` says so; raises ServiceFailed at once if the process ends first."""

        def ready_or_dead() -> bool:
            if not self.running:
                raise ServiceFailed(
                    f"{self.command[0]} ended before it was ready; its last words:\n{self.last_words()}"
                )
            return ready()

        try:
            wait_until(ready_or_dead, timeout, f"{self.command[0]} to become ready")
        except BaseException:
            self.kill()
            raise

    def wait(self, timeout: float) -> int:
        """Wait for the process to end by itself; its exit code.  Raises ServiceFailed when it takes too long."""
        assert self._child is not None, f"{self.command[0]} was not started"
        try:
            return self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServiceFailed(f"{self.command[0]} did not end within {timeout:g} s:\n{self.last_words()}") from None

    def stop(self, timeout: float = 30) -> int | None:
        """Ask the process to end, make it end after `timeout` seconds; its exit code, None if it was never started."""
        if self._child is None:
            return None
        if self.running:
            self._child.send_signal(signal.SIGCONT)
            self._child.terminate()
            try:
                self._child.wait(timeout)
            except subprocess.TimeoutExpired:
                self._child.kill()
        return self._child.wait()

    def kill(self) -> None:
        """End the process without giving it a chance to tidy up."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()

    def pause(self) -> None:
        """Freeze the process: its connections stay open, and nothing answers."""
        assert self.running
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen process go on."""
        self._signal(signal.SIGCONT)

    def last_words(self, lines: int = 30) -> str:
        """The end of what the process printed."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def _signal(self, number: signal.Signals) -> None:
        assert self._child is not None
        self._child.send_signal(number)
