"""Explanations: one sentence with the numbers a person would ask for."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.engine.events import Value, feed, findings, frame, monitor


def gauss(number: int, seed: int = 0) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.random.default_rng(seed).normal(size=number)


def sentence(values: list[Value], channel: str, warmup: int = 1000) -> str:
    """What the first finding of a channel says."""
    found = findings(feed(monitor(warmup), frame({"amount": values})))
    return next(finding.explanation for finding in found if finding.channel == channel)


def after(change: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[Value]:
    """A thousand and a half normal values, then others."""
    return [None if x != x else float(x) for x in np.concatenate([gauss(1500), change])]


@pytest.mark.parametrize(
    ("values", "channel", "parts"),
    [
        (after(gauss(300, 1) + 1), "level", ["exceeds a reference value in", "% of comparisons", "was -0.0"]),
        (after(gauss(300, 1) - 1), "level", ["is below a reference value in", "expected 50 %"]),
        (after(gauss(300, 1) * 3), "spread", ["further from the centre", "middle half -", " was -0."]),
        (after(gauss(300, 1) * 0.2), "spread", ["closer to the centre"]),
        (after(np.full(300, np.nan)), "missing", ["missing in 100 % of events, 0 % in the reference"]),
        (after(gauss(300, 1) + 1e6), "far", ["values far beyond anything in the reference", "median above "]),
        (after(np.full(300, 0.5)), "stuck", ["the same value for", "events in a row"]),
        (after(gauss(300, 1) + 5), "out_of_range", ["outside the reference's range in", "% of events"]),
    ],
    ids=["up", "down", "wider", "narrower", "missing", "far", "stuck", "range"],
)
def test_a_sentence_says_what_happened_how_much_and_since_when(
    values: list[Value], channel: str, parts: list[str]
) -> None:
    """Beginning with the feature."""
    said = sentence(values, channel)
    assert said.startswith("amount: ")
    assert "since event 1,5" in said or "since event 1,49" in said
    for part in parts:
        assert part in said


def test_a_usual_value_that_comes_more_often_is_named_as_such() -> None:
    """Where a fifth of the values are the median already, neither level nor spread has to move."""
    values = np.where(np.random.default_rng(0).random(3000) < 0.2, 0.0, gauss(3000, 1))
    values[1500:][np.arange(1500) % 5 == 0] = 0.0
    said = sentence(values.tolist(), "mode")
    assert "the reference's most frequent value in" in said
    assert "19 % there" in said


def test_categories_are_named_in_sentences() -> None:
    """The one place where a value may be shown."""
    texts: list[Value] = [["red", "blue"][i % 2] for i in range(1500)]
    said = sentence([*texts, *["red"] * 300], "category")
    assert "category 'red' in" in said or "category 'blue' in" in said
    assert "50 % in the reference" in said
    said = sentence([*texts, *["green", "red"] * 150], "unseen")
    assert "values never seen in the reference in" in said
    assert "expected 0 %" in said


def test_a_jump_in_a_short_reference_is_told_as_one() -> None:
    """The chart compares with the recent level."""
    values: list[Value] = list(map(float, np.concatenate([gauss(200), gauss(60, 1) + 12])))
    assert "jumped away from its recent level (median " in sentence(values, "level", warmup=60)
