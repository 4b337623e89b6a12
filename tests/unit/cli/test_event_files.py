"""Event files → frames: which column is what, what a cell means, which rows are left out."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from monitor.cli.event_files import json_lines
from monitor.cli.event_files.chunk import Chunk, Naming, Unreadable
from monitor.cli.event_files.csv_rows import read_csv
from monitor.cli.event_files.json_lines import read_available, read_json_lines
from monitor.cli.event_files.opening import Source, open_events
from monitor.domain.errors import ConfigurationError
from monitor.domain.frame import Cell, Column, Frame
from monitor.formats import open_format

AS_NAMED = Naming()


def from_csv(text: str, naming: Naming = AS_NAMED, delimiter: str = ",") -> list[Chunk]:
    return list(read_csv(io.StringIO(text, newline=""), delimiter, lambda: None, naming, "data"))


def frames(chunks: list[Chunk]) -> list[Frame]:
    return [frame for chunk in chunks for frame in chunk.frames]


def unreadable(chunks: list[Chunk]) -> list[Unreadable]:
    return [item for chunk in chunks for item in chunk.unreadable]


def columns(text: str, naming: Naming = AS_NAMED) -> dict[str, Column]:
    (frame,) = frames(from_csv(text, naming))
    return {column.feature: column for column in frame.columns}


def test_cells_of_a_number_column() -> None:
    """Numbers are numbers, nothing is null, what is not finite is told apart."""
    column = columns('x\n1.5\n""\n-2e3\nnan\n1e301\n')["x"]
    assert column.cells.tolist() == [Cell.NUMBER, Cell.NULL, Cell.NUMBER, Cell.NON_FINITE, Cell.NON_FINITE]
    assert column.numbers[[0, 2]].tolist() == [1.5, -2000.0]


def test_cells_of_a_mixed_column() -> None:
    """What reads as a number is one, everything else is text; Python's own way to write 1000 is not."""
    column = columns("x,y\n1,a\nred,b\n ,c\n1_000,d\n")["x"]
    assert column.cells.tolist() == [Cell.NUMBER, Cell.TEXT, Cell.NULL, Cell.TEXT]
    assert column.texts is not None
    assert [column.labels[code] for code in column.texts if code >= 0] == ["red", "1_000"]


def test_bytes_that_are_no_utf8_are_kept_as_written(tmp_path: Path) -> None:
    """A Latin-1 file is read: its letters are spelt out and stay distinct."""
    path = tmp_path / "d.csv"
    path.write_bytes(b"x\ncaf\xe9\ncaf\xe8\n")
    (frame,) = frames(list(open_events(Source(path))))
    assert list(frame.columns[0].labels) == ["caf\\xe9", "caf\\xe8"]


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    """Spreadsheets write one."""
    path = tmp_path / "d.csv"
    path.write_bytes(b"\xef\xbb\xbfx\n1\n")
    (frame,) = frames(list(open_events(Source(path))))
    assert [column.feature for column in frame.columns] == ["x"]


@pytest.mark.parametrize("name", ["ts", "timestamp"])
def test_columns_are_recognised_by_their_names(name: str) -> None:
    """Time, id, model, version and prediction are what they are called, the rest are features."""
    text = f"{name},event_id,model,model_version,prediction,x\n2026-01-01T00:00:01Z,e1,fraud,7,0.5,1\n"
    (frame,) = frames(from_csv(text))
    assert str(frame.model) == "fraud/7"
    assert frame.event_time.tolist() == [datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC).timestamp()]
    assert frame.event_id == ["e1"]
    assert [(column.feature, column.kind) for column in frame.columns] == [
        ("prediction", "prediction"),
        ("x", "feature"),
    ]


def test_columns_can_be_named_by_hand() -> None:
    """What the user says goes before the names."""
    naming = Naming(ts="when", event_id="id", model_column="who", predictions=("score",), ignored=("label",))
    (frame,) = frames(from_csv("when,id,who,score,label,ts\n1.5,7,fraud,1,2,3\n", naming))
    assert (str(frame.model), frame.event_time.tolist(), frame.event_id) == ("fraud/unversioned", [1.5], ["7"])
    assert [(column.feature, column.kind) for column in frame.columns] == [("score", "prediction"), ("ts", "feature")]


def test_a_column_called_model_can_be_a_feature() -> None:
    """An empty name says that no column holds the model: these are cars."""
    (frame,) = frames(from_csv("model,x\nbeetle,1\n", Naming(model_column="")))
    assert str(frame.model) == "data/unversioned"
    assert [column.feature for column in frame.columns] == ["model", "x"]


def test_a_given_model_holds_for_every_row() -> None:
    """Constants do not look at columns; the column is a feature then."""
    (frame,) = frames(from_csv("model,x\na,1\nb,2\n", Naming(model="m", model_version="2")))
    assert str(frame.model) == "m/2"
    assert len(frame) == 2


def test_without_times_there_are_none() -> None:
    """Files without a time have no event time."""
    (frame,) = frames(from_csv("x\n1\n"))
    assert math.isnan(frame.event_time[0])


def test_rows_of_several_models_are_told_apart() -> None:
    """A frame for each, in the order they come up, numbered as in the file."""
    first, second = frames(from_csv("model,x\na,1\nb,2\na,3\n"))
    assert (str(first.model), first.offset.tolist()) == ("a/unversioned", [0, 2])
    assert (str(second.model), second.offset.tolist()) == ("b/unversioned", [1])
    assert first.columns[0].numbers.tolist() == [1.0, 3.0]


def test_rows_that_are_none_are_left_out_and_keep_their_number() -> None:
    """Too short, too long, no time, no model: each with its line and reason; the others' numbers do not move."""
    text = "ts,model,x\n1,m,1\n2,m\n3,m,3,3\nnoon,m,4\n5,,5\n6,m,6\n"
    chunks = from_csv(text)
    assert [(item.line, item.reason) for item in unreadable(chunks)] == [
        (3, "wrong_shape"),
        (4, "wrong_shape"),
        (5, "bad_time"),
        (6, "no_model"),
    ]
    assert [frame.offset.tolist() for frame in frames(chunks)] == [[0, 5]]
    assert sum(chunk.events for chunk in chunks) == 6


def test_a_quoted_cell_may_hold_a_line_break() -> None:
    """Lines are not rows."""
    assert columns('x,y\n"a\nb",1\nc,2\n')["y"].numbers.tolist() == [1.0, 2.0]


def test_a_cell_beyond_the_limit_costs_its_row_only() -> None:
    """The reader refuses the cell and goes on behind it."""
    chunks = from_csv(f'x\n1\n"{"a" * (2 << 20)}"\n3\n')
    assert [item.reason for item in unreadable(chunks)][:1] == ["not_csv"]
    assert frames(chunks)[0].columns[0].numbers[-1] == 3.0


def test_blank_lines_are_no_rows() -> None:
    """Empty lines between rows and at the end are passed over."""
    assert sum(chunk.events for chunk in from_csv("x\n\n1\n\n2\n\n")) == 2


def test_a_column_without_a_name_is_a_row_number() -> None:
    """Some libraries write one; it is not watched."""
    assert list(columns(",x\n0,1\n")) == ["x"]


def test_long_files_come_in_several_chunks() -> None:
    """Numbers go on from chunk to chunk."""
    chunks = from_csv("x\n" + "1\n" * 5000)
    assert len(chunks) == 2
    assert frames(chunks)[1].offset[-1] == 4999


@pytest.mark.parametrize(
    ("text", "naming", "message"),
    [
        ("x,x\n1,2\n", Naming(), "expected each column once, got 'x' more than once"),
        ("time,x\n1,2\n", Naming(ts="tiem"), "there is no column 'tiem'; did you mean 'time'?"),
        ("a,b\n1,2\n", Naming(ignored=("zzz",)), "there is no column 'zzz'; there are a, b"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(text: str, naming: Naming, message: str) -> None:
    """Before the first row, with the nearest name."""
    with pytest.raises(ConfigurationError, match=r"header: ") as caught:
        from_csv(text, naming)
    assert message in str(caught.value)


def test_an_empty_file_holds_no_events(tmp_path: Path) -> None:
    """Nothing, not even a header, is nothing."""
    path = tmp_path / "d.csv"
    path.write_text("")
    assert list(open_events(Source(path))) == []


def test_tabs_separate_where_the_ending_says_so(tmp_path: Path) -> None:
    """.tsv needs no option."""
    path = tmp_path / "d.tsv"
    path.write_text("x\ty\n1\t2\n")
    (frame,) = frames(list(open_events(Source(path))))
    assert [column.feature for column in frame.columns] == ["x", "y"]


def test_parquet_types(tmp_path: Path) -> None:
    """Decimals are numbers, booleans texts, times ISO texts; lists are of the wrong type."""
    path = tmp_path / "d.parquet"
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    row = {"ts": moment, "d": Decimal("1.5"), "b": True, "n": None, "l": [1], "day": date(2026, 1, 2), "i": 7}
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([row]), path)
    (frame,) = frames(list(open_events(Source(path))))
    found = {column.feature: column for column in frame.columns}
    cells = {name: Cell(column.cells[0]).name for name, column in found.items()}
    assert cells == {"d": "NUMBER", "b": "TEXT", "n": "NULL", "l": "WRONG_TYPE", "day": "TEXT", "i": "NUMBER"}
    assert frame.event_time.tolist() == [moment.timestamp()]
    assert list(found["day"].labels) == ["2026-01-02"]


def test_parquet_nanoseconds_are_read(tmp_path: Path) -> None:
    """What pandas writes by default needs no pandas to read."""
    path = tmp_path / "d.parquet"
    times = pyarrow.array([1_767_225_600_123_456_789], pyarrow.timestamp("ns"))
    pyarrow.parquet.write_table(pyarrow.table({"ts": times, "x": [1.0]}), path)
    (frame,) = frames(list(open_events(Source(path))))
    assert frame.event_time[0] == pytest.approx(1_767_225_600.123456)


def test_what_is_no_parquet_is_refused(tmp_path: Path) -> None:
    """With the path and no traceback."""
    path = tmp_path / "d.parquet"
    path.write_bytes(b"not parquet")
    with pytest.raises(ConfigurationError, match="expected a Parquet file"):
        list(open_events(Source(path)))


def pieces(*parts: bytes) -> Any:
    """A reader of bytes that gives these pieces, then the end."""
    rest: Iterator[bytes] = iter([*parts, b""])
    return lambda: next(rest)


def from_pieces(*parts: bytes) -> list[Chunk]:
    return list(read_json_lines(pieces(*parts), lambda: None, lambda: open_format("flat_json", {}), "t"))


EVENT = b'{"model": "m", "features": {"x": 1}}'


def test_lines_are_put_together_from_pieces() -> None:
    """However the pipe cuts them; the last line needs no end."""
    chunks = from_pieces(EVENT[:10], EVENT[10:] + b"\n" + EVENT[:5], EVENT[5:])
    assert [frame.offset.tolist() for frame in frames(chunks)] == [[0], [1]]


def test_complete_lines_do_not_wait_for_the_next_piece() -> None:
    """The first chunk is there before the second piece is asked for."""
    chunks = read_json_lines(pieces(EVENT + b"\n"), lambda: None, lambda: open_format("flat_json", {}), "t")
    assert next(chunks).events == 1


def test_an_endless_line_is_skipped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is dropped while it is read, has a number, and the lines behind it are fine."""
    monkeypatch.setattr(json_lines, "_MAX_LINE_BYTES", 100)
    chunks = from_pieces(EVENT + b"\n", b"x" * 200, b"y" * 200, b"z\n" + EVENT + b"\n")
    assert [(item.line, item.reason) for item in unreadable(chunks)] == [(2, "too_long")]
    assert [frame.offset.tolist() for frame in frames(chunks)] == [[0], [2]]


def test_a_pipe_is_read_as_far_as_it_is_filled() -> None:
    """What is there comes at once and whole; the end is empty."""
    reading, writing = os.pipe()
    try:
        os.write(writing, b"a" * 40_000)
        os.write(writing, b"b" * 20_000)
        assert len(read_available(reading)) == 60_000
        os.close(writing)
        assert read_available(reading) == b""
    finally:
        os.close(reading)
