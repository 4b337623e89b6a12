"""What channels and witnesses tell the episodes: openings and closings, in the order of a stream's observations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from monitor.domain.facts import Aspect, ChannelName, Reason

Direction = Literal["up", "down", "both"]
#: detector, direction, statistic, threshold, observations since the onset
Verdict = tuple[str, Direction, float, float, int]
#: what running a channel has to tell: its index, the position among the cells of the value that fired, and the verdict
Told = tuple[int, int, Verdict]


@dataclass(frozen=True, slots=True)
class Detection:
    """A detector's verdict.  length: observations since the estimated onset, the newest included."""

    detector: str
    direction: Direction
    statistic: float
    threshold: float
    length: int

    @property
    def score(self) -> float:
        return self.statistic / self.threshold


FURTHER = "+"  #: prefix of the keys of a relearned regime's channels, which report changes inside an open episode


@dataclass(frozen=True, slots=True)
class Signal:
    """A channel opened (with the detection that opened it) or closed, at an observation of the segment at hand.

    at: 0-based position in the segment.  pulse: a further change that is seen although the channel was open already.
    reason: why it closed.
    """

    at: int
    key: str  #: the channel's key, unique within a stream
    name: ChannelName
    detection: Detection | None  #: None: the channel closed
    pulse: bool = False
    reason: Reason = "returned"

    @property
    def further(self) -> bool:
        """Does it come from the relearned regime?"""
        return self.key.startswith(FURTHER)

    @property
    def aspect(self) -> Aspect:
        return "missing" if self.name == "missing" else "stuck" if self.name == "stuck" else "value"
