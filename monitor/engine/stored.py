"""What is stored of a stream, piece by piece: plain data that msgpack writes without names and reads with types.

Every field is checked as it is read, so that a snapshot whose checksum fits and whose contents do not is refused where
it is read.
"""

from __future__ import annotations

from typing import Any

import msgspec

from monitor.domain.facts import Finding
from monitor.engine.signals import Detection, Verdict

#: sum, as of, seen, statistic of an open channel, detections
FarState = tuple[float, int, int, float | None, int]
#: previous value, its run, what opened it, detections
StuckState = tuple[float | None, int, Verdict | None, int]
#: mean; left, sum of the pause and of its late part; seen, sums, last value, what opened it, detections
ChartState = tuple[float, tuple[int, float, float], int, list[float], float | None, Verdict | None, int]
#: keys that hold it open, since, fired, next look
TrackState = tuple[list[str], int, bool, int]


class ChannelState(msgspec.Struct, array_like=True):
    """packed: what its detectors and its window hold.  quiet: near windows in a row while it is open."""

    key: str
    packed: bytes
    opened_by: Verdict | None
    quiet: int
    glr: dict[str, Any] | None


class RegimeState(msgspec.Struct, array_like=True):
    """reference: its digest.  recent: packed cells, and how many."""

    reference: bytes
    per_week: float | None
    streams: int
    recent: bytes
    recent_length: int
    channels: list[ChannelState]
    far: FarState | None
    stuck: StuckState | None
    chart: ChartState | None


class EpisodesState(msgspec.Struct, array_like=True):
    """tracks: in the order of `monitor.engine.episodes.TRACKS`."""

    tracks: tuple[TrackState, TrackState, TrackState, TrackState]
    last_alarm: int
    alarms: int


class StreamState(msgspec.Struct, array_like=True):
    observations: int
    invalid: tuple[int, int, int]
    approved: bool
    reference_id: str
    generation: int
    last_drift_event_time: float
    opened_clock: float | None
    detections: list[tuple[str, str, int]]
    findings: dict[str, Finding]
    episodes: EpisodesState
    regime: RegimeState | None
    relearned: RegimeState | None
    warmup: dict[str, Any] | None
    learner: dict[str, Any] | None
    pulse: dict[str, Any]


def opened_state(opened: Detection | None) -> Verdict | None:
    """The verdict that opened a channel, as it is stored."""
    if opened is None:
        return None
    return opened.detector, opened.direction, opened.statistic, opened.threshold, opened.length
