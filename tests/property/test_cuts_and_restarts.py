"""From the bytes of messages to states and findings: how the stream was cut and where it was restarted does not show.

messages     t t t u u t t t t u t …       topics t and u, in the order they were read
polls        ──┬──── ──┬─── ────┬── …      cut anywhere, and at every change of topic
restarts       ↻                ↻          dumped, thrown away, loaded
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.domain.facts import EpisodeChange, Fact
from monitor.domain.frame import Frame, MessageBatch
from monitor.domain.keys import ModelKey
from monitor.engine.model import ModelMonitor
from monitor.engine.policy import Limits, Override, Policy, ProfileMatch, Warmup
from monitor.formats import open_format
from monitor.reference.profile import learn_profile, parse

MODEL = ModelKey("fraud", "7")
FLAT = open_format("flat_json", {})
LENGTH, CHANGE, BACK = 2000, 800, 1500
SEEDS = 3

Message = tuple[str, bytes]  #: topic and body
Draw = Callable[[random.Random, bool], object]


def dirty(chance: random.Random, moved: bool) -> object:
    """What an untidy producer sends in the place of a number."""
    return chance.choice([1, 2.5, "x", None, math.nan, [1], True, *(chance.gauss(3.0 * moved, 1) for _ in range(9))])


FEATURES: dict[str, Draw] = {
    "number": lambda chance, moved: chance.gauss(2.0 * moved, 1),
    "many": lambda chance, moved: f"c{min(int(chance.expovariate(0.3 if moved else 0.08)), 60)}",
    "flag": lambda chance, moved: chance.random() < (0.8 if moved else 0.3),
    "zeros": lambda chance, moved: 0 if chance.random() < 0.7 else chance.expovariate(1) + moved,
    "dirty": dirty,
    "dying": lambda chance, moved: None if moved and chance.random() < 0.6 else chance.random(),
    "id": lambda chance, moved: f"id-{chance.getrandbits(60)}",
}


@cache
def messages(seed: int) -> tuple[Message, ...]:
    """Events of one model in two topics: late columns, absent keys, events without a time, values that move and return.

    Topics change every 250 messages at most, so that a stream that is not cut has large polls to compare with.
    """
    chance = random.Random(seed)
    births = {name: chance.choice([0, 0, 0, CHANGE // 2, CHANGE]) for name in FEATURES}
    absent = {name: chance.choice([0, 0, 0.1, 0.5]) for name in FEATURES}
    made, topic = [], "t"
    for number in range(LENGTH):
        topic = chance.choice("ttu") if number % 250 == 0 else topic
        moved = CHANGE <= number < BACK
        event: dict[str, Any] = {"model": MODEL.model, "model_version": MODEL.model_version}
        if topic == "t":
            event["features"] = {
                name: draw(chance, moved)
                for name, draw in FEATURES.items()
                if number >= births[name] and chance.random() >= absent[name]
            }
        else:
            event["prediction"] = {"score": chance.gauss(0, 1 + 3 * moved), "class": chance.choice("ab")}
        if chance.random() < 0.95:
            event["ts"] = 1_700_000_000 + 60 * number - chance.choice([0, 0, 300])
        made.append((topic, json.dumps(event).encode()))
    return tuple(made)


def frames(part: Sequence[Message], first: int) -> Sequence[Frame]:
    """What the format makes of a poll; offsets count over both topics."""
    offsets = list(range(first, first + len(part)))
    batch = MessageBatch(part[0][0], [body for _, body in part], [0] * len(part), offsets, [math.nan] * len(part))
    decoded = FLAT.decode(batch)
    assert decoded.accepted == len(part)
    return decoded.frames


def polls_of(stream: Sequence[Message], cuts: Sequence[int] = ()) -> Sequence[int]:
    """Where polls begin and end: at the cuts, and wherever the topic changes."""
    turns = [at for at in range(1, len(stream)) if stream[at][0] != stream[at - 1][0]]
    return sorted({0, len(stream), *turns, *cuts})


@dataclass(frozen=True)
class Outcome:
    """Everything that is compared."""

    facts: Sequence[str]
    changes: int
    state: bytes


def watch(stream: Sequence[Message], policy: Policy, cuts: Sequence[int] = (), restarts: Sequence[int] = ()) -> Outcome:
    """Read the stream cut before `cuts`; the monitor is dumped and loaded after polls that end at `restarts`."""
    monitor, facts = ModelMonitor(MODEL, policy), []
    for start, stop in pairwise(polls_of(stream, cuts)):
        for frame in frames(stream[start:stop], start):
            facts += monitor.observe(frame)
        if stop in restarts:
            monitor = ModelMonitor.load(MODEL, policy, monitor.dump())
    changes = sum(isinstance(fact, EpisodeChange) for fact in facts)
    return Outcome([repr(_without_row(fact)) for fact in facts], changes, monitor.dump())


def _without_row(fact: Fact) -> Fact:
    """A fact without the one thing in it that belongs to the frame: the row."""
    place = replace(fact.place, row=0)
    if isinstance(fact, EpisodeChange):
        return replace(fact, place=place, finding=replace(fact.finding, place=replace(fact.finding.place, row=0)))
    return replace(fact, place=place)


@cache
def policy_of(warmup: int, seed: int, with_profile: bool) -> Policy:
    """Tiny and ordinary warm-ups; with a profile of the first third, relearning beside it."""
    policy = Policy(
        warmup=Warmup(warmup, 0.0),
        relearn_after_seconds=3600.0,
        limits=Limits(streams=8),
        overrides=(Override(feature="dirty", type="number"),),
    )
    if not with_profile:
        return policy
    training = messages(seed)[: LENGTH // 3]
    polls = [frames(training[start:stop], start) for start, stop in pairwise(polls_of(training))]
    document = learn_profile([frame for poll in polls for frame in poll], model=None, source={})
    profile = parse(json.loads(json.dumps(document)))
    return replace(policy, profiles=(ProfileMatch("*", "*", profile),))


@cache
def whole(seed: int, warmup: int, with_profile: bool) -> Outcome:
    return watch(messages(seed), policy_of(warmup, seed, with_profile))


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, SEEDS - 1),
    warmup=st.sampled_from([1, 20, 300]),
    with_profile=st.booleans(),
    cuts=st.sets(st.integers(1, LENGTH - 1), max_size=40),
    restarted=st.sets(st.integers(1, LENGTH - 1), max_size=8),
)
def test_neither_cuts_nor_restarts_show(
    seed: int, warmup: int, with_profile: bool, cuts: set[int], restarted: set[int]
) -> None:
    """The same events give the same findings, episodes and state, byte for byte, however they came."""
    policy = policy_of(warmup, seed, with_profile)
    assert watch(messages(seed), policy, [*cuts, *restarted], [*restarted]) == whole(seed, warmup, with_profile)


@pytest.mark.parametrize("seed", [0, 1])
def test_one_event_a_poll_is_the_same(seed: int) -> None:
    """The smallest polls there are."""
    assert watch(messages(seed), policy_of(300, seed, False), range(1, LENGTH)) == whole(seed, 300, False)


@pytest.mark.parametrize("with_profile", [False, True])
def test_the_streams_compared_have_episodes(with_profile: bool) -> None:
    """What nothing is ever found in could not tell one cut from another."""
    assert all(whole(seed, 300, with_profile).changes >= 2 for seed in range(SEEDS))
