"""Views of streams: gauges worked out from state on demand, so that showing never changes anything."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from monitor.distances.registry import distances
from monitor.domain.facts import Aspect, Status
from monitor.engine.effects import worst_by_name
from monitor.engine.episodes import TRACKS
from monitor.engine.stream import StreamMonitor
from monitor.engine.views import StreamView

WARNING_SCORE = 0.8
ASPECTS: tuple[Aspect, ...] = ("value", "missing", "stuck")


class Views:
    """Views of streams, worked out anew only for those that have changed since they were last looked at.

    A stream changes with its observations, and when a person intervenes between two of them, which changes its
    reference or its episodes.
    """

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[StreamMonitor, tuple[object, StreamView]] = WeakKeyDictionary()

    def of(self, stream: StreamMonitor) -> StreamView:
        """The stream as it stands."""
        firing = tuple([stream.episodes.is_firing(track) for track in TRACKS])
        pending = tuple([stream.episodes.is_open(track) for track in TRACKS])
        state = (stream.observations, stream.generation, stream.reference_id, firing, pending)
        known = self._known.get(stream)
        if known is None or known[0] != state:
            known = self._known[stream] = (state, view_stream(stream))
        return known[1]


def view_stream(stream: StreamMonitor) -> StreamView:
    """One stream as it stands."""
    regime = stream.regime
    scores, effects, gaps = {}, {}, {}
    if regime is not None:
        recent = regime.counts(regime.recent, regime.window)
        scores = dict.fromkeys(stream.detections, 0.0) | regime.scores()
        effects = worst_by_name(regime.effects(recent))
        gaps = distances(regime.yardstick, recent)
    return StreamView(
        key=stream.key,
        status=_status(stream, max(scores.values(), default=0.0)),
        observations=stream.observations,
        invalid=dict(stream.invalid),
        detections=dict(stream.detections),
        scores=scores,
        effects=effects,
        distances=gaps,
        last_drift_event_time=stream.last_drift_event_time,
        reference_observations=0 if regime is None else regime.reference.observations,
        reference_generation=stream.generation,
        open_episodes={aspect: _why(stream, aspect) for aspect in ASPECTS if stream.episodes.is_firing(aspect)},
    )


def count_stream(stream: StreamMonitor) -> StreamView:
    """What one stream counts, and nothing that would have to be worked out."""
    return StreamView(
        key=stream.key,
        status=Status.LEARNING,
        observations=stream.observations,
        invalid=dict(stream.invalid),
        detections=dict(stream.detections),
        scores={},
        effects={},
        distances={},
        last_drift_event_time=stream.last_drift_event_time,
        reference_observations=0,
        reference_generation=stream.generation,
        open_episodes={},
    )


def _status(stream: StreamMonitor, score: float) -> Status:
    """Drift while an episode fires; warning while one is pending or a detector is close to its threshold."""
    if stream.regime is None:
        return Status.LEARNING
    if any(stream.episodes.is_firing(aspect) for aspect in ASPECTS):
        return Status.DRIFT
    is_pending = any(stream.episodes.is_open(aspect) for aspect in ASPECTS)
    return Status.WARNING if is_pending or score >= WARNING_SCORE else Status.STABLE


def _why(stream: StreamMonitor, aspect: Aspect) -> str:
    """The sentence of the newest detection behind an open episode."""
    found = [f for key, f in stream.findings.items() if _aspect(key) == aspect]
    return max(found, key=lambda finding: finding.observation).explanation if found else ""


def _aspect(key: str) -> Aspect:
    return "missing" if key == "missing" else "stuck" if key == "stuck" else "value"
