"""What a model's monitor shows of itself, in plain numbers for metrics, demo and `state inspect`; never stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from monitor.domain.facts import Aspect, Status
from monitor.domain.keys import ModelKey, StreamKey


@dataclass(frozen=True, slots=True)
class StreamView:
    """One stream as it stands.  Keys of `detections` and `scores` are (detector, channel); all exist from birth.

    effects: per channel, recent window against the reference.  distances: per measure; a measure is absent while the
    recent window is too short for it.  open_episodes: aspect → explanation of the newest detection behind it.
    """

    key: StreamKey
    status: Status
    observations: int
    invalid: Mapping[str, int]  #: reason (missing, non_finite, wrong_type) → count; all three always there
    detections: Mapping[tuple[str, str], int]
    scores: Mapping[tuple[str, str], float]
    effects: Mapping[str, float]
    distances: Mapping[str, float]
    last_drift_event_time: float  #: event time of the newest drift (an episode firing), 0 = never
    reference_observations: int
    reference_generation: int
    open_episodes: Mapping[Aspect, str]


@dataclass(frozen=True, slots=True)
class JointView:
    """The test of all features together.  score: evidence ÷ threshold, at least 1 while they have moved; told: the
    sentence of that, empty otherwise."""

    score: float = 0.0
    told: str = ""


@dataclass(frozen=True, slots=True)
class ModelView:
    """All streams of one model version, and their roll-up."""

    key: ModelKey
    streams: tuple[StreamView, ...]
    status: Status
    drift_share: float  #: share of the streams' weight in drift, 0 to 1
    clock: float  #: newest event time seen, NaN if none
    refused: Mapping[str, int]  #: streams refused, by reason (too_many, label_too_long)
    joint: JointView = JointView()
