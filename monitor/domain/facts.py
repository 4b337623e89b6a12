"""What the statistics say: findings (points) and episode changes (transitions), as frozen facts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from monitor.domain.keys import ModelKey, StreamKey

Aspect = Literal["value", "missing", "stuck"]
EpisodeState = Literal["firing", "resolved"]
Reason = Literal["returned", "relearned", "accepted", "expired"]
#: the closed set of channel names users see; every category of a stream shares "category"
ChannelName = Literal[
    "level", "spread", "body", "mode", "out_of_range", "far", "stuck", "missing", "category", "unseen"
]


class Status(IntEnum):
    """Status of a stream (and, as the worst of its streams, of a model version); the value is the exposed one."""

    LEARNING = -1
    STABLE = 0
    WARNING = 1
    DRIFT = 2


@dataclass(frozen=True, slots=True)
class Place:
    """The event at which something was seen: its position in the input, and its row in the frame at hand."""

    topic: str
    partition: int
    offset: int
    row: int  #: position inside a message that holds several events
    event_id: str
    event_time: float  #: seconds since the epoch, NaN if unknown


#: what the number of an effect is
EffectUnit = Literal["probability above ½", "difference of rates"]


@dataclass(frozen=True, slots=True)
class Extract:
    """What one side of a comparison is like: quartiles of numbers (lower, median, upper), or a rate.

    A quartile outside the reference's range is told as the end of that range, unless it is far beyond it.
    """

    quartiles: tuple[float, float, float] | None
    rate: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """What an effect is of, and the recent values (those since the finding's `since`) beside the reference's.

    measure: the key of what is compared ("level", "category:FR").  unit: None of what has no effect.
    """

    measure: str
    unit: EffectUnit | None
    recent: Extract
    reference: Extract


@dataclass(frozen=True, slots=True)
class Finding:
    """A point fact: this detector on this channel of this stream saw a change at this event.

    statistic and threshold are in the detector's own unit; score = statistic ÷ threshold.  effect: how far the values
    since `since` are from the reference, in the channel's unit (a difference of probabilities or of rates).
    observation: 1-based count of the stream's observations at the event; since: the count at which the change is
    estimated to have begun.  reference_hash: of the stream's own reference, whoever made it.
    """

    stream: StreamKey
    channel: ChannelName
    detector: str
    direction: Literal["up", "down", "both"]
    statistic: float
    threshold: float
    score: float
    effect: float
    observation: int
    since: int
    explanation: str
    summary: Summary
    place: Place
    reference_id: str
    reference_hash: str
    generation: int


@dataclass(frozen=True, slots=True)
class EpisodeChange:
    """An episode of one aspect of a stream opened (again) or closed; `finding` is the detection behind it."""

    stream: StreamKey
    aspect: Aspect
    state: EpisodeState
    reason: Reason | None  #: why it resolved; None when firing
    finding: Finding
    observation: int
    place: Place


JointState = Literal["moved", "settled"]
#: superseded: its features are told of one by one, or are held against new references
JointReason = Literal["returned", "relearned", "superseded"]


@dataclass(frozen=True, slots=True)
class JointEffect:
    """How far one of many features has moved: channel is a key ("level", "category:FR"), effect in its unit (a
    difference of probabilities or of rates), errors the same in standard errors."""

    feature: str
    channel: str
    effect: float
    errors: float


@dataclass(frozen=True, slots=True)
class JointChange:
    """Many features of a model version moved a little together, or are back.

    score: evidence ÷ threshold.  features: how many were tested together; moved: those that are clearly off, the
    furthest first.  events, since: 1-based counts of the model's events, at the change and where what it rests on
    begins.
    """

    model: ModelKey
    state: JointState
    reason: JointReason | None  #: why they settled; None when they moved
    score: float
    features: int
    moved: tuple[JointEffect, ...]
    events: int
    since: int
    explanation: str  #: of what moved; empty when settled
    place: Place


Fact = Finding | EpisodeChange | JointChange
