"""Asked to stop, politely and impatiently, under load and while nobody answers: nothing is lost, nothing doubled."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.trial import WAIT_SECONDS, Trial
from tests.services.kafka import KafkaBroker
from tests.services.waiting import wait_until

Trials = Callable[..., Trial]
BOTH = pytest.mark.parametrize("store", ["kafka", "sqlite"])


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
            assert daemon.process.stop(WAIT_SECONDS) == 0
        finally:
            going.set()
            producing.join()
    daemon.start()
    found.produce(2_800)
    found.finish("SIGTERM under load", 2 * rounds)


@BOTH
def test_a_second_signal_ends_it_inside_its_last_commit(trial: Trials, tmp_path: Path, store: str, rounds: int) -> None:
    """commit held ── SIGTERM: waits for it ── SIGTERM: gone, with code 1 ── start: as if it had been killed"""
    found = trial(store)
    for number in range(rounds):
        held = tmp_path / f"held-{number}"
        daemon = found.daemon(fault=f"hold:{store}", argument=held)
        found.produce(2_000)
        daemon.process.start()
        found.produce(400)
        wait_until(held.exists, WAIT_SECONDS, "a commit to be held")
        os.kill(daemon.process.pid, signal.SIGTERM)
        wait_until(lambda: len(daemon.lines("stopping")) > number, WAIT_SECONDS, "the stop to begin")  # noqa: B023
        os.kill(daemon.process.pid, signal.SIGTERM)
        assert daemon.process.wait(WAIT_SECONDS) == 1
        found.daemons.remove(daemon)
    found.daemon().start()
    found.produce(800)
    found.finish("second signal inside the last commit", rounds)


@pytest.mark.parametrize(("store", "shards"), [("kafka", 1), ("kafka", 3), ("sqlite", 1)])
def test_sigterm_while_no_broker_answers(own_broker: KafkaBroker, tmp_path: Path, store: str, shards: int) -> None:
    """events ── broker frozen ── SIGTERM: ends with 0 within a bound ── thawed ── start: goes on"""
    found = Trial(tmp_path, own_broker.bootstrap, store, shards)
    daemon = found.daemon()
    try:
        daemon.start()
        found.produce(3_000 * shards)
        found.await_counted(1_000)
        own_broker.pause()
        began = time.monotonic()
        assert daemon.process.stop(WAIT_SECONDS) == 0
        took = time.monotonic() - began
        own_broker.resume()
        daemon.start()
        found.produce(1_000)
        found.finish(f"SIGTERM, frozen broker, {shards} shards: {took:.0f} s", 1)
        assert took < 28, "longer than a supervisor waits before it kills"
    finally:
        daemon.process.kill()
