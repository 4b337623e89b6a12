"""Ownership of a state directory: an flock, which the kernel gives back when its process dies in whatever way."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path

from monitor.domain.errors import StateError

LOCK_FILE = "state.lock"


class DirectoryLock:
    """Holds `state.lock` in a directory from creation to `release`; the file says who, for people to read."""

    def __init__(self, directory: Path) -> None:
        """Create the directory if it is not there and take the lock.

        Raises StateError when another process holds it, or the directory cannot be written.
        """
        path = directory / LOCK_FILE
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StateError(
                f"{directory}: expected a directory that driftgauge may write, found: {error.strerror}"
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.read(self._descriptor, 200).decode("utf-8", "replace").strip() or "another process"
            os.close(self._descriptor)
            raise StateError(
                f"{directory}: the state belongs to {owner}, which is running; stop it first, "
                "or give this instance a directory of its own in `state.path`"
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)

    def release(self) -> None:
        """Let others have the directory; may be called twice.  The file stays: removing it would race with the next."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
