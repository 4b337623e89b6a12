"""The loop draws streams for who looks at them, from the monitors it holds; one that fails does not end it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from structlog.testing import capture_logs

from monitor.domain.keys import ModelKey, StreamKey
from monitor.engine.model import ModelMonitor
from monitor.engine.policy import Policy, Warmup
from monitor.exposition.board import Board
from monitor.exposure import Exposure
from monitor.watch import Clock, Watch, Watched
from tests.unit.cli.frames import normal_frame
from tests.unit.daemon.fakes import Bench

X = StreamKey("a", "1", "x", "feature")
AMOUNT = StreamKey("fraud", "1", "amount", "feature")


def watching(rows: int) -> Watch:
    """One model that has seen so many rows, 500 of which are its reference."""
    policy = replace(Policy(), warmup=Warmup(500, 0.0))
    watch = Watch({}, ModelMonitor, policy, Board(), Clock())
    key = ModelKey("fraud", "1")
    monitor = ModelMonitor(key, policy)
    monitor.observe(normal_frame(rows))
    watch.models[key] = Watched(monitor, Exposure(key))
    return watch


def test_a_stream_is_drawn_from_its_monitor() -> None:
    """Recent values against the reference, as they stand."""
    found = watching(1000).shape(AMOUNT)
    assert found is not None
    assert found.values == 125  # a quarter of the reference
    assert abs(sum(found.recent) - 1) < 1e-9


def test_of_a_stream_that_is_learning_or_unknown_there_is_nothing_to_draw() -> None:
    """None, and no error."""
    watch = watching(100)
    assert watch.shape(AMOUNT) is None
    assert watch.shape(replace(AMOUNT, feature="other")) is None
    assert watch.shape(replace(AMOUNT, model="other")) is None


def looked_at(bench: Bench) -> Callable[[], object]:
    """A poll in which somebody opens the page."""
    return lambda: bench.board.gallery.wish([X])


def test_the_loop_draws_what_is_looked_at() -> None:
    """And nothing before somebody looks."""
    bench = Bench([])
    drawn: list[StreamKey] = []
    bench.watch.draw = lambda monitor, key: drawn.append(key)
    quiet = [["a"], bench.later(1), bench.later(1), lambda: drawn.append(AMOUNT)]
    bench.source._polls = [*quiet, looked_at(bench), bench.later(1), bench.later(1)]
    assert bench.run() == 0
    assert drawn == [AMOUNT, X]


def failing(monitor: object, key: StreamKey) -> None:
    raise ZeroDivisionError("a defect")


def test_a_drawing_that_fails_does_not_end_the_daemon() -> None:
    """It says so once and goes on watching."""
    bench = Bench([])
    bench.watch.draw = failing
    bench.source._polls = [["a"], looked_at(bench), bench.later(1), bench.later(5), ["a"]]
    with capture_logs() as lines:
        assert bench.run() == 0
    assert [line["stream"] for line in lines if line["event"] == "drawing_failed"] == ["a/1/feature/x"]
    assert bench.board.read().messages["t", "ok"] == 2
