"""Ended without warning, at any moment and at every point of a commit: nothing is lost, nothing doubled."""

import random
from collections.abc import Callable

import pytest

from tests.faults.runner import KAFKA_POINTS, SQLITE_POINTS
from tests.faults.trial import Trial

Trials = Callable[..., Trial]
POINTS = [("kafka", point) for point in KAFKA_POINTS] + [("sqlite", point) for point in SQLITE_POINTS]


@pytest.mark.parametrize("store", ["kafka", "sqlite"])
def test_killed_at_every_point_of_a_commit(trial: Trials, store: str, rounds: int) -> None:
    """start ── commits ── SIGKILL inside one ── start …: one kill at each point, in turn"""
    found = trial(store)
    kills = 0
    for _ in range(rounds):
        for kind, point in POINTS:
            if kind != store:
                continue
            found.produce(1_200)
            daemon = found.daemon(fault=f"{kind}:{point}", argument=3 + kills % 3)
            daemon.process.start()
            found.produce(400)
            _keep_it_busy(found, daemon)
            kills += 1
            daemon.process.kill()
            found.daemons.remove(daemon)
    found.daemon().start()
    found.finish("SIGKILL at each point of the commit", kills)


def _keep_it_busy(found: Trial, daemon: object) -> None:
    """Events until the process has met its end: a commit without any change would not be reached twice."""
    from tests.services.waiting import wait_until

    def ended() -> bool:
        found.produce(40)
        return not daemon.process.running  # type: ignore[attr-defined]

    wait_until(ended, 60, "the daemon to be killed", every=0.1)


@pytest.mark.parametrize("store", ["kafka", "sqlite"])
def test_killed_at_random_moments(trial: Trials, store: str, rounds: int) -> None:
    """produce ── kill ── produce ── kill ── …: of two with Kafka, whichever is active"""
    found, chance = trial(store), random.Random(7)
    pair = [found.daemon("one"), found.daemon("two")] if store == "kafka" else [found.daemon("one")]
    for daemon in pair:
        daemon.start()
    kills = 4 * rounds
    for _ in range(kills):
        before = found.events
        found.produce(1_500)
        found.await_counted(before + chance.uniform(0.1, 0.9) * 1_500)
        active = next(daemon for daemon in pair if store == "sqlite" or daemon.total("driftgauge_active"))
        active.process.kill()
        active.process.start()
        found.await_counted()
    found.finish("SIGKILL at random moments", kills)
