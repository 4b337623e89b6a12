"""The one list of metric families: exposition, alert rules, documentation and tests all read it here.

A family's `source` says when its value moves, which is what a reader of a graph has to know:

    live       follows the newest event
    committed  is counted in the state and shown as of the last checkpoint, so that a crash never makes it run backwards
    process    belongs to this process and starts at zero with it
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MetricType = Literal["counter", "gauge", "histogram"]
Source = Literal["live", "committed", "process"]

PREFIX = "driftgauge_"
MODEL_LABELS = ("model", "model_version")
STREAM_LABELS = ("model", "model_version", "feature", "kind")
#: present only on the series of streams that are cut by segment
SEGMENT_LABEL = "segment"
#: present only on the series of streams and models where the state has more than one shard
SHARD_LABEL = "shard"

#: upper bounds in seconds; one frame is milliseconds of work, a first frame of a big backlog up to seconds
FRAME_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
#: upper bounds in seconds; from a stream at its head to a backfill of a week
DELAY_BUCKETS = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 21_600.0, 86_400.0, 604_800.0)


@dataclass(frozen=True, slots=True)
class Family:
    """One metric family; `name` is the full exposed name, a counter's with `_total`.  `labels` leaves `segment` out."""

    name: str
    type: MetricType
    labels: tuple[str, ...]
    help: str
    unit: str  #: the unit its values are in; "" for counts, shares and codes
    source: Source
    buckets: tuple[float, ...] = ()  #: upper bounds of a histogram, without +Inf

    @property
    def of_stream(self) -> bool:
        """Is it exposed once (or more) for every stream?"""
        return self.labels[: len(STREAM_LABELS)] == STREAM_LABELS

    @property
    def of_model(self) -> bool:
        """Is it exposed once for every model version?"""
        return self.labels == MODEL_LABELS


def _stream(name: str, type_: MetricType, extra: tuple[str, ...], help_: str, source: Source = "live") -> Family:
    unit = "seconds" if name.endswith("_seconds") else ""
    return Family(PREFIX + name, type_, STREAM_LABELS + extra, help_, unit, source)


def _model(name: str, help_: str, source: Source = "live") -> Family:
    return Family(PREFIX + name, "gauge", MODEL_LABELS, help_, "", source)


def _process(name: str, type_: MetricType, labels: tuple[str, ...], help_: str, source: Source = "process") -> Family:
    bare = name.removesuffix("_total")
    unit = next((unit for unit in ("seconds", "bytes", "messages") if bare.endswith("_" + unit)), "")
    return Family(PREFIX + name, type_, labels, help_, unit, source)


_OF_STREAMS = (
    _stream("drift_status", "gauge", (), "Status of the stream: -1 learning, 0 stable, 1 warning, 2 drift."),
    _stream(
        "last_drift_timestamp_seconds",
        "gauge",
        (),
        "Wall clock when the stream's newest drift was found, 0 if never; stands still while its model is late.",
    ),
    _stream("last_drift_event_timestamp_seconds", "gauge", (), "Event time of the stream's newest drift, 0 if never."),
    _stream("observations_total", "counter", (), "Observations of the stream, usable or not.", "committed"),
    _stream(
        "last_observation_timestamp_seconds",
        "gauge",
        (),
        "Wall clock when the stream's newest observation was received, 0 if none is known.",
        "process",
    ),
    _stream(
        "invalid_values_total",
        "counter",
        ("reason",),
        "Observations without a usable value: missing, non_finite or wrong_type.",
        "committed",
    ),
    _stream(
        "drift_detections_total",
        "counter",
        ("detector", "channel"),
        "Changes a detector saw on a channel, whether or not they mattered enough to open an episode.",
        "committed",
    ),
    _stream(
        "drift_score",
        "gauge",
        ("detector", "channel"),
        "A detector's statistic divided by its threshold; keeps the firing value until the episode ends.",
    ),
    _stream(
        "effect",
        "gauge",
        ("channel",),
        "How far the recent window is from the reference: a signed difference of probabilities or of rates.",
    ),
    _stream(
        "distance",
        "gauge",
        ("measure",),
        "Distance between the reference and the recent window; absent while the window is too short to say.",
    ),
    _stream("reference_observations", "gauge", (), "Observations the stream's reference was learned from."),
    _stream("reference_generation", "gauge", (), "How often the stream's reference was learned anew."),
)

_OF_MODELS = (
    _model(
        "model_status", "Worst status among the model version's streams: -1 learning, 0 stable, 1 warning, 2 drift."
    ),
    _model("model_drift_share", "Share of the model version's streams, by weight, that are in drift."),
    _model(
        "model_score",
        "Evidence that many features moved a little together, divided by its threshold; at least 1 while that holds.",
    ),
    _model(
        "model_late",
        "1 while the model version's newest event is older than detection.max_alert_age: its drift pages nobody.",
        "process",
    ),
)

_OF_THE_PROCESS = (
    _process(
        "messages_total",
        "counter",
        ("topic", "result"),
        "Messages read, by what became of them: ok, ignored, or the reason they were rejected for.",
    ),
    _process(
        "consumer_lag_messages",
        "gauge",
        ("topic", "partition"),
        "Messages between the position of the consumer and the end of the partition.",
    ),
    _process(
        "offset_gap_messages_total",
        "counter",
        ("topic", "partition"),
        "Offsets skipped because the broker had deleted them before they were read.",
    ),
    _process(
        "dead_letters_total",
        "counter",
        ("result",),
        "Messages that could not be read: kept (copied to output.dead_letter_topic) or dropped (over its rate).",
    ),
    _process(
        "alertmanager_pushes_total",
        "counter",
        ("alertmanager", "result"),
        "Pushes of alerts to an Alertmanager of alertmanager.urls: ok or failed.",
    ),
    _process(
        "alertmanager_alerts_dropped",
        "gauge",
        (),
        "Alerts that are not pushed because too many hold at once; 0 where nothing is pushed.",
    ),
    _process("kafka_up", "gauge", (), "1 while at least one broker can be reached."),
    _process("streams", "gauge", (), "Streams that are watched.", "live"),
    _process("streams_limit", "gauge", (), "Streams that may be watched, limits.streams."),
    _process(
        "streams_refused_total",
        "counter",
        ("reason",),
        "Streams that were not taken up: too_many, label_too_long; model_… with a model version that was not either.",
        "committed",
    ),
    _process("series", "gauge", (), "Series in this exposition."),
    _process("series_limit", "gauge", (), "Series an exposition may hold, limits.series."),
    _process("series_omitted", "gauge", (), "Series left out of this exposition because it would exceed its limit."),
    _process("active", "gauge", (), "1 if this process watches streams, 0 if it stands by."),
    _process(
        "checkpoint_timestamp_seconds", "gauge", (), "Wall clock of the newest checkpoint, 0 if there was none yet."
    ),
    _process("checkpoint_duration_seconds", "gauge", (), "How long the newest checkpoint took to write."),
    _process("checkpoint_bytes", "gauge", (), "Size of what the newest checkpoint wrote."),
    _process("checkpoint_failures_total", "counter", (), "Checkpoints that could not be written."),
    _process("last_poll_timestamp_seconds", "gauge", (), "Wall clock when the loop last asked Kafka, 0 if never."),
    Family(
        PREFIX + "frame_duration_seconds",
        "histogram",
        (),
        "Time a frame of events took through the statistics.",
        "seconds",
        "process",
        FRAME_BUCKETS,
    ),
    Family(
        PREFIX + "event_delay_seconds",
        "histogram",
        (),
        "Wall clock minus event time of the events, when they were read.",
        "seconds",
        "process",
        DELAY_BUCKETS,
    ),
    _process(
        "http_connections", "gauge", ("address",), "Connections of HTTP clients that are open, at main and at probes."
    ),
    _process("http_connections_limit", "gauge", ("address",), "Connections that may be open, http.bounds.connections."),
    _process(
        "http_connections_cut_total",
        "counter",
        ("address", "reason"),
        "Connections that were cut: limit (another one came), deadline, handshake (TLS failed), malformed (not HTTP).",
    ),
    _process(
        "http_requests_refused_total",
        "counter",
        ("reason",),
        "Requests that were refused: certificate, credentials, busy (too many passwords at once).",
    ),
    _process(
        "http_certificate_stale",
        "gauge",
        (),
        "1 while the files of http.tls have changed and cannot be used: the certificate before is shown on.",
    ),
    _process("build_info", "gauge", ("version",), "1; which version of driftgauge this is."),
)

#: in the order of exposition; the first four of a stream are what alerts need and are the last to be left out
FAMILIES: tuple[Family, ...] = _OF_STREAMS + _OF_MODELS + _OF_THE_PROCESS
ESSENTIAL_OF_STREAM: tuple[Family, ...] = _OF_STREAMS[:4]
DETAIL_OF_STREAM: tuple[Family, ...] = _OF_STREAMS[4:]

_BY_NAME = {family.name: family for family in FAMILIES}


def family(name: str) -> Family:
    """The family of that name, with or without the prefix.  Raises KeyError for a name that is not in the catalogue."""
    return _BY_NAME[name if name.startswith(PREFIX) else PREFIX + name]
