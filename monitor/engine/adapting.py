"""A restored model under a changed configuration: what still holds is kept, and only what no longer does starts anew.

Budgets, smallest effects and weights are read anew with every start and hold from the next event.  A stream starts
anew when its values mean something else now: another type, another reading of its topic, another profile.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from monitor.domain.keys import Kind, StreamKey
from monitor.engine.model import ModelMonitor
from monitor.engine.stream import ACCEPTED, StreamMonitor
from monitor.reference import codec
from monitor.reference.reference import StreamReference


@dataclass(frozen=True, slots=True)
class Reset:
    """A stream that starts anew, and what about it changed."""

    stream: StreamKey
    why: str


def adapt(monitor: ModelMonitor, changed_topics: Collection[str]) -> tuple[ModelMonitor, list[Reset]]:
    """The monitor as its policy wants it now, and the streams that started anew; nothing else in it differs.

    changed_topics: topics whose messages are read in another way than when the state was written.
    """
    profile = monitor.policy.profile_for(monitor.key)
    profiled = {} if profile is None else profile.streams
    resets = []
    for name, stream in sorted(monitor.streams.items()):
        why = _outdated(stream, profiled.get(name), monitor.home(*name) in changed_topics)
        if why is not None:
            resets.append(Reset(stream.key, why))
        elif profile is not None and name in profiled and stream.approved:
            stream.reference_id = profile.identity  # the same reference in a file that changed elsewhere
    added = [name for name in sorted(profiled) if name not in monitor.streams]
    names: list[tuple[Kind, str]] = [(reset.stream.kind, reset.stream.feature) for reset in resets]
    for name in (*names, *added):
        monitor.forget(*name)
    if not names and not added:
        return monitor, []
    # the rows of forgotten streams are given up by writing the state and reading it again
    return ModelMonitor.load(monitor.key, monitor.policy, monitor.dump()), resets


def _outdated(stream: StreamMonitor, wanted: StreamReference | None, is_read_anew: bool) -> str | None:
    """Why a stream cannot go on, None if it can."""
    if is_read_anew:
        return "its topic is read in another way"
    regime = stream.regime
    if wanted is not None:
        if stream.reference_id == ACCEPTED:  # a person let it depart from its profile
            return None
        if not stream.approved:
            return "it has a profile now"
        if regime is None or _plain(regime.reference) != _plain(wanted):
            return "its profile changed"
        return None
    if stream.approved:
        return "it has no profile any more"
    if regime is not None and stream.settings.wanted not in (None, regime.reference.type):
        return f"its type is {stream.settings.wanted} now"
    return None


def _plain(reference: StreamReference) -> object:
    return codec.reference_to_plain(reference)
