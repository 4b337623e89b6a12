"""The board between the loop and a scrape: the loop pins numbers to it, a scrape reads one consistent copy.

Law: publishing costs the loop a dictionary update under a lock, never a walk over streams; all the work of an
exposition is done by whoever reads.  Views are frozen, so a copy of the dictionaries is a copy of everything.

Nothing here imports an HTTP or a metrics library: commands that expose nothing may use a board for free.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock

from monitor.domain.keys import ModelKey, StreamKey
from monitor.engine.views import ModelView
from monitor.exposition.catalogue import DELAY_BUCKETS, FRAME_BUCKETS
from monitor.exposition.gallery import Draw, Gallery

#: Reasons a stream is refused for; each is exposed from birth.  Streams of a model version that is not watched at all
#: have reasons of their own: no state knows of them, so they begin at 0 with the process, as the others must not.
REFUSALS = ("too_many", "label_too_long", "model_too_many", "model_label_too_long")


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts per bucket (not cumulative, the last one is +Inf) and the sum of the observed values, in seconds."""

    counts: tuple[int, ...]
    total: float


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything an exposition shows, as it was at one moment.  Times are seconds since the epoch, 0 = never."""

    version: str
    live: Mapping[ModelKey, ModelView]
    committed: Mapping[ModelKey, ModelView]
    late: Mapping[ModelKey, bool]
    last_observation: Mapping[StreamKey, float]
    last_drift: Mapping[StreamKey, float]
    refused: Mapping[str, int]
    messages: Mapping[tuple[str, str], int]  #: (topic, result) → messages
    lag: Mapping[tuple[str, int], int]
    gaps: Mapping[tuple[str, int], int]
    dead_letters: Mapping[str, int]
    pushes: Mapping[tuple[str, str], int]  #: (alertmanager, result) → pushes
    gauges: Mapping[str, float]  #: single numbers, by family name without the prefix
    numbers: Mapping[str, Mapping[tuple[str, ...], float]]  #: by family name without the prefix, then label values
    checkpoint_failures: int
    frame_duration: Histogram
    event_delay: Histogram
    series_limit: int


@dataclass(slots=True)
class _Tally:
    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def add(self, value: float, count: int = 1) -> None:
        self.counts[bisect_left(self.bounds, value)] += count
        self.total += value * count

    def frozen(self) -> Histogram:
        return Histogram(tuple(self.counts), self.total)


class Board:
    """What the loop publishes and scrapes read; every method may be called from any thread.

    topics and reject_reasons: what `messages_total` shows from birth; other topics appear with their first message.
    monotonic: the clock `healthy` measures the loop with, in seconds.
    """

    def __init__(
        self,
        *,
        version: str = "0",
        topics: Sequence[str] = (),
        reject_reasons: Sequence[str] = (),
        series_limit: int = 500_000,
        streams_limit: int = 10_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lock = Lock()
        self._version = version
        self._results = ("ok", "ignored", *reject_reasons)
        self._series_limit = series_limit
        self._monotonic = monotonic
        self._last_turn = monotonic()
        self._ready = False
        self._live: dict[ModelKey, ModelView] = {}
        self._committed: dict[ModelKey, ModelView] = {}
        self._late: dict[ModelKey, bool] = {}
        self._last_observation: dict[StreamKey, float] = {}
        self._last_drift: dict[StreamKey, float] = {}
        self._refused_before: dict[str, int] = dict.fromkeys(REFUSALS, 0)
        self._messages: dict[tuple[str, str], int] = {}
        self._lag: dict[tuple[str, int], int] = {}
        self._gaps: dict[tuple[str, int], int] = {}
        self._dead_letters: dict[str, int] = {"kept": 0, "dropped": 0}
        self._pushes: dict[tuple[str, str], int] = {}
        self._numbers: dict[str, dict[tuple[str, ...], float]] = {}
        self._readings: dict[tuple[str, tuple[str, ...]], Callable[[], float]] = {}
        self._checkpoint_failures = 0
        self.gallery = Gallery(monotonic)  #: what single streams look like, for those that somebody looks at
        self._frame_duration = _Tally(FRAME_BUCKETS)
        self._event_delay = _Tally(DELAY_BUCKETS)
        self._gauges: dict[str, float] = {
            "alertmanager_alerts_dropped": 0.0,
            "kafka_up": 0.0,
            "active": 1.0,
            "streams_limit": float(streams_limit),
            "checkpoint_timestamp_seconds": 0.0,
            "checkpoint_duration_seconds": 0.0,
            "checkpoint_bytes": 0.0,
            "last_poll_timestamp_seconds": 0.0,
        }
        for topic in topics:
            self._open_topic(topic)

    # models and streams

    def publish_live(self, views: Mapping[ModelKey, ModelView]) -> None:
        """Show these models as they stand now; models not named keep what they show."""
        with self._lock:
            self._live.update(views)

    def publish_committed(self, views: Mapping[ModelKey, ModelView]) -> None:
        """Show the counters of these models: the views must be of exactly the state that is safely stored."""
        with self._lock:
            self._committed.update(views)

    def forget(self, model: ModelKey) -> None:
        """Show a model version no more; how many streams it had refused stays counted."""
        with self._lock:
            self._live.pop(model, None)
            self._late.pop(model, None)
            gone = self._committed.pop(model, None)
            if gone is not None:
                _add(self._refused_before, gone.refused)
            for times in (self._last_observation, self._last_drift):
                for key in [key for key in times if key.model_key == model]:
                    del times[key]

    def forget_streams(self, streams: Iterable[StreamKey]) -> None:
        """Forget when these streams were heard of last; their model's next view is without them."""
        with self._lock:
            for key in streams:
                self._last_observation.pop(key, None)
                self._last_drift.pop(key, None)

    def refuse(self, reason: str, streams: int) -> None:
        """Count streams that were refused before they had a model version to belong to."""
        with self._lock:
            _add(self._refused_before, {reason: streams})

    def late(self, model: ModelKey, late: bool) -> None:
        """Is the model version's newest event too old to page anybody?"""
        with self._lock:
            self._late[model] = late

    def last_observation(self, stream: StreamKey, wall: float) -> None:
        """When the stream's newest observation was received (wall clock)."""
        with self._lock:
            self._last_observation[stream] = wall

    def last_observations(self, times: Mapping[StreamKey, float]) -> None:
        """The same for many streams at once."""
        with self._lock:
            self._last_observation.update(times)

    def last_drift(self, stream: StreamKey, wall: float) -> None:
        """When the stream's newest drift was found (wall clock); not to be called while its model is late."""
        with self._lock:
            self._last_drift[stream] = wall

    def draw(self, draw: Draw) -> None:
        """Draw some of the streams that somebody looks at; costs next to nothing while nobody does."""
        self.gallery.draw(draw)

    # the daemon

    def count_messages(self, topic: str, result: str, count: int) -> None:
        """Count messages of a topic under `ok`, `ignored` or the reason they were rejected for."""
        with self._lock:
            if (topic, "ok") not in self._messages:
                self._open_topic(topic)
            self._messages[topic, result] = self._messages.get((topic, result), 0) + count

    def set_lag(self, lag: Mapping[tuple[str, int], int]) -> None:
        """Lag in messages of every (topic, partition) owned; partitions not named are shown no more."""
        with self._lock:
            self._lag = dict(lag)
            for place in lag:
                self._gaps.setdefault(place, 0)

    def gap(self, topic: str, partition: int, messages: int) -> None:
        """Count offsets that were deleted by the broker before they were read."""
        with self._lock:
            self._gaps[topic, partition] = self._gaps.get((topic, partition), 0) + messages

    def dead_letters(self, kept: int, dropped: int) -> None:
        """Count messages that could not be read: copied to the dead letter topic, or over the bound of its rate."""
        with self._lock:
            _add(self._dead_letters, {"kept": kept, "dropped": dropped})

    def open_alertmanagers(self, names: Iterable[str]) -> None:
        """Show the pushes to these Alertmanagers from birth."""
        with self._lock:
            self._pushes |= {(name, result): 0 for name in names for result in ("ok", "failed")}

    def pushed(self, alertmanager: str, taken: bool) -> None:
        """Count a push of alerts to an Alertmanager: did it take them?"""
        with self._lock:
            self._pushes[alertmanager, "ok" if taken else "failed"] += 1

    def alerts_dropped(self, alerts: int) -> None:
        """How many alerts hold and are not pushed because there are too many."""
        self._set(alertmanager_alerts_dropped=float(alerts))

    def count(self, name: str, *labels: str, by: float = 1) -> None:
        """Count on, in a counter of the catalogue (without prefix); `by=0` shows it from birth."""
        with self._lock:
            series = self._numbers.setdefault(name, {})
            series[labels] = series.get(labels, 0.0) + by

    def show(self, name: str, values: Mapping[tuple[str, ...], float]) -> None:
        """These are all series of a gauge of the catalogue (without prefix), by their label values."""
        with self._lock:
            self._numbers[name] = dict(values)

    def gauge(self, name: str, value: Callable[[], float], *labels: str) -> None:
        """A gauge of the catalogue (without prefix) that is read when somebody looks, from any thread."""
        with self._lock:
            self._readings[name, labels] = value

    def kafka_up(self, up: bool) -> None:
        """Can at least one broker be reached?"""
        self._set(kafka_up=float(up))

    def active(self, active: bool) -> None:
        """Does this process watch streams, or does it stand by?"""
        self._set(active=float(active))

    def streams_limit(self, limit: int) -> None:
        """How many streams may be watched."""
        self._set(streams_limit=float(limit))

    def checkpoint(self, timestamp: float, duration: float, size_bytes: int) -> None:
        """A checkpoint is safely stored: when (wall clock), how long it took in seconds, how much it wrote."""
        self._set(
            checkpoint_timestamp_seconds=timestamp,
            checkpoint_duration_seconds=duration,
            checkpoint_bytes=float(size_bytes),
        )

    def checkpoint_failed(self) -> None:
        """A checkpoint could not be written."""
        with self._lock:
            self._checkpoint_failures += 1

    def polled(self, timestamp: float) -> None:
        """The loop turned and asked Kafka (wall clock); also what `healthy` goes by."""
        with self._lock:
            self._gauges["last_poll_timestamp_seconds"] = timestamp
            self._last_turn = self._monotonic()

    def observe_frame_duration(self, seconds: float) -> None:
        """A frame took this long through the statistics."""
        with self._lock:
            self._frame_duration.add(seconds)

    def observe_event_delay(self, seconds: float, count: int = 1) -> None:
        """`count` events were this old when they were read; a clock ahead of ours counts as no delay."""
        with self._lock:
            self._event_delay.add(max(seconds, 0.0), count)

    # probes and scrapes

    def ready(self, ready: bool) -> None:
        """Is the state restored, or the standby caught up?"""
        with self._lock:
            self._ready = ready

    def is_ready(self) -> bool:
        """What the readiness probe answers."""
        with self._lock:
            return self._ready

    def healthy(self, deadline_seconds: float) -> bool:
        """Did the loop turn within the deadline?  A process that has not polled yet is measured from its start."""
        with self._lock:
            return self._monotonic() - self._last_turn <= deadline_seconds

    def read(self) -> Reading:
        """One consistent copy of everything."""
        with self._lock:
            refused = dict(self._refused_before)
            for view in self._committed.values():
                _add(refused, view.refused)
            return Reading(
                version=self._version,
                live=dict(self._live),
                committed=dict(self._committed),
                late=dict(self._late),
                last_observation=dict(self._last_observation),
                last_drift=dict(self._last_drift),
                refused=refused,
                messages=dict(self._messages),
                lag=dict(self._lag),
                gaps=dict(self._gaps),
                dead_letters=dict(self._dead_letters),
                pushes=dict(self._pushes),
                gauges=dict(self._gauges),
                numbers=self._all_numbers(),
                checkpoint_failures=self._checkpoint_failures,
                frame_duration=self._frame_duration.frozen(),
                event_delay=self._event_delay.frozen(),
                series_limit=self._series_limit,
            )

    def _all_numbers(self) -> dict[str, dict[tuple[str, ...], float]]:
        numbers = {name: dict(series) for name, series in self._numbers.items()}
        for (name, labels), value in self._readings.items():
            numbers.setdefault(name, {})[labels] = value()
        return numbers

    def _set(self, **gauges: float) -> None:
        with self._lock:
            self._gauges.update(gauges)

    def _open_topic(self, topic: str) -> None:
        for result in self._results:
            self._messages.setdefault((topic, result), 0)


def _add(into: dict[str, int], counts: Mapping[str, int]) -> None:
    for reason, count in counts.items():
        into[reason] = into.get(reason, 0) + count
