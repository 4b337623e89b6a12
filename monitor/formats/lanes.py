"""Lanes: the columns of a whole batch before it is sorted by model, and the frames that come of them.

    lane ("feature", "x")    1.5  2.0  NaN  0.5              frame a    1.5  NaN
    model of the message      a    b    a    b        →      frame b    2.0  0.5

Cells are as in `monitor.domain.frame.Column`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, overload

import msgspec
import numpy as np

from monitor.domain.frame import Cell, Codes, Column, Floats, Offsets
from monitor.domain.keys import Kind
from monitor.formats import columns
from monitor.formats._template import kinds, renumber
from monitor.formats._texts import TextTable
from monitor.formats.columns import EMPTY_NAME, MAX_NUMBER, Row
from monitor.formats.scalars import bounded

Name = tuple[Kind, str]

_TEXT_BIT = 1 << Cell.TEXT
_PRESENT_BITS = 0xFF & ~(1 << Cell.ABSENT)


class TooWide(Exception):
    """The columns of a batch, had all its messages all of them, would fill the memory."""


class Texts:
    """Distinct texts of a lane, and the label of each, made once."""

    def __init__(self) -> None:
        self.table = TextTable()
        self._labels: list[str] = []

    def labels(self, codes: Sequence[int]) -> tuple[str, ...]:
        """The labels of some codes."""
        for code in range(len(self._labels), len(self.table)):
            self._labels.append(bounded(self.table.text(code).decode()))
        return tuple(map(self._labels.__getitem__, codes))


class Lanes:
    """The arrays that `_template.scan` fills.  names: of the lanes; texts: by row of `codes`; text_row: by lane."""

    def __init__(self, names: Sequence[Name], text_row: Sequence[int], texts: Sequence[Texts], messages: int) -> None:
        self.names = list(names)
        self.texts = list(texts)
        self.text_row: Codes = np.array(text_row, dtype=np.int32)
        self.cells = np.zeros((len(names), messages), dtype=np.uint8)
        self.numbers: Floats = np.full((len(names), messages), np.nan)
        self.codes: Codes = np.full((len(texts), messages), -1, dtype=np.int32)
        self.time: Floats = np.empty(messages)
        self.spans: Codes = np.zeros((messages, 2), dtype=np.int32)
        self.keys: Codes = np.full(messages, -1, dtype=np.int32)

    @property
    def arrays(self) -> Mapping[str, Any]:
        """As `scan` wants them."""
        names = ("cells", "numbers", "codes", "text_row", "time", "spans", "keys")
        return {name: getattr(self, name) for name in names}

    def wipe(self, at: int) -> None:
        """Nothing is known of a message."""
        self.cells[:, at], self.numbers[:, at], self.codes[:, at] = Cell.ABSENT, np.nan, -1

    def put(self, rows: Mapping[int, Row]) -> None:
        """Write rows of the ordinary decoder, by message.  Raises TooWide."""
        lane_of = {name: lane for lane, name in enumerate(self.names)}
        cells = [
            (lane_of.setdefault((kind, bounded(key) or EMPTY_NAME), len(lane_of)), at, value)
            for at, row in rows.items()
            for kind, given in _given(row)
            for key, value in given.items()
        ]
        if len(lane_of) * len(self.keys) > columns.MAX_FRAME_CELLS:
            raise TooWide
        self._widen(list(lane_of)[len(self.names) :])
        for lane, at, value in cells:
            self._put(lane, at, value)
        for at, row in rows.items():
            self.time[at] = row.event_time

    def _widen(self, names: Sequence[Name]) -> None:
        if names:
            shape = len(names), len(self.keys)
            self.names += names
            self.text_row = np.concatenate([self.text_row, np.full(len(names), -1, dtype=np.int32)])
            self.cells = np.vstack([self.cells, np.zeros(shape, dtype=np.uint8)])
            self.numbers = np.vstack([self.numbers, np.full(shape, np.nan)])

    def _put(self, lane: int, at: int, value: Any) -> None:
        """Classify one value as `monitor.formats.columns` does; where two keys have one name, the later counts."""
        cell, number, text = Cell.WRONG_TYPE, np.nan, None
        kind = type(value)
        if kind is float or kind is int:
            is_usable = -MAX_NUMBER <= value <= MAX_NUMBER
            cell, number = (Cell.NUMBER, float(value)) if is_usable else (Cell.NON_FINITE, np.nan)
        elif kind is str or kind is bool:
            cell, text = Cell.TEXT, value if kind is str else str(value).lower()
        elif value is None:
            cell = Cell.NULL
        self.cells[lane, at], self.numbers[lane, at] = cell, number
        if text is not None:
            row = self._text_row(lane)
            self.codes[row, at] = self.texts[row].table.code(text.encode())
        elif self.text_row[lane] >= 0:
            self.codes[self.text_row[lane], at] = -1

    def _text_row(self, lane: int) -> int:
        if self.text_row[lane] < 0:
            self.text_row[lane] = len(self.texts)
            self.texts.append(Texts())
            self.codes = np.vstack([self.codes, np.full((1, len(self.keys)), -1, dtype=np.int32)])
        return int(self.text_row[lane])

    def sort(self, order: Offsets) -> None:
        """Bring the cells of these messages into this order, and leave out all others."""
        self.cells = np.take(self.cells, order, axis=1)
        self.numbers = np.take(self.numbers, order, axis=1)
        self.codes = np.take(self.codes, order, axis=1)
        self.time = self.time[order]

    def columns(self, bounds: Offsets) -> list[list[Column]]:
        """Columns of each group of sorted messages, in order of kind and feature; texts are renumbered in place."""
        found = kinds(self.cells, bounds)
        lanes = sorted(range(len(self.names)), key=self.names.__getitem__)
        edges = bounds.tolist()
        return [
            [
                self._column(lane, slice(start, stop), bool(seen[lane] & _TEXT_BIT))
                for lane in lanes
                if seen[lane] & _PRESENT_BITS
            ]
            for seen, start, stop in zip(found.tolist(), edges, edges[1:], strict=False)
        ]

    def _column(self, lane: int, span: slice, has_text: bool) -> Column:
        kind, feature = self.names[lane]
        cells, numbers = self.cells[lane, span], self.numbers[lane, span]
        if not has_text:
            return Column(feature, kind, cells, numbers)
        row = int(self.text_row[lane])
        codes, texts = self.codes[row, span], self.texts[row]
        used = renumber(codes, len(texts.table))
        return Column(feature, kind, cells, numbers, codes, texts.labels(used))


def _given(row: Row) -> Iterator[tuple[Kind, Mapping[str, Any]]]:
    if row.features:
        yield "feature", row.features
    if row.predictions:
        yield "prediction", row.predictions


class EventIds(Sequence[str]):
    """Ids of a frame's events, read when somebody asks: only an event at which something was seen shows its id.

    messages: by row; values, spans: by message; rows: of the messages that a decoder has read; names: the id that a
    value amounts to, and the one of a message without any.
    """

    def __init__(
        self,
        messages: Offsets,
        values: Sequence[bytes | None],
        spans: Codes,
        rows: Mapping[int, Row],
        names: tuple[Callable[[Any], str | None], Callable[[int], str]],
    ) -> None:
        self._messages = messages
        self._values = values
        self._spans = spans
        self._rows = rows
        self._name, self._place_id = names

    def __len__(self) -> int:
        return len(self._messages)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return [self[row] for row in range(*at.indices(len(self)))]
        message = int(self._messages[at])
        row = self._rows.get(message)
        if row is not None:
            return row.event_id
        start, stop = self._spans[message].tolist()
        raw = self._values[message]
        given = msgspec.json.decode(raw[start:stop]) if raw is not None and stop > start else None
        return self._name(given) or self._place_id(message)
