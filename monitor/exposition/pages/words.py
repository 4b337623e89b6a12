"""Numbers, times and statuses as a person reads them."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from monitor.domain.facts import Status
from monitor.exposition.pages.content import StatusName

NAMES: dict[Status, StatusName] = {
    Status.DRIFT: "drift",
    Status.WARNING: "warning",
    Status.STABLE: "stable",
    Status.LEARNING: "learning",
}
#: names of channels in plain words
CHANNELS = {
    "level": "level",
    "spread": "spread",
    "body": "level, its commonest value aside",
    "missing": "missing values",
    "unseen": "values never seen before",
    "category": "share of a category",
    "out_of_range": "values out of range",
    "far": "values far out of range",
    "stuck": "runs of one value",
}


def iso_time(seconds: float) -> str | None:
    """Seconds since the epoch as ISO 8601 in UTC, to the second; None for never (0), NaN, or what no calendar holds.

    >>> iso_time(1.5), iso_time(0.0), iso_time(float("nan"))
    ('1970-01-01T00:00:01Z', None, None)
    """
    if not seconds or math.isnan(seconds):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return None


def minutes(iso: str | None) -> str:
    """A time as people write it, to the minute and always in UTC.

    >>> minutes("1970-01-01T00:00:01Z"), minutes(None)
    ('1970-01-01 00:00', 'never')
    """
    return "never" if iso is None else iso[:16].replace("T", " ")


def duration(seconds: float) -> str:
    """About how long, in one unit.

    >>> [duration(s) for s in (0.2, 59, 90, 7200, 200_000)]
    ['0 s', '59 s', '2 min', '2 h', '2 d']
    """
    for unit, size, until in (("s", 1, 60), ("min", 60, 3600), ("h", 3600, 86_400)):
        if seconds < until:
            return f"{round(seconds / size)} {unit}"
    return f"{round(seconds / 86_400)} d"


def number(value: float) -> str:
    """A number with as many digits as help.

    >>> [number(v) for v in (0.0, 0.256, 12.345, 1234567.0, 1e-7, float("nan"))]
    ['0', '0.26', '12.3', '1,234,567', '1e-07', '–']
    """
    if not math.isfinite(value):
        return "–"
    size = abs(value)
    if value == 0 or 1000 <= size < 1e9:
        return f"{value:,.0f}"
    if size >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}" if size >= 1 else f"{value:.2g}"


def percent(share: float) -> str:
    """A share in percent.

    >>> [percent(s) for s in (0.0, 0.0042, 0.123, 1.0)]
    ['0 %', '0.4 %', '12 %', '100 %']
    """
    return f"{100 * share:.1f} %" if 0 < share < 0.1 else f"{100 * share:.0f} %"


def counted(count: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "stream"), counted(12_345, "stream")
    ('1 stream', '12,345 streams')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
