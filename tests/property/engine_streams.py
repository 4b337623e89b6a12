"""Events that try to part an engine from itself: pieces of very different kinds, faults laid over them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from monitor.domain.frame import Frame
from monitor.engine.policy import Limits, Policy, ProfileMatch, Warmup
from monitor.reference.profile import learn_profile, parse
from tests.unit.engine.events import ABSENT, MINUTE, Value, cut, frame

Floats = npt.NDArray[np.float64]
Generator = np.random.Generator


def _autoregressive(generator: Generator, number: int) -> Floats:
    values = generator.normal(size=number)
    for i in range(1, number):
        values[i] += 0.9 * values[i - 1]
    return values


KINDS: dict[str, Callable[[Generator, int], Floats]] = {
    "gauss": lambda g, n: g.normal(size=n),
    "ties": lambda g, n: g.integers(0, 5, n).astype(float),
    "zero-inflated": lambda g, n: np.where(g.random(n) < 0.7, 0.0, g.lognormal(size=n)),
    "autoregressive": _autoregressive,
    "season": lambda g, n: np.sin(np.arange(n) / 40) + 0.2 * g.normal(size=n),
    "heavy": lambda g, n: g.standard_t(1.2, n),
    "climbing": lambda g, n: np.arange(n) + g.normal(size=n),
    "constant": lambda g, n: np.full(n, 3.0),
}
FAULTS: dict[str, Callable[[Generator, float], Value]] = {
    "shift": lambda g, x: x + 2,
    "wider": lambda g, x: x * 3,
    "flip": lambda g, x: -x,
    "nulls": lambda g, x: None if g.random() < 0.3 else x,
    "dead": lambda g, x: None,
    "far": lambda g, x: x + 1e6 if g.random() < 0.2 else x,
    "absent": lambda g, x: ABSENT,
    "rarely absent": lambda g, x: ABSENT if g.random() < 0.05 else x,
    "not finite": lambda g, x: float("nan") if g.random() < 0.1 else x,
    "stuck": lambda g, x: 0.25,
    "text": lambda g, x: "n/a" if g.random() < 0.5 else x,
}
ODD: tuple[Value, ...] = (None, float("inf"), 1e301, "x", [1], 0.0, -0.0, 1e300, -1e300, True)


def _numbers(draw: st.DrawFn, generator: Generator, number: int) -> list[Value]:
    values: list[Value] = list(map(float, KINDS[draw(st.sampled_from(sorted(KINDS)))](generator, number)))
    for _ in range(draw(st.integers(0, 3))):
        fault = FAULTS[draw(st.sampled_from(sorted(FAULTS)))]
        begin, length = draw(st.integers(0, number - 1)), draw(st.integers(1, number))
        for at in range(begin, min(number, begin + length)):
            value = values[at]
            values[at] = fault(generator, value) if isinstance(value, float) else value
    for at in np.flatnonzero(generator.random(number) < draw(st.sampled_from([0.0, 0.01]))):
        values[at] = ODD[int(generator.integers(len(ODD)))]
    return values


def _texts(draw: st.DrawFn, generator: Generator, number: int) -> list[Value]:
    kinds = draw(st.sampled_from([2, 5, 40, 10_000]))
    values: list[Value] = [f"c{i}" for i in (kinds * generator.random(number) ** 2).astype(int)]
    for _ in range(draw(st.integers(0, 2))):
        fault = draw(st.sampled_from(["one", "new", "null", "number", "absent"]))
        begin, length = draw(st.integers(0, number - 1)), draw(st.integers(1, number))
        for at in range(begin, min(number, begin + length)):
            if fault in ("one", "absent"):
                values[at] = "c0" if fault == "one" else ABSENT
            elif generator.random() < 0.3:
                values[at] = {"new": "new", "null": None, "number": int(generator.integers(3))}[fault]
    return values


@dataclass(frozen=True)
class History:
    """A policy, with or without a profile, and the events of one model from one or two topics, in order."""

    policy: Policy
    frames: list[Frame]

    def __repr__(self) -> str:
        """In a few words: thousands of events would drown the report of a failure."""
        names = sorted({f"{column.kind}/{column.feature}" for frame in self.frames for column in frame.columns})
        events, profiled = sum(map(len, self.frames)), bool(self.policy.profiles)
        terms = f"{self.policy.warmup}, {self.policy.limits.streams} streams, profile {profiled}"
        return f"History({events} events in {len(self.frames)} frames of {', '.join(names)}; {terms})"


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Any of them."""
    number = draw(st.sampled_from([150, 700, 2500, 5000]))
    generator = np.random.default_rng(draw(st.integers(0, 2**16)))
    features = {f"x{i}": _numbers(draw, generator, number) for i in range(draw(st.integers(1, 2)))}
    if draw(st.booleans()):
        features["text"] = _texts(draw, generator, number)
    predictions = {"p": _numbers(draw, generator, number)} if draw(st.booleans()) else None
    whole = frame(features, predictions)
    profiles: tuple[ProfileMatch, ...] = ()
    if draw(st.booleans()):
        learned = draw(st.sampled_from([100, 1200, 2500]))
        profiles = (ProfileMatch("*", "*", parse(learn_profile([cut(whole, 0, learned)], model=None, source={}))),)
    observations = draw(st.sampled_from([10, 60, 300, 1200]))
    policy = Policy(
        warmup=Warmup(observations, draw(st.sampled_from([0.0, 0.0, 400 * MINUTE]))),
        relearn_after_seconds=draw(st.sampled_from([0.0, 0.0, 3000 * MINUTE])),
        limits=Limits(streams=draw(st.sampled_from([2, 100]))),
        profiles=profiles,
    )
    if draw(st.booleans()):
        return History(policy, [whole])
    return History(policy, _from_two_topics(whole, draw(st.integers(1, number))))


def _from_two_topics(whole: Frame, turn: int) -> list[Frame]:
    """Features from one topic and, in turns of so many events, everything from another."""
    found = []
    for number, start in enumerate(range(0, len(whole), turn)):
        part = cut(whole, start, min(len(whole), start + turn))
        if number % 2:
            object.__setattr__(part, "topic", "other")
        found.append(part)
    return found
