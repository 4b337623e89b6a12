"""Finds the reader for a file by its ending, or for standard input, and opens it."""

from __future__ import annotations

import gzip
import io
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any, Literal, cast

from monitor.cli.event_files.chunk import Chunk, Naming
from monitor.domain.errors import ConfigurationError

FileKind = Literal["csv", "json", "parquet"]
_KINDS: Mapping[str, FileKind] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """What to read: a file, or standard input where path is None.

    kind: instead of what the file's ending says.  format, fields: how a JSON line is read, as for a topic.
    """

    path: Path | None
    kind: FileKind | None = None
    naming: Naming = field(default_factory=Naming)
    delimiter: str | None = None
    format: str = "flat_json"
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """How people call it."""
        return "standard input" if self.path is None else str(self.path)

    @property
    def stem(self) -> str:
        """The file's name without its endings: the model's name where nothing else says it."""
        return "stdin" if self.path is None else self.path.name.partition(".")[0] or self.path.name


def open_events(source: Source) -> Iterator[Chunk]:
    """All events in order.  Raises ConfigurationError for a file that cannot be opened or is of no known kind."""
    kind, zipped, ending = _kind(source)
    if kind == "parquet":
        if source.path is None or zipped:
            raise ConfigurationError([f"{source.name}: Parquet is read from a plain file, not from a pipe or a .gz"])
        from monitor.cli.event_files.parquet import read_parquet

        yield from read_parquet(_existing(source.path), source.naming, source.stem)
        return
    with _Input(source.path, zipped) as opened:
        if kind == "csv":
            from monitor.cli.event_files.csv_rows import read_csv

            delimiter = source.delimiter or ("\t" if ending == ".tsv" else ",")
            yield from read_csv(opened.lines(), delimiter, opened.fraction, source.naming, source.stem)
        else:
            from monitor.cli.event_files.json_lines import read_json_lines

            yield from read_json_lines(opened.read, opened.fraction, partial(_format, source), source.stem)


def _kind(source: Source) -> tuple[FileKind, bool, str]:
    if source.path is None:
        return source.kind or "json", False, ""
    endings = [ending.lower() for ending in source.path.suffixes]
    zipped = bool(endings) and endings[-1] == ".gz"
    ending = (endings[:-1] if zipped else endings)[-1:] or [""]
    kind = source.kind or _KINDS.get(ending[0])
    if kind is None:
        known = ", ".join(_KINDS)
        raise ConfigurationError([f"{source.path}: expected a file ending in {known} (.gz after it), or --read-as"])
    return kind, zipped, ending[0]


def _existing(path: Path) -> Path:
    if not path.exists():
        raise ConfigurationError([f"{path}: there is no such file"])
    if path.is_dir():
        raise ConfigurationError([f"{path}: expected a file, got a directory"])
    return path


def _format(source: Source) -> Any:
    """The decoder of a JSON line, with what the user said about names on top of the topic's own mapping."""
    from monitor.formats import open_format

    naming = source.naming
    constants = {"model": naming.model, "model_version": naming.model_version}
    paths = {"ts": naming.ts, "event_id": naming.event_id}
    fields = {
        **source.fields,
        **{name: {"const": value} for name, value in constants.items() if value is not None},
        **{name: value or None for name, value in paths.items() if value is not None},
    }
    return open_format(source.format, fields)


def _opened(path: Path) -> IO[bytes]:
    try:
        return _existing(path).open("rb")
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read: {error.strerror}"]) from None


class _Input:
    """An open file (or standard input) that knows how far it has been read; a context manager."""

    def __init__(self, path: Path | None, zipped: bool) -> None:
        self._raw: IO[bytes] | None = None
        self._size = 0
        if path is not None:
            self._raw = _opened(path)
            self._size = os.fstat(self._raw.fileno()).st_size
        self._file = cast("IO[bytes]", gzip.GzipFile(fileobj=self._raw)) if self._raw and zipped else self._raw
        self._path = path
        self._text: IO[str] | None = None

    def __enter__(self) -> _Input:
        return self

    def __exit__(self, *_: object) -> None:
        if self._text is not None and self._path is not None:
            self._text.close()
        if self._raw is not None:
            self._raw.close()

    def fraction(self) -> float | None:
        """Share of the file that has been read; None where nobody knows how long it is."""
        return self._raw.tell() / self._size if self._raw is not None and self._size else None

    @property
    def read(self) -> Callable[[], bytes]:
        """Some bytes at a call; from a pipe what is there."""
        if self._file is None:
            from monitor.cli.event_files.json_lines import read_available

            return partial(read_available, sys.stdin.fileno())
        return self._read_file

    def _read_file(self) -> bytes:
        assert self._file is not None
        try:
            return cast(io.BufferedReader, self._file).read1(_CHUNK_BYTES)
        except (OSError, EOFError) as error:
            raise ConfigurationError([f"{self._path}: cannot be read: {error}"]) from None

    def lines(self) -> IO[str]:
        """The file as text; bytes that are no UTF-8 are written out (`\\xff`) rather than lost."""
        binary = self._file if self._file is not None else sys.stdin.buffer
        text = io.TextIOWrapper(cast("IO[bytes]", binary), encoding="utf-8-sig", errors="backslashreplace", newline="")
        self._text = text
        return text
