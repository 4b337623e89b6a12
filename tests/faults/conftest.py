"""A broker whose groups give the dead up quickly, and the fault table at the end."""

import os
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.trial import TABLE, Trial
from tests.services.conftest import own_kafka_possible
from tests.services.kafka import KafkaBroker

HERE = Path(__file__).parent
#: how often random faults are injected: 1 in CI, more by `make faults`
ROUNDS = int(os.environ.get("FAULT_ROUNDS", "1"))
EVERYTHING = "FAULT_ROUNDS" in os.environ
#: what the short run proves, in three minutes: one of each family
SHORT = (
    "test_killed_at_every_point_of_a_commit[kafka]",
    "test_killed_at_random_moments[sqlite]",
    "test_a_frozen_owner_that_wakes_up_writes_nothing",
    "test_a_broker_killed_inside_a_transaction",
    "test_sigterm_under_load[kafka]",
    "test_a_second_signal_ends_it_inside_its_last_commit[sqlite]",
    "test_a_disk_that_is_full",
    "test_a_state_directory_that_may_not_be_written",
    "test_from_one_to_three_and_back_while_events_flow[classic]",
)
QUICK = {
    "group.min.session.timeout.ms": "1000",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.session.timeout.ms": "1500",
    "group.consumer.min.heartbeat.interval.ms": "100",
    "group.consumer.heartbeat.interval.ms": "300",
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """All of them need a broker, and time."""
    own = [item for item in items if item.path.is_relative_to(HERE)]
    for item in own:
        item.add_marker("services")
        item.add_marker(pytest.mark.timeout(240 + 180 * ROUNDS))
    if not EVERYTHING:
        left_out = [item for item in own if not item.name.startswith(SHORT)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def quick_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    own_kafka_possible()
    with KafkaBroker(tmp_path_factory.mktemp("faults"), settings=QUICK) as broker:
        yield broker


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[KafkaBroker]:
    """A broker that may come to harm."""
    own_kafka_possible()
    with KafkaBroker(tmp_path, settings=QUICK) as broker:
        yield broker


@pytest.fixture
def rounds() -> int:
    return ROUNDS


@pytest.fixture
def trial(quick_broker: KafkaBroker, tmp_path: Path) -> Iterator[Callable[..., Trial]]:
    """Makes a trial on a store; what it started is ended with the test."""
    made: list[Trial] = []

    def make(store: str, **sections: Any) -> Trial:
        made.append(Trial(tmp_path, quick_broker.bootstrap, store, **sections))
        return made[-1]

    yield make
    for each in made:
        for daemon in each.daemons:
            daemon.process.kill()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Fault, times injected, lost, doubled, state equal, time to recover."""
    if not TABLE:
        return
    line = terminalreporter.write_line
    terminalreporter.section("faults")
    line(f"{'fault':<58} times  lost  doubled  state equal  recovered in s (median, most)")
    for row in TABLE:
        seconds = row.seconds or (0.0,)
        line(
            f"{row.fault:<58} {row.times:>5} {row.lost:>5} {row.doubled:>8}  {row.equal:<11}  "
            f"{statistics.median(seconds):.1f}, {max(seconds):.1f}"
        )
    line(f"SIGKILLs of a daemon altogether: {sum(row.kills for row in TABLE)}")
