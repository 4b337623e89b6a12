"""From what the board shows to the alerts that hold, named and labelled as the Prometheus rules would.

     streams in drift ──▶ one alert for each, by what is wrong with it ──▶ many at once: one for the model beside

As in the rules, a drift is held for a while after it was found, a late model raises nothing, and whatever an alert is
called it keeps until it ends.  Pure: the time is an argument.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from monitor.domain.facts import Aspect, Status
from monitor.domain.keys import StreamKey
from monitor.engine.views import ModelView, StreamView
from monitor.exposition.board import Reading
from monitor.exposition.rules import RUNBOOKS, WIDESPREAD_SHARE, WIDESPREAD_STREAMS

Labels = tuple[tuple[str, str], ...]

_PREDICTION, _WIDESPREAD = "DriftgaugePredictionDrift", "DriftgaugeModelDriftWidespread"
_OF_ASPECT: Mapping[Aspect, str] = {
    "value": "DriftgaugeFeatureDrift",
    "missing": "DriftgaugeMissingValues",
    "stuck": "DriftgaugeStuckValues",
}
_SUMMARIES = {
    "DriftgaugeFeatureDrift": "Drift in the {stream}",
    _PREDICTION: "Drift in the {stream}",
    "DriftgaugeMissingValues": "Missing values in the {stream}",
    "DriftgaugeStuckValues": "The {stream} is stuck at one value",
}
#: as many streams of a widespread drift are named
_NAMED = 10


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as it stands; `labels` are sorted and identify it.  starts_at: seconds since the epoch."""

    labels: Labels
    summary: str
    description: str
    starts_at: float

    @property
    def name(self) -> str:
        """What the alert is called."""
        return dict(self.labels)["alertname"]

    @property
    def model(self) -> tuple[str, str]:
        """The model version it is about."""
        labels = dict(self.labels)
        return labels["model"], labels["model_version"]

    @property
    def annotations(self) -> dict[str, str]:
        """What people read."""
        return {
            "summary": self.summary,
            "description": self.description,
            "runbook_url": f"{RUNBOOKS}/{self.name}.md",
        }


def holding(reading: Reading, now: float, hold_seconds: float, before: Mapping[Labels, Alert]) -> list[Alert]:
    """The alerts that hold at this moment, model by model; `before`: those that held at the moment before."""
    found: list[Alert] = []
    for key, view in reading.live.items():
        if not reading.late.get(key, False):
            found.extend(_of_model(view, reading.last_drift, now - hold_seconds, before))
    return found


def _of_model(
    view: ModelView, last_drift: Mapping[StreamKey, float], held_since: float, before: Mapping[Labels, Alert]
) -> Iterator[Alert]:
    drifting = [
        stream
        for stream in view.streams
        if stream.status is Status.DRIFT or last_drift.get(stream.key, 0.0) > held_since
    ]
    for stream in drifting:
        yield from _of_stream(stream, last_drift.get(stream.key, 0.0), before)
    if view.drift_share >= WIDESPREAD_SHARE and len(drifting) >= WIDESPREAD_STREAMS:
        yield _widespread(view, drifting, max(last_drift.get(stream.key, 0.0) for stream in drifting))


def _of_stream(stream: StreamView, found_at: float, before: Mapping[Labels, Alert]) -> Iterator[Alert]:
    """What is open now; else what was open before and is held; else it opened and closed between two looks."""
    names = dict.fromkeys(_named(stream, aspect) for aspect in stream.open_episodes)
    told = [before[labels] for name in _SUMMARIES if (labels := _labels(stream.key, name)) in before]
    if told and not names:
        yield from told
        return
    for name in names or [_named(stream, "value")]:
        yield Alert(
            _labels(stream.key, name),
            _SUMMARIES[name].format(stream=_called(stream.key)),
            _description(stream, name, found_at),
            found_at,
        )


def _named(stream: StreamView, aspect: Aspect) -> str:
    return _PREDICTION if stream.key.kind == "prediction" else _OF_ASPECT[aspect]


def _description(stream: StreamView, name: str, found_at: float) -> str:
    key = stream.key
    sentences = [text for aspect, text in stream.open_episodes.items() if _named(stream, aspect) == name and text]
    said = "; ".join(sentences) or f"{key.feature}: the values left the reference and came back"
    since = f" Newest drift found at {_time(found_at)}." if found_at else ""
    return (
        f"Model {key.model} version {key.model_version}, {key.kind} {said}. "
        f"The reference holds {stream.reference_observations} observations.{since}"
    )


def _widespread(view: ModelView, drifting: list[StreamView], found_at: float) -> Alert:
    key = view.key
    names = sorted(stream.key.feature for stream in drifting)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    model = f"model {key.model} version {key.model_version}"
    labels = {"model": key.model, "model_version": key.model_version, "alertname": _WIDESPREAD, "severity": "critical"}
    return Alert(
        tuple(sorted(labels.items())),
        f"Widespread drift in {model}",
        f"{view.drift_share:.0%} of the streams of {model} (by weight) are in drift together: "
        f"{', '.join(names[:_NAMED])}{more}. "
        "Look for a common cause first: an upstream feed, a release, another population.",
        found_at,
    )


def _labels(key: StreamKey, name: str) -> Labels:
    labels = {
        "alertname": name,
        "severity": "critical" if name == _PREDICTION else "warning",
        "model": key.model,
        "model_version": key.model_version,
        "feature": key.feature,
        "kind": key.kind,
    }
    return tuple(sorted((labels | ({"segment": key.segment} if key.segment else {})).items()))


def _called(key: StreamKey) -> str:
    segment = f" (segment {key.segment})" if key.segment else ""
    return f"{key.kind} {key.feature}{segment} of model {key.model} version {key.model_version}"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
