"""Times as people and programs read them."""

from __future__ import annotations

from datetime import UTC, datetime


def iso_time(seconds: float) -> str | None:
    """Seconds since the epoch as ISO 8601 in UTC; None for no time, or one that no calendar holds.

    >>> iso_time(1.5), iso_time(float("nan"))
    ('1970-01-01T00:00:01.500Z', None)
    """
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError):
        return None
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "auto").replace("+00:00", "Z")
