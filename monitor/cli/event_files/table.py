"""Rows of a table → frames: which column is what, and rows of several model versions told apart.

Columns are recognised by their names unless the user says otherwise:

    ts, timestamp           when the event happened: ISO 8601 or a number since the epoch
    event_id                its id; without one its number
    model, model_version    whose event it is; without them the file's name and `unversioned`
    prediction              what the model said; everything else is a feature
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from monitor.cli.event_files.chunk import Naming, Unreadable
from monitor.domain.errors import ConfigurationError
from monitor.domain.frame import Frame
from monitor.domain.keys import Kind, ModelKey
from monitor.formats.columns import column
from monitor.formats.identity import UNVERSIONED
from monitor.formats.rejects import Unusable
from monitor.formats.scalars import bounded, event_time, label

_RECOGNISED = {
    "ts": ("ts", "timestamp"),
    "event_id": ("event_id",),
    "model": ("model",),
    "model_version": ("model_version",),
}
_PREDICTION = "prediction"

Values = Sequence[Any]  #: one column: JSON values, one a row


@dataclass(frozen=True, slots=True)
class Layout:
    """Positions of a table's columns by role; `streams` are the watched ones: position, name, kind.

    fallback: the model version where no column says it.
    """

    ts: int | None
    event_id: int | None
    model: int | None
    model_version: int | None
    streams: tuple[tuple[int, str, Kind], ...]
    fallback: ModelKey
    topic: str


def lay_out(header: Sequence[str], naming: Naming, stem: str) -> Layout:
    """Decide what each column is.  Raises ConfigurationError for names that are there twice, or not at all."""
    twice = sorted({name for name in header if name and header.count(name) > 1})
    mistakes = [f"header: expected each column once, got {name!r} more than once" for name in twice]
    wanted = {
        "ts": naming.ts,
        "event_id": naming.event_id,
        "model": naming.model_column if naming.model is None else "",
        "model_version": naming.model_version_column if naming.model_version is None else "",
    }
    named = [*(name for name in wanted.values() if name), *naming.predictions, *naming.ignored]
    mistakes += [f"header: there is no column {name!r}{_nearest(name, header)}" for name in named if name not in header]
    if mistakes:
        raise ConfigurationError(mistakes)
    roles = {role: _position(header, _RECOGNISED[role], name) for role, name in wanted.items()}
    predictions = naming.predictions or (_PREDICTION,)
    taken = set(roles.values())
    streams = tuple(
        (position, bounded(name), _kind(name, predictions))
        for position, name in enumerate(header)
        if name and position not in taken and name not in naming.ignored  # a column without a name is a row number
    )
    fallback = ModelKey(naming.model or stem, naming.model_version or UNVERSIONED)
    return Layout(**roles, streams=streams, fallback=fallback, topic=stem)


def _kind(name: str, predictions: Sequence[str]) -> Kind:
    return "prediction" if name in predictions else "feature"


def _position(header: Sequence[str], usual: Sequence[str], wanted: str | None) -> int | None:
    names = usual if wanted is None else (wanted,)
    return next((header.index(name) for name in names if name and name in header), None)


def _nearest(name: str, header: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, header, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(header)}"


@dataclass(frozen=True, slots=True)
class _Event:
    """What is known of a row beside its values."""

    row: int
    number: int
    time: float
    event_id: str


def frames_of(
    columns: Sequence[Values], numbers: Sequence[int], lines: Sequence[int], layout: Layout
) -> tuple[list[Frame], list[Unreadable]]:
    """One frame for each model version in the order in which they first appear, and the rows that have no place.

    columns: all columns of the table; numbers and lines: per row, the event's number and its line in the file.
    """
    events: dict[ModelKey, list[_Event]] = {}
    unreadable = []
    for row, number in enumerate(numbers):
        try:
            key = _key(columns, row, layout)
            time = event_time(_at(columns, layout.ts, row), float("nan"), "ts")
        except Unusable as problem:
            detail = f"expected {problem.expected}, got {problem.found}"
            unreadable.append(Unreadable(lines[row], problem.reason, detail))
        else:
            event_id = label(_at(columns, layout.event_id, row))
            event = _Event(row, number, time, str(number) if event_id is None else event_id)
            events.setdefault(key, []).append(event)
    return [_frame(key, chosen, columns, layout) for key, chosen in events.items()], unreadable


def _at(columns: Sequence[Values], position: int | None, row: int) -> Any:
    return None if position is None else columns[position][row]


def _key(columns: Sequence[Values], row: int, layout: Layout) -> ModelKey:
    if layout.model is None and layout.model_version is None:
        return layout.fallback
    model = layout.fallback.model if layout.model is None else label(columns[layout.model][row])
    version = layout.fallback.model_version
    if layout.model_version is not None:
        version = label(columns[layout.model_version][row]) or ""
    if not model or not version:
        raise Unusable("no_model", "a model and its version", "an empty cell")
    return ModelKey(model, version)


def _frame(key: ModelKey, events: Sequence[_Event], columns: Sequence[Values], layout: Layout) -> Frame:
    size = len(events)
    rows = [event.row for event in events]
    whole = size == len(columns[0])
    return Frame(
        model=key,
        topic=layout.topic,
        columns=[
            column(name, kind, columns[at] if whole else [columns[at][row] for row in rows])
            for at, name, kind in layout.streams
        ],
        event_time=np.array([event.time for event in events], dtype=np.float64),
        has_features=np.full(size, any(kind == "feature" for _, _, kind in layout.streams)),
        event_id=[event.event_id for event in events],
        partition=np.zeros(size, dtype=np.int32),
        offset=np.array([event.number for event in events], dtype=np.int64),
        row=np.zeros(size, dtype=np.int32),
    )


def cell_values(texts: Sequence[str]) -> Iterator[float | str | None]:
    """Cells as CSV writes them: nothing is null, what reads as a number is one, all else is text.

    >>> list(cell_values(["1.5", " ", "red", "1_000"]))
    [1.5, None, 'red', '1_000']
    """
    for text in texts:
        try:
            # float() takes the underscores of Python's own literals; no file means a number by them
            yield float(text) if "_" not in text else text
        except ValueError:
            yield text if text.strip() else None
