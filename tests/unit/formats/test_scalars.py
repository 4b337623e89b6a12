"""Times and labels."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.formats.scalars import MAX_TEXT_BYTES, bounded, event_time

NEW_YEAR = 1_767_225_600.0


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01T00:00:00Z",
        "2026-01-01T01:00:00+01:00",
        "2025-12-31T19:00:00-0500",
        "2026-01-01T00:00:00",
        "2026-01-01 00:00:00.000000",
        "2026-01-01",
        "1767225600",
        "1767225600000",
        "1.7672256e9",
    ],
)
def test_texts(text: str) -> None:
    """ISO 8601 with or without an offset, and numbers written as texts."""
    assert event_time(text, math.nan, "ts") == NEW_YEAR


@pytest.mark.parametrize("per_second", [1, 10**3, 10**6, 10**9])
@pytest.mark.parametrize("number_type", [int, float])
def test_units(per_second: int, number_type: type[int] | type[float]) -> None:
    """Seconds, milliseconds, microseconds and nanoseconds tell themselves apart by their size."""
    assert event_time(number_type(1_767_225_600 * per_second), math.nan, "ts") == NEW_YEAR


def test_fractions() -> None:
    """Fractions of a second are kept, to the microsecond in texts."""
    assert event_time("2026-01-01T00:00:00.123456789Z", math.nan, "ts") == NEW_YEAR + 0.123456
    assert event_time(1_767_225_600_123, math.nan, "ts") == 1_767_225_600.123


def test_before_1970() -> None:
    """Times before 1970 are negative."""
    assert event_time("1969-12-31T23:59:59Z", math.nan, "ts") == event_time(-1, math.nan, "ts") == -1.0


@given(st.text())
def test_short_texts_are_left_alone(text: str) -> None:
    """A text within the limit is its own label."""
    assert (bounded(text) == text) == (len(text.encode()) <= MAX_TEXT_BYTES)


@given(st.text(min_size=100, max_size=200), st.integers(1, 20))
def test_long_texts_are_bounded(text: str, times: int) -> None:
    """However long and of whatever characters, a label is within the limit and valid, and bounding it again is idle."""
    label = bounded(text * times)
    assert len(label.encode("utf-8")) <= MAX_TEXT_BYTES
    assert bounded(label) == label
