"""References: what is concluded from a sample."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.channels.partition import CategoryPartition, NumberPartition
from monitor.channels.rank import level
from monitor.channels.table import mean_over
from monitor.reference.reference import SHORT, gaps, learn
from tests.unit.engine.events import ABSENT, Value
from tests.unit.reference.samples import reference, sample


def gauss(number: int, seed: int = 0) -> list[Value]:
    return list(map(float, np.random.default_rng(seed).normal(size=number)))


def test_numbers_make_a_numeric_stream() -> None:
    """Integers count as numbers."""
    found = reference([1, 2, 3, 4.5] * 10)
    assert found.type == "number"
    assert isinstance(found.partition, NumberPartition)


def test_texts_and_booleans_make_a_category() -> None:
    """A boolean is the text true or false."""
    found = reference([True, False, True] * 10)
    assert found.type == "category"
    assert isinstance(found.partition, CategoryPartition)
    assert found.partition.labels == ("true", "false")


def test_the_majority_decides_the_type() -> None:
    """A few stray texts do not turn a number into a category, nor the other way round."""
    assert reference([1.0] * 9 + ["n/a"] * 8).type == "number"
    assert reference([1.0] * 8 + ["n/a"] * 9).type == "category"


def test_a_wanted_type_overrules_the_data() -> None:
    """Codes that look like numbers can be called categories."""
    found = learn(sample([75, 75, 13, 75.0]), wanted="category")
    assert isinstance(found.partition, CategoryPartition)
    assert found.partition.labels == ("75", "13")


def test_numbers_in_a_category_read_as_texts() -> None:
    """1 and "1" are one category."""
    found = reference(["1", 1, "1", "2", "2"])
    assert isinstance(found.partition, CategoryPartition)
    assert dict(zip(found.partition.labels, found.partition.counts.tolist(), strict=False)) == {"1": 3, "2": 2}


@pytest.mark.parametrize(("absent", "required"), [(0, True), (50, True), (51, False), (99, False)])
def test_a_key_in_at_least_half_of_the_events_is_required(absent: int, required: bool) -> None:
    """Then its absence is a missing value; otherwise it is no observation."""
    found = reference([ABSENT] * absent + gauss(100 - absent))
    assert found.required is required
    assert found.observations == (100 if required else 100 - absent)
    assert found.partition.counts[-1] == (absent if required else 0)


def test_null_is_missing_whether_required_or_not() -> None:
    """The key was there."""
    found = reference([ABSENT] * 80 + [None] * 5 + gauss(15))
    assert not found.required
    assert found.partition.counts[-1] == 5


def test_unusable_values_count_as_missing() -> None:
    """Infinities, huge numbers, lists and texts among numbers."""
    found = reference([*gauss(20), float("inf"), float("nan"), 1e301, [1], "x"])
    assert found.partition.counts[-1] == 5


def test_the_reference_itself_has_a_mean_level_of_one_half() -> None:
    """So that no drift is no effect."""
    found = reference([0.0] * 30 + gauss(70))
    assert isinstance(found.partition, NumberPartition)
    assert mean_over(level(found.partition), found.partition.counts)[0] == 0.5
    assert found.dependence["level"].mean == pytest.approx(0.5, abs=1e-12)


def test_identifiers_are_recognised() -> None:
    """Nearly every text different: only its absence says something."""
    found = reference([f"user-{i}" for i in range(300)])
    assert set(found.dependence) == {"missing"}
    assert "no category channels: nearly every text is different" in gaps(found)


def test_a_few_different_texts_are_no_identifier_yet() -> None:
    """Nineteen names could be a small sample of a category."""
    assert isinstance(reference([f"c{i}" for i in range(19)]).partition, CategoryPartition)
    assert len(reference([f"c{i}" for i in range(19)]).partition.counts) > 3


def test_a_long_reference_has_block_means_and_a_short_one_a_chart() -> None:
    """The two ways to meet dependence."""
    long, short = reference(gauss(SHORT)), reference(gauss(SHORT - 1))
    assert (long.short, short.short) == (False, True)
    assert long.scores is None
    assert short.scores is not None
    assert "out_of_range" in long.dependence
    assert "out_of_range" not in short.dependence


def test_no_channel_is_tested_on_too_few_values() -> None:
    """Nineteen numbers among a thousand missing ones do not make a level."""
    found = reference([*gauss(19), *[None] * 1200])
    assert "level" not in found.dependence
    assert "missing" in found.dependence
    assert any("too few values to test level" in gap for gap in gaps(found))


def test_a_dependent_level_has_no_range_test_and_passes_its_verdict_on() -> None:
    """The extremes of a slow series are no limits."""
    slow = np.cumsum(np.random.default_rng(1).normal(size=3000)) * 0.1
    slow -= np.linspace(0, slow[-1], 3000)
    found = reference(list(map(float, slow)))
    assert found.dependent
    assert found.dependence["spread"].dependent
    assert "out_of_range" not in found.dependence


def test_a_reference_without_any_value_watches_missing_alone() -> None:
    """And says so."""
    found = reference([None] * 100)
    assert set(found.dependence) == {"missing"}
    assert "no value channels: every reference value is missing" in gaps(found)


def test_gaps_name_what_a_short_reference_does_without() -> None:
    """A person decides whether that is good enough."""
    found = gaps(reference([1.0] * 30))
    assert any(gap.startswith("short reference (30 observations)") for gap in found)
    assert any(gap.startswith("no stuck test") for gap in found)


def test_a_complete_reference_has_no_gaps() -> None:
    """Two thousand independent numbers leave nothing out."""
    assert gaps(reference(gauss(2000))) == []


def test_a_thinned_reference_says_how_much_it_stands_for() -> None:
    """Observations seen, and observations kept."""
    found = learn(sample(gauss(6000), most=2000))
    assert found.observations == 6000
    assert found.kept < 3000
