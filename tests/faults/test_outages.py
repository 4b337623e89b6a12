"""Frozen, cut off, without a broker, on a full disk, with nonsense to read: nothing is lost, nothing doubled."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import QUICK
from tests.faults.trial import Trial
from tests.services.conftest import own_kafka_possible
from tests.services.kafka import KafkaBroker, create_topic, unique_name
from tests.services.waiting import wait_until

Trials = Callable[..., Trial]
BOTH = pytest.mark.parametrize("store", ["kafka", "sqlite"])


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[KafkaBroker]:
    """A broker that may come to harm."""
    own_kafka_possible()
    with KafkaBroker(tmp_path, settings=QUICK) as broker:
        yield broker


def test_a_frozen_owner_that_wakes_up_writes_nothing(trial: Trials, rounds: int) -> None:
    """one: active ── SIGSTOP ░░░░░░░░░░░ SIGCONT ── steps down        two: standby ──── active"""
    found = trial("kafka")
    one, two = found.daemon("one"), found.daemon("two")
    one.start()
    two.start()
    for _ in range(rounds):
        found.produce(2_000)
        found.await_counted(found.events - 1_000)
        frozen = next(daemon for daemon in (one, two) if daemon.total("driftgauge_active"))
        other = two if frozen is one else one
        frozen.process.pause()
        found.daemons.remove(frozen)  # it answers nobody
        wait_until(lambda other=other: other.total("driftgauge_active") == 1, 60, "the other to take over")  # type: ignore[misc]
        found.produce(1_000)
        found.await_counted()
        frozen.process.resume()
        wait_until(
            lambda frozen=frozen: not frozen.process.running or frozen.total("driftgauge_active") == 0,  # type: ignore[misc]
            30,
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
    """stop ── start ── freeze ── thaw, while events flow"""
    found = Trial(tmp_path, own_broker.bootstrap, store)
    try:
        found.daemon().start()
        for _ in range(rounds):
            found.produce(2_000)
            found.await_counted(found.events - 1_500)
            own_broker.kill()
            own_broker.start()
            found.produce(1_000)
            found.await_counted(found.events - 500)
            own_broker.pause()
            time.sleep(3 if rounds == 1 else 60)  # the fault itself: nobody answers for so long
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
    daemon = found.daemon(fault="hold", argument=held)
    try:
        found.produce(4_000)
        daemon.process.start()
        wait_until(held.exists, 60, "a transaction to be written")
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

        wait_until(settled, 60, "the daemon to go on, or to end")
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
def test_sigterm_under_load(trial: Trials, store: str, rounds: int) -> None:
    """Asked to stop while events flow: it saves, ends with 0, and the next one goes on there."""
    found = trial(store)
    daemon = found.daemon()
    for _ in range(2 * rounds):
        daemon.start()
        going = threading.Event()

        def flow(going: threading.Event = going) -> None:
            while not going.is_set():
                found.produce(300)

        producing = threading.Thread(target=flow)
        producing.start()
        try:
            found.await_counted(found.events + 600)
            assert daemon.process.stop() == 0
        finally:
            going.set()
            producing.join()
    daemon.start()
    found.produce(2_800)
    found.finish("SIGTERM under load", 2 * rounds)


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


def test_a_findings_topic_that_is_missing(trial: Trials) -> None:
    """Nothing is saved past a finding that cannot be published; when the topic is there, all of it is."""
    found = trial("kafka", kafka={"properties": {"topic.metadata.propagation.max.ms": 1_000}})
    found.findings = unique_name("later")
    daemon = found.daemon()
    daemon.start()
    found.produce(6_000)
    wait_until(lambda: daemon.lines("checkpoint_failed"), 60, "a checkpoint to fail")
    create_topic(found.bootstrap, found.findings)
    found.finish("findings topic missing", 1)


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
    assert second.process.wait(30) == 3
    found.finish("second instance on the same state", 1)


def test_standbys_that_come_and_go(trial: Trials, rounds: int) -> None:
    """active ────────────────       one joins ── leaves ── joins ── is killed …, each a rebalance, under load"""
    found = trial("kafka")
    one, two = found.daemon("one"), found.daemon("two")
    one.start()
    for number in range(4 * rounds):
        two.process.start()
        found.produce(500)
        wait_until(lambda: two.get("/-/ready")[0] == 200, 30, "the standby to be ready")
        if number % 2:
            two.process.kill()
        else:
            assert two.process.stop() == 0
        found.produce(500)
    found.finish("rebalance storm of standbys", 4 * rounds)
