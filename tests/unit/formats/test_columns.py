"""Columns: order, gaps, and the limit on what one frame may hold."""

from __future__ import annotations

import json

import numpy as np
import pytest

from monitor.domain.frame import Cell
from monitor.formats import columns, open_format
from tests.unit.formats.events import batch_of, flat, only_rows

FLAT = open_format("flat_json", {})


def test_columns_are_sorted() -> None:
    """Columns are in order of kind and name, whatever the order of the keys."""
    batch = batch_of(flat(features={"b": 1, "a": 2}, prediction={"y": 1, "x": 2}), flat(features={"c": 1, "a": 2}))
    (frame,) = FLAT.decode(batch).frames
    names = [(column.kind, column.feature) for column in frame.columns]
    assert names == [("feature", "a"), ("feature", "b"), ("feature", "c"), ("prediction", "x"), ("prediction", "y")]


def test_order_of_keys_does_not_matter() -> None:
    """Events with the same keys in another order fill the same columns."""
    decoded = FLAT.decode(batch_of(flat(features={"a": 1, "b": "x"}), flat(features={"b": "y", "a": 2})))
    assert [row.features for row in only_rows(decoded)] == [{"a": 1.0, "b": "x"}, {"a": 2.0, "b": "y"}]


def test_features_that_come_and_go() -> None:
    """A key that an event does not have is absent there and nowhere else."""
    (frame,) = FLAT.decode(batch_of(flat(features={"a": 1}), flat(prediction=1), flat(features={"b": None}))).frames
    a, b, prediction = frame.columns
    assert a.cells.tolist() == [Cell.NUMBER, Cell.ABSENT, Cell.ABSENT]
    assert b.cells.tolist() == [Cell.ABSENT, Cell.ABSENT, Cell.NULL]
    assert prediction.present.tolist() == [False, True, False]
    assert frame.has_features.tolist() == [True, False, True]


def test_types_of_the_arrays() -> None:
    """Arrays have the types the frame promises."""
    (frame,) = FLAT.decode(batch_of(flat(features={"n": 1, "t": "x", "m": None}), flat(features={"m": "y"}))).frames
    for column in frame.columns:
        assert (column.cells.dtype, column.numbers.dtype) == (np.uint8, np.float64)
        assert column.texts is None or column.texts.dtype == np.int32
    assert (frame.partition.dtype, frame.offset.dtype, frame.row.dtype) == (np.int32, np.int64, np.int32)
    assert (frame.event_time.dtype, frame.has_features.dtype) == (np.float64, np.bool_)


def test_columns_without_text_say_so() -> None:
    """A column of numbers carries no codes."""
    (frame,) = FLAT.decode(batch_of(flat(features={"n": 1, "m": None}))).frames
    assert [column.texts for column in frame.columns] == [None, None]


def test_strange_keys_do_not_multiply(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events that each bring their own keys give several frames in a row, none of them beyond the limit on cells."""
    monkeypatch.setattr(columns, "MAX_FRAME_CELLS", 200)
    values = [json.dumps({"model": "m", "features": {f"k{i}_{j}": i for j in range(10)}}).encode() for i in range(40)]
    decoded = FLAT.decode(batch_of(*values))
    assert decoded.accepted == 40
    assert len(decoded.frames) > 1
    assert all(len(frame) * len(frame.columns) <= 200 for frame in decoded.frames)
    assert [row.features for row in only_rows(decoded)] == [
        {f"k{i}_{j}": float(i) for j in range(10)} for i in range(40)
    ]


def test_one_wide_event_is_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """A single event is never cut, however wide."""
    monkeypatch.setattr(columns, "MAX_FRAME_CELLS", 5)
    decoded = FLAT.decode(batch_of(flat(features={f"k{j}": 1 for j in range(10)})))
    assert [(len(frame), len(frame.columns)) for frame in decoded.frames] == [(1, 10)]
