"""The chart for short references."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.channels.scores import score_reference
from monitor.engine.chart import ChartWitness, pause_after

Values = npt.NDArray[np.float64]


def chart(reference: Values) -> ChartWitness:
    found = score_reference(reference)
    assert found is not None
    return ChartWitness(found, len(reference), streams=1)


def white(number: int, seed: int = 0) -> Values:
    return np.random.default_rng(seed).normal(size=number)


def marks(witness: ChartWitness, values: Values) -> list[tuple[int, bool]]:
    """(position, opened) of what it signals."""
    return [(signal.at, signal.detection is not None) for signal in witness.advance(values)]


def test_it_is_silent_while_nothing_changes() -> None:
    """Ten thousand values like the reference."""
    assert marks(chart(white(300)), white(10_000, seed=1)) == []


def openings_on_heavy_tails() -> int:
    """Over eight streams of 5,500 Cauchy values, each with a reference of 500."""
    drawn = [np.random.default_rng(seed).standard_cauchy(6000) for seed in range(8)]
    return sum(opened for values in drawn for _, opened in marks(chart(values[:500]), values[500:]))


def test_records_of_a_heavy_tail_are_hardly_ever_alarms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of Cauchy values the next record is many times the last one; on linear tails most open the chart."""
    found = openings_on_heavy_tails()
    monkeypatch.setattr("monitor.engine.chart.tail_index", lambda partition: 0.0)
    assert found <= openings_on_heavy_tails() / 5


def test_a_heavy_tail_does_not_hide_a_change_of_level() -> None:
    """Only what lies beyond the reference's range counts for less."""
    values = np.random.default_rng(0).standard_cauchy(6000)
    values[3000:] += 8
    found = marks(chart(values[:500]), values[500:])
    assert found
    assert 2500 <= found[0][0] < 2600


def test_it_opens_at_a_jump_and_closes_when_its_pause_is_over() -> None:
    """The pause is half the reference; its mean is the new normal, so a lasting jump opens it once.

    values   ▁▁▁▁▁▁▁▁▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔
    opens            ▲    ▼
    """
    values = white(3000, seed=2)
    values[1000:] += 6
    (first, opened), (second, again) = marks(chart(white(300)), values)
    assert (opened, again) == (True, False)
    assert 1000 <= first < 1012
    assert second == first + pause_after(300) - 1


def test_a_return_to_the_old_level_is_a_change_again() -> None:
    """Two jumps, two openings."""
    values = white(3000, seed=3)
    values[1000:2000] += 8
    openings = [at for at, opened in marks(chart(white(300)), values) if opened]
    assert len(openings) == 2
    assert 1000 <= openings[0] < 1010
    assert 2000 <= openings[1] < 2010


def test_a_climbing_series_is_allowed_to_climb() -> None:
    """It is charted by its steps; a step of another size opens it."""
    climbing = np.arange(300) + white(300) * 0.3
    calm = 300 + np.arange(2000) + white(2000, seed=4) * 0.3
    assert marks(chart(climbing), calm) == []
    faster = calm.copy()
    faster[1000:] += np.arange(1000) * 9
    assert 1000 <= marks(chart(climbing), faster)[0][0] < 1030


def test_missing_values_are_passed_over() -> None:
    """Positions count all observations, the chart only those with a value."""
    values = white(600, seed=5)
    values[300:] += 8
    gaps = np.insert(values, np.arange(600), np.nan)
    plain, between = marks(chart(white(300)), values), marks(chart(white(300)), gaps)
    assert [(2 * at + 1, opened) for at, opened in plain] == between


def test_one_value_far_beyond_the_reference_is_enough() -> None:
    """Windows begin at one, and scores have tails."""
    values = white(200, seed=6)
    values[100] = 1e6
    assert marks(chart(white(300)), values)[0] == (100, True)


def daily(number: int, seed: int, start: int = 0) -> Values:
    """A wave of 24 observations with a little noise, from observation `start` on."""
    return 5 * np.sin(2 * np.pi * (start + np.arange(number)) / 24) + white(number, seed) * 0.5


def test_a_dip_at_the_wrong_hour_stands_out_from_the_daily_wave() -> None:
    """A value that is ordinary at night opens the chart at noon; the same wave goes on unnoticed.

    values   ╱╲  ╱╲  ╱▁╲  ╱╲
    opens            ▲
    """
    calm = daily(600, seed=8, start=240)
    assert marks(chart(daily(480, seed=9)), calm) == []
    noon = 240 + 6
    calm[noon : noon + 3] = -4.0
    opening, opened = marks(chart(daily(480, seed=9)), calm)[0]
    assert opened
    assert noon <= opening < noon + 3


def test_phases_are_counted_through_missing_values() -> None:
    """A day without values does not shift the season."""
    calm = daily(600, seed=8, start=240)
    calm[100:117] = np.nan
    assert marks(chart(daily(480, seed=9)), calm) == []


def test_a_short_excursion_ends_in_a_return() -> None:
    """What is back at the reference's level when the pause ends has returned; what is not has become normal."""
    for length, reason in ((20, "returned"), (2000, "relearned")):
        values = white(3000, seed=2)
        values[1000 : 1000 + length] += 8
        closings = [signal for signal in chart(white(300)).advance(values) if signal.detection is None]
        assert closings[0].reason == reason


def test_more_streams_make_it_stricter() -> None:
    """The limit grows so that a Gaussian tail beyond it is as many times less likely."""
    found = score_reference(white(99))  # too few values to call it independent
    assert found is not None
    values = white(60, seed=2)
    values[30] = 10.5
    assert marks(ChartWitness(found, 99, streams=1), values)[0] == (30, True)
    assert marks(ChartWitness(found, 99, streams=10**12), values) == []


@pytest.mark.parametrize("number", [10, 15, 200, 999])
def test_the_pause_is_at_least_eight_values(number: int) -> None:
    """Half of the reference."""
    assert pause_after(number) == max(8, number // 2)


@given(
    jumps=st.lists(st.tuples(st.integers(0, 900), st.sampled_from([-9.0, 4.0, 1e5])), max_size=4),
    cuts=st.lists(st.integers(0, 900), max_size=8),
    number=st.sampled_from([8, 40, 300]),
    climbing=st.booleans(),
)
def test_it_depends_neither_on_cuts_nor_on_restarts(
    jumps: list[tuple[int, float]], cuts: list[int], number: int, climbing: bool
) -> None:
    """Openings, closings and every bit of its state."""
    reference = white(number) + np.arange(number) * 3.0 * climbing
    values = white(900, seed=7) + (number + np.arange(900)) * 3.0 * climbing
    values[::13] = np.nan
    for at, size in jumps:
        values[at:] += size
    whole = chart(reference)
    at_once = marks(whole, values)
    pieces, seen, in_parts = chart(reference), 0, []
    for part in np.split(values, sorted(cuts)):
        in_parts += [(seen + at, opened) for at, opened in marks(pieces, part)]
        seen += len(part)
        again = chart(reference)
        again.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(pieces.dump())))
        pieces = again
    assert at_once == in_parts
    assert whole.dump() == pieces.dump()
