"""What is served against prometheus_client, byte for byte; in pieces, and gzipped."""

from __future__ import annotations

import gzip
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.utils import floatToGoString

from monitor.domain.facts import Status
from monitor.domain.keys import ModelKey
from monitor.exposition.board import Board
from monitor.exposition.lines import Writer, number_texts
from monitor.exposition.text import OPENMETRICS, PLAIN, body, registry, render
from tests.unit.exposition.made import FRAUD, drifted, model, stream

NASTY = [
    'quote"',
    "back\\slash",
    "line\nfeed",
    "ünïcode ☃",
    "{a=b}",
    "",
    " ",
    "tab\t",
    "\\n",
    "\r",
    "bad\ud800name",
    "\0",
]
NUMBERS = [0.0, -0.0, 5e-324, -1e-5, 9.99e-5, 1e-4, -1e-4, 999999.9, 1e6, -1e6, 1234567.0, 1e15, 1e16, 1e21, -1e300]
NOT_FINITE = [math.nan, math.inf, -math.inf]


def full_board(series_limit: int = 500_000) -> Board:
    """Every family has samples, with nasty labels and numbers, counted and not, segmented and not."""
    board = Board(version='1"2', topics=["events", NASTY[1]], reject_reasons=["not_json"], series_limit=series_limit)
    odd = ModelKey(NASTY[2], NASTY[0])
    numbered = [
        replace(stream(f"n{at}"), observations=10**at, scores={("adwin", "level"): value}, effects={"level": value})
        for at, value in enumerate(NUMBERS + NOT_FINITE)
    ]
    fraud = model(drifted(stream()), *numbered, *(stream(name) for name in NASTY))
    others = model(*(stream(name, odd, "prediction", segment=name) for name in NASTY), key=odd)
    learning = replace(stream("new"), status=Status.LEARNING, detections={}, scores={}, effects={}, distances={})
    board.publish_live({FRAUD: replace(fraud, streams=(*fraud.streams, learning)), odd: others})
    board.publish_committed({FRAUD: fraud})
    for view in fraud.streams:
        board.last_observation(view.key, 1.7e9 + view.observations / 3)
    board.last_drift(fraud.streams[0].key, 1_767_225_600.25)
    board.late(odd, True)
    board.set_lag({("events", 0): 12, (NASTY[0], 11): 3_000_000})
    board.gap("events", 0, 7)
    board.observe_frame_duration(0.003)
    board.observe_event_delay(70.0, 3)
    board.count_messages("ev\nil", "ok", 12_345_678)
    return board


def written(board: Board, *, open_metrics: bool, writer: Writer | None = None) -> bytes:
    return b"".join((writer or Writer()).pieces(board.read(), open_metrics=open_metrics))


@pytest.mark.parametrize(("kind", "open_metrics"), [(PLAIN, False), (OPENMETRICS, True)])
@pytest.mark.parametrize("limit", [0, 60, 75, 150, 333, 500_000])
def test_every_byte_is_the_librarys(kind: str, open_metrics: bool, limit: int) -> None:
    """All families, nasty labels and numbers, with room for all, for a part and for nothing."""
    board = full_board(limit)
    assert written(board, open_metrics=open_metrics) == render(registry(board.read), kind)


def test_what_is_kept_from_one_reading_to_the_next_does_not_show() -> None:
    """A writer that has seen other models writes what a new one writes."""
    writer, board = Writer(), full_board()
    written(board, open_metrics=False, writer=writer)
    for number in range(3):
        other = ModelKey("m", str(number))
        board.publish_live({other: model(stream("f", other), key=other)})
        board.forget(FRAUD)
        assert written(board, open_metrics=False, writer=writer) == written(board, open_metrics=False)


@given(st.lists(st.floats()))
def test_numbers_are_written_as_go_writes_them(values: list[float]) -> None:
    """Shortest digits, an exponent from a million on, and names for what is no number."""
    assert number_texts(values) == [floatToGoString(value) for value in values]


def test_no_piece_is_longer_than_a_moments_work() -> None:
    """Four thousand streams are written in pieces of at most a quarter of a megabyte, with a pause after each."""
    board = Board()
    board.publish_live({FRAUD: model(*(stream(f"feature_{number}") for number in range(4000)))})
    pauses: list[None] = []
    found = body(Writer().pieces(board.read(), open_metrics=False), zipped=False, pause=lambda: pauses.append(None))
    assert len(pauses) >= len(found) > 20
    assert max(map(len, found)) < 250_000


def test_gzip_holds_the_same_text() -> None:
    """What a scraper unpacks is what it would have been sent otherwise."""
    board = full_board()
    packed = body(Writer().pieces(board.read(), open_metrics=True), zipped=True, pause=lambda: None)
    assert gzip.decompress(b"".join(packed)) == render(registry(board.read), OPENMETRICS)
