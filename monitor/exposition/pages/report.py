"""The report of a replay: one HTML file that works offline, without a script, and on paper.

A table of all streams, most troubled first, then one part for each of those that were recorded: what was found in
words, the score with the episodes behind it, how the values lay meanwhile, and how they lie at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from monitor.domain.keys import StreamKey
from monitor.exposition.pages.content import Distribution, StatusName
from monitor.exposition.pages.drawing import describe, histogram
from monitor.exposition.pages.markup import Markup, element, join, name
from monitor.exposition.pages.plots import Axis, Band, band_plot, missing_plot, score_plot, share_plot
from monitor.exposition.pages.shell import document
from monitor.exposition.pages.status import badge, legend, table, wide
from monitor.exposition.pages.words import counted, minutes, number, percent

#: rows of the table, streams with plots, and episodes told of one stream
ROWS, PLOTTED, TOLD = 1000, 200, 50
#: missing values are plotted where at some time so many more were missing than in the reference
NOTABLE = 0.01
HEADINGS = ("At the end", "Stream", "Episodes", "Events in drift", "Largest score", "What was found first")
_ORDER: dict[StatusName, int] = {"drift": 0, "warning": 1, "stable": 2, "learning": 3}


@dataclass(frozen=True, slots=True)
class Span:
    """An episode: the events at which it opened and (unless it is open still) closed, and what was found.

    changes: how often a further change was found in it.
    """

    aspect: Literal["value", "missing", "stuck"]
    first: int
    opened_at: str | None
    explanation: str
    last: int | None = None
    reason: str | None = None
    changes: int = 0


@dataclass(frozen=True, slots=True)
class Track:
    """What was recorded of a stream, a point at each of `events`.

    bands: quartiles of numbers, with those of the reference in `was`.  shares: of categories, named by `parts`; both
    None where nothing is known, as while a stream is learning.
    """

    events: Sequence[int]
    scores: Sequence[float]
    bands: Sequence[Band | None] = ()
    was: Band | None = None
    shares: Sequence[Sequence[float] | None] = ()
    parts: Sequence[str] = ()
    missing: Sequence[float] = ()  #: share of missing values
    missing_was: float = 0.0  #: in the reference


@dataclass(frozen=True, slots=True)
class Replayed:
    """One stream at the end of a replay.  track: None where too many streams were there to record them all."""

    key: StreamKey
    status: StatusName
    observations: int
    spans: Sequence[Span]
    track: Track | None
    distribution: Distribution | None
    largest: float = 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """A whole replay.  events: how many were read; the axis runs over those that streams were seen in."""

    title: str
    events: int
    unreadable: int
    streams: Sequence[Replayed]
    axis: Axis
    period: tuple[str | None, str | None]


def render(report: Report) -> bytes:
    """The file."""
    last = report.axis.last
    ordered = sorted(report.streams, key=lambda stream: _trouble(stream, last))
    plotted = [stream for stream in ordered if stream.track is not None][:PLOTTED]
    numbers = {stream.key: place for place, stream in enumerate(plotted, 1)}
    rows = [_row(stream, numbers.get(stream.key), last) for stream in ordered[:ROWS]]
    caption = "Most troubled first: in drift at the end, then by how long and how often."
    if len(ordered) > ROWS:
        caption += f" {len(ordered) - ROWS:,} more are not shown."
    left_out = len(ordered) - len(plotted)
    return document(
        f"driftgauge: {report.title}",
        element("header", element("h1", "driftgauge: replay of ", name(report.title)), *_summary(report)),
        element(
            "main",
            element("h2", "Streams"),
            wide(table(caption, HEADINGS, rows, "streams"), "Streams"),
            element("h2", "Over time"),
            _legend(),
            *(_part(stream, place, report.axis) for place, stream in enumerate(plotted, 1)),
            element("p", f"{counted(left_out, 'stream')} without plots: see the table.") if left_out else None,
        ),
    )


def open_events(stream: Replayed, last: int) -> int:
    """Events during which the stream was in drift."""
    covered, end = 0, -1
    for first, close in sorted((span.first, last if span.last is None else span.last) for span in stream.spans):
        covered += max(0, close - max(first, end))
        end = max(end, close)
    return covered


def _trouble(stream: Replayed, last: int) -> tuple[bool, int, int, float, int, StreamKey]:
    """Streams that drifted are before all others: those that still do, then by time, by number, by score."""
    return (
        stream.status != "drift",
        -open_events(stream, last),
        -len(stream.spans),
        -stream.largest,
        _ORDER[stream.status],
        stream.key,
    )


def _summary(report: Report) -> list[Markup]:
    drifted = sum(bool(stream.spans) for stream in report.streams)
    episodes = sum(len(stream.spans) for stream in report.streams)
    models = len({stream.key.model_key for stream in report.streams})
    begin, end = report.period
    when = f", {minutes(begin)} to {minutes(end)}" if begin and end else ""
    unread = f" {counted(report.unreadable, 'event')} could not be read." if report.unreadable else ""
    watched = f"{counted(len(report.streams), 'stream')} of {counted(models, 'model version')}"
    return [
        element("p", f"{counted(report.events, 'event')}{when}; {watched}.{unread}"),
        element("p", f"{counted(drifted, 'stream')} drifted, in {counted(episodes, 'episode')}."),
    ]


def _legend() -> Markup:
    keys = (("reference", "reference (dotted: its quartiles)"), ("recent", "recent values"), ("episode", "episode"))
    return legend(keys, "a score of 1 (dashed) is a detection")


def _row(stream: Replayed, place: int | None, last: int) -> Markup:
    feature = name(stream.key.feature)
    shown = feature if place is None else element("a", feature, href=f"#stream-{place}")
    share = open_events(stream, last) / max(last, 1)
    first = stream.spans[0] if stream.spans else None
    said = "nothing" if first is None else f"{_why(stream, first)}; at event {first.first:,}"
    return element(
        "tr",
        element("td", badge(stream.status)),
        element("th", shown, element("small", *_origin(stream)), scope="row"),
        element("td", f"{len(stream.spans):,}", class_="number"),
        element("td", percent(share), class_="number"),
        element("td", number(stream.largest), class_="number"),
        element("td", said, class_="said"),
    )


def _origin(stream: Replayed) -> list[Markup | str]:
    kind = [f", {stream.key.kind}"] if stream.key.kind != "feature" else []
    return [name(stream.key.model), " ", name(stream.key.model_version), *kind]


def _why(stream: Replayed, span: Span) -> str:
    return span.explanation.removeprefix(f"{stream.key.feature}: ")


def _part(stream: Replayed, place: int, axis: Axis) -> Markup:
    found = stream.distribution
    at_end = None
    if found is not None:
        words = element("figcaption", f"At the end: {describe(found)}")
        at_end = element("figure", histogram(found, bar=14, height=80), words)
    return element(
        "article",
        element("h3", name(stream.key.feature), " ", element("small", *_origin(stream), class_="quiet")),
        _episodes(stream),
        *_plots(stream, axis),
        at_end,
        id=f"stream-{place}",
    )


def _plots(stream: Replayed, axis: Axis) -> list[Markup]:
    track = stream.track
    if track is None or len(track.events) < 2:
        return [element("p", "Too few events to draw.", class_="quiet")]
    spans = [(span.first, axis.last if span.last is None else span.last) for span in stream.spans]
    plots = [_figure("Score", score_plot(axis, track.events, track.scores, spans))]
    if track.was is not None and any(band is not None for band in track.bands):
        plots.append(_figure("Median and middle half", band_plot(axis, track.events, track.bands, track.was, spans)))
    elif any(share is not None for share in track.shares):
        named = [
            join(element("span", class_=f"swatch part-{index % 6}"), " ", name(label), "   ")
            for index, label in enumerate(track.parts)
        ]
        words = join("Shares: ", *named)
        plots.append(_figure(words, share_plot(axis, track.events, track.shares, spans)))
    if any(share - track.missing_was >= NOTABLE for share in track.missing):
        plot = missing_plot(axis, track.events, track.missing, track.missing_was, spans)
        plots.append(_figure("Share of missing values", plot))
    return plots


def _figure(words: str, plot: Markup) -> Markup:
    return element("figure", element("figcaption", words), plot, class_="time")


def _episodes(stream: Replayed) -> Markup:
    if not stream.spans:
        return element("p", f"{counted(stream.observations, 'value')}, no episode.", class_="quiet")
    items = []
    for span in stream.spans[:TOLD]:
        when = "" if span.opened_at is None else f" ({minutes(span.opened_at)})"
        end = "open at the end" if span.last is None else f"{span.reason} at event {span.last:,}"
        again = f", with {counted(span.changes, 'further change')}" if span.changes else ""
        items.append(element("li", f"Event {span.first:,}{when}: {_why(stream, span)}; {end}{again}."))
    if len(stream.spans) > TOLD:
        items.append(element("li", f"{len(stream.spans) - TOLD:,} more."))
    return element("ul", *items, class_="episodes")
