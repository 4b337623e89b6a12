"""Inheriting: a new version of a model is held from its first event on against what an older one was held against.

     old version   ┊ learns ┊ watches ───────────────────▶
     new version                        ┊ watches ───────▶     what the old one did not know is learned as usual

References are handed over as they stand at one moment, with the rates and counts that thresholds follow from; episodes
and detectors are not, for they tell of the old version's events.  A stream takes up its bequest with its first event:
one that the new version does not have is not missed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from monitor.domain.keys import Kind, ModelKey
from monitor.engine.budget import BudgetInputs
from monitor.engine.snapshot import BequestEntry
from monitor.engine.stream import StreamMonitor
from monitor.reference.reference import StreamReference

Name = tuple[Kind, str]


@dataclass(frozen=True, slots=True, eq=False)
class Bequest:
    """A reference, its digest, and what the budget froze with it.  reference_id: what the heir calls it."""

    digest: bytes
    reference: StreamReference
    inputs: BudgetInputs
    reference_id: str


@dataclass(frozen=True, slots=True, eq=False)
class Will:
    """What a version leaves to the next.  learning: streams of it that had no reference yet."""

    old: ModelKey
    bequests: Mapping[Name, Bequest]
    learning: int


class Elder(Protocol):
    """What is asked of the versions that are known already."""

    @property
    def clock(self) -> float: ...
    @property
    def streams(self) -> Mapping[Name, StreamMonitor]: ...


def wills(new: Iterable[ModelKey], known: Mapping[ModelKey, Elder]) -> dict[ModelKey, Will]:
    """What new versions start from, as things stand; those without an older one that has a reference are not in it.

    Of the versions of a model the one whose newest event is the latest counts: the one that is in use.  Of equal ones
    the greater name decides; a version without any event time comes last.
    """
    found = {}
    for key in new:
        elders = [other for other in known if other.model == key.model and _references(known[other])]
        if elders:
            old = max(elders, key=lambda other: (_time(known[other].clock), other.model_version))
            found[key] = _will(old, known[old].streams)
    return found


def _references(elder: Elder) -> bool:
    return any(stream.regime is not None for stream in elder.streams.values())


def _time(clock: float) -> float:
    return clock if clock == clock else float("-inf")


def _will(old: ModelKey, streams: Mapping[Name, StreamMonitor]) -> Will:
    name = f"inherited:{old.model_version}"
    bequests = {
        stream: Bequest(monitor.regime.digest, monitor.regime.reference, monitor.regime.inputs, name)
        for stream, monitor in streams.items()
        if monitor.regime is not None
    }
    return Will(old, bequests, len(streams) - len(bequests))


def dump(given: Mapping[Name, Bequest]) -> list[BequestEntry]:
    """Plain data; references by name."""
    return [
        BequestEntry(*name, left.digest, left.inputs.per_week, left.inputs.streams, left.reference_id)
        for name, left in sorted(given.items(), key=lambda item: item[0])
    ]


def load(entries: Iterable[BequestEntry], reference_of: Callable[[bytes], StreamReference]) -> dict[Name, Bequest]:
    """The bequests of plain data; reference_of raises LookupError for what is not there."""
    return {
        (own.kind, own.feature): Bequest(
            own.reference, reference_of(own.reference), BudgetInputs(own.per_week, own.streams), own.reference_id
        )
        for own in entries
    }
