"""CSV → frames: the header names the columns, empty cells are null."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import IO, Any

from monitor.cli.event_files.chunk import Chunk, Naming, Unreadable
from monitor.cli.event_files.table import Layout, cell_values, frames_of, lay_out
from monitor.domain.errors import ConfigurationError

_CHUNK_ROWS = 4096
_MAX_CELL_CHARACTERS = 1 << 20

_Row = tuple[int, int, list[str]]  #: number of the event, line in the file, cells


def read_csv(
    lines: IO[str], delimiter: str, fraction: Callable[[], float | None], naming: Naming, stem: str
) -> Iterator[Chunk]:
    """Chunks of a CSV file.  Raises ConfigurationError for a header that cannot be used; bad rows are left out."""
    csv.field_size_limit(_MAX_CELL_CHARACTERS)
    reader = csv.reader(lines, delimiter=delimiter)
    numbered = _numbered(reader)
    line, header = next(numbered, (0, []))
    if isinstance(header, str):
        raise ConfigurationError([f"line {line}: expected names of columns, got: {header}"])
    if not header:
        return
    layout = lay_out([name.strip() for name in header], naming, stem)
    first = 0
    while taken := list(islice(numbered, _CHUNK_ROWS)):
        rows, unreadable = _sift(taken, len(header), first)
        frames, late = _frames(rows, layout)
        unreadable = sorted([*unreadable, *late], key=lambda item: item.line)
        yield Chunk(frames, unreadable, len(taken), fraction())
        first += len(taken)


def _numbered(reader: Any) -> Iterator[tuple[int, list[str] | str]]:
    """Rows with the line they end in; a row the reader refuses comes as its message.  Blank lines are no rows."""
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield reader.line_num, str(error)
            continue
        if cells is None:
            return
        if cells:
            yield reader.line_num, cells


def _sift(taken: Sequence[tuple[int, list[str] | str]], width: int, first: int) -> tuple[list[_Row], list[Unreadable]]:
    """Rows of this table, and what looks like none."""
    rows: list[_Row] = []
    unreadable = []
    for number, (line, cells) in enumerate(taken, first):
        if isinstance(cells, str):
            unreadable.append(Unreadable(line, "not_csv", cells))
        elif len(cells) != width:
            unreadable.append(Unreadable(line, "wrong_shape", f"expected {width} cells, got {len(cells)}"))
        else:
            rows.append((number, line, cells))
    return rows, unreadable


def _frames(rows: Sequence[_Row], layout: Layout) -> tuple[list[Any], list[Unreadable]]:
    if not rows:
        return [], []
    texts = list(zip(*(cells for _, _, cells in rows), strict=True))
    watched = {position for position, _, _ in layout.streams}
    columns: list[Sequence[Any]] = [
        list(cell_values(column)) if position in watched else [text.strip() or None for text in column]
        for position, column in enumerate(texts)
    ]
    return frames_of(columns, [number for number, _, _ in rows], [line for _, line, _ in rows], layout)
