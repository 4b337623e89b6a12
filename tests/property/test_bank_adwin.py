"""The ADWIN bank against river's ADWIN, bit for bit, on streams made to part them."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from river import drift

from monitor.detectors.adwin import AdwinBank
from tests.property.bank_streams import Values, batches, long_stream, streams

#: delta, clock, max_buckets, min_window_length, grace_period
Parameters = tuple[float, int, int, int, int]
Moments = tuple[int, int, float, float]

PARAMETERS = st.tuples(
    st.sampled_from([0.002, 0.002, 1e-12, 1e-8, 0.05, 0.3, 0.9, 0.999]),
    st.sampled_from([32, 32, 1, 2, 5, 64, 65, 300]),
    st.sampled_from([5, 5, 2, 3, 8, 31]),
    st.sampled_from([5, 5, 1, 2, 40]),
    st.sampled_from([10, 10, 0, 1, 100]),
)


def oracle(parameters: Parameters, values: Values) -> tuple[list[Moments], Moments]:
    """(index, width, total, variance) at each of river's detections, and after the last value."""
    make: Any = drift.ADWIN  # river's own methods are not annotated
    detector = make(*parameters)
    found = []
    for index, value in enumerate(values.tolist()):
        detector.update(value)
        if detector.drift_detected:
            found.append((index, int(detector.width), detector.total, detector.variance))
    return found, (len(values), int(detector.width), detector.total, detector.variance)


def built(parameters: Parameters) -> tuple[AdwinBank, int]:
    delta, clock, max_buckets, min_window_length, grace_period = parameters
    bank = AdwinBank(max_buckets=max_buckets, min_window_length=min_window_length, grace_period=grace_period)
    return bank, bank.add(delta, clock)


def ours(parameters: Parameters, parts: list[Values], method: str = "update") -> tuple[list[Moments], Moments, bytes]:
    """The same of the bank, which is reset where river throws its window away: before the next value."""
    bank, row = built(parameters)
    update = getattr(bank, method)
    found: list[Moments] = []
    offset, due = 0, False
    for part in parts:
        start = 0
        while start < len(part):
            if due:
                bank.reset(row)
            index = update(row, part, start)
            due = index >= 0
            if not due:
                break
            found.append((offset + index, bank.width(row), bank.total(row), bank.variance(row)))
            start = index + 1
        offset += len(part)
    state = b"".join(array.tobytes() for array in bank.dump().values())
    return found, (offset, bank.width(row), bank.total(row), bank.variance(row)), state


def same(first: object, second: object) -> bool:
    """Equal to the last bit: repr tells -0.0 from 0.0 and lets NaN equal itself."""
    return repr(first) == repr(second)


def state_of(bank: AdwinBank) -> str:
    return repr([array.tolist() for array in bank.dump().values()])


@given(streams(), PARAMETERS)
@settings(max_examples=150)
@example(np.full(100, 0.1), (0.002, 32, 5, 5, 10))
@example(np.concatenate([np.zeros(500), np.ones(500)]), (0.002, 32, 5, 5, 10))
@example(np.concatenate([np.zeros(129), np.full(3, -0.0), np.zeros(700)]), (0.3, 1, 2, 1, 0))
def test_finds_what_river_finds(values: Values, parameters: Parameters) -> None:
    """Same indices, and the same width, total and variance at each of them and at the end."""
    found, last, _ = ours(parameters, [values])
    expected, expected_last = oracle(parameters, values)
    assert same(found, expected)
    assert same(last, expected_last)


@given(streams(), PARAMETERS, st.integers(0, 2**16))
@settings(max_examples=100)
def test_shortcuts_and_batches_leave_no_trace(values: Values, parameters: Parameters, seed: int) -> None:
    """Blocks, screened checks and counted zeros give the bytes of the oracle's own steps, however values are split."""
    stepwise = ours(parameters, [values], "update_stepwise")
    assert same(ours(parameters, [values]), stepwise)
    assert same(ours(parameters, batches(values, seed)), stepwise)


@given(streams(), PARAMETERS)
@settings(max_examples=60)
def test_a_window_that_is_never_reset_is_the_same_with_and_without_shortcuts(
    values: Values, parameters: Parameters
) -> None:
    """Also the windows that survive a cut, which river never shows, keep their bits."""
    (quick, first), (slow, second) = built(parameters), built(parameters)
    start = 0
    while True:
        index = quick.update(first, values, start)
        assert index == slow.update_stepwise(second, values, start)
        assert state_of(quick) == state_of(slow)
        if index < 0:
            break
        start = index + 1


@given(streams(), PARAMETERS, st.integers(0, 4000))
@settings(max_examples=60)
def test_every_state_can_be_stored(values: Values, parameters: Parameters, at: int) -> None:
    """Whatever was fed, the dump is accepted by load and leads to the same future."""
    bank, row = built(parameters)
    resumed, _ = built(parameters)
    bank.update(row, values[:at])
    resumed.load(bank.dump())
    assert resumed.update(row, values) == bank.update(row, values)
    assert state_of(resumed) == state_of(bank)


def test_a_long_run_finds_what_river_finds() -> None:
    """Two million values of all kinds, in random batches: deep windows, many changes, the same bits."""
    parameters = (0.002, 32, 5, 5, 10)
    values = long_stream(2_000_000, seed=20)
    found, last, _ = ours(parameters, batches(values, seed=21))
    expected, expected_last = oracle(parameters, values)
    assert len(expected) > 300
    assert same(found, expected)
    assert same(last, expected_last)


def test_a_deep_window_finds_what_river_finds() -> None:
    """A million values without a change, then a small one: 18 levels of buckets."""
    generator = np.random.default_rng(4)
    values = np.concatenate([generator.uniform(size=1_000_000), generator.uniform(size=50_000) + 0.01])
    parameters = (1e-6, 32, 5, 5, 10)
    expected, expected_last = oracle(parameters, values)
    assert expected
    assert expected[0][0] > 1_000_000
    found, last, _ = ours(parameters, [values])
    assert same(found, expected)
    assert same(last, expected_last)
