"""The file a report goes to: found to be writable before anything is read, whole or not there at all."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import IO, Self

from monitor.domain.errors import ConfigurationError


class ReportFile:
    """Opens the file at once and fills it at the end; a context manager.  What was there stays until then.

    Raises ConfigurationError when the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_new = not path.exists()
        self._written = False
        try:
            self._file: IO[bytes] = path.open("ab")
        except OSError as error:
            raise ConfigurationError([f"--report {path}: cannot be written: {error.strerror}"]) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self._is_new and not self._written:
            self._path.unlink(missing_ok=True)

    def write(self, content: bytes) -> None:
        """Put the whole report there.  Raises ConfigurationError when it does not fit."""
        try:
            if self._file.seekable():  # a pipe or a terminal is only ever added to
                self._file.truncate(0)
            self._file.write(content)
            self._file.flush()
        except OSError as error:
            raise ConfigurationError([f"--report {self._path}: cannot be written: {error.strerror}"]) from None
        self._written = True
