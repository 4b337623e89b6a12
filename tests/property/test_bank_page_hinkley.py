"""The Page-Hinkley bank against river's PageHinkley with alpha 1, bit for bit, on streams made to part them."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from river import drift, stats

from monitor.detectors.page_hinkley import PageHinkleyBank
from tests.property.bank_streams import Values, batches, long_stream, streams

NEVER = float("inf")
#: slack, threshold, min_instances
Parameters = tuple[float, float, int]
#: index, mean, sum up, sum down, minimum, maximum
Internals = tuple[int, float, float, float, float, float]
Prior = tuple[float, float]

PARAMETERS = st.tuples(
    st.sampled_from([0.0, 0.005, 0.05, 0.5]), st.sampled_from([0.5, 5.0, 50.0, 1e151]), st.sampled_from([1, 2, 30])
)
PRIORS = st.tuples(st.sampled_from([1.0, 30.0, 2000.0, 1e6]), st.sampled_from([0.0, 0.5, -3.0]))
MODES = {"up": (0, 2), "down": (1, 3), "both": (0, 1, 2, 3)}


def internals_of(index: int, detector: Any) -> Internals:
    return (
        index,
        float(detector._x_mean.get()),
        float(detector._sum_increase),
        float(detector._sum_decrease),
        float(detector._min_increase),
        float(detector._max_decrease),
    )


def oracle(parameters: Parameters, values: Values, mode: str, prior: Prior | None = None) -> list[Internals]:
    """River's own detections; primed by hand, before the first value and after each detection, if there is a prior."""
    slack, threshold, min_instances = parameters
    detector: Any = drift.PageHinkley(min_instances, slack, threshold, 1.0, mode)

    def restart() -> None:  # river does so itself, but only before its next value
        detector._reset()
        if prior is not None:
            detector._x_mean = stats.Mean._from_state(*prior)
            detector._min_increase = 0.0
            detector._max_decrease = 0.0

    restart()
    found = []
    for index, value in enumerate(values.tolist()):
        detector.update(value)
        if detector.drift_detected:
            found.append(internals_of(index, detector))
            restart()
    return [*found, internals_of(len(values), detector)]


def built(parameters: Parameters, mode: str = "both", prior: Prior | None = None) -> tuple[PageHinkleyBank, int]:
    slack, threshold, min_instances = parameters
    bank = PageHinkleyBank(min_instances=min_instances)
    row = bank.add([slack] * 4, [threshold if which in MODES[mode] else NEVER for which in range(4)])
    if prior is not None:
        bank.prime(row, *prior)
    return bank, row


def ours(parameters: Parameters, parts: list[Values], mode: str, prior: Prior | None = None) -> list[Internals]:
    bank, row = built(parameters, mode, prior)

    def internals(index: int) -> Internals:
        state = bank.dump()
        sums, extremes = state["sums"][row].tolist(), state["extremes"][row].tolist()
        assert sums[:2] == sums[2:]
        assert extremes[:2] == extremes[2:]
        return index, bank.mean(row), sums[0], sums[1], extremes[0], extremes[1]

    found: list[Internals] = []
    offset = 0
    for part in parts:
        start = 0
        while start < len(part) and (index := bank.update(row, part, start)) >= 0:
            found.append(internals(offset + index))
            bank.reset(row)
            start = index + 1
        offset += len(part)
    return [*found, internals(offset)]


def same(first: object, second: object) -> bool:
    """Equal to the last bit: repr tells -0.0 from 0.0 and lets NaN equal itself."""
    return repr(first) == repr(second)


def state_of(bank: PageHinkleyBank) -> str:
    return repr([array.tolist() for array in bank.dump().values()])


@given(streams(), PARAMETERS, st.sampled_from(sorted(MODES)), st.integers(0, 2**16))
@settings(max_examples=150)
def test_finds_what_river_finds(values: Values, parameters: Parameters, mode: str, seed: int) -> None:
    """Same indices, and the same mean, sums and extremes at each of them and at the end, however values are split."""
    expected = oracle(parameters, values, mode)
    assert same(ours(parameters, [values], mode), expected)
    assert same(ours(parameters, batches(values, seed), mode), expected)


@given(streams(), PARAMETERS, PRIORS)
@settings(max_examples=100)
def test_finds_what_river_finds_from_a_primed_start(values: Values, parameters: Parameters, prior: Prior) -> None:
    """Anchored, the recursion is still river's, from a mean of n values and extremes at 0."""
    slack, threshold, _ = parameters
    # river counts the primed values towards min_instances, the bank does not: 1 makes them agree
    parameters = (slack, threshold, 1)
    assert same(ours(parameters, [values], "both", prior), oracle(parameters, values, "both", prior))


@given(streams(), PARAMETERS, PRIORS)
@settings(max_examples=60)
def test_since_and_statistic_are_what_their_sentences_say(values: Values, parameters: Parameters, prior: Prior) -> None:
    """Recomputed from all the partial sums: distance to the extreme, and how long ago it was last reached."""
    values = values[:400]
    slack = parameters[0]
    bank, row = built((slack, NEVER, 1), prior=prior)
    bank.update(row, values)
    n, mean = prior
    up, down = [0.0], [0.0]
    for x in values.tolist():
        n += 1.0
        mean += (1.0 / n) * (x - mean)
        up.append(up[-1] + (x - mean) - slack)
        down.append(down[-1] + (x - mean) + slack)
    for which, sums, best in ((0, up, min(up)), (1, down, max(down))):
        last = max(position for position, value in enumerate(sums) if value == best)
        assert bank.since(row, which) == len(values) - last
        assert bank.statistic(row, which) == abs(sums[-1] - best)


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
    """A million values of all kinds, in random batches: the same bits."""
    parameters = (0.05, 50.0, 30)
    values = long_stream(1_000_000, seed=22)
    expected = oracle(parameters, values, "both")
    assert len(expected) > 300
    assert same(ours(parameters, batches(values, seed=23), "both"), expected)


def test_a_long_quiet_run_drifts_without_an_alarm() -> None:
    """The sums sink without bound over a million quiet values, the statistics do not, and the change is still found."""
    generator = np.random.default_rng(24)
    quiet = generator.normal(0.0, 1.0, 1_000_000)
    bank, row = built((0.25, 60.0, 1), prior=(1e6, 0.0))
    assert bank.update(row, quiet) == -1
    assert bank.dump()["sums"][row, 0] < -200_000.0
    assert bank.score(row) < 1.0
    index = bank.update(row, generator.normal(1.0, 1.0, 1000))
    assert 0 <= index < 200
    assert bank.fired(row) in (0, 2)
