"""What a scraper would see of a board: samples by name and labels, parsed back from the text."""

from prometheus_client.parser import text_string_to_metric_families

from monitor.exposition.board import Board
from monitor.exposition.text import PLAIN, registry, render


def scrape(board: Board) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """(name, labels) → value of every sample in the plain text exposition."""
    text = render(registry(board.read), PLAIN).decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(board: Board, name: str, **labels: str) -> float | None:
    """The value of one sample, None if it is not there."""
    return scrape(board).get((f"driftgauge_{name}", frozenset(labels.items())))


def named(board: Board, name: str) -> dict[frozenset[tuple[str, str]], float]:
    """labels → value of all samples of that name."""
    wanted = f"driftgauge_{name}"
    return {labels: number for (found, labels), number in scrape(board).items() if found == wanted}
