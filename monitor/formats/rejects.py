"""Why a message could not be used: the closed list of reasons, and how they travel inside the formats.

A reason is a metric label and a word in the log, so the list is short and fixed; what is particular to one message
stands in `expected` and `found`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

#: every reason a format may give, with the line the documentation shows
REASONS: Mapping[str, str] = MappingProxyType(
    {
        "null_message": "The message has no value (a tombstone), or is the JSON value null.",
        "too_large": "The message, its number of features, of segment labels or of rows is beyond a fixed limit.",
        "not_utf8": "The message, or a header that is needed, is not valid UTF-8.",
        "not_json": "The message is not JSON, also not as Python writes it with NaN and Infinity.",
        "too_deep": "Objects and lists are nested deeper than any event needs.",
        "wrong_shape": "The JSON is valid, but not what the format expects at the place that is named.",
        "not_cloudevent": "Neither the headers nor the value of the message make a CloudEvent.",
        "binary_tensor": "Tensor data follow the JSON as raw bytes; only data inside the JSON are read.",
        "no_model": "The event does not say which model it belongs to.",
        "bad_time": "The event's time is neither an ISO 8601 text nor a number since the epoch.",
        "future_time": "The event's time is more than an hour after the record's timestamp.",
    }
)

#: characters of what was found that are kept
FOUND_CHARACTERS = 200

#: integers of more bits are described, not written out: Python refuses to print the longest ones
_PRINTABLE_BITS = 512

_KINDS: Mapping[type, str] = {
    dict: "an object",
    list: "a list",
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "null",
}


class Unusable(Exception):
    """A message, or one row of it, cannot be used.  Never leaves this package: `decode` turns it into a Reject."""

    def __init__(self, reason: str, expected: str, found: str) -> None:
        super().__init__(reason, expected, found)
        self.reason = reason
        self.expected = expected
        self.found = found


def kind_of(value: object) -> str:
    """What a decoded value is, in the words of JSON.

    >>> kind_of([1]), kind_of(None)
    ('a list', 'null')
    """
    return _KINDS.get(type(value), "nothing")


def shown(value: object) -> str:
    """A value as a message may quote it: scalars themselves, containers by kind; bounded, and valid as UTF-8.

    >>> shown("FR"), shown({"a": 1}), shown(10**400)
    ("'FR'", 'an object', 'a number of 1329 bits')
    """
    if isinstance(value, dict | list):
        return kind_of(value)
    if isinstance(value, int) and value.bit_length() > _PRINTABLE_BITS:
        return f"a number of {value.bit_length()} bits"
    if isinstance(value, str):
        return clipped(repr(value[:FOUND_CHARACTERS]))
    return clipped(repr(value))


def clipped(text: str) -> str:
    """At most FOUND_CHARACTERS of a text; what UTF-8 cannot carry is escaped."""
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= FOUND_CHARACTERS else text[: FOUND_CHARACTERS - 1] + "…"
