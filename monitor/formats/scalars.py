"""Single values: names and labels as bounded text, times as seconds since the epoch."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from monitor.domain.text import number_text
from monitor.formats.rejects import Unusable, shown

#: bytes of UTF-8 of any name or label a frame carries
MAX_TEXT_BYTES = 512
#: seconds an event may claim to come after its record was written
MAX_AHEAD_SECONDS = 3600.0

_MARK_BYTES = 17  # "~" and 8 bytes of hash in hexadecimal
_SAFE_CHARACTERS = MAX_TEXT_BYTES // 4  # no character takes more than 4 bytes
_EXACT_BITS = 64

#: numbers below the limit are in this unit; the bands overlap only for times before 1973
_UNITS_PER_SECOND = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (1e20, 1e9))


def bounded(text: str) -> str:
    """A text of at most MAX_TEXT_BYTES: a longer one keeps its beginning and ends in a hash of the whole.

    Equal texts stay equal and different ones different, wherever and whenever they are read.

    >>> bounded("FR"), len(bounded("x" * 1_000_000)), bounded("x" * 999) == bounded("x" * 998)
    ('FR', 512, False)
    """
    if len(text) <= _SAFE_CHARACTERS:
        return text
    encoded = text.encode("utf-8")
    if len(encoded) <= MAX_TEXT_BYTES:
        return text
    beginning = encoded[: MAX_TEXT_BYTES - _MARK_BYTES].decode("utf-8", "ignore")
    return f"{beginning}~{blake2b(encoded, digest_size=8).hexdigest()}"


def label(value: Any) -> str | None:
    """A scalar as a name or label: numbers as `number_text` writes them, booleans as in JSON; None for anything else.

    Numbers that are not finite, and null, are no label.

    >>> label("7"), label(7), label(7.0), label(True), label([7])
    ('7', '7', '7', 'true', None)
    """
    kind = type(value)
    if kind is str:
        return value if len(value) <= _SAFE_CHARACTERS else bounded(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value) if value.bit_length() <= _EXACT_BITS else None
    if kind is float and math.isfinite(value):
        return number_text(value)
    return None


def event_time(value: Any, recorded: float, place: str) -> float:
    """When an event happened, in seconds since the epoch.

    value: an ISO 8601 text (`2026-01-01T00:00:00Z`; without an offset it is UTC, a bare date is its first moment), or
    a number since the epoch, also as a text: seconds below 1e11, milliseconds below 1e14, microseconds below 1e17,
    nanoseconds below 1e20.  None: the time of the record.  recorded: the record's timestamp, NaN if unknown; then
    nothing can be said about a time ahead of it.  Raises Unusable: bad_time, future_time.
    """
    if value is None:
        return recorded
    seconds = _from_text(value) if type(value) is str else _from_number(value)
    if math.isnan(seconds):
        expected = f"{place}: an ISO 8601 text or a number since the epoch"
        raise Unusable("bad_time", expected, shown(value))
    if seconds > recorded + MAX_AHEAD_SECONDS:
        expected = f"{place}: at most {MAX_AHEAD_SECONDS:.0f} s after the record's timestamp"
        raise Unusable("future_time", expected, f"{shown(value)}, {seconds - recorded:.0f} s after it")
    return seconds


def _from_text(text: str) -> float:
    if text[4:5] != "-":  # the compact forms of ISO 8601 cannot be told from numbers
        try:
            return _from_number(float(text))
        except ValueError:
            return math.nan
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return math.nan
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _from_number(value: Any) -> float:
    kind = type(value)
    if kind is not float and kind is not int:
        return math.nan
    magnitude = abs(value)
    for limit, per_second in _UNITS_PER_SECOND:
        if magnitude < limit:
            return float(value / per_second)
    return math.nan
