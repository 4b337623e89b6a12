"""A scrape of many series against prometheus_client's rendering of the same samples."""

from __future__ import annotations

from benchmarks.measuring import Row, compared, per, seconds
from monitor.domain.keys import ModelKey
from monitor.exposition.board import Board
from monitor.exposition.lines import Writer
from monitor.exposition.text import PLAIN, registry, render
from tests.unit.exposition.made import model, stream


def scrapes(series: int, repeats: int) -> Row:
    """About this many series; both sides start from the same board, and write the same bytes."""
    board = Board(version="1", topics=("t",), reject_reasons=(), series_limit=10 * series, streams_limit=series)
    of_a_stream = 18
    streams = max(1, series // of_a_stream)
    views = {}
    for number in range(-(-streams // 100)):
        key = ModelKey(f"m{number}", "1")
        names = range(min(100, streams - 100 * number))
        views[key] = model(*(stream(f"feature_{name}", key) for name in names), key=key)
    board.publish_committed(views)
    board.publish_live(views)
    writer, own = Writer(), registry(board.read)
    ours = b"".join(writer.pieces(board.read(), open_metrics=False))
    assert ours == render(own, PLAIN), "not the bytes that prometheus_client writes"
    lines = sum(not line.startswith(b"#") for line in ours.splitlines())
    cost = per(seconds(lambda: b"".join(writer.pieces(board.read(), open_metrics=False)), repeats), 1, 1e3)
    theirs = per(seconds(lambda: render(own, PLAIN), max(1, repeats // 3)), 1, 1e3)
    return compared(
        "scrape",
        f"{lines:,} series",
        cost,
        ("prometheus_client", theirs),
        unit="ms",
        goal="≥ 20 (10,000)",
        meaning="reading the board and writing the text, warmed up, without gzip; the same bytes",
    )
