"""Kinds of values that settings are made of, with what is expected of them said in words."""

from __future__ import annotations

import math
import os
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+")
_LISTEN = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^:\s\[\]/]+):(\d{1,5})", re.ASCII)


def parse_duration(value: object) -> float:
    """`1d`, `12h`, `1h30m`, `10s`, `250ms` or a number of seconds → seconds.  Raises ValueError.

    >>> parse_duration("1h30m"), parse_duration(10)
    (5400.0, 10.0)
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf:
        return float(value)
    if isinstance(value, str):
        text = value.strip()
        if _DURATION.fullmatch(text):
            return sum(float(size) * _UNITS[unit] for size, unit in re.findall(r"(\d+(?:\.\d+)?)(ms|[smhdw])", text))
        if re.fullmatch(r"\d+(\.\d+)?", text):
            return float(text)
    raise ValueError(f"expected a duration (1d, 12h, 30m, 10s, or seconds), got {value!r}")


def parse_event_time(value: object) -> float:
    """An ISO 8601 time (UTC if it names no offset; YAML may have read it already) → seconds.  Raises ValueError.

    >>> parse_event_time("2026-01-01T01:00:00+01:00")
    1767225600.0
    """
    if isinstance(value, float):
        return value
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        found = None
    if isinstance(found, date) and not isinstance(found, datetime):
        found = datetime(found.year, found.month, found.day, tzinfo=UTC)
    if not isinstance(found, datetime):
        raise ValueError(f"expected a time (2026-01-31T08:00:00Z), got {value!r}")
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def render_duration(seconds: float) -> str:
    """Seconds in the largest unit that divides them.

    >>> render_duration(86_400), render_duration(90), render_duration(0)
    ('1d', '90s', '0s')
    """
    for unit in ("d", "h", "m"):
        if seconds and seconds % _UNITS[unit] == 0:
            return f"{seconds / _UNITS[unit]:.0f}{unit}"
    return f"{seconds:g}s"


def _readable(path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"expected a file that can be read, got {str(path)!r}, which is not there")
    if not os.access(path, os.R_OK):
        raise ValueError(f"expected a file that can be read, got {str(path)!r}, which is closed to this user")
    return path


def _address(value: str) -> str:
    matched = _LISTEN.fullmatch(value)
    if matched is None or int(matched[2]) > 65_535:
        raise ValueError(f"expected host:port with a port from 0 to 65535, got {value!r}")
    return value


def _password_hash(value: str) -> str:
    from monitor.exposition.auth import check_password_hash

    if check_password_hash(value) is not None:  # its own words are not used: they may quote what must not be shown
        raise ValueError("expected what `driftgauge hash-password` prints, got something else")
    return value


Duration = Annotated[float, BeforeValidator(parse_duration)]
EventTime = Annotated[float, BeforeValidator(parse_event_time)]
Text = Annotated[str, Field(min_length=1)]
#: strictness would ask for a Path object, which YAML has none of
FilePath = Annotated[Path, Field(strict=False)]
ReadableFile = Annotated[FilePath, AfterValidator(_readable)]
ListenAddress = Annotated[str, AfterValidator(_address)]
PasswordHash = Annotated[str, AfterValidator(_password_hash)]
