"""Records streams along a replay, for its report: scores, quartiles or shares, and episodes; in bounded memory.

Frames are cut where a look is due (what is found does not depend on how they are cut).  Looks begin close together;
when a track is full every second one is dropped and the next come half as often, so that any length of file ends as
`POINTS` to 2 · `POINTS` looks a model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from monitor.channels.partition import CategoryPartition, NumberPartition
from monitor.cli.times import iso_time
from monitor.domain.facts import EpisodeChange
from monitor.domain.frame import Column, Frame
from monitor.domain.keys import ModelKey, StreamKey
from monitor.engine.shape import missing_share, quartiles, shape_of
from monitor.exposition.pages.document import distribution, score_of
from monitor.exposition.pages.plots import Axis
from monitor.exposition.pages.report import Replayed, Report, Span, Track
from monitor.exposition.pages.words import NAMES

if TYPE_CHECKING:
    from monitor.cli.replaying import Replay
    from monitor.engine.model import ModelMonitor
    from monitor.engine.stream import StreamMonitor

POINTS = 120
FIRST_STEP = 32  #: events between two looks at first
STREAMS = 1000  #: that are recorded; the others are in the table only
EPISODES = 50_000  #: that are kept of all streams together
TICKS = 6
PARTS = 4  #: categories drawn on their own


@dataclass(slots=True)
class _Course:
    """One stream's points: score, three quartiles or the shares of categories, and the share of missing values."""

    scores: list[float] = field(default_factory=list)
    rows: list[tuple[float, ...] | None] = field(default_factory=list)
    missing: list[float] = field(default_factory=list)
    largest: float = 0.0
    skipped: int = 0  #: looks before the stream was born

    def add(self, score: float, row: tuple[float, ...] | None, missing: float) -> None:
        self.scores.append(score)
        self.rows.append(row)
        self.missing.append(missing)
        self.largest = max(self.largest, score if math.isfinite(score) else 0.0)


@dataclass(slots=True)
class _Looks:
    """When a model was looked at: the events and their times, and how far apart."""

    events: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    step: int = FIRST_STEP
    since: int = 0  #: events since the last look
    streams: dict[StreamKey, _Course] = field(default_factory=dict)


class Recorder:
    """Told of every part of every frame; `report` makes the report of it all."""

    def __init__(self) -> None:
        self._looks: dict[ModelKey, _Looks] = {}
        self._spans: dict[StreamKey, list[Span]] = {}
        self._episodes = 0
        self._recorded = 0

    def parts(self, frame: Frame) -> Iterator[Frame]:
        """The frame, cut where a look is due."""
        looks = self._looks.setdefault(frame.model, _Looks())
        start = 0
        while start < len(frame):
            stop = min(len(frame), start + looks.step - looks.since)
            yield frame if stop - start == len(frame) else part(frame, start, stop)
            start = stop

    def observed(self, monitor: ModelMonitor, frame: Frame) -> None:
        """The monitor has seen this part of a frame."""
        looks = self._looks[monitor.key]
        looks.since += len(frame)
        if looks.since >= looks.step:
            looks.since = 0
            self._look(monitor, looks, int(frame.offset[-1]), float(frame.event_time[-1]))

    def changed(self, changes: Sequence[EpisodeChange]) -> None:
        """These episodes opened or closed."""
        for change in changes:
            spans = self._spans.setdefault(change.stream, [])
            index = next(
                (at for at, span in enumerate(spans) if span.aspect == change.aspect and span.last is None), None
            )
            if change.state == "resolved":
                if index is not None:
                    spans[index] = replace(spans[index], last=change.place.offset, reason=change.reason)
            elif index is not None:
                spans[index] = replace(spans[index], changes=spans[index].changes + 1)
            elif self._episodes < EPISODES:
                self._episodes += 1
                when = iso_time(change.place.event_time)
                spans.append(Span(change.aspect, change.place.offset, when, change.finding.explanation))

    def report(self, replay: Replay, title: str) -> Report:
        """Everything that was recorded, as it stands at the end."""
        for monitor in replay.monitors():
            looks = self._looks.get(monitor.key)
            if looks is not None and looks.since:
                self._look(monitor, looks, replay.events - 1, monitor.clock)
        looked = [zip(looks.events, looks.times, strict=True) for looks in self._looks.values()]
        times = sorted({moment for each in looked for moment in each})
        known = [time for _, time in times if math.isfinite(time)]
        period = (iso_time(min(known)), iso_time(max(known))) if known else (None, None)
        return Report(
            title=title,
            events=replay.events,
            unreadable=replay.unreadable,
            streams=[stream for monitor in replay.monitors() for stream in self._streams(monitor)],
            axis=_axis(max(replay.events - 1, 0), times),
            period=period,
        )

    def _look(self, monitor: ModelMonitor, looks: _Looks, event: int, time: float) -> None:
        if len(looks.events) >= 2 * POINTS:
            _thin(looks)
        for stream in monitor.streams.values():
            course = looks.streams.get(stream.key)
            if course is None and self._recorded < STREAMS:
                self._recorded += 1
                course = looks.streams[stream.key] = _Course(skipped=len(looks.events))
            if course is not None:
                course.add(*_point(stream))
        looks.events.append(event)
        looks.times.append(time)

    def _streams(self, monitor: ModelMonitor) -> Iterator[Replayed]:
        looks = self._looks.get(monitor.key, _Looks())
        for view in monitor.view().streams:
            stream = monitor.streams[(view.key.kind, view.key.feature)]
            course, shape = looks.streams.get(view.key), shape_of(stream)
            yield Replayed(
                key=view.key,
                status=NAMES[view.status],
                observations=view.observations,
                spans=self._spans.get(view.key, ()),
                track=None if course is None else _track(stream, course, looks.events[course.skipped :]),
                distribution=None if shape is None else distribution(shape),
                largest=score_of(view) if course is None else course.largest,
            )


def _point(stream: StreamMonitor) -> tuple[float, tuple[float, ...] | None, float]:
    """Score, row and share of missing values of a stream as it stands; while it is learning nothing is known."""
    regime = stream.regime
    if regime is None:
        return math.nan, None, math.nan
    score = max(regime.scores().values(), default=0.0)
    counts = regime.counts(regime.recent, regime.window)
    partition = regime.reference.partition
    missing = missing_share(counts)
    if isinstance(partition, NumberPartition):
        return score, quartiles(partition, counts), missing
    usable = int(counts[:-1].sum())
    if not usable:
        return score, None, missing
    own = min(PARTS, len(partition.labels))
    rest = usable - int(counts[:own].sum()) - int(counts[partition.unseen])
    return score, (*(counts[:own] / usable).tolist(), rest / usable, int(counts[partition.unseen]) / usable), missing


def _track(stream: StreamMonitor, course: _Course, events: Sequence[int]) -> Track:
    """What was recorded of a stream; a reference of another type that was learned anew leaves no rows of the old."""
    regime = stream.regime
    if regime is None:
        return Track(events, course.scores)
    partition = regime.reference.partition
    track = Track(events, course.scores, missing=course.missing, missing_was=missing_share(partition.counts))
    if isinstance(partition, CategoryPartition):
        parts = (*partition.labels[:PARTS], "others", "never seen before")
        shares = [row if row is not None and len(row) == len(parts) else None for row in course.rows]
        return replace(track, shares=shares, parts=parts)
    bands = [(row[0], row[1], row[2]) if row is not None and len(row) == 3 else None for row in course.rows]
    return replace(track, bands=bands, was=quartiles(partition, partition.counts))


def _thin(looks: _Looks) -> None:
    """Keep every second look, with the larger of two scores."""
    keep = range(1, len(looks.events), 2)
    for course in looks.streams.values():
        kept = [at for at in range(len(course.scores)) if (at + course.skipped) % 2]
        course.scores = [float(np.fmax(course.scores[at], course.scores[at - 1] if at else math.nan)) for at in kept]
        course.rows = [course.rows[at] for at in kept]
        course.missing = [course.missing[at] for at in kept]
        course.skipped //= 2
    looks.events = [looks.events[at] for at in keep]
    looks.times = [looks.times[at] for at in keep]
    looks.step *= 2


def _axis(last: int, times: Sequence[tuple[int, float]]) -> Axis:
    """The axis over all events, marked with times where events have them, else with their numbers."""
    ticks = []
    for place in range(TICKS):
        event = last * place // max(TICKS - 1, 1)
        near = min(times, key=lambda each: abs(each[0] - event), default=None)
        when = iso_time(near[1]) if near is not None else None
        ticks.append((event, f"{event:,}" if when is None else when[:10]))
    return Axis(0, last, [tick for at, tick in enumerate(ticks) if 0 < at < TICKS - 1])


def part(frame: Frame, start: int, stop: int) -> Frame:
    """Some consecutive rows of a frame."""
    rows = slice(start, stop)
    columns = [
        Column(
            column.feature,
            column.kind,
            column.cells[rows],
            column.numbers[rows],
            None if column.texts is None else column.texts[rows],
            column.labels,
        )
        for column in frame.columns
    ]
    return replace(
        frame,
        columns=columns,
        event_time=frame.event_time[rows],
        has_features=frame.has_features[rows],
        event_id=frame.event_id[rows],
        partition=frame.partition[rows],
        offset=frame.offset[rows],
        row=frame.row[rows],
        segments=None if frame.segments is None else frame.segments[rows],
        features_only=None if frame.features_only is None else frame.features_only[rows],
    )
