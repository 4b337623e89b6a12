"""Bytes to JSON values: fast where the text is standard, forgiving where Python's `json.dumps` is not, never unbounded.

What it returns is safe for everything above: at most MAX_DEPTH levels deep, every number an int or a float (infinite
where a float cannot hold it), every string free of lone surrogates.  Of a key that comes twice the last one wins.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import numpy as np

from monitor.formats.rejects import Unusable, clipped

#: larger messages are refused unread; brokers refuse more than 1 MiB unless told otherwise
MAX_MESSAGE_BYTES = 16 << 20
#: levels of objects and lists; the deepest known envelope needs 8
MAX_DEPTH = 64

#: integers of more characters are read as floats: exact ones have no use here and cost quadratic time
_EXACT_INTEGER_CHARACTERS = 20

#: a JSON string, or what is left of one that never ends: each byte is looked at once
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)

_decode = msgspec.json.Decoder().decode


def parse(raw: bytes | None) -> Any:
    """The JSON value of a message.  Raises Unusable: null_message, too_large, too_deep, not_utf8, not_json."""
    if raw is None:
        raise Unusable("null_message", "a JSON value", "a message without a value (a tombstone)")
    if len(raw) > MAX_MESSAGE_BYTES:
        raise Unusable("too_large", f"a message of at most {MAX_MESSAGE_BYTES} bytes", f"{len(raw)} bytes")
    # Looked at before parsing: both parsers recurse, and what a stack holds depends on who called.
    if _may_be_deep(raw) and _depth(raw) > MAX_DEPTH:
        raise Unusable("too_deep", f"at most {MAX_DEPTH} levels of objects and lists", "more levels")
    try:
        value = _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        value = _parse_as_python_writes(raw)
    if value is None:
        raise Unusable("null_message", "a JSON value", "null")
    return value


def _may_be_deep(raw: bytes) -> bool:
    """Are there more than MAX_DEPTH openings?  (`split` stops at the bound and searches a third as long as `count`.)"""
    return len(raw.split(b"{", MAX_DEPTH + 1)) + len(raw.split(b"[", MAX_DEPTH + 1)) - 2 > MAX_DEPTH


def _depth(raw: bytes) -> int:
    """Deepest nesting of braces and brackets outside strings."""
    text = np.frombuffer(_STRING.sub(b"", raw), dtype=np.uint8)
    opened = (text == ord("{")) | (text == ord("["))
    closed = (text == ord("}")) | (text == ord("]"))
    return int(np.max(np.cumsum(opened.astype(np.int64) - closed), initial=0))


def _parse_as_python_writes(raw: bytes) -> Any:
    """The standard library's reading: NaN and infinities, numbers of any size, lone surrogates, a byte order mark.

    Five times slower, hence only for what the fast parser refuses.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = f"byte 0x{raw[error.start]:02x} at position {error.start}"
        raise Unusable("not_utf8", "valid UTF-8", at) from None
    try:
        value = json.loads(text, parse_int=_integer)
    except (ValueError, RecursionError) as error:
        raise Unusable("not_json", "a JSON value", clipped(str(error))) from None
    return _encodable(value) if "\\u" in text else value


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < _EXACT_INTEGER_CHARACTERS else float(digits)


def _encodable(value: Any) -> Any:
    """The value with lone surrogates written out (`\\ud800`): nothing later could encode them.  Depth is bounded."""
    if type(value) is str:
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode("utf-8")
    if type(value) is list:
        return [_encodable(item) for item in value]
    if type(value) is dict:
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    return value
