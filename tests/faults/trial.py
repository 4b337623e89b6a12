"""One trial: events whose order is fixed, daemons that something happens to, and the one assertion at the end.

     model 0 ─▶ partition 0     model 1 ─▶ partition 1     model 2 ─▶ partition 0     model 3 ─▶ partition 1

Each model lives in one partition, so its state and findings are those of one uninterrupted fold over it, bit for bit.
Where a trial scatters its models over the partitions, their order is free, and what is promised is the counts.
"""

import json
import math
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor.domain.facts import Fact
from monitor.domain.frame import MessageBatch
from monitor.domain.keys import ModelKey
from monitor.engine.model import ModelMonitor
from monitor.findings.events import Provenance, encode_facts
from monitor.formats import open_format
from monitor.kafka.store import KafkaStore, StoreOptions
from monitor.settings import load
from monitor.state.decisions import decisions
from monitor.state.sqlite import SqliteStore
from monitor.state.store import Snapshot
from tests.services import kafka
from tests.services.daemon import DaemonProcess
from tests.services.waiting import wait_until

#: for everything that is bound to happen: two cores shared with brokers and others say nothing about how soon
WAIT_SECONDS = 120
#: as short as the brokers of these tests allow, so that waiting for the dead does not take the day
SESSION = {"session.timeout.ms": 1_500, "heartbeat.interval.ms": 300}


@dataclass
class Row:
    """A line of the fault table."""

    fault: str
    times: int
    lost: int
    doubled: int
    equal: str  #: state equal to the fold's: yes, NO, or free where no order is fixed
    kills: int  #: how many of the faults were SIGKILLs of a daemon
    seconds: Sequence[float]  #: from the fault's end until everything was counted


TABLE: list[Row] = []


class Trial:
    """Topics, events and daemons of one test."""

    def __init__(self, directory: Path, bootstrap: str, store: str, shards: int = 1, **sections: Any) -> None:
        self.directory, self.bootstrap, self.store = directory, bootstrap, store
        self.shards, self.partitions, self.models = shards, 2 * shards, 4 * shards
        self.topic, self.findings = kafka.unique_name("events"), kafka.unique_name("findings")
        self.state_topic = kafka.unique_name("state")
        kafka.create_topic(bootstrap, self.topic, self.partitions)
        kafka.create_topic(bootstrap, self.findings)
        self.sections = sections
        self.values: list[list[bytes]] = [[] for _ in range(self.partitions)]
        self.produced: Counter[ModelKey] = Counter()
        self.events = 0
        self.daemons: list[DaemonProcess] = []
        self.recovered: list[float] = []
        self.kills = 0

    def kill(self, daemon: DaemonProcess) -> None:
        """SIGKILL."""
        daemon.process.kill()
        self.kills += 1

    def active(self) -> DaemonProcess:
        """The daemon that owns the state; while it changes hands, the next one."""

        def owner() -> DaemonProcess | None:
            own = self.store == "sqlite"
            return next((each for each in self.daemons if own or each.total("driftgauge_active")), None)

        found = wait_until(owner, WAIT_SECONDS, "one of the daemons to be active")
        assert found is not None
        return found

    def daemon(self, name: str = "one", fault: str = "", argument: object = 0) -> DaemonProcess:
        """A daemon on the trial's state, with something wrong inside if a fault is named; not started."""
        folder = self.directory / name
        folder.mkdir(exist_ok=True)
        state: dict[str, Any] = {"store": self.store, "interval_seconds": 0.2}
        if self.store == "kafka":
            state |= {"topic": self.state_topic, "shards": self.shards}
        else:
            state |= {"path": str(self.directory / "state")}
        sections = {section: dict(given) for section, given in self.sections.items()}
        kafka_section = {"properties": dict(SESSION), **sections.pop("kafka", {})} if self.store == "kafka" else {}
        daemon = DaemonProcess(
            folder,
            self.bootstrap,
            [self.topic],
            **{
                "kafka": kafka_section,
                "state": {**state, **sections.pop("state", {})},
                "output": {"findings_topic": self.findings, **sections.pop("output", {})},
                **sections,
            },
        )
        if fault:
            path = str(folder / "driftgauge.yaml")
            daemon.process.command = [sys.executable, "-m", "tests.faults.runner", path, fault, str(argument)]
        self.daemons.append(daemon)
        return daemon

    def produce(self, count: int) -> None:
        """More events, every model in its own partition; models 0 and 1 drift, and come back, every 300 of theirs."""
        self._produce(count, lambda number: number % self.models % self.partitions)

    def scatter(self, count: int) -> None:
        """The same events, those of each model in turn over all partitions."""
        self._produce(count, lambda number: number // self.models % self.partitions)

    def _produce(self, count: int, place: Callable[[int], int]) -> None:
        chance = random.Random(self.events)
        fresh: list[list[bytes]] = [[] for _ in range(self.partitions)]
        for number in range(self.events, self.events + count):
            model, round_ = number % self.models, number // self.models
            shift = 2.5 if model < 2 and round_ // 300 % 2 else 0.0
            body = {
                "ts": 1_767_225_600 + number,
                "model": f"m{model}",
                "model_version": "1",
                "event_id": str(number),
                "features": {"amount": chance.gauss(shift, 1.0), "country": chance.choice(["FR", "DE", "IT"])},
            }
            fresh[place(number)].append(json.dumps(body).encode())
            self.produced[ModelKey(f"m{model}", "1")] += 1
        self.events += count  # before they are sent: a daemon may count them at once
        for partition, values in enumerate(fresh):
            kafka.produce(self.bootstrap, self.topic, values, partition=partition)
            self.values[partition] += values

    def spoil(self, values: Sequence[bytes]) -> None:
        """Events that cannot be read, into both partitions."""
        for partition in range(self.partitions):
            kafka.produce(self.bootstrap, self.topic, values, partition=partition)
            self.values[partition] += values

    def counted(self) -> float:
        """Events that are in what is saved, as the active daemons show it (of a shard, the one with the most)."""
        most: dict[frozenset[tuple[str, str]], float] = {}
        for daemon in self.daemons:
            for (name, labels), value in daemon.scrape().items():
                if name == "driftgauge_observations_total" and ("feature", "amount") in labels:
                    most[labels] = max(value, most.get(labels, 0))
        return sum(most.values())

    def await_counted(self, events: float | None = None) -> None:
        """Wait until so many events (all that were produced) are saved; more than all is a failure at once."""
        began = time.monotonic()

        def reached() -> bool:
            found = self.counted()
            assert found <= self.events, f"{found:g} events counted, {self.events} produced"
            return found >= (self.events if events is None else events)

        try:
            wait_until(reached, WAIT_SECONDS, "the events to be counted", every=0.05)
        except AssertionError as error:
            for daemon in self.daemons:
                error.add_note(daemon.process.last_words())
            raise
        if events is None:
            self.recovered.append(time.monotonic() - began)

    def finish(self, fault: str, times: int) -> None:
        """Wait for everything to be counted, stop all daemons in order, and hold what is left to the fold."""
        self.stop()
        assert_exact(self, fault, times)

    def stop(self) -> None:
        """Wait for everything to be counted, and published where that comes later; then stop all daemons in order."""
        running = [daemon for daemon in self.daemons if daemon.process.running]
        for daemon in running:  # one that is still being loaded knows no order to stop in
            wait_until(lambda each=daemon: each.get("/-/ready")[0] == 200, WAIT_SECONDS, "all to be ready")  # type: ignore[misc]
        self.await_counted()
        if self.store == "sqlite":
            wait_until(lambda: self.decided() <= set(self.published()), WAIT_SECONDS, "all findings to be published")
        codes = [daemon.process.stop(WAIT_SECONDS) for daemon in running]
        assert set(codes) <= {0}, [daemon.process.last_words() for daemon in running]

    def snapshot(self) -> Snapshot:
        """What the store holds; all daemons are stopped."""
        if self.store == "sqlite":
            store = SqliteStore(self.directory / "state")
            try:
                return store.load()
            finally:
                store.close()
        properties = {"bootstrap.servers": self.bootstrap}
        models: dict[ModelKey, bytes] = {}
        for shard in range(self.shards):
            reading = {**properties, "group.id": "reading"}
            kafka_store = KafkaStore(StoreOptions(properties, reading, self.topic, self.state_topic, shard))
            snapshot = kafka_store.load()
            models |= snapshot.models
            kafka_store.close()
        return Snapshot(models, incarnation=snapshot.incarnation)

    def fold(self, incarnation: int) -> tuple[dict[ModelKey, bytes], Mapping[ModelKey, int], list[str]]:
        """One uninterrupted run over what is in the partitions: states, observations, ids of the findings."""
        policy = load(self.directory / self.daemons[0].directory / "driftgauge.yaml").policy()
        monitors: dict[ModelKey, ModelMonitor] = {}
        facts: list[Fact] = []
        for partition, values in enumerate(self.values):
            count = len(values)
            batch = MessageBatch(self.topic, values, [partition] * count, list(range(count)), [math.nan] * count)
            for frame in open_format("flat_json", {}).decode(batch).frames:
                monitor = monitors.setdefault(frame.model, ModelMonitor(frame.model, policy))
                facts += monitor.observe(frame)
        ids = [record.id for record in encode_facts(facts, Provenance("", incarnation, "", ""))]
        return {key: monitor.dump() for key, monitor in monitors.items()}, _observations(monitors), ids

    def decided(self) -> set[str]:
        """Ids in the decision log, which may be read at any time."""
        return {str(line["id"]) for _, _, line in decisions(self.directory / "state")}

    def published(self) -> list[str]:
        """Ids in the findings topic, as a reader of committed messages sees them."""
        messages = kafka.read_topic(self.bootstrap, self.findings)
        return [json.loads(message.value() or b"")["id"] for message in messages]


def assert_exact(trial: Trial, fault: str, times: int) -> None:
    """Observations = produced, state = the fold's, byte for byte, findings = the fold's, each exactly once.

    With SQLite the topic gets findings at least once, with equal ids; the decision log has each exactly once.
    """
    snapshot = trial.snapshot()
    states, expected, ids = trial.fold(snapshot.incarnation)
    policy = load(trial.daemons[0].directory / "driftgauge.yaml").policy()
    restored = {key: ModelMonitor.load(key, policy, state) for key, state in snapshot.models.items()}
    counted = _observations(restored)
    differing = [key for key in states if snapshot.models.get(key) != states[key]]
    published = Counter(trial.published())
    if trial.store == "sqlite":
        assert published.keys() == set(ids), "findings in the topic"
        published = Counter(str(line["id"]) for _, _, line in decisions(trial.directory / "state"))
    lost = (Counter(expected) - Counter(counted)).total() + (Counter(ids) - published).total()
    doubled = (Counter(counted) - Counter(expected)).total() + (published - Counter(ids)).total()
    equal = not differing and snapshot.models.keys() == states.keys()
    _report(trial, fault, times, (lost, doubled), "yes" if equal else "NO")
    assert expected == trial.produced
    assert (lost, doubled, differing, equal) == (0, 0, [], True)
    assert ids, "a trial without findings shows nothing about them"


def assert_counted(trial: Trial, fault: str, times: int) -> None:
    """Observations = produced, and no finding twice: what is promised where the order of a model's events is free."""
    snapshot = trial.snapshot()
    policy = load(trial.daemons[0].directory / "driftgauge.yaml").policy()
    counted = _observations({key: ModelMonitor.load(key, policy, state) for key, state in snapshot.models.items()})
    lost = (trial.produced - Counter(counted)).total()
    doubled = (Counter(counted) - trial.produced).total()
    if trial.store == "kafka":
        published = Counter(trial.published())
        doubled += published.total() - len(published)
    _report(trial, fault, times, (lost, doubled), "free")
    assert (lost, doubled) == (0, 0)


def _report(trial: Trial, fault: str, times: int, missed: tuple[int, int], equal: str) -> None:
    TABLE.append(Row(f"{fault} ({trial.store})", times, *missed, equal, trial.kills, tuple(trial.recovered)))


def _observations(monitors: Mapping[ModelKey, ModelMonitor]) -> dict[ModelKey, int]:
    return {
        key: next(stream.observations for stream in monitor.view().streams if stream.key.feature == "amount")
        for key, monitor in monitors.items()
    }
