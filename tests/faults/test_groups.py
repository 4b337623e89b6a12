"""Shards that move between processes while events flow: counted once, whoever has them."""

import random
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.trial import SESSION, WAIT_SECONDS, Trial
from tests.services.daemon import DaemonProcess
from tests.services.waiting import wait_until

Trials = Callable[..., Trial]
PROTOCOLS = pytest.mark.parametrize("protocol", ["classic", "consumer"])


def group(protocol: str) -> dict[str, Any]:
    """The group's part of the configuration: sessions as short as the broker allows."""
    return {"properties": SESSION if protocol == "classic" else {"group.protocol": "consumer"}}


@PROTOCOLS
def test_from_one_to_three_and_back_while_events_flow(trial: Trials, protocol: str, rounds: int) -> None:
    """one: 3 shards ── 1 ── … two and three join, one is killed, one leaves in order … ── 3 shards"""
    found = trial("kafka", shards=3, kafka=group(protocol))
    one, two, three = (found.daemon(name) for name in ("one", "two", "three"))
    one.start()
    for _ in range(rounds):
        found.produce(1_200)
        found.await_counted()
        two.start()
        three.start()
        found.produce(1_200)
        _await_shared(found, [one, two, three])
        found.await_counted()
        found.produce(2_400)
        found.kill(two)
        found.produce(1_200)
        found.await_counted()
        assert three.process.stop(WAIT_SECONDS) == 0
        found.produce(1_200)
        found.await_counted()
    found.finish(f"scale 1 → 3 → 1, {protocol}", 4 * rounds)


def _await_shared(found: Trial, daemons: list[DaemonProcess]) -> None:
    """Wait until each has a shard of its own."""

    def shards(daemon: DaemonProcess) -> set[str]:
        names = [dict(labels) for (name, labels) in daemon.scrape() if name == "driftgauge_model_status"]
        return {labels["shard"] for labels in names}

    def shared() -> bool:
        found.produce(24)
        return sorted(len(shards(daemon)) for daemon in daemons) == [1, 1, 1]

    wait_until(shared, WAIT_SECONDS, "three processes with one shard each", every=0.2)


@PROTOCOLS
def test_members_that_come_and_go_while_shards_still_move(trial: Trials, protocol: str, rounds: int) -> None:
    """three members of three shards; every other moment one of two leaves, is killed, or comes back: nobody settles"""
    found, chance = trial("kafka", shards=3, kafka=group(protocol)), random.Random(11)
    one, *others = (found.daemon(name) for name in ("one", "two", "three"))
    one.start()
    for _ in range(6 * rounds):
        found.produce(1_500)
        moving = chance.choice(others)
        if not moving.process.running:
            moving.process.start()
        elif chance.random() < 0.5:
            found.kill(moving)
        else:
            assert moving.process.stop(WAIT_SECONDS) in (0, -signal.SIGTERM)  # the latter while it is being loaded
    found.finish(f"rebalance storm of three, {protocol}", 6 * rounds)


@PROTOCOLS
def test_failover_within_the_session_and_hand_over_at_once(trial: Trials, protocol: str) -> None:
    """Times from SIGKILL, and from SIGTERM, of the active to the standby's first metrics."""
    found = trial("kafka", kafka=group(protocol))
    one, two = found.daemon("one"), found.daemon("two")
    one.start()
    wait_until(lambda: one.total("driftgauge_active") == 1, WAIT_SECONDS, "the first to be active")
    two.start()
    found.produce(3_200)
    found.await_counted()
    found.kill(one)
    began = time.monotonic()
    wait_until(
        lambda: two.total("driftgauge_observations_total") > 0, WAIT_SECONDS, "metrics of the standby", every=0.02
    )
    killed = time.monotonic() - began
    one.start()
    began = time.monotonic()
    assert two.process.stop(WAIT_SECONDS) == 0
    wait_until(
        lambda: one.total("driftgauge_observations_total") > 0, WAIT_SECONDS, "metrics of the standby", every=0.02
    )
    handed = time.monotonic() - began
    found.recovered = [killed]
    found.produce(400)
    found.finish(f"failover, {protocol}: killed {killed:.1f} s, SIGTERM {handed:.1f} s", 2)
    assert killed < 60, "a session is a second and a half"
