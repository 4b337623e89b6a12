"""All shards of a state topic as one state, for commands: looked at beside the daemons, or changed while none runs.

look     each partition up to its last commit; nobody is disturbed
claim    refused while the group has members; then every shard is taken over, so that none starts in between
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from monitor.domain.errors import SourceError, StateError
from monitor.domain.keys import ModelKey
from monitor.kafka.notices import ClientLog, Notices
from monitor.kafka.state_reader import StateReader
from monitor.kafka.store import KafkaStore, Properties, StoreOptions
from monitor.kafka.stored import contents
from monitor.state.store import Commit, Snapshot

Blob = TypeVar("Blob")

#: a command waits so long for brokers
ANSWER_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class StatesOptions:
    """Where the state is.  properties: what connects, the brokers among it, nothing of a group."""

    properties: Properties
    group_id: str
    topic: str

    def shard(self, number: int) -> StoreOptions:
        reading = {**self.properties, "group.id": f"{self.group_id}-state"}
        return StoreOptions(self.properties, reading, self.group_id, self.topic, number)


def look(options: StatesOptions) -> Snapshot:
    """The last commits of all shards, beside their owners.  Raises StateError when there is none, or one is damaged."""
    found = []
    for number in range(_shards(options)):
        shard = options.shard(number)
        reader = StateReader(shard.reading, shard.topic, shard.shard)
        try:
            reader.read_to_end(_deadline(reader))
            found.append(contents(reader.records, reader.place).snapshot())
        finally:
            reader.close()
    return merged(found)


def merged(snapshots: Sequence[Snapshot]) -> Snapshot:
    """One snapshot of all shards.

    A position that several have (of the control topic, which all read) is the one of the shard that is furthest back.
    """
    offsets: dict[tuple[str, int], int] = {}
    for snapshot in snapshots:
        for place, offset in snapshot.offsets.items():
            offsets[place] = min(offset, offsets.get(place, offset))
    whole = Snapshot(offsets=offsets, incarnation=max((each.incarnation for each in snapshots), default=1))
    for each in snapshots:
        whole = replace(
            whole,
            models={**whole.models, **each.models},
            exposure={**whole.exposure, **each.exposure},
            topic_ids={**whole.topic_ids, **each.topic_ids},
            configuration=each.configuration or whole.configuration,
        )
    return whole


class KafkaStates:
    """Owns every shard from creation to `close`."""

    def __init__(self, options: StatesOptions) -> None:
        """Raises StateError when a daemon of the group runs, or there is no state."""
        self._topic = options.topic
        shards = _shards(options)
        _refuse_members(options)
        self._stores = [KafkaStore(options.shard(number)) for number in range(shards)]

    def load(self) -> Snapshot:
        """All shards.  Raises StateError when one is damaged."""
        return merged([store.load() for store in self._stores])

    def contents(self) -> tuple[Sequence[ModelKey], Sequence[tuple[str, int]]]:
        """Names of the models, and the topics and partitions that were read, damaged or not; both in order."""
        found = [store.contents() for store in self._stores]
        models = {key for stored in found for key in stored.model_names}
        places = {(topic, number) for stored in found for topic, own in stored.offsets.items() for number in own}
        return sorted(models), sorted(places)

    def forget_models(self, models: Collection[ModelKey]) -> None:
        """Throw the state of these models away and raise the incarnation; the offsets stay where they are."""
        for store in self._stores:
            there = store.contents().model_names
            store.reset([key for key in models if key in there], [], time.time())

    def forget_everything(self) -> None:
        """Throw away every model and how far every topic was read."""
        for store in self._stores:
            store.reset(store.contents().model_names, store.contents().topic_names, time.time())

    def forget_topic(self, topic: str) -> None:
        """Forget how far a topic was read; what was learned from it stays."""
        for store in self._stores:
            store.reset([], [name for name in store.contents().topic_names if name == topic], time.time())

    def commit(self, commit: Commit) -> None:
        """Write models where they are; raises StateError or CommitError."""
        for store in self._stores:
            own = set(store.contents().model_names)
            store.commit(replace(commit, models=_of(commit.models, own), exposure=_of(commit.exposure, own)))

    def close(self) -> None:
        for store in self._stores:
            store.close()


def _of(blobs: Mapping[ModelKey, Blob], own: Collection[ModelKey]) -> dict[ModelKey, Blob]:
    return {key: blob for key, blob in blobs.items() if key in own}


def _deadline(reader: StateReader) -> Callable[[], bool]:
    """Ends the reading when nothing has arrived for long: a command must not wait for brokers for ever."""
    seen, due = reader.position, time.monotonic() + ANSWER_SECONDS

    def late() -> bool:
        nonlocal seen, due
        if reader.position != seen:
            seen, due = reader.position, time.monotonic() + ANSWER_SECONDS
        if time.monotonic() > due:
            raise SourceError(f"{reader.place}: expected to read the state, no answer within {ANSWER_SECONDS:g} s")
        return False

    return late


def _shards(options: StatesOptions) -> int:
    """Partitions of the state topic, which is not made here."""
    try:
        admin = AdminClient(dict(options.properties), logger=ClientLog(Notices()))
        found = admin.list_topics(options.topic, timeout=ANSWER_SECONDS).topics[options.topic]
    except KafkaException as error:
        raise SourceError(f"state topic {options.topic}: the brokers cannot be asked: {error.args[0].str()}") from error
    if found.error is not None or not found.partitions:
        raise StateError(f"state topic {options.topic}: expected a state of driftgauge, found no such topic")
    return len(found.partitions)


def _refuse_members(options: StatesOptions) -> None:
    admin = AdminClient(dict(options.properties), logger=ClientLog(Notices()))
    asked = admin.describe_consumer_groups([options.group_id], request_timeout=ANSWER_SECONDS)
    try:
        members = asked[options.group_id].result(ANSWER_SECONDS).members
    except KafkaException as error:
        if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
            return
        raise SourceError(f"group {options.group_id}: the brokers cannot be asked: {error.args[0].str()}") from error
    if members:
        where = ", ".join(sorted(f"{member.client_id} on {member.host}" for member in members))
        raise StateError(
            f"state topic {options.topic}: the state belongs to group {options.group_id}, which is running ({where}); "
            "stop its members first; one that was killed counts until its session ends"
        )
