"""Batches of messages for the tests of formats, and frames turned back into readable rows."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from monitor.domain.frame import Cell, Column, Decoded, MessageBatch
from monitor.domain.keys import ModelKey

RECORDED = 1_767_225_600.0  # 2026-01-01T00:00:00Z
Headers = tuple[tuple[str, bytes | None], ...]


def flat(**parts: Any) -> bytes:
    """A flat event of the model fraud/7; keyword arguments are its other keys."""
    return json.dumps({"model": "fraud", "model_version": "7", **parts}).encode()


def batch_of(
    *values: bytes | None, headers: Sequence[Headers] | None = None, recorded: float = RECORDED
) -> MessageBatch:
    """Messages of topic t, at offsets 100, 101, …, on partitions 0, 1, 2, 0, …"""
    count = len(values)
    return MessageBatch(
        topic="t",
        values=values,
        partitions=[index % 3 for index in range(count)],
        offsets=list(range(100, 100 + count)),
        timestamps=[recorded] * count,
        headers=headers,
    )


def part_of(batch: MessageBatch, start: int, stop: int) -> MessageBatch:
    """Some messages of a batch, at the places they have."""
    return MessageBatch(
        topic=batch.topic,
        values=batch.values[start:stop],
        partitions=batch.partitions[start:stop],
        offsets=batch.offsets[start:stop],
        timestamps=batch.timestamps[start:stop],
        headers=None if batch.headers is None else batch.headers[start:stop],
    )


@dataclass(frozen=True)
class Read:
    """One row of a frame.  cells: (kind, feature) → number, text, or the Cell itself; absent ones are left out."""

    partition: int
    offset: int
    row: int
    event_id: str
    event_time: float | None
    has_features: bool
    segment: dict[str, str] | None
    cells: dict[tuple[str, str], Any]

    @property
    def features(self) -> dict[str, Any]:
        return {feature: value for (kind, feature), value in self.cells.items() if kind == "feature"}

    @property
    def predictions(self) -> dict[str, Any]:
        return {feature: value for (kind, feature), value in self.cells.items() if kind == "prediction"}


def rows_of(decoded: Iterable[Decoded] | Decoded) -> dict[ModelKey, list[Read]]:
    """All rows by model version, in order."""
    rows: dict[ModelKey, list[Read]] = {}
    for one in [decoded] if isinstance(decoded, Decoded) else decoded:
        for frame in one.frames:
            for row in range(len(frame)):
                time = float(frame.event_time[row])
                cells = {(column.kind, column.feature): cell_of(column, row) for column in frame.columns}
                rows.setdefault(frame.model, []).append(
                    Read(
                        partition=int(frame.partition[row]),
                        offset=int(frame.offset[row]),
                        row=int(frame.row[row]),
                        event_id=frame.event_id[row],
                        event_time=None if math.isnan(time) else time,
                        has_features=bool(frame.has_features[row]),
                        segment=None if frame.segments is None else frame.segments[row],
                        cells={key: value for key, value in cells.items() if value is not Cell.ABSENT},
                    )
                )
    return rows


def only_rows(decoded: Decoded) -> list[Read]:
    """The rows of the one model version that is in there."""
    (rows,) = rows_of(decoded).values()
    return rows


def cell_of(column: Column, row: int) -> Any:
    """A number or a text as such, everything else as its Cell; the column's own law is checked on the way."""
    cell = Cell(int(column.cells[row]))
    text = -1 if column.texts is None else int(column.texts[row])
    assert (text >= 0) == (cell is Cell.TEXT)
    assert math.isnan(column.numbers[row]) == (cell is not Cell.NUMBER)
    if cell is Cell.NUMBER:
        return float(column.numbers[row])
    return column.labels[text] if cell is Cell.TEXT else cell


def reasons(decoded: Decoded) -> list[str]:
    return [reject.reason for reject in decoded.rejects]
