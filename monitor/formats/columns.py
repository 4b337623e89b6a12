"""Rows of one model version to frames of typed columns.

    rows     {"amount": 12.5, "country": "FR"}          column   cells                       numbers         texts
             {"amount": null, "country": "DE"}    →     amount   NUMBER NULL   ABSENT        12.5 NaN NaN    None
             {"country": true}                          country  TEXT   TEXT   TEXT          NaN  NaN NaN    0 1 2

Columns are the union of the keys met, sorted by (kind, feature), so that their order does not tell how the batch was
cut.  Work goes by column, not by cell: rows with the same keys are turned round at once, and a column of one type is
read by one call of numpy.  What learned
templates read never comes here: see `monitor.formats.lanes`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np

from monitor.domain.frame import Bytes, Cell, Codes, Column, Floats, Frame, MessageBatch
from monitor.domain.keys import Kind, ModelKey
from monitor.formats.rejects import Unusable
from monitor.formats.scalars import bounded

#: keys an event may carry in one of its objects
MAX_FEATURES_PER_EVENT = 10_000
#: rows × columns of a frame; beyond it a batch gives several frames, so that strange keys cannot fill the memory
MAX_FRAME_CELLS = 1 << 21
#: magnitude beyond which a number counts as not finite: its square and its differences would not be
MAX_NUMBER = 1e300
#: what a key without a name is called: an empty label is no label in most stores of time series
EMPTY_NAME = "(empty)"

Cells = Mapping[str, Any]
_NO_CELLS: Cells = {}
_NO_VALUE = type(None)


class _Absent:
    """The type of ABSENT, apart from all JSON types so that a column's types tell of it."""

    __slots__ = ()


ABSENT = _Absent()


class Row(msgspec.Struct, frozen=True, gc=False):
    """One event as a format read it.  index: of its message in the batch; row: of the event in its message.

    features_only: events of this sort never carry predictions.
    """

    index: int
    row: int
    event_time: float
    event_id: str
    features: Cells | None
    predictions: Cells | None
    segment: dict[str, str] | None = None
    features_only: bool = False


def checked_size(cells: Cells, place: str) -> Cells:
    """The cells, if there are not too many.  Raises Unusable: too_large."""
    if len(cells) > MAX_FEATURES_PER_EVENT:
        raise Unusable("too_large", f"{place}: at most {MAX_FEATURES_PER_EVENT} keys", f"{len(cells)} keys")
    return cells


class Positions:
    """Where the messages of a batch come from, as arrays; shared by all frames made of it."""

    __slots__ = ("offsets", "partitions", "topic")

    def __init__(self, batch: MessageBatch) -> None:
        self.topic = batch.topic
        self.partitions = np.asarray(batch.partitions, dtype=np.int32)
        self.offsets = np.asarray(batch.offsets, dtype=np.int64)


def frames_of(model: ModelKey, rows: Sequence[Row], positions: Positions) -> Iterator[Frame]:
    """One frame of all the rows in their order; several in a row where one would pass MAX_FRAME_CELLS."""
    features = [row.features or _NO_CELLS for row in rows]
    predictions = [row.predictions or _NO_CELLS for row in rows]
    by_feature, by_prediction = _by_keys(features), _by_keys(predictions)
    width = len(set().union(*by_feature)) + len(set().union(*by_prediction))
    if width * len(rows) > MAX_FRAME_CELLS and len(rows) > 1:
        middle = len(rows) // 2
        yield from frames_of(model, rows[:middle], positions)
        yield from frames_of(model, rows[middle:], positions)
        return
    columns = [*_columns("feature", features, by_feature), *_columns("prediction", predictions, by_prediction)]
    messages = np.fromiter(map(attrgetter("index"), rows), dtype=np.int64, count=len(rows))
    segments = [row.segment for row in rows]
    features_only = [row.features_only for row in rows]
    yield Frame(
        model=model,
        topic=positions.topic,
        columns=columns,
        event_time=np.fromiter(map(attrgetter("event_time"), rows), dtype=np.float64, count=len(rows)),
        has_features=np.fromiter((row.features is not None for row in rows), dtype=np.bool_, count=len(rows)),
        event_id=[row.event_id for row in rows],
        partition=positions.partitions[messages],
        offset=positions.offsets[messages],
        row=np.fromiter(map(attrgetter("row"), rows), dtype=np.int32, count=len(rows)),
        segments=segments if any(segments) else None,
        features_only=np.array(features_only) if any(features_only) else None,
    )


_ByKeys = Mapping[tuple[str, ...], Sequence[int]]


def _by_keys(events: Sequence[Cells]) -> _ByKeys:
    """Rows that carry the same keys in the same order."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for row, cells in enumerate(events):
        keys = tuple(cells)
        group = groups.get(keys)
        if group is None:
            groups[keys] = [row]
        else:
            group.append(row)
    return groups


def _columns(kind: Kind, events: Sequence[Cells], groups: _ByKeys) -> list[Column]:
    names = {key: bounded(key) or EMPTY_NAME for keys in groups for key in keys}
    features = sorted(set(names.values()))
    if len(groups) == 1 and len(features) == len(names):
        turned = zip(*(cells.values() for cells in events), strict=True)
        values: dict[str, Sequence[Any]] = dict(zip(names.values(), turned, strict=True))
    else:
        values = _scattered(events, groups, names)
    return [column(feature, kind, values[feature]) for feature in features]


def _scattered(events: Sequence[Cells], groups: _ByKeys, names: Mapping[str, str]) -> dict[str, Sequence[Any]]:
    """Values by name with ABSENT in the gaps; where two keys of an event have one name, the later counts."""
    values: dict[str, list[Any]] = {name: [ABSENT] * len(events) for name in names.values()}
    for keys, rows in groups.items():
        targets = [values[names[key]] for key in keys]
        for row in rows:
            for target, value in zip(targets, events[row].values(), strict=True):
                target[row] = value
    return dict(values)


def column(feature: str, kind: Kind, values: Sequence[Any]) -> Column:
    """Classify the values of one feature: JSON values, or ABSENT."""
    types = set(map(type, values))
    if types <= {float, int, _NO_VALUE}:
        try:
            return _number_column(feature, kind, values, _NO_VALUE in types)
        except OverflowError:  # an integer beyond the floats; rare enough to read cell by cell
            return _mixed_column(feature, kind, values)
    if types <= {str, _NO_VALUE}:
        return _text_column(feature, kind, values)
    return _mixed_column(feature, kind, values)


def _number_column(feature: str, kind: Kind, values: Sequence[Any], nulls: bool) -> Column:
    numbers: Floats = np.array(values, dtype=np.float64)  # null becomes NaN
    usable = np.abs(numbers) <= MAX_NUMBER
    if usable.all():
        return Column(feature, kind, np.full(len(values), Cell.NUMBER, dtype=np.uint8), numbers)
    cells: Bytes = np.where(usable, np.uint8(Cell.NUMBER), np.uint8(Cell.NON_FINITE))
    if nulls:
        cells[[value is None for value in values]] = Cell.NULL
    numbers[~usable] = np.nan
    return Column(feature, kind, cells, numbers)


def _text_column(feature: str, kind: Kind, values: Sequence[str | None]) -> Column:
    labels: dict[str, int] = {}
    code_of: dict[str | None, int] = {}
    for text in dict.fromkeys(values):  # each distinct text is bounded once
        code_of[text] = -1 if text is None else labels.setdefault(bounded(text), len(labels))
    texts: Codes = np.fromiter(map(code_of.__getitem__, values), dtype=np.int32, count=len(values))
    cells: Bytes = np.where(texts < 0, np.uint8(Cell.NULL), np.uint8(Cell.TEXT))
    return Column(feature, kind, cells, np.full(len(values), np.nan), texts, tuple(labels))


def _mixed_column(feature: str, kind: Kind, values: Sequence[Any]) -> Column:
    cells: Bytes = np.full(len(values), Cell.ABSENT, dtype=np.uint8)
    numbers: Floats = np.full(len(values), np.nan)
    texts: Codes = np.full(len(values), -1, dtype=np.int32)
    labels: dict[str, int] = {}
    for row, value in enumerate(values):
        kind_of_value = type(value)
        if kind_of_value is float or kind_of_value is int:
            if -MAX_NUMBER <= value <= MAX_NUMBER:
                cells[row], numbers[row] = Cell.NUMBER, value
            else:
                cells[row] = Cell.NON_FINITE
        elif kind_of_value is str:
            cells[row], texts[row] = Cell.TEXT, labels.setdefault(bounded(value), len(labels))
        elif kind_of_value is bool:
            cells[row], texts[row] = Cell.TEXT, labels.setdefault("true" if value else "false", len(labels))
        elif value is None:
            cells[row] = Cell.NULL
        elif value is not ABSENT:
            cells[row] = Cell.WRONG_TYPE
    return Column(feature, kind, cells, numbers, texts if labels else None, tuple(labels))
