"""Ended without warning, at any moment and at every point of a commit: nothing is lost, nothing doubled."""

import random
from collections.abc import Callable

import pytest

from tests.faults.runner import KAFKA_POINTS, SQLITE_POINTS
from tests.faults.trial import WAIT_SECONDS, Trial, assert_counted
from tests.services.daemon import DaemonProcess
from tests.services.waiting import wait_until

Trials = Callable[..., Trial]
BOTH = pytest.mark.parametrize("store", ["kafka", "sqlite"])
POINTS = {"kafka": KAFKA_POINTS, "sqlite": SQLITE_POINTS}


@BOTH
def test_killed_at_every_point_of_a_commit(trial: Trials, store: str, rounds: int) -> None:
    """start ── commits ── SIGKILL inside one ── start …: one kill at each point, in turn"""
    found = trial(store)
    for _ in range(rounds):
        for point in POINTS[store]:
            found.produce(1_200)
            daemon = found.daemon(fault=f"{store}:{point}", argument=3 + found.kills % 3)
            daemon.process.start()
            found.produce(400)
            _keep_it_busy(found, daemon)
            found.kill(daemon)  # it has done so itself; this takes its body away
            found.daemons.remove(daemon)
    found.daemon().start()
    found.finish("SIGKILL at each point of the commit", found.kills)


def _keep_it_busy(found: Trial, daemon: DaemonProcess) -> None:
    """Events until the process has met its end: a commit without any change would not be reached twice."""

    def ended() -> bool:
        found.produce(40)
        return not daemon.process.running

    wait_until(ended, WAIT_SECONDS, "the daemon to be killed", every=0.1)


@BOTH
def test_killed_at_random_moments(trial: Trials, store: str, rounds: int) -> None:
    """produce ── kill ── produce ── kill ── …: of two with Kafka, whichever is active"""
    found = trial(store)
    _kill_at_random(found, found.produce, 4 * rounds)
    found.finish("SIGKILL at random moments", found.kills)


@BOTH
def test_killed_at_random_moments_while_the_order_of_partitions_is_free(trial: Trials, store: str, rounds: int) -> None:
    """Models spread over the partitions: whatever is read first, and read again, each event is counted once."""
    found = trial(store)
    _kill_at_random(found, found.scatter, 2 * rounds)
    found.stop()
    assert_counted(found, "SIGKILL, order of partitions free", found.kills)


def _kill_at_random(found: Trial, produce: Callable[[int], None], kills: int) -> None:
    chance = random.Random(7)
    for name in ("one", "two") if found.store == "kafka" else ("one",):
        found.daemon(name).start()
    for _ in range(kills):
        before = found.events
        produce(1_500)
        found.await_counted(before + chance.uniform(0.1, 0.9) * 1_500)
        active = found.active()
        found.kill(active)
        active.process.start()
        found.await_counted()
