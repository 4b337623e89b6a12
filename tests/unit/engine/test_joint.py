"""Many features that move a little together: found where no single one is, and never made up by dependence."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import pytest

from monitor.domain.facts import EpisodeChange, Fact, JointChange, Status
from monitor.domain.frame import Cell, Column, Frame
from monitor.engine.evidence import null_of
from monitor.engine.joint import KEPT, Joint
from monitor.engine.model import ModelMonitor
from monitor.engine.policy import Override, Policy, ProfileMatch, Warmup
from monitor.engine.pulse import Beats
from monitor.reference.profile import learn_profile, parse
from tests.unit.engine.events import MODEL, cut, frame, monitor, pieces

Floats = npt.NDArray[np.float64]
REFERENCE = 2_000
SHIFT_AT = 10_000


def events(values: Floats, start: int = 0) -> Frame:
    """A frame of numeric features x00, x01 … one minute apart; NaN is null."""
    number = len(values)
    columns = []
    for at, feature in enumerate(np.ascontiguousarray(values.T)):
        cells = np.where(np.isnan(feature), Cell.NULL, Cell.NUMBER).astype(np.uint8)
        columns.append(Column(f"x{at:02}", "feature", cells, feature, None, ()))
    zeros = np.zeros(number, np.int32)
    ordinals = np.arange(start, start + number)
    ids = [""] * number
    return Frame(MODEL, "events", columns, ordinals * 60.0 + 1e9, np.ones(number, bool), ids, zeros, ordinals, zeros)


def watch(values: Floats, watcher: ModelMonitor | None = None) -> tuple[ModelMonitor, list[Fact]]:
    watcher = watcher or monitor(REFERENCE)
    facts: list[Fact] = []
    for start in range(0, len(values), 4_096):
        facts += watcher.observe(events(values[start : start + 4_096], start))
    return watcher, facts


def told(facts: list[Fact]) -> list[JointChange]:
    return [fact for fact in facts if isinstance(fact, JointChange)]


def firing(facts: list[Fact]) -> list[EpisodeChange]:
    return [fact for fact in facts if isinstance(fact, EpisodeChange) and fact.state == "firing"]


def shifted(size: float, number: int = 14_000, features: int = 20, seed: int = 0) -> Floats:
    """Independent features, each shifted up or down by so many standard deviations."""
    chance = np.random.default_rng(seed)
    values = chance.normal(size=(number, features))
    values[SHIFT_AT:] += size * np.where(np.arange(features) % 2, 1, -1)
    return values


# What is found ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0.075, 0.1])
def test_a_shift_too_small_for_any_feature_is_found_in_all_of_them(size: float) -> None:
    """Within 4,000 events, and before any stream has an alarm of its own."""
    watcher, facts = watch(shifted(size))
    (change,) = told(facts)
    assert change.state == "moved"
    assert SHIFT_AT < change.events <= SHIFT_AT + 4_000
    assert not [fact for fact in firing(facts) if fact.place.offset < change.events]
    assert watcher.view().status is Status.WARNING
    assert watcher.view().joint.score >= 1


def test_it_says_which_features_moved_how_far_and_since_when() -> None:
    """The furthest first, with their directions."""
    watcher, facts = watch(shifted(0.1))
    (change,) = told(facts)
    assert change.features == 20
    assert len(change.moved) >= 5
    assert all((one.effect > 0) == (int(one.feature[1:]) % 2 == 1) for one in change.moved)
    assert [abs(one.errors) for one in change.moved] == sorted((abs(one.errors) for one in change.moved), reverse=True)
    assert abs(change.since - SHIFT_AT) < 2_000
    assert change.explanation == watcher.view().joint.told
    assert change.explanation.startswith(f"{len(change.moved)} of 20 features moved a little together")


def test_a_change_of_one_feature_is_left_to_its_own_detectors() -> None:
    """However large: it neither speaks for the others nor does its episode count."""
    values = shifted(0.0)
    values[SHIFT_AT:, 0] += 0.3
    values[SHIFT_AT:, 1] += 3.0
    _, facts = watch(values)
    assert {change.stream.feature for change in firing(facts)} == {"x00", "x01"}
    assert not told(facts)


def test_what_is_together_smaller_than_what_matters_is_not_told() -> None:
    """With a long reference far less would be significant."""
    _, facts = watch(shifted(0.1), monitor(REFERENCE, min_effect=Policy().min_effect.__class__(level=0.3)))
    assert not told(facts)


# How it ends --------------------------------------------------------------------------------------------------------


def test_it_settles_when_the_features_are_back() -> None:
    """And says why."""
    values = np.concatenate([shifted(0.1, 13_000), np.random.default_rng(1).normal(size=(5_000, 20))])
    watcher, facts = watch(values)
    assert [(change.state, change.reason) for change in told(facts)] == [("moved", None), ("settled", "returned")]
    assert watcher.view().joint.told == ""
    assert watcher.view().status is not Status.WARNING


def test_a_shift_that_lasts_becomes_the_new_normal_of_live_references() -> None:
    """The next one is found from there."""
    values = shifted(0.1, 36_000)
    values[24_000:] += 0.12 * np.where(np.arange(20) % 3, 1, -1)
    _, facts = watch(values)
    changes = [(change.state, change.reason) for change in told(facts)]
    assert changes[:3] == [("moved", None), ("settled", "relearned"), ("moved", None)]
    assert told(facts)[2].events > 24_000


def test_against_an_approved_profile_it_holds_until_the_features_return() -> None:
    """Only a person replaces that."""
    profile = parse(learn_profile([events(shifted(0.0, 4_000, seed=5))], model=None, source={}))
    watcher, facts = watch(shifted(0.1, 24_000), monitor(profiles=(ProfileMatch("*", "*", profile),)))
    assert [change.state for change in told(facts)] == ["moved"]
    assert watcher.view().joint.score >= 1


def test_a_muted_stream_takes_no_part() -> None:
    """Its blocks are void while it is muted."""
    muted = (Override(feature="*", mute_until=1e9 + 60 * 50_000),)
    assert not told(watch(shifted(0.1), monitor(REFERENCE, overrides=muted))[1])


# What must not be found -----------------------------------------------------------------------------------------------


def autoregressive(chance: np.random.Generator, number: int) -> Floats:
    values = chance.normal(size=(number, 20))
    for row in range(1, number):
        values[row] += 0.9 * values[row - 1]
    return values


def wave(number: int) -> Floats:
    return np.sin(2 * np.pi * np.arange(number)[:, None] / 1_440)


HEALTHY = {
    "independent": lambda c, n: c.normal(size=(n, 20)),
    "equicorrelated": lambda c, n: math.sqrt(0.9) * c.normal(size=(n, 1)) + math.sqrt(0.1) * c.normal(size=(n, 20)),
    "autoregressive": autoregressive,
    "seasonal": lambda c, n: wave(n) + c.normal(size=(n, 20)),
    "hardly seasonal": lambda c, n: 0.1 * wave(n) + c.normal(size=(n, 20)),
    "zero-inflated": lambda c, n: np.where(c.random((n, 20)) < 0.8, 0.0, c.lognormal(size=(n, 20))),
    "missing": lambda c, n: np.where(c.random((n, 20)) < 0.6, np.nan, c.standard_t(2, (n, 20))),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_dependence_between_features_or_over_time_is_no_evidence(kind: str) -> None:
    """A hundred looks at twenty features that nothing happens to, at the level of the default budget."""
    values = HEALTHY[kind](np.random.default_rng(7), 50_000)
    watcher, facts = watch(values)
    assert not told(facts)
    assert watcher.view().joint.score < 1


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("level", [1.0, 2.0, 3.0])
def test_the_chance_of_a_false_alarm_is_below_what_the_level_says(correlation: float, level: float) -> None:
    """At levels low enough for alarms to be counted: at most half of e^−level, so a wrong formula would show."""
    chance = np.random.default_rng(11)
    trials, features, blocks, scale = 1_500, 12, 64, 8
    alarms = 0
    for _ in range(trials):
        common = math.sqrt(correlation) * chance.normal(size=(blocks + scale, 1))
        values = common + math.sqrt(1 - correlation) * chance.normal(size=(blocks + scale, features))
        null = null_of(values[:blocks], level)
        mean = values[blocks:].mean(axis=0, keepdims=True)
        alarms += null.sums_of_squares(mean * math.sqrt(scale)).item() > null.threshold
    assert alarms / trials < math.exp(-level) / 2


# Determinism ----------------------------------------------------------------------------------------------------------


def mixed(chance: np.random.Generator, number: int) -> Floats:
    """Shifts small and large, alone and together, missing values, a constant stretch."""
    values = chance.normal(size=(number, 20))
    values[8_000:10_500] += 0.11 * np.where(np.arange(20) % 3, 1, -1)
    values[9_000:9_700, 0] += 3.0
    values[5_500:5_900, 1] = np.nan
    values[8_000:8_200, 2] = 0.25
    values[chance.random((number, 20)) < 0.03] = np.nan
    return values


@pytest.mark.parametrize("seed", range(3))
def test_neither_cuts_nor_restarts_show(seed: int) -> None:
    """The same facts and bytes, while features move together, settle and move again, beside a late text feature."""
    chance = np.random.default_rng(seed)
    number = 14_000
    whole = events(mixed(chance, number))
    late = frame({"text": [None, *(f"c{code}" for code in chance.integers(0, 3, number - 1))]}).columns
    whole.columns.extend(late)  # type: ignore[attr-defined]
    policy = Policy(warmup=Warmup(1_900 + 37 * seed, 0.0), relearn_after_seconds=0.0)
    straight, parts = ModelMonitor(MODEL, policy), ModelMonitor(MODEL, policy)
    expected, found = straight.observe(whole), []
    for part in pieces(whole, chance.integers(0, number, 40).tolist()):
        found += parts.observe(part)
        if chance.random() < 0.3:
            parts = ModelMonitor.load(MODEL, policy, parts.dump())
    assert len(told(expected)) >= 2
    assert found == expected
    assert parts.dump() == straight.dump()
    assert parts.view().joint == straight.view().joint


def test_a_frame_at_a_time_is_the_same_as_an_event_at_a_time_around_a_look() -> None:
    """Where blocks end, and where the reference is complete."""
    whole = events(mixed(np.random.default_rng(9), 6_000))
    policy = Policy(warmup=Warmup(1_000, 0.0), relearn_after_seconds=0.0)
    straight, parts = ModelMonitor(MODEL, policy), ModelMonitor(MODEL, policy)
    straight.observe(whole)
    for start, stop in ((0, 990), *((at, at + 1) for at in range(990, 1_040)), (1_040, 5_630)):
        parts.observe(cut(whole, start, stop))
    for at in range(5_630, 5_640):
        parts.observe(cut(whole, at, at + 1))
    parts.observe(cut(whole, 5_640, 6_000))
    assert parts.dump() == straight.dump()


class Silent:
    """A pulse of one value in each of the first four blocks, and again from `returns` on."""

    def __init__(self, returns: int) -> None:
        self._returns, self._taken = returns, 0

    def take(self, stop: int) -> list[Beats]:
        blocks = np.arange(self._taken, stop)
        values = ((blocks < 4) | (blocks >= self._returns)).astype(np.int64)
        first, self._taken = self._taken, stop
        table = SimpleNamespace(denominator=1)
        scale = SimpleNamespace(table=table, mean=0.0, sd=1.0, number=2_000.0, level=18.0, approved=False)
        return [Beats(scale, -1, first, np.stack([values, values]))]  # type: ignore[arg-type]


@pytest.mark.parametrize("silence", [KEPT - 8, KEPT - 1, KEPT, KEPT + 1, KEPT + 9])
def test_how_long_a_feature_was_silent_is_judged_alike_however_blocks_come(silence: int) -> None:
    """Where a feature is at home is forgotten at a look, not wherever a frame happened to end."""
    last = 4 + silence + 40
    dumps = []
    for step in (1, 3, 50, last):
        joint, pulse = Joint(MODEL, 0.05, 0.0), {"a": Silent(4 + silence)}
        joint.advance(pulse, 4, lambda block: (0.0, 0.0))  # type: ignore[arg-type, return-value]
        joint.restore({**joint.dump(), "centres": [["a", 0.5, 100.0]]})
        for stop in [*range(4 + step, last, step), last]:
            joint.advance(pulse, stop, lambda block: (0.0, 0.0))  # type: ignore[arg-type, return-value]
        dumps.append(joint.dump())
    assert all(dump == dumps[0] for dump in dumps)
