"""The promise of the engine: its state is a function of the policy and the order of the events, and of nothing else.

one frame     ├──────────────────────────────────────────────┤
cut anywhere  ├─┼────────┼──┼┼───────────────────────┼───────┤     the same facts, the same bytes
restarted     ├─┼────────▲──▲┼───────────────────────▲───────┤     the same facts, the same bytes
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.domain.facts import EpisodeChange, Fact
from monitor.domain.frame import Frame
from monitor.engine.model import ModelMonitor
from monitor.engine.policy import Policy, ProfileMatch, Warmup
from monitor.reference.profile import learn_profile, parse
from tests.property.engine_streams import KINDS, History, histories
from tests.unit.engine.events import MODEL, Value, feed, findings, frame, numbers, pieces

Outcome = tuple[list[Fact], bytes]


def whole(policy: Policy, frames: Sequence[Frame]) -> Outcome:
    """Facts and state of frames as they are."""
    watcher = ModelMonitor(MODEL, policy)
    return feed(watcher, frames), watcher.dump()


def in_pieces(policy: Policy, frames: Sequence[Frame], seed: int, restarts: float) -> Outcome:
    """Facts and state of the same events cut at random, restarted after that share of the pieces."""
    generator = np.random.default_rng(seed)
    watcher, facts = ModelMonitor(MODEL, policy), []
    for given_frame in frames:
        number = len(given_frame)
        style = generator.integers(3)
        places = (
            generator.integers(0, number, 6)
            if style == 0
            else np.arange(0, number, generator.integers(7, 400))
            if style == 1
            else np.append(generator.integers(0, number, 20), generator.integers(0, number) + np.arange(20))
        )
        for part in pieces(given_frame, places.tolist()):
            facts += watcher.observe(part)
            if generator.random() < restarts:
                watcher = ModelMonitor.load(MODEL, policy, watcher.dump())
    return facts, watcher.dump()


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(history=histories(), seed=st.integers(0, 2**16), restarts=st.sampled_from([0.0, 0.3, 1.0]))
def test_no_cut_and_no_restart_changes_facts_or_state(history: History, seed: int, restarts: float) -> None:
    """Whatever comes, and wherever it is cut."""
    facts, state = whole(history.policy, history.frames)
    facts_in_pieces, state_in_pieces = in_pieces(history.policy, history.frames, seed, restarts)
    assert repr(facts_in_pieces) == repr(facts)  # by repr: an event without a time has a NaN, which equals nothing
    assert state_in_pieces == state


def _gauss(number: int, seed: int = 0) -> list[Value]:
    return list(map(float, np.random.default_rng(seed).normal(size=number)))


def _laid(base: list[Value], at: int, *after: Value) -> list[Value]:
    return [*base[:at], *after, *base[at + len(after) :]]


def _steps(number: int, *at: tuple[int, float], kind: str = "gauss") -> list[Value]:
    values = KINDS[kind](np.random.default_rng(3), number)
    for place, size in at:
        values[place:] += size
    return list(map(float, values))


PROFILE = Policy(
    relearn_after_seconds=0.0,
    profiles=(
        ProfileMatch("*", "*", parse(learn_profile([numbers(x=map(float, _gauss(1500)))], model=None, source={}))),
    ),  # type: ignore[arg-type]
)


def _warm(observations: int) -> Policy:
    return Policy(warmup=Warmup(observations, 0.0), relearn_after_seconds=0.0)


#: policy, values, and what has to be seen on the way for the scenario to be worth its name
SCENARIOS: dict[str, tuple[Policy, list[Value], set[str]]] = {
    "relearned": (_warm(1000), _steps(7000, (2000, 2.0), (5500, -3.0)), {"firing", "relearned"}),
    "returned": (_warm(1000), _steps(8000, (2000, 0.9), (2300, -0.9)), {"firing", "returned"}),
    "far": (_warm(1000), _laid(_gauss(4000), 2000, *[1e7] * 9), {"far"}),
    "stuck": (_warm(1000), _laid(_gauss(4000), 2000, *[0.5] * 300), {"run_length"}),
    "dead": (_warm(1000), _laid(_gauss(4000), 2000, *[None] * 900), {"missing"}),
    "rarely missing": (_warm(1000), [x if i % 12 or i < 2000 else None for i, x in enumerate(_gauss(4000))], {"glr"}),
    "blocks": (_warm(2000), _steps(9000, (4000, 6.0), kind="autoregressive"), {"firing", "level"}),
    "body": (_warm(1000), _steps(4000, (2000, 1.0), kind="zero-inflated"), {"firing"}),
    "chart": (_warm(60), _steps(1500, (400, 12.0), (900, -9.0)), {"chart"}),
    "climbing": (_warm(60), _steps(1500, (400, 60.0), kind="climbing"), {"chart"}),
    "short": (_warm(300), _steps(2500, (900, 3.0), (1800, 3.0)), {"firing", "page_hinkley"}),
    "further": (PROFILE, _steps(12_000, (500, 2.0), (6000, 3.0)), {"twice firing"}),
    "back to the profile": (PROFILE, _steps(16_000, (500, 1.2), (6000, -1.2)), {"twice firing", "returned"}),
}


def visited(facts: Sequence[Fact]) -> set[str]:
    """Names of what happened."""
    changes = [fact for fact in facts if isinstance(fact, EpisodeChange)]
    seen = {change.state for change in changes} | {str(change.reason) for change in changes}
    seen |= {finding.detector for finding in findings(facts)} | {finding.channel for finding in findings(facts)}
    return seen | {f"{'twice' if sum(c.state == 'firing' for c in changes) >= 2 else 'once'} firing"}


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_every_path_through_the_engine_is_the_same_in_pieces(name: str) -> None:
    """Each way in which a stream can go, one that is sure to be gone, three times cut and restarted."""
    policy, values, expected = SCENARIOS[name]
    events = [frame({"x": values, "beside": _gauss(len(values), 9)})]
    facts, state = whole(policy, events)
    assert expected <= visited(facts)
    for seed, restarts in ((1, 0.0), (2, 0.3), (3, 1.0)):
        assert in_pieces(policy, events, seed, restarts) == (facts, state)


def test_events_one_by_one_are_the_same_as_all_at_once() -> None:
    """A frame of one event each, as low traffic makes them."""
    policy = _warm(60)
    events = frame({"x": _steps(700, (300, 9.0)), "text": [["a", "b"][i % 2] for i in range(700)]})
    facts, state = whole(policy, [events])
    assert facts
    assert whole(policy, pieces(events, range(700))) == (facts, state)
