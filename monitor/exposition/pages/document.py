"""From what the board shows to the document of the status page: the most troubled streams, within a bound.

Trouble: drift before warning before stable before learning; then by score, then by effect.  Names break ties, so that
rows do not change places by chance.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest

from monitor.domain.facts import Status as StreamStatus
from monitor.domain.keys import ModelKey, StreamKey
from monitor.engine.shape import Shape
from monitor.engine.views import ModelView, StreamView
from monitor.exposition.board import Reading
from monitor.exposition.pages.content import (
    SCHEMA_VERSION,
    Checkpoint,
    Daemon,
    Distribution,
    Episode,
    Lag,
    Messages,
    Model,
    Score,
    Status,
    StatusName,
    Stream,
)
from monitor.exposition.pages.words import NAMES, counted, duration, iso_time

#: streams and model versions that are shown; the page says how many are not
SHOWN, MODELS_SHOWN = 100, 50
#: the loop is said to stand still after so long without a poll, and a checkpoint to be old
STALLED_SECONDS, OLD_CHECKPOINT_SECONDS = 60.0, 300.0
_ORDER = {StreamStatus.DRIFT: 0, StreamStatus.WARNING: 1, StreamStatus.STABLE: 2, StreamStatus.LEARNING: 3}
_REJECTED = frozenset({"ok", "ignored"})

Trouble = tuple[int, float, float, StreamKey]


def score_of(view: StreamView) -> float:
    """The largest score of a stream, 0 without any."""
    found = max(view.scores.values(), default=0.0)
    return found if math.isfinite(found) else 0.0


def trouble(view: StreamView) -> Trouble:
    """What streams are sorted by, the most troubled first."""
    effect = max(map(abs, view.effects.values()), default=0.0)
    return (_ORDER[view.status], -score_of(view), -effect, view.key)


def chosen(views: Iterable[ModelView], shown: int = SHOWN) -> list[StreamView]:
    """The most troubled streams, worst first."""
    return nsmallest(shown, (stream for view in views for stream in view.streams), key=trouble)


def passing(reading: Reading, model: str | None) -> list[ModelView]:
    """The model versions that pass the filter."""
    return [view for key, view in reading.live.items() if model is None or key.model == model]


@dataclass(frozen=True, slots=True)
class Pictures:
    """What is known of single streams beside their views."""

    times: Sequence[float]
    histories: Mapping[StreamKey, Sequence[float | None]]
    shapes: Mapping[StreamKey, Shape]


@dataclass(frozen=True, slots=True)
class Moment:
    """When, and for whom: seconds since the epoch, whether probes say ready, and the model that is filtered by."""

    now: float
    ready: bool
    model: str | None = None


def status(reading: Reading, moment: Moment, streams: Sequence[StreamView], pictures: Pictures) -> Status:
    """The document.  streams: those that are shown, in order."""
    views = passing(reading, moment.model)
    by_status = Counter(stream.status for view in views for stream in view.streams)
    worst = nsmallest(MODELS_SHOWN, views, key=_model_trouble)
    return Status(
        schema_version=SCHEMA_VERSION,
        generated_at=_time(moment.now),
        daemon=_daemon(reading, moment),
        models=[_model(view, reading) for view in worst],
        models_total=len(views),
        streams=[_stream(view, reading, pictures) for view in streams],
        streams_total=sum(by_status.values()),
        streams_by_status=_named(by_status),
        model=moment.model,
        history_at=[_time(time) for time in pictures.times],
    )


def _time(seconds: float) -> str:
    return iso_time(seconds) or "1970-01-01T00:00:00Z"


def _named(counts: Mapping[StreamStatus, int]) -> dict[StatusName, int]:
    return {NAMES[each]: counts.get(each, 0) for each in _ORDER}


def _shard(key: object) -> str | None:
    """The shard in a name; only where several share the board does it have one."""
    return getattr(key, "shard", None)


def _model_trouble(view: ModelView) -> tuple[int, float, ModelKey]:
    return (_ORDER[view.status], -view.drift_share, view.key)


def _model(view: ModelView, reading: Reading) -> Model:
    return Model(
        model=view.key.model,
        model_version=view.key.model_version,
        shard=_shard(view.key),
        status=NAMES[view.status],
        drift_share=view.drift_share,
        streams=_named(Counter(stream.status for stream in view.streams)),
        newest_event_at=iso_time(view.clock),
        joint=view.joint.told or None,
        joint_score=view.joint.score if math.isfinite(view.joint.score) else 0.0,
        late=reading.late.get(view.key, False),
    )


def _stream(view: StreamView, reading: Reading, pictures: Pictures) -> Stream:
    key = view.key
    effects = {name: effect for name, effect in view.effects.items() if math.isfinite(effect)}
    largest = max(effects, key=lambda name: abs(effects[name]), default=None)
    shape = pictures.shapes.get(key)
    return Stream(
        model=key.model,
        model_version=key.model_version,
        shard=_shard(key),
        feature=key.feature,
        kind=key.kind,
        segment=key.segment,
        status=NAMES[view.status],
        score=score_of(view),
        scores=[Score(*pair, score) for pair, score in view.scores.items() if math.isfinite(score)],
        effect=None if largest is None else effects[largest],
        effect_channel=largest,
        effects=effects,
        distances={name: value for name, value in view.distances.items() if math.isfinite(value)},
        episodes=[Episode(aspect, said) for aspect, said in view.open_episodes.items()],
        observations=view.observations,
        unusable=dict(view.invalid),
        reference_observations=view.reference_observations,
        reference_generation=view.reference_generation,
        last_observation_at=iso_time(reading.last_observation.get(key, 0.0)),
        last_drift_at=iso_time(reading.last_drift.get(key, 0.0)),
        last_drift_event_at=iso_time(view.last_drift_event_time),
        history=list(pictures.histories.get(key, ())),
        distribution=None if shape is None else distribution(shape),
    )


def distribution(shape: Shape) -> Distribution:
    """A shape as the document says it."""
    return Distribution(
        type=shape.type,
        edges=list(shape.edges),
        labels=list(shape.labels),
        reference=[round(share, 5) for share in shape.reference],
        recent=[round(share, 5) for share in shape.recent],
        missing_reference=round(shape.missing[0], 5),
        missing_recent=round(shape.missing[1], 5),
        values=shape.values,
    )


def _daemon(reading: Reading, moment: Moment) -> Daemon:
    gauges = reading.gauges
    active = bool(gauges["active"])
    furthest = max(reading.lag.items(), key=lambda item: (item[1], item[0]), default=None)
    return Daemon(
        version=reading.version,
        role="active" if active else "standby",
        ready=moment.ready,
        problems=list(_problems(reading, moment)),
        kafka_up=bool(gauges["kafka_up"]),
        polled_at=iso_time(gauges["last_poll_timestamp_seconds"]),
        lag=Lag(
            messages=sum(reading.lag.values()),
            partitions=len(reading.lag),
            topic=None if furthest is None else furthest[0][0],
            partition=None if furthest is None else furthest[0][1],
            partition_messages=0 if furthest is None else furthest[1],
        ),
        checkpoint=_checkpoint(reading, moment.now),
        messages=_messages(reading),
        streams=sum(len(view.streams) for view in reading.live.values()),
        streams_limit=int(gauges["streams_limit"]),
        streams_refused={reason: count for reason, count in reading.refused.items() if count},
    )


def _checkpoint(reading: Reading, now: float) -> Checkpoint:
    written = reading.gauges["checkpoint_timestamp_seconds"]
    return Checkpoint(
        written_at=iso_time(written),
        age_seconds=round(max(0.0, now - written), 3) if written else None,
        duration_seconds=reading.gauges["checkpoint_duration_seconds"],
        size_bytes=int(reading.gauges["checkpoint_bytes"]),
        failures=reading.checkpoint_failures,
    )


def _messages(reading: Reading) -> Messages:
    results: Counter[str] = Counter()
    for (_, result), count in reading.messages.items():
        results[result] += count
    return Messages(
        ok=results["ok"],
        ignored=results["ignored"],
        rejected={name: count for name, count in sorted(results.items()) if count and name not in _REJECTED},
        lost=sum(reading.gaps.values()),
        dead_letters=dict(reading.dead_letters),
    )


def _problems(reading: Reading, moment: Moment) -> Iterable[str]:
    """What is wrong with the daemon, the worst first."""
    gauges, now = reading.gauges, moment.now
    polled, written = gauges["last_poll_timestamp_seconds"], gauges["checkpoint_timestamp_seconds"]
    if not moment.ready:
        yield "It is not ready: its state is not restored yet, or it is stopping."
    if polled and now - polled > STALLED_SECONDS:
        yield f"Its loop stands still: it asked Kafka for events {duration(now - polled)} ago."
    if not gauges["kafka_up"]:
        yield "It cannot reach Kafka."
    # a checkpoint is written only when something has changed: an old one is a problem if newer events were read
    newest = max(reading.last_observation.values(), default=0.0)
    if written and newest - written > OLD_CHECKPOINT_SECONDS:
        yield f"Its newest checkpoint is {duration(now - written)} old, though events were read since."
    lost, refused = sum(reading.gaps.values()), sum(reading.refused.values())
    if lost:
        yield f"The broker deleted {counted(lost, 'message')} before they were read."
    if refused:
        yield f"{counted(refused, 'stream')} could not be taken up: see limits.streams and limits.label_bytes."
    late = sum(reading.late.get(key, False) for key in reading.live)
    if late:
        yield f"{counted(late, 'model version')} sent nothing recent: what drifts there pages nobody."
