"""A new version of a model is held from its first event on against what an older one was held against."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from monitor.domain.facts import Place, Status
from monitor.domain.frame import Frame
from monitor.domain.keys import ModelKey
from monitor.engine.accepting import accept
from monitor.engine.inheriting import wills
from monitor.engine.model import ModelMonitor
from monitor.engine.policy import Override, Policy, ProfileMatch, Warmup
from monitor.reference.profile import learn_profile, parse
from tests.unit.engine.events import ABSENT, MODEL, cut, episodes, feed, findings, frame, monitor, numbers, pieces

NEW = ModelKey(MODEL.model, "4")
POLICY = Policy(warmup=Warmup(1_000, 0.0), relearn_after_seconds=0.0)


def gauss(number: int, seed: int, shift: float = 0.0) -> list[float]:
    return list(map(float, np.random.default_rng(seed).normal(shift, 1, number)))


def of_new(whole: Frame) -> Frame:
    return replace(whole, model=NEW)


def heir(old: ModelMonitor, policy: Policy = POLICY) -> ModelMonitor:
    """The next version, as it starts."""
    made = ModelMonitor(NEW, policy)
    made.inherit(wills([NEW], {old.key: old})[NEW])
    return made


def elder() -> ModelMonitor:
    """Two streams that have a reference, and one that still learns."""
    watcher = monitor()
    feed(watcher, numbers(amount=gauss(1_200, 1), other=gauss(1_200, 2), late=[math.nan] * 1_200))
    late = frame({"late": [ABSENT] * 5 + [1.0], "amount": [0.0] * 6}, start=1_200)
    feed(watcher, late)
    return watcher


def status(watcher: ModelMonitor) -> dict[str, Status]:
    return {stream.key.feature: stream.status for stream in watcher.view().streams}


def test_a_drift_in_the_first_events_of_a_new_version_is_found() -> None:
    """old: learn ── same        new: 3 σ higher from its first event on: fires, and says where its reference is from"""
    new = heir(elder())
    facts = feed(new, of_new(numbers(amount=gauss(300, 3, 3.0), other=gauss(300, 4))))
    assert episodes(facts) == [("amount", "value", "firing", None)]
    assert {finding.reference_id for finding in findings(facts)} == {f"inherited:{MODEL.model_version}"}
    assert status(new) == {"amount": Status.DRIFT, "other": Status.STABLE}


def test_streams_that_the_old_version_did_not_know_warm_up() -> None:
    """They have nobody to start from."""
    new = heir(elder())
    feed(new, of_new(numbers(amount=gauss(300, 3), fresh=gauss(300, 4))))
    assert status(new) == {"amount": Status.STABLE, "fresh": Status.LEARNING}


def test_streams_that_the_new_version_does_not_have_are_not_missed() -> None:
    """A feature that was dropped on purpose is no fault."""
    new = heir(elder())
    assert feed(new, of_new(numbers(amount=gauss(900, 3)))) == []
    assert status(new) == {"amount": Status.STABLE}


def test_a_stream_that_comes_late_still_starts_from_its_bequest() -> None:
    """Also over a restart in between, and from the event on in which it first is."""
    whole = frame({"amount": gauss(600, 3), "other": [ABSENT] * 400 + gauss(200, 4, 3.0)})
    new = heir(elder())
    feed(new, of_new(cut(whole, 0, 300)))
    again = ModelMonitor.load(NEW, POLICY, new.dump())
    facts = feed(again, of_new(cut(whole, 300, 600)))
    assert episodes(facts) == [("other", "value", "firing", None)]
    assert again.streams["feature", "other"].observations == 200


@pytest.mark.parametrize("seed", range(3))
def test_neither_cuts_nor_restarts_show(seed: int) -> None:
    """The same facts and bytes, though one stream comes late and is absent at times."""
    chance = np.random.default_rng(seed)
    late = [ABSENT] * 250 + [ABSENT if chance.random() < 0.3 else x for x in gauss(500, 5, 1.0)]
    whole = of_new(frame({"amount": gauss(750, 3, 1.0), "other": late, "fresh": gauss(750, 6)}))
    straight, parts = heir(elder()), heir(elder())
    expected, found = feed(straight, whole), []
    for part in pieces(whole, chance.integers(0, 750, 40).tolist()):
        found += parts.observe(part)
        if chance.random() < 0.3:
            parts = ModelMonitor.load(NEW, POLICY, parts.dump())
    assert (found, parts.dump()) == (expected, straight.dump())


def test_the_version_with_the_newest_events_is_the_one_that_is_in_use() -> None:
    """Not the one that was found last, nor one that still learns, nor one of another model."""
    one, two, three, other = (
        ModelMonitor(key, POLICY) for key in (ModelKey("m", "1"), ModelKey("m", "2"), ModelKey("m", "3"), MODEL)
    )
    whole = numbers(amount=gauss(1_400, 1))
    for watcher, start, stop in ((one, 100, 1_300), (two, 0, 1_200), (three, 1_300, 1_400), (other, 0, 1_400)):
        feed(watcher, replace(cut(whole, start, stop), model=watcher.key))
    known = {watcher.key: watcher for watcher in (one, two, three, other)}
    assert wills([ModelKey("m", "4")], known)[ModelKey("m", "4")].old == one.key
    assert wills([ModelKey("m", "4"), ModelKey("n", "1")], {three.key: three}) == {}


def test_what_is_wanted_of_a_stream_counts_for_more_than_what_it_inherits() -> None:
    """Its type is another one now: nothing that was learned of numbers holds for categories."""
    policy = replace(POLICY, overrides=(Override(model_version="4", feature="amount", type="category"),))
    new = heir(elder(), policy)
    feed(new, of_new(numbers(amount=gauss(300, 3), other=gauss(300, 4))))
    assert status(new) == {"amount": Status.LEARNING, "other": Status.STABLE}


def test_what_was_inherited_from_a_profile_gives_way_to_a_change_that_lasts() -> None:
    """The profile was approved for the old version only."""
    profile = parse(learn_profile([numbers(amount=gauss(1_500, 1))], model=None, source={}))
    old = monitor(profiles=(ProfileMatch("*", MODEL.model_version, profile),))
    feed(old, numbers(amount=gauss(100, 2)))
    new = heir(old)
    facts = feed(new, of_new(numbers(amount=gauss(6_000, 3, 2.0))))
    assert [reason for _, _, _, reason in episodes(facts)] == [None, "relearned"]


def test_accepting_a_feature_gives_its_bequest_up_too() -> None:
    """What a person calls the new normal is not held against the old one when it comes."""
    new = heir(elder())
    accept(new, "other", Place("control", 0, 0, 0, "", 1e9))
    feed(new, of_new(numbers(amount=gauss(300, 3), other=gauss(300, 4, 3.0))))
    assert status(new) == {"amount": Status.STABLE, "other": Status.LEARNING}
