"""From a reading to samples, family by family, within the series limit; no library, no text yet.

Law: what is left out when the limit is reached depends on the names alone, never on the order of arrival, so that a
series does not flicker from scrape to scrape.  Numbers of the process come first and always; then every model's
roll-up; then, for all streams in order of their keys, what alerts need; then, in the same order, a stream's details as
a whole.  The first that does not fit ends the exposition of streams, and what is left out is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from monitor.domain.keys import ModelKey, StreamKey
from monitor.engine.views import ModelView, StreamView
from monitor.exposition.board import Histogram, Reading
from monitor.exposition.catalogue import (
    DETAIL_OF_STREAM,
    ESSENTIAL_OF_STREAM,
    FAMILIES,
    PREFIX,
    SEGMENT_LABEL,
    SHARD_LABEL,
    Family,
    family,
)

#: label values in the order of the labels' names, then the value
Values = Sequence[tuple[tuple[str, ...], float]]


@dataclass(frozen=True, slots=True)
class Sample:
    """One series: `suffix` is what a histogram's series add to the family's name, "" elsewhere."""

    suffix: str
    labels: Mapping[str, str]
    value: float


@dataclass(slots=True)
class Row:
    """A stream with everything that is known of it; counted is None until a checkpoint holds the stream."""

    view: StreamView
    counted: StreamView | None
    last_observation: float
    last_drift: float

    @property
    def details(self) -> int:
        """How many series it has beyond the essential ones."""
        view = self.view
        several = len(view.invalid) + len(view.detections) + len(view.scores) + len(view.effects) + len(view.distances)
        return several + len(DETAIL_OF_STREAM) - 5


@dataclass(frozen=True, slots=True)
class Selection:
    """What an exposition shows: process has the samples that are not of streams, the limit's own included.

    Of the rows, in the order of their keys, the first `essential` show what alerts need, the first `detailed` the rest.
    """

    process: Mapping[str, Sequence[Sample]]
    rows: Sequence[Row]
    essential: int
    detailed: int


def families(reading: Reading) -> Iterator[tuple[Family, list[Sample]]]:
    """Every family of the catalogue in its order with its samples; together not more than the series limit."""
    selection = select(reading)
    labels = [_stream_labels(row.view.key) for row in selection.rows]
    for each in FAMILIES:
        if each.of_stream:
            shown = selection.essential if each in ESSENTIAL_OF_STREAM else selection.detailed
            rows = zip(selection.rows[:shown], labels, strict=False)
            yield each, [sample for row, named in rows for sample in _of_the_stream(each, row, named)]
        else:
            yield each, list(selection.process.get(each.name, ()))


def select(reading: Reading) -> Selection:
    """What of a reading fits its series limit; see the module for what is left out first."""
    found: dict[str, list[Sample]] = {each.name: [] for each in FAMILIES}
    for name, values in _of_the_process(reading):
        found[PREFIX + name] = [_sample(family(name), values_) for values_ in values]
    found[PREFIX + "frame_duration_seconds"] = _buckets(family("frame_duration_seconds"), reading.frame_duration)
    found[PREFIX + "event_delay_seconds"] = _buckets(family("event_delay_seconds"), reading.event_delay)
    views = {**reading.committed, **reading.live}
    models = sorted(views)
    rows = [row for key in models for row in _rows(views[key], reading.committed.get(key), reading)]
    # the three series that tell of the limit itself are counted before their values are known
    used = sum(map(len, found.values())) + 3
    sizes = [
        [sum(each.of_model for each in FAMILIES)] * len(models),
        [len(ESSENTIAL_OF_STREAM)] * len(rows),
        [row.details for row in rows],
    ]
    shown = []
    omitted = 0
    for tier in sizes:
        fitting = 0
        for size in tier:
            if omitted or used + size > reading.series_limit:
                omitted += size
            else:
                used += size
                fitting += 1
        shown.append(fitting)
    for key in models[: shown[0]]:
        for name, samples in _of_the_model(views[key], reading.late.get(key, False)):
            found[name].extend(samples)
    for name, value in (("series", used), ("series_limit", reading.series_limit), ("series_omitted", omitted)):
        found[PREFIX + name] = [Sample("", {}, float(value))]
    return Selection(found, rows, shown[1], shown[2])


def _rows(view: ModelView, committed: ModelView | None, reading: Reading) -> Iterator[Row]:
    counted = {} if committed is None else {stream.key: stream for stream in committed.streams}
    # by the parts of the key that differ within a model: plain tuples compare in a tenth of the time
    for stream in sorted(view.streams, key=lambda stream: (stream.key.feature, stream.key.kind, stream.key.segment)):
        key = stream.key
        yield Row(stream, counted.get(key), reading.last_observation.get(key, 0.0), reading.last_drift.get(key, 0.0))


def _of_the_model(view: ModelView, late: bool) -> list[tuple[str, list[Sample]]]:
    labels = _model_labels(view.key)
    values = (
        ("model_status", view.status),
        ("model_drift_share", view.drift_share),
        ("model_score", view.joint.score),
        ("model_late", late),
    )
    return [(PREFIX + name, [Sample("", labels, float(value))]) for name, value in values]


def _of_the_stream(which: Family, row: Row, labels: Mapping[str, str]) -> list[Sample]:
    names = which.labels[4:]
    return [
        Sample("", {**labels, **dict(zip(names, map(clean, more), strict=True))}, float(value))
        for more, value in _STREAM_VALUES[which.name](row)
    ]


def _one(value: Callable[[Row], float]) -> Callable[[Row], Values]:
    return lambda row: [((), value(row))]


def _committed(counts: Callable[[StreamView], Mapping[tuple[str, ...], int]]) -> Callable[[Row], Values]:
    """The keys of the live view, so that all counters exist from birth, with the values that are safely stored."""

    def values(row: Row) -> Values:
        stored = {} if row.counted is None else counts(row.counted)
        return [(key, float(stored.get(key, 0))) for key in counts(row.view)]

    return values


def _singly(counts: Mapping[str, int]) -> Mapping[tuple[str, ...], int]:
    return {(name,): count for name, count in counts.items()}


_STREAM_VALUES: Mapping[str, Callable[[Row], Values]] = {
    PREFIX + "drift_status": _one(lambda row: row.view.status),
    PREFIX + "last_drift_timestamp_seconds": _one(lambda row: row.last_drift),
    PREFIX + "last_drift_event_timestamp_seconds": _one(lambda row: row.view.last_drift_event_time),
    PREFIX + "observations_total": _one(lambda row: 0 if row.counted is None else row.counted.observations),
    PREFIX + "last_observation_timestamp_seconds": _one(lambda row: row.last_observation),
    PREFIX + "invalid_values_total": _committed(lambda view: _singly(view.invalid)),
    PREFIX + "drift_detections_total": _committed(
        lambda view: {(*key,): count for key, count in view.detections.items()}
    ),
    PREFIX + "drift_score": lambda row: [(key, score) for key, score in row.view.scores.items()],
    PREFIX + "effect": lambda row: [((channel,), effect) for channel, effect in row.view.effects.items()],
    PREFIX + "distance": lambda row: [((measure,), value) for measure, value in row.view.distances.items()],
    PREFIX + "reference_observations": _one(lambda row: row.view.reference_observations),
    PREFIX + "reference_generation": _one(lambda row: row.view.reference_generation),
}


def _of_the_process(reading: Reading) -> Iterator[tuple[str, Values]]:
    yield "messages_total", [(key, float(count)) for key, count in sorted(reading.messages.items())]
    for name, counts in (("consumer_lag_messages", reading.lag), ("offset_gap_messages_total", reading.gaps)):
        yield name, [((topic, str(number)), float(count)) for (topic, number), count in sorted(counts.items())]
    yield "alertmanager_pushes_total", [(key, float(count)) for key, count in sorted(reading.pushes.items())]
    yield "dead_letters_total", [((result,), float(count)) for result, count in sorted(reading.dead_letters.items())]
    yield "streams", [((), float(sum(len(view.streams) for view in reading.live.values())))]
    yield "streams_refused_total", [((reason,), float(count)) for reason, count in sorted(reading.refused.items())]
    yield "checkpoint_failures_total", [((), float(reading.checkpoint_failures))]
    yield "build_info", [((reading.version,), 1.0)]
    for name, value in reading.gauges.items():
        yield name, [((), value)]
    for name, series in reading.numbers.items():
        yield name, sorted(series.items())


def _buckets(which: Family, histogram: Histogram) -> list[Sample]:
    samples = []
    below = 0
    bounds: Iterable[str] = (*map(str, which.buckets), "+Inf")
    for bound, count in zip(bounds, histogram.counts, strict=True):
        below += count
        samples.append(Sample("_bucket", {"le": bound}, float(below)))
    return [*samples, Sample("_count", {}, float(below)), Sample("_sum", {}, histogram.total)]


def _sample(which: Family, values: tuple[tuple[str, ...], float]) -> Sample:
    labels, value = values
    return Sample("", dict(zip(which.labels, map(clean, labels), strict=True)), value)


def _model_labels(key: ModelKey) -> dict[str, str]:
    labels = {"model": clean(key.model), "model_version": clean(key.model_version)}
    shard = shard_of(key)
    return labels | {SHARD_LABEL: shard} if shard else labels


def shard_of(key: ModelKey | StreamKey) -> str:
    """The shard in a name; empty with one shard."""
    shard: str = getattr(key, "shard", "")
    return shard


def _stream_labels(key: StreamKey) -> dict[str, str]:
    labels = _model_labels(key.model_key) | {"feature": clean(key.feature), "kind": key.kind}
    return labels | {SEGMENT_LABEL: clean(key.segment)} if key.segment else labels


def clean(value: str) -> str:
    """A label value that can be written as UTF-8: one lone surrogate would otherwise cost the whole exposition."""
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
