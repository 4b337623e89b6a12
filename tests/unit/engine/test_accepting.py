"""A person accepts a change: the episode closes, and what comes from then on is the reference."""

import numpy as np

from monitor.domain.facts import Place, Status
from monitor.engine.accepting import accept
from monitor.engine.model import ModelMonitor
from monitor.engine.policy import Policy, Warmup
from tests.unit.engine.events import MODEL, cut, episodes, feed, monitor, numbers

ASKED = Place("control", 0, 7, 0, "", 1e9)


def shifted() -> np.ndarray:
    """1,000 to learn from, 500 alike, then 2,700 that lie higher."""
    chance = np.random.default_rng(5)
    return np.concatenate([chance.normal(0, 1, 1_500), chance.normal(3, 1, 2_700)])


def test_an_accepted_change_closes_its_episode_and_fires_no_more() -> None:
    """learn ── same ── shift: fires ── accept: resolved ── learns anew ── same as since: stable"""
    whole, watcher = numbers(amount=shifted()), monitor()
    assert episodes(feed(watcher, cut(whole, 0, 1_800)))[-1] == ("amount", "value", "firing", None)
    names, ends = accept(watcher, "amount", ASKED)
    assert names == ["feature/amount"]
    assert episodes(ends) == [("amount", "value", "resolved", "accepted")]
    assert ends[0].place == ASKED
    assert watcher.view().streams[0].status == Status.LEARNING
    assert feed(watcher, cut(whole, 1_800, 4_200)) == []
    assert watcher.view().streams[0].status == Status.STABLE
    assert watcher.view().streams[0].observations == 4_200


def test_only_the_named_feature_begins_anew() -> None:
    """Its neighbours keep their reference and their episodes."""
    whole, watcher = numbers(amount=shifted(), other=shifted()), monitor()
    feed(watcher, cut(whole, 0, 1_800))
    accept(watcher, "amount", ASKED)
    status = {stream.key.feature: stream.status for stream in watcher.view().streams}
    assert status == {"amount": Status.LEARNING, "other": Status.DRIFT}
    assert accept(watcher, "nothing", ASKED) == ([], [])


def test_a_restart_after_it_changes_nothing() -> None:
    """accept ── dump ── load ── go on: the bytes of one that was never stopped"""
    whole, watcher = numbers(amount=shifted()), monitor()
    feed(watcher, cut(whole, 0, 1_800))
    accept(watcher, None, ASKED)
    policy = Policy(warmup=Warmup(1_000, 0.0), relearn_after_seconds=0.0)
    again = ModelMonitor.load(MODEL, policy, watcher.dump())
    for each in (watcher, again):
        feed(each, cut(whole, 1_800, 4_200))
    assert again.dump() == watcher.dump()
