"""Frozen, cut off, without a broker, on a full disk, with nonsense to read: nothing is lost, nothing doubled."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import EVERYTHING
from tests.faults.trial import WAIT_SECONDS, Trial
from tests.services.daemon import DaemonProcess
from tests.services.kafka import KafkaBroker, configure_topic, create_topic, unique_name
from tests.services.waiting import wait_until

Trials = Callable[..., Trial]
BOTH = pytest.mark.parametrize("store", ["kafka", "sqlite"])


def test_a_frozen_owner_that_wakes_up_writes_nothing(trial: Trials, rounds: int) -> None:
    """one: active ── SIGSTOP ░░░░░░░░░░░ SIGCONT ── steps down        two: standby ──── active"""
    found = trial("kafka")
    one, two = found.daemon("one"), found.daemon("two")
    one.start()
    two.start()
    for _ in range(rounds):
        found.produce(2_000)
        found.await_counted(found.events - 1_000)
        frozen = found.active()
        other = two if frozen is one else one
        frozen.process.pause()
        found.daemons.remove(frozen)  # it answers nobody
        wait_until(lambda other=other: other.total("driftgauge_active") == 1, WAIT_SECONDS, "the other to take over")  # type: ignore[misc]
        found.produce(1_000)
        found.await_counted()
        frozen.process.resume()
        wait_until(
            lambda frozen=frozen: not frozen.process.running or frozen.total("driftgauge_active") == 0,  # type: ignore[misc]
            WAIT_SECONDS,
            "the one that was frozen to step down",
        )
        assert frozen.process.running or frozen.process.wait(1) == 3
        found.daemons.append(frozen)
        if not frozen.process.running:
            frozen.start()
    found.finish("SIGSTOP beyond the session, then SIGCONT", rounds)


@BOTH
def test_a_broker_that_stops_and_one_that_does_not_answer(
    own_broker: KafkaBroker, tmp_path: Path, store: str, rounds: int
) -> None:
    """killed ── start ── freeze, for a minute the first time ── thaw, while events flow"""
    found = Trial(tmp_path, own_broker.bootstrap, store)
    try:
        found.daemon().start()
        for number in range(rounds):
            found.produce(2_000)
            found.await_counted(found.events - 1_500)
            own_broker.kill()
            own_broker.start()
            found.produce(1_000)
            found.await_counted(found.events - 500)
            own_broker.pause()
            time.sleep(60 if EVERYTHING and number == 0 else 3)  # the fault itself: nobody answers for so long
            own_broker.resume()
            _start_again(found)
            found.produce(1_000)
            found.await_counted()
        found.finish("broker killed, then frozen", 2 * rounds)
    finally:
        for daemon in found.daemons:
            daemon.process.kill()


def test_a_broker_killed_inside_a_transaction(own_broker: KafkaBroker, tmp_path: Path) -> None:
    """begin ─ state ─ findings ─ ╳ broker ─ start ─ commit"""
    found = Trial(tmp_path, own_broker.bootstrap, "kafka")
    held = tmp_path / "held"
    daemon = found.daemon(fault="hold:kafka", argument=held)
    try:
        found.produce(4_000)
        daemon.process.start()
        wait_until(held.exists, WAIT_SECONDS, "a transaction to be written")
        own_broker.kill()
        own_broker.start()
        held.unlink()
        _start_again(found)
        found.produce(1_000)
        found.finish("broker killed inside a transaction", 1)
    finally:
        daemon.process.kill()


def _start_again(found: Trial) -> None:
    """As a supervisor would: a process that ended because its transaction was given up begins anew."""
    for daemon in found.daemons:

        def settled(daemon=daemon) -> bool:  # type: ignore[no-untyped-def]
            return not daemon.process.running or daemon.get("/-/ready")[0] == 200

        wait_until(settled, WAIT_SECONDS, "the daemon to go on, or to end")
        if not daemon.process.running:
            assert daemon.process.wait(1) == 3, daemon.process.last_words()
            daemon.start()


@BOTH
def test_poison_by_the_thousand(trial: Trials, store: str) -> None:
    """Half of all messages cannot be read; the others count as if they were alone."""
    found = trial(store)
    found.daemon().start()
    for _ in range(4):
        found.spoil([b"\xff\xfe{", b"[]", b'{"model": 7}', b"", b"null"] * 200)
        found.produce(1_200)
    found.finish("2,000 poison messages a partition", 4)


@BOTH
def test_a_wall_clock_that_jumps(trial: Trials, store: str) -> None:
    """An hour ahead, an hour behind, several times a second: state knows only the events' times."""
    found = trial(store)
    found.daemon(fault="clock").start()
    for _ in range(3):
        found.produce(1_600)
        found.await_counted()
    found.finish("wall clock jumping to and fro", 3)


@BOTH
def test_a_callback_that_raises(trial: Trials, store: str) -> None:
    """What the client had read is gone with the exception; it is read again, once."""
    found = trial(store)
    found.daemon(fault="callbacks").start()
    for _ in range(3):
        found.produce(1_600)
        found.await_counted()
    found.finish("callback raising five times a second", 3)


@BOTH
def test_a_findings_topic_that_is_missing(trial: Trials, store: str) -> None:
    """Nothing is saved past a finding that cannot be kept; when the topic is there, all of it is."""
    found = trial(store, kafka={"properties": {"topic.metadata.propagation.max.ms": 1_000}})
    found.findings = unique_name("later")
    daemon = found.daemon()
    daemon.start()
    found.produce(6_000)
    _await_refusal(daemon)
    create_topic(found.bootstrap, found.findings)
    found.finish("findings topic missing", 1)


@BOTH
def test_a_findings_topic_that_refuses(trial: Trials, store: str) -> None:
    """No finding is small enough for it (a transaction's marker is); when it takes them, all of them are there."""
    found = trial(store)
    configure_topic(found.bootstrap, found.findings, {"max.message.bytes": "150"})
    daemon = found.daemon()
    daemon.start()
    found.produce(6_000)
    _await_refusal(daemon)
    configure_topic(found.bootstrap, found.findings, {"max.message.bytes": "1000000"})
    found.finish("findings topic refuses", 1)


def _await_refusal(daemon: DaemonProcess) -> None:
    """In the transaction with Kafka, from the outbox after the commit with SQLite."""
    wait_until(lambda: daemon.lines("checkpoint_failed") or daemon.lines("publish_failed"), WAIT_SECONDS, "a refusal")


def test_a_disk_that_is_full(trial: Trials, tmp_path: Path) -> None:
    """No file may grow: nothing is saved, nothing forgotten; when there is room again, all of it is."""
    found = trial("sqlite")
    lifted = tmp_path / "lifted"
    daemon = found.daemon(fault="disk_full", argument=lifted)
    daemon.start()
    for _ in range(100):
        found.produce(800)
        if daemon.lines("checkpoint_failed"):
            break
    lifted.touch()
    found.finish("disk full", 1)


def test_a_second_instance_on_the_same_state(trial: Trials) -> None:
    """It is refused with code 3, and the first one hears nothing of it."""
    found = trial("sqlite")
    found.daemon("one").start()
    found.produce(3_200)
    second = found.daemon("two")
    second.process.start()
    assert second.process.wait(WAIT_SECONDS) == 3
    found.finish("second instance on the same state", 1)


def test_standbys_that_come_and_go(trial: Trials, rounds: int) -> None:
    """active ────────────────       one joins ── leaves ── joins ── is killed …, each a rebalance, under load"""
    found = trial("kafka")
    one, two = found.daemon("one"), found.daemon("two")
    one.start()
    for number in range(4 * rounds):
        two.start()
        found.produce(500)
        if number % 2:
            found.kill(two)
        else:
            assert two.process.stop(WAIT_SECONDS) == 0
        found.produce(500)
    found.finish("rebalance storm of standbys", 4 * rounds)
