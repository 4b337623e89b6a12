"""What `/api/v1/status` says, as types: the JSON Schema and its page in the documentation are made from these.

Law: fields are added, never renamed or taken away, while `schema_version` stays.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

SCHEMA_VERSION: Literal[1] = 1
SCHEMA_PATH = "/api/v1/status.schema.json"

StatusName = Literal["drift", "warning", "stable", "learning"]
Text = Annotated[str, Meta(description="As the events say it, in at most `limits.label_bytes` bytes.")]
Time = Annotated[str, Meta(description="ISO 8601, in UTC.", extra_json_schema={"format": "date-time"})]
Count = Annotated[int, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Seconds = Annotated[float, Meta(ge=0)]


def _says(text: str) -> Meta:
    return Meta(description=text)


class Checkpoint(Struct, frozen=True):
    """The newest checkpoint: state and positions, written together."""

    written_at: Annotated[Time | None, _says("When it was written; null: none was yet.")]
    age_seconds: Annotated[Seconds | None, _says("How long ago that is.")]
    duration_seconds: Annotated[Seconds, _says("How long writing took.")]
    size_bytes: Annotated[Count, _says("How much it wrote.")]
    failures: Annotated[Count, _says("Checkpoints that could not be written since the process began.")]


class Lag(Struct, frozen=True):
    """Messages between what was read and the end of the topics."""

    messages: Annotated[Count, _says("In all partitions together.")]
    partitions: Annotated[Count, _says("Partitions that this process reads.")]
    topic: Annotated[str | None, _says("Topic of the partition that is furthest behind; null: none is read.")]
    partition: Annotated[Count | None, _says("Its number.")]
    partition_messages: Annotated[Count, _says("Its lag.")]


class Messages(Struct, frozen=True):
    """Messages since the process began, by what became of them."""

    ok: Count
    ignored: Annotated[Count, _says("Understood, but nothing to watch.")]
    rejected: Annotated[dict[str, Count], _says("By reason; reasons that did not occur are left out.")]
    lost: Annotated[Count, _says("Deleted by the broker before they were read.")]
    dead_letters: Annotated[
        dict[str, Count], _says("`kept`: copied to the dead letter topic; `dropped`: over its rate.")
    ]


class Daemon(Struct, frozen=True):
    """How the daemon itself is."""

    version: str
    role: Annotated[
        Literal["active", "standby"], _says("A standby watches nothing, and takes over when the active one goes.")
    ]
    ready: Annotated[bool, _says("Is the state restored, or the standby caught up?")]
    problems: Annotated[list[str], _says("What is wrong with the daemon, in plain words; empty: nothing.")]
    kafka_up: Annotated[bool, _says("Can at least one broker be reached?")]
    polled_at: Annotated[Time | None, _says("When the loop last asked Kafka.")]
    lag: Lag
    checkpoint: Checkpoint
    messages: Messages
    streams: Annotated[Count, _says("Streams that are watched.")]
    streams_limit: Annotated[Count, _says("Streams that may be watched (`limits.streams`).")]
    streams_refused: Annotated[
        dict[str, Count], _says("Streams that were not taken up, by reason; those at 0 are left out.")
    ]


class Model(Struct, frozen=True):
    """One version of one watched model."""

    model: Text
    model_version: Text
    shard: Annotated[str | None, _says("Which shard holds it; null where there is one.")]
    status: Annotated[StatusName, _says("The worst of its streams'.")]
    drift_share: Annotated[Share, _says("Share of its streams, by weight, that are in drift.")]
    streams: Annotated[dict[StatusName, Count], _says("Its streams by status.")]
    newest_event_at: Annotated[Time | None, _says("Time of its newest event.")]
    joint: Annotated[str | None, _says("What all its features together do, where they have moved; else null.")]
    joint_score: Annotated[float, _says("The evidence for that, divided by its threshold.")]
    late: Annotated[bool, _says("Is that so long ago that its drift pages nobody (`detection.max_alert_age`)?")]


class Episode(Struct, frozen=True):
    """An open episode of a stream."""

    aspect: Literal["value", "missing", "stuck"]
    explanation: Annotated[str, _says("What changed, by how much and since which event, in a sentence.")]


class Score(Struct, frozen=True):
    """What one detector makes of one channel."""

    detector: str
    channel: str
    score: Annotated[float, _says("Its statistic divided by its threshold: 1 is a detection.")]


class Distribution(Struct, frozen=True):
    """The recent values beside the reference, as shares of each bar."""

    type: Literal["number", "category"]
    edges: Annotated[list[float], _says("Of numbers: the limits between bars; the first and the last bar have no end.")]
    labels: Annotated[
        list[str], _says("Of texts: one a bar; the last two are all others, and those the reference never saw.")
    ]
    reference: Annotated[list[Share], _says("Share of the reference's values in each bar.")]
    recent: Annotated[list[Share], _says("Share of the recent values in each bar.")]
    missing_reference: Annotated[Share, _says("Share of missing values in the reference.")]
    missing_recent: Annotated[Share, _says("Share of missing values lately.")]
    values: Annotated[Count, _says("How many observations are recent.")]


class Stream(Struct, frozen=True):
    """One feature or prediction of a model version."""

    model: Text
    model_version: Text
    shard: Annotated[str | None, _says("Which shard holds it; null where there is one.")]
    feature: Text
    kind: str
    segment: str
    status: StatusName
    score: Annotated[float, _says("The largest of its scores.")]
    scores: list[Score]
    effect: Annotated[float | None, _says("The largest of its effects, signed; null: nothing can be said yet.")]
    effect_channel: Annotated[str | None, _says("Which channel that is of.")]
    effects: Annotated[dict[str, float], _says("By channel: how far the recent window is from the reference.")]
    distances: Annotated[dict[str, float], _says("By measure: reference against the recent window.")]
    episodes: Annotated[list[Episode], _says("Those that are open.")]
    observations: Count
    unusable: Annotated[dict[str, Count], _says("Observations without a usable value, by reason.")]
    reference_observations: Annotated[Count, _says("Observations its reference was learned from.")]
    reference_generation: Annotated[Count, _says("How often its reference was learned anew.")]
    last_observation_at: Annotated[Time | None, _says("When its newest observation was received.")]
    last_drift_at: Annotated[Time | None, _says("When its newest drift was found.")]
    last_drift_event_at: Annotated[Time | None, _says("Time of the event it was found at.")]
    history: Annotated[list[float | None], _says("Its score at the times of `history_at`; null where it was not kept.")]
    distribution: Annotated[
        Distribution | None, _says("Null while it is learning, or when the loop was too busy to draw it.")
    ]


class Status(Struct, frozen=True):
    """What the status page of driftgauge shows, as data."""

    schema_version: Literal[1]
    generated_at: Time
    daemon: Daemon
    models: Annotated[list[Model], _says("The most troubled ones, worst first.")]
    models_total: Annotated[Count, _says("All that are watched, and pass the filter.")]
    streams: Annotated[list[Stream], _says("The most troubled ones, worst first.")]
    streams_total: Annotated[Count, _says("All that are watched, and pass the filter.")]
    streams_by_status: Annotated[dict[StatusName, Count], _says("The same, by status.")]
    model: Annotated[str | None, _says("The filter: only streams of this model are shown (`?model=`); null: none.")]
    history_at: Annotated[list[Time], _says("When scores were kept; further apart the longer the process runs.")]


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a status."""
    made = msgspec.json.schema(Status)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_PATH, **made}
