"""Views as an engine would give them, small and plain."""

from dataclasses import replace

from monitor.domain.facts import Status
from monitor.domain.keys import Kind, ModelKey, StreamKey
from monitor.engine.views import ModelView, StreamView

FRAUD = ModelKey("fraud", "7")


def stream(feature: str = "amount", model: ModelKey = FRAUD, kind: Kind = "feature", segment: str = "") -> StreamView:
    """A stable stream with one detector on two channels, one distance and nothing counted."""
    return StreamView(
        key=StreamKey(model.model, model.model_version, feature, kind, segment),
        status=Status.STABLE,
        observations=0,
        invalid={"missing": 0, "non_finite": 0, "wrong_type": 0},
        detections={("adwin", "level"): 0, ("adwin", "missing"): 0},
        scores={("adwin", "level"): 0.25, ("adwin", "missing"): 0.0},
        effects={"level": 0.01, "missing": 0.0},
        distances={"psi": 0.02},
        last_drift_event_time=0.0,
        reference_observations=2000,
        reference_generation=0,
        open_episodes={},
    )


def model(*streams: StreamView, key: ModelKey = FRAUD, refused: dict[str, int] | None = None) -> ModelView:
    """A model version with these streams; the roll-up is not worked out."""
    return ModelView(key, streams, Status.STABLE, 0.0, 1000.0, refused or {"too_many": 0, "label_too_long": 0})


def drifted(view: StreamView, observations: int = 500) -> StreamView:
    """The same stream after a drift on level."""
    return replace(
        view,
        status=Status.DRIFT,
        observations=observations,
        detections={**view.detections, ("adwin", "level"): 1},
        scores={**view.scores, ("adwin", "level"): 1.4},
        effects={**view.effects, "level": 0.21},
        last_drift_event_time=990.0,
    )
