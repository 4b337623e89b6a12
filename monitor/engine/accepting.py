"""Accepting a new normal: a person says that a change was meant, and what comes from now on is the reference.

A stream that is accepted learns its reference anew from the events after it, whether it was learned before or came
from a profile, and its open episodes close.
"""

from __future__ import annotations

from monitor.domain.facts import Aspect, EpisodeChange, Place
from monitor.engine.model import ModelMonitor
from monitor.engine.stream import StreamMonitor

ASPECTS: tuple[Aspect, ...] = ("value", "missing", "stuck")


def accept(monitor: ModelMonitor, feature: str | None, place: Place) -> tuple[list[str], list[EpisodeChange]]:
    """Let the streams of that name (all of them: None) begin anew; their names, and the ends of their episodes.

    place: of what was asked, for the ends to tell.
    """
    names: list[str] = []
    ends: list[EpisodeChange] = []
    monitor.disinherit(feature)
    for (kind, name), stream in sorted(monitor.streams.items()):
        if feature is None or name == feature:
            ends += _ends(stream, place)
            stream.begin_anew()
            names.append(f"{kind}/{name}")
    return names, ends


def _ends(stream: StreamMonitor, place: Place) -> list[EpisodeChange]:
    found = []
    for aspect in ASPECTS:
        keys = stream.episodes.open_keys(aspect)
        behind = [finding for key, finding in stream.findings.items() if key in keys]
        if stream.episodes.is_firing(aspect) and behind:
            newest = max(behind, key=lambda finding: finding.observation)
            change = EpisodeChange(stream.key, aspect, "resolved", "accepted", newest, stream.observations, place)
            found.append(change)
    return found
