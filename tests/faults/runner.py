"""The daemon with something wrong inside: `python -m tests.faults.runner CONFIG FAULT [ARGUMENT]`.

kafka:POINT N     SIGKILL at a point of the N-th transaction
sqlite:POINT N    SIGKILL at a point of the N-th commit
hold:kafka FILE   in the first transaction that is written and not committed: make FILE, wait until it is gone
hold:sqlite FILE  the same
clock 0           the wall clock jumps an hour to and fro
callbacks 0       a callback of the client raises, several times a second, and takes what was read with it
disk_full FILE    no file can grow beyond 200 kB until FILE is there
humble 0          the modes of files and directories bind root as they do everybody else
"""

import ctypes
import itertools
import os
import resource
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

KAFKA_POINTS = ("before_begin", "begun", "half_written", "written", "offsets_sent", "committed")
SQLITE_POINTS = ("BEGIN", "INSERT INTO offsets", "COMMIT", "committed")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def producer_with(reached: Callable[[str], None]) -> None:
    """Let the store's transactions report the points they reach."""
    import confluent_kafka

    import monitor.kafka.store as store

    class Reporting(confluent_kafka.Producer):
        written = 0

        def begin_transaction(self) -> None:
            reached("before_begin")
            super().begin_transaction()
            self.written = 0
            reached("begun")

        def produce(self, *arguments: Any, **named: Any) -> None:
            super().produce(*arguments, **named)
            self.written += 1
            if self.written == 2:
                self.poll(0.1)  # let the broker have it
                reached("half_written")

        def send_offsets_to_transaction(self, *arguments: Any) -> None:
            self.poll(0.1)
            reached("written")
            super().send_offsets_to_transaction(*arguments)
            reached("offsets_sent")

        def commit_transaction(self, *arguments: Any) -> None:
            super().commit_transaction(*arguments)
            reached("committed")

    store.Producer = Reporting  # type: ignore[misc]


def kill_at_transaction(point: str, number: int) -> None:
    visits = itertools.count(1)
    producer_with(lambda reached: die() if reached == point and next(visits) == number else None)


def statements_with(reached: Callable[[str], None]) -> None:
    """Let every connection report its statements; they are traced before they run, so COMMIT comes before its deed."""
    connect = sqlite3.connect

    def traced(*arguments: Any, **named: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **named)
        connection.set_trace_callback(reached)
        return connection

    sqlite3.connect = traced  # type: ignore[assignment]


def kill_at_commit(point: str, number: int) -> None:
    visits = itertools.count(1)
    statements_with(lambda statement: die() if statement.startswith(point) and next(visits) == number else None)
    if point == "committed":
        from monitor.state.sqlite import SqliteStore

        commit = SqliteStore.commit

        def and_die(self: SqliteStore, *arguments: Any) -> None:
            commit(self, *arguments)
            if next(visits) == number:
                die()

        SqliteStore.commit = and_die  # type: ignore[method-assign]


def hold(kind: str, file: Path) -> None:
    visits = itertools.count(1)
    # a new database is made in a transaction of its own, before there is anything to save
    point, number = ("written", 1) if kind == "kafka" else ("COMMIT", 2)

    def wait(reached: str) -> None:
        if reached == point and next(visits) == number:
            file.touch()
            while file.exists():
                time.sleep(0.02)

    (producer_with if kind == "kafka" else statements_with)(wait)


def jumping_clock() -> None:
    true, calls = time.time, itertools.count()
    jumps = (0.0, 3_600.0, -3_600.0, 7_200.0)
    time.time = lambda: true() + jumps[next(calls) // 50 % len(jumps)]


def raising_callbacks() -> None:
    import monitor.kafka.source as source

    properties = source.client_properties

    def raises(_: str) -> None:
        raise RuntimeError("a defect in a callback")

    source.client_properties = lambda options: {  # type: ignore[assignment]
        **properties(options),
        "statistics.interval.ms": 200,
        "stats_cb": raises,
    }


def full_disk(lifted: Path) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))

    def lift() -> None:
        while not lifted.exists():
            time.sleep(0.05)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))

    threading.Thread(target=lift, daemon=True).start()


def humble() -> None:
    """Give up what lets root write where nobody may; without root there is nothing to give up."""
    if os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # the third version of the call, this process
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice, for 64 capabilities
    override, search = 1 << 1, 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    if libc.capget(header, sets) == 0:
        sets[0] &= ~(override | search)
        libc.capset(header, sets)


def main(configuration: str, fault: str, argument: str) -> int:
    kind, _, point = fault.partition(":")
    if kind == "kafka":
        kill_at_transaction(point, int(argument))
    elif kind == "sqlite":
        kill_at_commit(point, int(argument))
    elif kind == "hold":
        hold(point, Path(argument))
    elif kind == "clock":
        jumping_clock()
    elif kind == "callbacks":
        raising_callbacks()
    elif kind == "disk_full":
        full_disk(Path(argument))
    elif kind == "humble":
        humble()
    from monitor.daemon import run
    from monitor.settings import load

    return run(load(Path(configuration)))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
