"""Small drawings as inline SVG: sparklines and histograms.  No style attributes, which a strict policy forbids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from monitor.exposition.pages.content import Distribution
from monitor.exposition.pages.markup import Markup, element, join
from monitor.exposition.pages.words import number, percent

#: from this score on a stream is in warning; at 1 a detector fires
WARNING_SCORE = 0.8
SPARK_WIDTH, SPARK_HEIGHT = 120, 28
BAR, GAP, BARS_HEIGHT = 8, 1, 32
_LABEL = 24  #: letters of a category's name that a sentence repeats


def sparkline(history: Sequence[float | None], now: float) -> Markup:
    """A stream's recent score, with a line where a detector fires; its newest value at the right end."""
    points = [*history, now]
    known = [score for score in points if score is not None]
    top = max(1.25, *known)
    steps = max(len(points) - 1, 1)

    def at(index: int, score: float) -> tuple[float, float]:
        return SPARK_WIDTH * index / steps, SPARK_HEIGHT - (SPARK_HEIGHT - 2) * min(score, top) / top - 1

    threshold = at(0, 1.0)[1]
    lines = [
        element("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in run), class_="score")
        for run in _runs([None if score is None else at(index, score) for index, score in enumerate(points)])
    ]
    end = at(len(points) - 1, now)
    label = f"Score now {number(now)}, at most {number(max(known))} in the time shown; a detector fires at 1"
    return _svg(
        SPARK_WIDTH + 4,
        SPARK_HEIGHT,
        label,
        element("line", x1=0, x2=SPARK_WIDTH, y1=threshold, y2=threshold, class_="limit"),
        *lines,
        element("circle", cx=end[0], cy=end[1], r=2, class_=level_of(now)),
    )


def level_of(score: float) -> str:
    """Which colour a score is drawn in."""
    return "drift" if score >= 1 else "warning" if score >= WARNING_SCORE else "stable"


def histogram(found: Distribution, bar: int = BAR, height: int = BARS_HEIGHT) -> Markup:
    """The reference as outlined bars, the recent values as filled ones; missing values at the end, set apart."""
    before, now = [*found.reference], [*found.recent]
    apart = []
    if found.missing_reference or found.missing_recent:
        before, now = [*before, found.missing_reference], [*now, found.missing_recent]
        apart = [len(before) - 1]
    top = max(*before, *now, 1e-9)

    def bars(shares: Sequence[float], class_: str) -> Markup:
        corners = []
        for index, share in enumerate(shares):
            tall = share / top * (height - 2)
            if tall >= 0.2:
                left = index * (bar + GAP) + (bar if index in apart else 0) + 1
                corners.append(f"M{left} {height - 1}v{-tall:.1f}h{bar}v{tall:.1f}z")
        return element("path", d="".join(corners), class_=class_)

    width = len(before) * (bar + GAP) + bar * len(apart) + 2
    base = element("line", x1=0, x2=width, y1=height - 0.5, y2=height - 0.5, class_="base")
    return _svg(width, height, describe(found), bars(now, "recent"), bars(before, "reference"), base)


def describe(found: Distribution) -> str:
    """A histogram in words: the bar that changed most, and missing values where there are more or fewer."""
    gains = [now - before for before, now in zip(found.reference, found.recent, strict=True)]
    if not found.values:
        return "Nothing recent to hold against the reference"
    largest = max(range(len(gains)), key=lambda index: abs(gains[index]))
    shares = f"{percent(found.recent[largest])} of recent values, {percent(found.reference[largest])} of the reference"
    said = f"Largest change: {bar_name(found, largest)}: {shares}"
    if abs(found.missing_recent - found.missing_reference) >= 0.01:
        said += f"; missing: {percent(found.missing_recent)}, {percent(found.missing_reference)} in the reference"
    return said


def bar_name(found: Distribution, index: int) -> str:
    """What one bar holds, in words."""
    if found.type == "category":
        label = found.labels[index]
        special = {len(found.labels) - 2: "other categories", len(found.labels) - 1: "categories never seen before"}
        return special.get(index) or (label if len(label) <= _LABEL else f"{label[:_LABEL]}…")
    edges = found.edges
    if index == 0:
        return f"below {number(edges[0])}"
    if index == len(edges):
        return f"above {number(edges[-1])}"
    return f"{number(edges[index - 1])} to {number(edges[index])}"


def _runs(points: Sequence[tuple[float, float] | None]) -> Iterator[list[tuple[float, float]]]:
    """Stretches without a gap; a single point becomes a short stroke, so that it is seen."""
    run: list[tuple[float, float]] = []
    for point in [*points, None]:
        if point is not None:
            run.append(point)
        elif run:
            yield run if len(run) > 1 else [*run, (run[0][0] + 1, run[0][1])]
            run = []


def _svg(width: float, height: float, label: str, *parts: Markup) -> Markup:
    return element(
        "svg",
        element("title", label),
        join(*parts),
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
        role="img",
    )
