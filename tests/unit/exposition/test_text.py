"""The bytes of an exposition: two formats, nasty names, no `_created`."""

import pytest
from prometheus_client import REGISTRY
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_plain

from monitor.exposition.board import Board
from monitor.exposition.text import OPENMETRICS, PLAIN, content_type, registry, render
from tests.unit.exposition.made import FRAUD, drifted, model, stream

NASTY = ['quote"', "back\\slash", "line\nfeed", "ünïcode ☃", "{a=b}", " ", "tab\t", "\\n"]


@pytest.fixture
def board() -> Board:
    """A board with a drift and nasty names."""
    made = Board(topics=["events"], reject_reasons=["not_json"])
    made.publish_live({FRAUD: model(drifted(stream()), *(stream(name) for name in NASTY))})
    return made


def test_names_survive_the_way_through_the_plain_text(board: Board) -> None:
    """Quotes, backslashes, line feeds and everything else come back as they went in."""
    found = {
        sample.labels["feature"]
        for family in parse_plain(render(registry(board.read), PLAIN).decode())
        for sample in family.samples
        if sample.name == "driftgauge_drift_status"
    }
    assert found == {"amount", *NASTY}


def test_both_formats_hold_the_same_samples(board: Board) -> None:
    """OpenMetrics is valid, ends with its end mark, and says the same."""
    own = registry(board.read)
    open_text = render(own, OPENMETRICS).decode()

    def samples(families: object) -> list[tuple[str, str, float]]:
        return sorted(
            (sample.name, str(sorted(sample.labels.items())), sample.value)
            for family in families  # type: ignore[attr-defined]
            for sample in family.samples
        )

    assert open_text.endswith("# EOF\n")
    assert samples(parse_openmetrics(open_text)) == samples(parse_plain(render(own, PLAIN).decode()))


def test_no_created_series_are_exposed(board: Board) -> None:
    """They would be a fifth more samples and say nothing."""
    assert b"_created" not in render(registry(board.read), PLAIN)
    assert b"_created" not in render(registry(board.read), OPENMETRICS)


def test_a_name_that_is_no_text_costs_its_own_letters_and_not_the_exposition() -> None:
    """A lone surrogate, which no UTF-8 can hold, is written as an escape."""
    board = Board()
    board.publish_live({FRAUD: model(stream("bad\ud800name"))})
    assert b"bad\\\\ud800name" in render(registry(board.read), PLAIN)


def test_the_global_registry_stays_as_it_was(board: Board) -> None:
    """Whoever embeds the package keeps a registry free of our names."""
    render(registry(board.read), PLAIN)
    assert not any(name.startswith("driftgauge") for name in REGISTRY._names_to_collectors)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", PLAIN),
        ("*/*", PLAIN),
        ("text/plain;version=0.0.4;q=0.5", PLAIN),
        ("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", OPENMETRICS),
        ("text/plain, Application/OpenMetrics-Text", OPENMETRICS),
    ],
)
def test_plain_text_is_served_unless_openmetrics_is_asked_for(accept: str, expected: str) -> None:
    """What Prometheus sends asks for OpenMetrics; a browser and curl get text."""
    assert content_type(accept) == expected
