"""Explanations: one sentence with the numbers a person would ask for."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.domain.facts import Extract, Finding, Summary
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


def first(values: list[Value], channel: str) -> Finding:
    """The first finding of a channel."""
    found = findings(feed(monitor(1000), frame({"amount": values})))
    return next(finding for finding in found if finding.channel == channel)


def test_a_shift_of_numbers_is_summarised_by_quartiles() -> None:
    """Of the values since the change, beside the reference's; the effect is a probability."""
    found = first(after(gauss(300, 1) + 1), "level")
    summary = found.summary
    assert (summary.measure, summary.unit) == ("level", "probability above ½")
    assert summary.recent.rate is summary.reference.rate is None
    assert summary.reference.quartiles == pytest.approx((-0.67, 0.0, 0.67), abs=0.12)
    assert summary.recent.quartiles is not None
    assert summary.reference.quartiles is not None
    assert summary.recent.quartiles[1] > summary.reference.quartiles[1] + 0.5
    assert f"{summary.recent.quartiles[1]:.4g}" in found.explanation


def test_missing_values_are_summarised_by_their_rates() -> None:
    """The effect is the difference of both."""
    found = first(after(np.full(300, np.nan)), "missing")
    assert found.summary == Summary("missing", "difference of rates", Extract(None, 1.0), Extract(None, 0.0))
    assert found.effect == 1.0


def test_categories_are_summarised_by_their_rates() -> None:
    """The measure names the category, which the channel does not."""
    found = first([*[["red", "blue"][i % 2] for i in range(1500)], *["red"] * 300], "category")
    summary = found.summary
    assert summary.measure in ("category:red", "category:blue")
    assert summary.unit == "difference of rates"
    assert summary.reference == Extract(None, 0.5)
    assert summary.recent.rate is not None
    assert found.effect == summary.recent.rate - 0.5


def test_a_stuck_value_is_summarised_without_an_effect() -> None:
    """The value that it stands at is its median."""
    summary = first(after(np.full(300, 0.5)), "stuck").summary
    assert summary.unit is None
    assert summary.recent.quartiles is not None
    assert summary.recent.quartiles[0] == summary.recent.quartiles[2] == pytest.approx(0.5, abs=0.05)
