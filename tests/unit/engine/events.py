"""Events for tests: dictionaries as a person would write them, frames of them, and frames cut anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from monitor.domain.facts import EpisodeChange, Fact, Finding
from monitor.domain.frame import Cell, Column, Frame
from monitor.domain.keys import Kind, ModelKey
from monitor.engine.model import ModelMonitor
from monitor.engine.policy import Policy, Warmup

MODEL = ModelKey("fraud", "3")
MINUTE = 60.0
Value = float | int | str | bool | None | list[object]
Columns = Mapping[str, Sequence[Value]]


class _Absent:
    """The key is not in the event."""


ABSENT: Value = _Absent()  # type: ignore[assignment]  # a value no event can hold


def column(feature: str, values: Sequence[Value], kind: Kind = "feature") -> Column:
    """A column of plain values, classified as the formats do it."""
    cells = np.zeros(len(values), np.uint8)
    numbers = np.full(len(values), np.nan)
    texts = np.full(len(values), -1, np.int32)
    labels: dict[str, int] = {}
    for at, value in enumerate(values):
        if isinstance(value, bool):
            value = "true" if value else "false"
        if value is ABSENT:
            cells[at] = Cell.ABSENT
        elif value is None:
            cells[at] = Cell.NULL
        elif isinstance(value, str):
            cells[at] = Cell.TEXT
            texts[at] = labels.setdefault(value, len(labels))
        elif not isinstance(value, int | float):
            cells[at] = Cell.WRONG_TYPE
        elif value != value or abs(value) > 1e300:
            cells[at] = Cell.NON_FINITE
        else:
            cells[at] = Cell.NUMBER
            numbers[at] = float(value)
    return Column(feature, kind, cells, numbers, texts if labels else None, tuple(labels))


def frame(features: Columns, predictions: Columns | None = None, start: int = 0, topic: str = "events") -> Frame:
    """Events one minute apart, numbered from `start`; a row carries features if one of its features is not ABSENT."""
    columns = [column(name, values) for name, values in features.items()]
    columns += [column(name, values, "prediction") for name, values in (predictions or {}).items()]
    length = len(columns[0].cells)
    has_features = np.zeros(length, bool)
    for made in columns:
        if made.kind == "feature":
            has_features |= made.present
    return Frame(
        model=MODEL,
        topic=topic,
        columns=columns,
        event_time=(start + np.arange(length)) * MINUTE + 1e9,
        has_features=has_features,
        event_id=[f"e{i}" for i in range(start, start + length)],
        partition=np.zeros(length, np.int32),
        offset=np.arange(start, start + length),
        row=np.zeros(length, np.int32),
    )


def numbers(**features: Iterable[float]) -> Frame:
    """A frame of numeric features, NaN standing for null."""
    plain = {name: [None if x != x else x for x in map(float, values)] for name, values in features.items()}
    return frame(plain)


def cut(whole: Frame, start: int, stop: int) -> Frame:
    """Rows start to before stop as a frame of their own, which numbers its labels in its own way."""
    rows = slice(start, stop)
    return replace(
        whole,
        columns=[made for made in (_part(full, rows) for full in whole.columns) if made.present.any()],
        event_time=whole.event_time[rows],
        has_features=whole.has_features[rows],
        event_id=whole.event_id[rows],
        partition=whole.partition[rows],
        offset=whole.offset[rows],
        row=whole.row[rows],
    )


def _part(full: Column, rows: slice) -> Column:
    cells, values = full.cells[rows], full.numbers[rows]
    if full.texts is None or not (full.texts[rows] >= 0).any():
        return Column(full.feature, full.kind, cells, values)
    texts = full.texts[rows]
    used = np.unique(texts[texts >= 0])[::-1]
    renumber = np.full(len(full.labels) + 1, -1, np.int32)
    renumber[used] = np.arange(len(used))
    return Column(full.feature, full.kind, cells, values, renumber[texts], tuple(full.labels[code] for code in used))


def pieces(whole: Frame, places: Iterable[int]) -> list[Frame]:
    """The frame cut before each of the given rows."""
    marks = [0, *sorted({place for place in places if 0 < place < len(whole)}), len(whole)]
    return [cut(whole, a, b) for a, b in pairwise(marks)]


def monitor(observations: int = 1000, **policy: object) -> ModelMonitor:
    """A monitor that warms up by observations alone and relearns without waiting for event time."""
    chosen = {"warmup": Warmup(observations, 0.0), "relearn_after_seconds": 0.0, **policy}
    return ModelMonitor(MODEL, Policy(**chosen))  # type: ignore[arg-type]


def feed(watcher: ModelMonitor, frames: Frame | Iterable[Frame]) -> list[Fact]:
    """All facts of some frames, in order."""
    frames = [frames] if isinstance(frames, Frame) else frames
    return [fact for part in frames for fact in watcher.observe(part)]


def episodes(facts: Iterable[Fact]) -> list[tuple[str, str, str, str | None]]:
    """(feature, aspect, state, reason) of every change of an episode."""
    changes = [fact for fact in facts if isinstance(fact, EpisodeChange)]
    return [(c.stream.feature, c.aspect, c.state, c.reason) for c in changes]


def findings(facts: Iterable[Fact]) -> list[Finding]:
    """The findings among facts."""
    return [fact for fact in facts if isinstance(fact, Finding)]
