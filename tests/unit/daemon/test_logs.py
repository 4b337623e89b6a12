"""The log's formats, and its bound."""

import io
import json

import pytest
import structlog

from monitor.logs import LogLimit, configure


@pytest.fixture(autouse=True)
def _restore_structlog() -> object:
    yield
    structlog.reset_defaults()


def test_elsewhere_than_on_a_terminal_a_line_is_a_json_object() -> None:
    """With level and time in UTC; whatever is below the level is left out."""
    stream = io.StringIO()
    configure("info", "auto", stream)
    structlog.get_logger().debug("hidden")
    structlog.get_logger().info("seen", model="é")
    line = json.loads(stream.getvalue())
    assert (line["event"], line["level"], line["model"]) == ("seen", "info", "é")
    assert line["timestamp"].endswith("Z")


def test_a_traceback_is_part_of_its_line_with_the_notes_on_it() -> None:
    """One event, one line, and where it happened."""
    stream = io.StringIO()
    configure("info", "json", stream)
    try:
        error = ValueError("no")
        error.add_note("while model a/1 observed t")
        raise error
    except ValueError:
        structlog.get_logger().exception("crashed")
    assert "while model a/1 observed t" in json.loads(stream.getvalue())["exception"]


def test_lines_beyond_the_burst_are_held_back_and_told_of_later() -> None:
    """
    burst 2, window 10 s:   1 2 · · · | 3 (3 held back)
    """
    now = [0.0]
    limit = LogLimit(lambda: now[0], burst=2, seconds=10.0)
    assert [limit.passes("a") for _ in range(5)] == [0, 0, None, None, None]
    assert limit.passes("b") == 0
    now[0] = 10.0
    assert limit.passes("a") == 3
    assert limit.passes("a") == 0


def test_kinds_that_input_invents_do_not_fill_the_memory() -> None:
    """The oldest are forgotten."""
    limit = LogLimit(lambda: 0.0, burst=1)
    for number in range(5_000):
        assert limit.passes(number) == 0
    assert len(limit._windows) <= 1_000
