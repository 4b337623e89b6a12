"""What Alertmanager is told: alerts that hold, and for a while those that have ended.

Law: a picture is bounded, and a newer one replaces an older one whole.  So nothing queues up for an Alertmanager that
does not answer: when it is back it hears what is true by then.  Alerts of a model that is shown no more are not called
ended, since another process may have taken the model over; they run out by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from monitor.alertmanager.alerts import Alert, Labels

#: the end of an alert is told for so long, to an Alertmanager that was away as well
RESOLVED_SECONDS = 900.0
#: an alert that is not renewed ends after so many resends: three may be lost
RESENDS_TO_END = 4


@dataclass(frozen=True, slots=True)
class Picture:
    """Alerts that hold, by their labels, and those that ended with the time they did (seconds since the epoch)."""

    holding: Mapping[Labels, Alert]
    ended: Mapping[Labels, tuple[Alert, float]]
    dropped: int = 0  #: alerts that hold and were one too many

    def next(self, alerts: Iterable[Alert], models: frozenset[tuple[str, str]], now: float, limit: int) -> Picture:
        """The picture after this one.  models: those that are shown; limit: how many alerts fit in."""
        found = {alert.labels: _begun(alert, self.holding.get(alert.labels), now) for alert in alerts}
        kept = dict(list(found.items())[:limit])
        ended = {
            labels: (alert, at)
            for labels, (alert, at) in self.ended.items()
            if labels not in found and now - at <= RESOLVED_SECONDS
        }
        ended |= {
            labels: (alert, now)
            for labels, alert in self.holding.items()
            if labels not in found and alert.model in models
        }
        room = limit - len(kept)
        newest = dict(list(ended.items())[-room:]) if room else {}
        return Picture(kept, newest, len(found) - len(kept))

    def differs_from(self, other: Picture) -> bool:
        """Has an alert begun or ended, so that it is worth telling at once?"""
        return self.holding.keys() != other.holding.keys() or not self.ended.keys() <= other.ended.keys()

    def body(self, now: float, resend_seconds: float, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        """As Alertmanager takes it; `labels` are added to every alert's own."""
        end = now + RESENDS_TO_END * resend_seconds
        return [
            *(_as_json(alert, end, labels) for alert in self.holding.values()),
            *(_as_json(alert, at, labels) for alert, at in self.ended.values()),
        ]


EMPTY = Picture({}, {})


def _begun(alert: Alert, before: Alert | None, now: float) -> Alert:
    """An alert begins once: a further drift of its stream moves the words, not the beginning."""
    starts_at = before.starts_at if before is not None else alert.starts_at or now
    return Alert(alert.labels, alert.summary, alert.description, starts_at)


def _as_json(alert: Alert, ends_at: float, labels: Mapping[str, str]) -> dict[str, Any]:
    return {
        "labels": {**labels, **dict(alert.labels)},
        "annotations": alert.annotations,
        "startsAt": _rfc3339(alert.starts_at),
        "endsAt": _rfc3339(ends_at),
    }


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
