"""Forgetting: streams that no event has named for so long, by event time, that they are no longer part of the model.

A stream of a profile stays as long as its model: that it never comes is what the profile is there to tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from monitor.domain.facts import Aspect, EpisodeChange, Finding
from monitor.domain.keys import Kind
from monitor.engine.stream import StreamMonitor

Name = tuple[Kind, str]
ASPECTS: tuple[Aspect, ...] = ("value", "missing", "stuck")


def unseen(
    streams: Mapping[Name, StreamMonitor], seen: Mapping[Name, float], watermark: float, after: float | None
) -> list[Name]:
    """Streams last seen more than `after` seconds before the watermark, in order; none without event times.

    seen: the model's clock at each stream's newest value, NaN where events have no time.
    """
    if after is None:
        return []
    nan = float("nan")
    return [
        name
        for name, stream in sorted(streams.items())
        if not stream.approved and watermark - seen.get(name, nan) > after
    ]


def last_words(stream: StreamMonitor) -> list[EpisodeChange]:
    """The ends of a forgotten stream's firing episodes, each at the place of the finding behind it."""
    words = []
    for aspect in ASPECTS:
        if stream.episodes.is_firing(aspect):
            finding = _finding(stream, stream.episodes.open_keys(aspect))
            if finding is not None:
                words.append(
                    EpisodeChange(
                        stream.key, aspect, "resolved", "expired", finding, stream.observations, finding.place
                    )
                )
    return words


def _finding(stream: StreamMonitor, keys: Sequence[str]) -> Finding | None:
    found = [finding for key, finding in stream.findings.items() if key in keys]
    return max(found, key=lambda finding: finding.observation, default=None)
