"""The witnesses of far values and of repeated ones, in drawings: what comes in, and where they open and close."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.channels import indicators
from monitor.channels.partition import number_partition
from monitor.channels.runs import NEVER
from monitor.engine.signals import Signal
from monitor.engine.witness import FarWitness, StuckWitness

PARTITION = number_partition(np.arange(100.0), 0, (0.0, 99.0))
TABLE = indicators.far(PARTITION)
assert TABLE is not None


def drawn(length: int, signals: Sequence[Signal]) -> str:
    """O where it opens, C where it closes."""
    line = ["."] * length
    for signal in signals:
        line[signal.at] = "C" if signal.detection is None else "O"
    return "".join(line)


def far_line(line: str, number: int = 1000) -> str:
    """What a far witness makes of a line with # for far values."""
    assert TABLE is not None
    witness = FarWitness(TABLE, number)
    values = np.array([1e9 if letter == "#" else 50.0 for letter in line])
    return drawn(len(line), witness.advance(PARTITION.encode(values)))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("..#.........", "............"),  # a single wild value is nothing
        ("..###.......", "............"),
        ("..####......", ".....O......"),  # four close together are
        (".#.#..#...#.", "..........O."),
    ],
)
def test_far_opens_at_the_fourth_value_close_together(values: str, expected: str) -> None:
    """Each counts one, and each observation takes a little away."""
    assert far_line(values) == expected


def test_far_values_far_apart_are_forgotten() -> None:
    """One in every n/2 observations never adds up."""
    assert "O" not in far_line(("#" + "." * 500) * 20)


def test_far_closes_when_its_sum_has_run_out() -> None:
    """Two observations in a thousand take away what one far value brought.

    ####··············   opened with about 4, closed 4 × 500 observations later
    """
    line = far_line("####" + "." * 2500)
    assert line.index("O") == 3
    assert 1950 < line.index("C") < 2050
    assert line.count("C") == 1


def test_a_feed_that_was_far_for_long_still_closes_soon() -> None:
    """The sum is capped, so that recovery does not take as long as the fault."""
    line = far_line("#" * 5000 + "." * 3500)
    assert (line.count("O"), line.count("C")) == (1, 1)
    assert line.index("C") - 5000 <= 3000


def test_far_opens_again_after_it_closed() -> None:
    """With the same patience as at first."""
    line = far_line("####" + "." * 2500 + "####")
    assert [at for at, letter in enumerate(line) if letter == "O"] == [3, 2507]


def stuck_line(values: str, limits: Sequence[int] = (5, 5, NEVER)) -> str:
    """What a stuck witness makes of digits (a cell and a value each) and - for missing values."""
    witness = StuckWitness(np.array(limits))
    cells = np.array([0 if letter == "-" else int(letter) for letter in values], np.uint16)
    numbers = np.array([np.nan if letter == "-" else float(letter) for letter in values])
    return drawn(len(values), witness.advance(cells, numbers))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("0101111010", ".........."),  # four in a row are allowed
        ("0101111101", "......." + "OC" + "."),
        ("01111111110", ".....O....C"),
        ("0111111100000001", ".....O..C...O..C"),  # the value that ends one run begins the next
        ("011--1--11-0", ".........O.C"),  # a missing value neither ends a run nor adds to it
        ("02222222222220", ".............."),  # a cell without a limit
    ],
)
def test_stuck_opens_at_the_limit_of_its_value_and_closes_when_it_changes(values: str, expected: str) -> None:
    """Five of a kind in a row are one too many here."""
    assert stuck_line(values) == expected


def test_a_run_that_began_before_the_first_look_counts_from_its_first_value() -> None:
    """The limit is reached by the run as a whole."""
    assert stuck_line("11111") == "....O"


@given(
    letters=st.lists(st.sampled_from("......#"), min_size=1, max_size=400),
    cuts=st.lists(st.integers(0, 400), max_size=8),
    number=st.sampled_from([20, 200, 2000]),
)
def test_far_depends_neither_on_cuts_nor_on_restarts(letters: list[str], cuts: list[int], number: int) -> None:
    """The sum is worked out from counts, so it does not matter how often anybody looked."""
    assert TABLE is not None
    cells = PARTITION.encode(np.array([1e9 if letter == "#" else 50.0 for letter in letters]))
    whole = FarWitness(TABLE, number)
    at_once = [(s.at, s.detection) for s in whole.advance(cells)]
    pieces, seen, in_parts = FarWitness(TABLE, number), 0, []
    for part in np.split(cells, sorted(min(cut, len(cells)) for cut in cuts)):
        in_parts += [(seen + s.at, s.detection) for s in pieces.advance(part)]
        seen += len(part)
        again = FarWitness(TABLE, number)
        again.restore(pieces.dump())
        pieces = again
    assert at_once == in_parts
    assert whole.dump() == pieces.dump()
    assert whole.score == pieces.score


@given(
    letters=st.lists(st.sampled_from("00112-"), min_size=1, max_size=300),
    cuts=st.lists(st.integers(0, 300), max_size=8),
)
def test_stuck_depends_neither_on_cuts_nor_on_restarts(letters: list[str], cuts: list[int]) -> None:
    """A run goes on over the end of a frame and over a restart."""
    limits = np.array([3, 4, 5])
    cells = np.array([0 if letter == "-" else int(letter) for letter in letters], np.uint16)
    values = np.array([np.nan if letter == "-" else float(letter) for letter in letters])
    whole = StuckWitness(limits)
    at_once = [(s.at, s.detection) for s in whole.advance(cells, values)]
    pieces, seen, in_parts = StuckWitness(limits), 0, []
    places = sorted(min(cut, len(cells)) for cut in cuts)
    for part, numbers in zip(np.split(cells, places), np.split(values, places), strict=True):
        in_parts += [(seen + s.at, s.detection) for s in pieces.advance(part, numbers)]
        seen += len(part)
        again = StuckWitness(limits)
        again.restore(pieces.dump())
        pieces = again
    assert at_once == in_parts
    assert whole.dump() == pieces.dump()
