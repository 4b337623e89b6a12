"""Plots over time as inline SVG: a score with the episodes behind it, and how the values lay meanwhile.

All plots of a page share their horizontal axis, the number of the event, so that they can be read one above the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from monitor.exposition.pages.markup import Markup, element
from monitor.exposition.pages.words import number

WIDTH, HEIGHT, SCORE_HEIGHT = 900, 120, 80
LEFT, RIGHT, TOP, BOTTOM = 64, 8, 6, 18
TICKS = 6
MOST_SCORE = 4.0  #: what is larger is drawn at the top: it is far beyond the threshold either way

_T = TypeVar("_T")
Band = tuple[float, float, float]  #: quartiles


@dataclass(frozen=True, slots=True)
class Axis:
    """The events that are shown, and what is written below some of them."""

    first: int
    last: int
    ticks: Sequence[tuple[int, str]] = ()

    def at(self, event: float) -> float:
        """Where an event lies, from the left."""
        width = WIDTH - LEFT - RIGHT
        return round(LEFT + width * (event - self.first) / max(self.last - self.first, 1), 1)


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from bottom to top of a plot of some height."""

    low: float
    high: float
    height: int

    def at(self, value: float) -> float:
        """Where a value lies, from the top; what is beyond the scale lies at its end."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(self.height - BOTTOM - (self.height - BOTTOM - TOP) * share, 1)


def score_plot(axis: Axis, events: Sequence[int], scores: Sequence[float], spans: Sequence[tuple[int, int]]) -> Markup:
    """A stream's score; spans: first and last event of its episodes, drawn behind it."""
    known = [score for score in scores if math.isfinite(score)]
    top = min(MOST_SCORE, max(1.25, *known)) if known else 1.25
    scale = Scale(0.0, top, SCORE_HEIGHT)
    points = list(zip(events, scores, strict=True))
    label = f"Score over time, at most {number(max(known, default=0.0))}; a detector fires at 1. {_spans_said(spans)}"
    return _framed(
        label,
        axis,
        scale,
        (0.0, 1.0),
        *_behind(axis, spans, SCORE_HEIGHT),
        _level(scale, 1.0, "limit"),
        *_lines(axis, scale, points, "score"),
    )


def missing_plot(
    axis: Axis, events: Sequence[int], shares: Sequence[float], was: float, spans: Sequence[tuple[int, int]]
) -> Markup:
    """Share of missing values over time; a dotted line where the reference has its own."""
    most = max([was, *(share for share in shares if math.isfinite(share))])
    scale = Scale(0.0, max(most, 0.01), SCORE_HEIGHT)
    label = f"Share of missing values over time, at most {number(most)}; {number(was)} in the reference. "
    return _framed(
        label + _spans_said(spans),
        axis,
        scale,
        (0.0, most),
        *_behind(axis, spans, SCORE_HEIGHT),
        _level(scale, was, "was"),
        *_lines(axis, scale, list(zip(events, shares, strict=True)), "middle"),
    )


def band_plot(
    axis: Axis, events: Sequence[int], bands: Sequence[Band | None], was: Band, spans: Sequence[tuple[int, int]]
) -> Markup:
    """Quartiles of the recent values: a band with its median, and dotted lines where the reference has its own."""
    known = [band for band in bands if band is not None]
    low, high = min(was[0], *(band[0] for band in known)), max(was[2], *(band[2] for band in known))
    margin = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    scale = Scale(low - margin, high + margin, HEIGHT)
    runs = _known_runs(list(zip(events, bands, strict=True)))
    parts = [
        element(
            "polygon",
            points=_outline(axis, scale, [(e, b[2]) for e, b in run], [(e, b[0]) for e, b in run]),
            class_="band",
        )
        for run in runs
        if len(run) > 1
    ]
    middles = [line for run in runs for line in _lines(axis, scale, [(e, b[1]) for e, b in run], "middle")]
    levels = [_level(scale, value, "was") for value in was]
    label = (
        f"Middle half of the recent values over time; the reference's is {number(was[0])} to {number(was[2])}, "
        f"with median {number(was[1])}. {_spans_said(spans)}"
    )
    return _framed(label, axis, scale, (low, high), *_behind(axis, spans, HEIGHT), *parts, *middles, *levels)


def share_plot(
    axis: Axis, events: Sequence[int], shares: Sequence[Sequence[float] | None], spans: Sequence[tuple[int, int]]
) -> Markup:
    """Shares of categories over time, one on the other from the largest up; every second one is filled lighter."""
    scale = Scale(0.0, 1.0, HEIGHT)
    parts: list[Markup] = []
    for run in _known_runs(list(zip(events, shares, strict=True))):
        if len(run) < 2:
            continue
        floor = [0.0] * len(run)
        for index in range(len(run[0][1])):
            roof = [low + row[index] for low, (_, row) in zip(floor, run, strict=True)]
            upper = [(event, high) for (event, _), high in zip(run, roof, strict=True)]
            lower = [(event, low) for (event, _), low in zip(run, floor, strict=True)]
            parts.append(
                element("polygon", points=_outline(axis, scale, upper, lower), class_=f"part part-{index % 6}")
            )
            floor = roof
    label = f"Shares of the categories over time. {_spans_said(spans)}"
    marks = [
        element("line", x1=axis.at(event), x2=axis.at(event), y1=TOP, y2=HEIGHT - BOTTOM, class_="edge")
        for span in spans
        for event in span
    ]
    return _framed(label, axis, scale, (0.0, 1.0), *parts, *marks)


def _spans_said(spans: Sequence[tuple[int, int]]) -> str:
    if not spans:
        return "No episode."
    said = ", ".join(f"{first:,} to {last:,}" for first, last in spans[:5])
    return f"Episodes from event {said}{' and more' if len(spans) > 5 else ''}."


def _framed(label: str, axis: Axis, scale: Scale, marks: Sequence[float], *parts: Markup) -> Markup:
    """A plot with its axes: a line below, events under it, values on the left."""
    bottom = scale.height - BOTTOM
    texts = [
        element("text", number(mark), x=LEFT - 6, y=scale.at(mark) + 4, text_anchor="end")
        for mark in dict.fromkeys(marks)
    ]
    for event, words in axis.ticks:
        texts.append(element("text", words, x=axis.at(event), y=scale.height - 4, text_anchor="middle"))
    return element(
        "svg",
        element("title", label),
        *parts,
        element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=bottom, y2=bottom, class_="base"),
        *texts,
        viewBox=f"0 0 {WIDTH} {scale.height}",
        width=WIDTH,
        height=scale.height,
        role="img",
    )


def _behind(axis: Axis, spans: Sequence[tuple[int, int]], height: int) -> Iterator[Markup]:
    for first, last in spans:
        left = axis.at(first)
        wide = max(axis.at(last) - left, 1.5)
        yield element("rect", x=left, y=TOP, width=wide, height=height - BOTTOM - TOP, class_="episode")
        yield element("line", x1=left, x2=left, y1=TOP, y2=height - BOTTOM, class_="edge")


def _level(scale: Scale, value: float, class_: str) -> Markup:
    y = scale.at(value)
    return element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_=class_)


def _lines(axis: Axis, scale: Scale, points: Sequence[tuple[int, float]], class_: str) -> Iterator[Markup]:
    run: list[str] = []
    for event, value in [*points, (0, math.nan)]:
        if math.isfinite(value):
            run.append(f"{axis.at(event):g},{scale.at(value):g}")
        elif run:
            yield element("polyline", points=" ".join(run), class_=class_)
            run = []


def _outline(axis: Axis, scale: Scale, upper: Sequence[tuple[int, float]], lower: Sequence[tuple[int, float]]) -> str:
    return " ".join(f"{axis.at(event):g},{scale.at(value):g}" for event, value in [*upper, *reversed(lower)])


def _known_runs(points: Sequence[tuple[int, _T | None]]) -> list[list[tuple[int, _T]]]:
    """Stretches in which something is known."""
    runs: list[list[tuple[int, _T]]] = [[]]
    for event, value in points:
        if value is not None:
            runs[-1].append((event, value))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]
