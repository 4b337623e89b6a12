"""Scalars read in place: what is read at all is read as the ordinary parsers read it, bit for bit."""

import json
import struct
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.formats._scan import read_moment, read_number, read_string
from monitor.formats._template import Template, kinds, renumber, scan
from monitor.formats._texts import TextTable

quick = settings(max_examples=500, deadline=None)


def bits(number: float) -> bytes:
    return struct.pack("<d", number)


@quick
@given(
    st.floats(allow_nan=False, allow_infinity=False).map(repr)
    | st.integers(-(10**19), 10**19).map(str)
    | st.builds("{}{}.{}e{}".format, st.sampled_from(["", "-"]), st.integers(0), st.integers(0), st.integers(-70, 70))
    | st.builds("{}.{:0>4}".format, st.integers(0, 10**14), st.integers(0, 9999))
)
@example("9007199254740993")
@example("-0")
@example("-0.0")
def test_a_number_is_the_nearest_double(text: str) -> None:
    """Rounded once, ties to the even one; the integer −0 is 0 and the fraction −0.0 is not."""
    found = read_number(text.encode())
    if found is not None:
        assert bits(found) == bits(float(json.loads(text)))


@quick
@given(st.integers(1 << 52, (1 << 53) - 1), st.integers(0, 9), st.sampled_from([-1, 0, 1]))
def test_what_lies_between_two_doubles_goes_to_the_nearer(mantissa: int, shift: int, off: int) -> None:
    """The middle goes to the even one, and its neighbours to their sides."""
    text = str(((2 * mantissa + 1) << shift) + off)
    assert bits(read_number(text.encode()) or 0.0) == bits(float(text))


def test_numbers_as_programs_write_them_are_read() -> None:
    """Seventeen digits, integers, exponents: none of these falls back."""
    for text in ("1.3365287392343442", "12.5", "0", "-7", "1767225600.01", "1e-07", "2.5E+3", "123456789012345678"):
        assert read_number(text.encode()) == float(text)


@pytest.mark.parametrize("text", ["", "-", "01", "1.", ".5", "+1", "1e", "1e+", "0x1", "NaN", "1_0", "--1", "1 "])
def test_what_is_no_json_number_is_not_read(text: str) -> None:
    """The grammar of JSON, to the letter."""
    assert read_number(text.encode()) is None


@quick
@given(
    st.datetimes(datetime.fromisoformat("1600-01-01"), datetime.fromisoformat("2300-01-01")),
    st.sampled_from(["", "Z", "+00:00", "-08:30"]),
)
def test_a_moment_is_what_the_calendar_says(moment: datetime, zone: str) -> None:
    """Leap years, offsets and fractions as `datetime` reads them."""
    text = moment.isoformat() + zone
    found = read_moment(text.encode())
    read = datetime.fromisoformat(text)
    if 1700 <= moment.year <= 2200:
        assert found == (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    else:
        assert found is None


@pytest.mark.parametrize(
    "text",
    [
        "2023-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:60Z",
        "2026-01-01",
        "2026-01-01T00:00:00z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00+0000",
        "2026-01-01T00:00:0",
    ],
)
def test_other_times_are_left_to_the_calendar(text: str) -> None:
    """Impossible dates, and forms that are rare."""
    assert read_moment(text.encode()) is None


@quick
@given(st.binary(max_size=20))
def test_a_string_is_read_only_if_it_is_valid(inner: bytes) -> None:
    """Whatever stands between the quotes: the same text as the parser's, or none."""
    found = read_string(b'"' + inner + b'"')
    if found is not None:
        assert found == json.loads(b'"' + inner + b'"')


@pytest.mark.parametrize("text", ["", "x", "é", "日本語のテキスト", "😀", "a long one of more than eight bytes"])
def test_strings_without_escapes_are_read(text: str) -> None:
    """Any script."""
    assert read_string(f'"{text}"'.encode()) == text


@pytest.mark.parametrize(
    "raw", [b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\xff", b"a\tb", b"\\n"]
)
def test_bytes_that_are_no_text_are_not_read(raw: bytes) -> None:
    """Long forms, halves of pairs, cut characters, control characters, escapes."""
    assert read_string(b'"' + raw + b'"') is None


def test_a_table_gives_numbers_in_the_order_of_first_sight() -> None:
    """Also when it grows, and for texts of any length."""
    table = TextTable()
    texts = [b"x" * (number % 50) + str(number).encode() for number in range(5_000)]
    assert [table.code(text) for text in texts] == list(range(5_000))
    assert [table.code(text) for text in reversed(texts)] == list(reversed(range(5_000)))
    assert [table.text(code) for code in range(5_000)] == texts
    assert table.size_bytes == sum(map(len, texts))


def test_arrays_that_do_not_fit_are_refused() -> None:
    """Nothing is written beyond an array."""
    import numpy as np

    template = Template([b'{"x":', b"}"], [1], [3], False, None)
    arrays = {
        "cells": np.zeros((1, 1), np.uint8),
        "numbers": np.full((1, 1), np.nan),
        "codes": np.zeros((0, 1), np.int32),
        "text_row": np.array([-1], np.int32),
        "time": np.zeros(1),
        "spans": np.zeros((1, 2), np.int32),
        "keys": np.zeros(1, np.int32),
    }
    with pytest.raises(ValueError, match="lanes from 0 to 0"):
        scan([b'{"x":1}'], np.zeros(1), [template], TextTable(), [], arrays)
    with pytest.raises(ValueError, match="2 entries"):
        scan([b"", b""], np.zeros(2), [], TextTable(), [], arrays)
    with pytest.raises(ValueError, match="less than 2"):
        renumber(np.array([0, 5], np.int32), 2)
    with pytest.raises(ValueError, match="within 0 to 1"):
        kinds(arrays["cells"], np.array([0, 9], np.int64))
