"""The page of measured figures: what is written for the rows of `make bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.measuring import Row, Spread, compared
from benchmarks.report import BEGIN, END, is_met, put_into, report


def row(**more: Any) -> dict[str, Any]:
    given = {"group": "memory", "what": "at rest, 100 streams", "unit": "MiB", "ours": Spread.of([70.0, 90.0, 80.0])}
    return Row(**{**given, **more}).plain()


@pytest.mark.parametrize(
    ("given", "met"),
    [
        ({"goal": "≤ 80 (100 streams)"}, True),
        ({"goal": "≤ 79.9"}, False),
        ({"goal": "≥ 14", "ratio": 15.0}, True),
        ({"goal": "≥ 14", "ratio": 13.0}, False),
        ({"goal": "p99 ≤ 150 at 50%", "details": {"p99": 151.0}}, False),
        ({"goal": "≤ 80 (10,000 streams)"}, None),
        ({"goal": "≤ 80 (10,000 series)", "what": "9,505 series"}, True),
        ({"goal": ""}, None),
    ],
)
def test_tells_whether_a_row_holds_its_goal(given: dict[str, Any], met: bool | None) -> None:
    """By its ratio, its percentile or its median; not at all where the goal is for another size."""
    assert is_met(row(**given)) is met


def test_writes_the_goals_first_and_then_every_row() -> None:
    """With the machine, both sides and what a row means."""
    ours, theirs = Spread.of([2.0]), Spread.of([30.0])
    rows = [
        compared("kernels", "ADWIN", ours, ("river", theirs), unit="ns", goal="≥ 14", meaning="one value").plain(),
        row(goal="≤ 60 (100 streams)"),
    ]
    text = report({"machine": {"cores": 2, "memory_gib": 4}, "rows": rows})
    assert text.startswith("Measured on: cores 2, memory gib 4.\n")
    assert "| kernels: ADWIN, against river | 15 × | ≥ 14 | met |" in text
    assert "| memory: at rest, 100 streams | 80 MiB | ≤ 60 (100 streams) | missed |" in text
    assert "| ADWIN | 2 ns | river | 30 ns | 15 × |" in text
    assert "| at rest, 100 streams | 80 MiB (70 – 90) |  |  |  |" in text
    assert "One row is: one value." in text


def test_keeps_the_words_of_the_page() -> None:
    """Only what lies between the marks is written anew."""
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert put_into(page, "new\n") == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    with pytest.raises(ValueError, match="once each"):
        put_into("a page without marks", "new")


def test_the_page_of_the_project_has_the_marks() -> None:
    """So that `make bench-report` finds its place."""
    page = (Path(__file__).parents[2] / "docs" / "performance.md").read_text()
    assert BEGIN in put_into(page, "new")
