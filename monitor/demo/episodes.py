"""Episodes, as the daemon's log tells them: what opened, what closed, and whether what had to be seen was seen."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from monitor.demo.flights import MODEL, VERSIONS, Expected, Version

_EVENTS = {"episode_opened": True, "episode_closed": False}
_NUMBER = re.compile(r"-(\d+)$")
_VERSIONS = {version.name: version for version in VERSIONS}


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the log: an episode opened (or fired again), or closed.  flight: 1-based number in the live slice."""

    version: Version
    feature: str
    kind: str
    aspect: str
    opens: bool
    reason: str | None
    explanation: str
    moment: datetime | None
    flight: int

    @property
    def stream(self) -> tuple[str, str, str, str]:
        """What an episode belongs to."""
        return self.version.name, self.kind, self.feature, self.aspect

    @property
    def why(self) -> str:
        """The explanation without the name it begins with."""
        return self.explanation.removeprefix(f"{self.feature}: ")


@dataclass(slots=True)
class Episode:
    """From the change that opened it to the one that closed it, if it did."""

    opened: Change
    again: int = 0
    closed: Change | None = None


@dataclass(slots=True)
class Episodes:
    """All episodes so far, in the order they opened."""

    all: list[Episode] = field(default_factory=list)
    _open: dict[tuple[str, str, str, str], Episode] = field(default_factory=dict)

    def add(self, change: Change) -> None:
        """Take a change in.  Firing while open is a further change of the same episode."""
        episode = self._open.get(change.stream)
        if change.opens and episode is None:
            self._open[change.stream] = episode = Episode(change)
            self.all.append(episode)
        elif change.opens and episode is not None:
            episode.again += 1
        elif episode is not None:
            episode.closed = change
            del self._open[change.stream]

    def is_open(self, change: Change) -> bool:
        """Is an episode open where this change is?"""
        return change.stream in self._open

    @property
    def open(self) -> list[Episode]:
        """Those that have not closed."""
        return list(self._open.values())

    def meeting(self, version: Version, expected: Expected) -> Episode | None:
        """The first episode of this version that is what was expected."""
        return next((one for one in self.all if one.opened.version == version and _meets(one.opened, expected)), None)


def changes(lines: Iterable[str]) -> Iterator[Change]:
    """The changes of episodes among lines of a log; every other line is passed over."""
    for line in lines:
        entry = log_entry(line)
        version = _VERSIONS.get(str(entry.get("model_version")))
        if entry.get("event") in _EVENTS and entry.get("model") == MODEL and version is not None:
            yield _change(entry, version)


def log_entry(line: str) -> dict[str, Any]:
    """A line of the log as its fields; none where it is not JSON (an interpreter crashes in its own words)."""
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


def _meets(opened: Change, expected: Expected) -> bool:
    return (
        opened.kind == "feature"
        and opened.feature in expected.features
        and expected.aspect in (None, opened.aspect)
        and opened.moment is not None
        and expected.begin <= opened.moment < expected.end
    )


def _change(entry: dict[str, Any], version: Version) -> Change:
    numbered = _NUMBER.search(str(entry.get("event_id")))
    return Change(
        version=version,
        feature=str(entry.get("feature")),
        kind=str(entry.get("kind")),
        aspect=str(entry.get("aspect")),
        opens=_EVENTS[str(entry["event"])],
        reason=entry.get("reason"),
        explanation=str(entry.get("explanation")),
        moment=_moment(entry.get("ts"), version),
        flight=int(numbered[1]) if numbered else int(entry.get("observation") or 0),
    )


def _moment(text: object, version: Version) -> datetime | None:
    """An event's time in New York."""
    try:
        return datetime.fromisoformat(str(text)).astimezone(version.zone)
    except ValueError:
        return None
