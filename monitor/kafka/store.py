"""State in one partition of a compacted topic: state, findings, dead letters and positions in one transaction.

     load      fence whoever wrote before, read the partition to its end
     commit    begin ─ state ─ findings ─ dead letters ─ the group's offsets ─ commit        all of it or nothing

A transaction is begun at the commit and not before, so between two commits there is nothing to lose.  The
transactional id belongs to the shard: opening the store fences the process that had it before, whatever that one
believes, and from then on each of its commits is refused.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from monitor.domain.errors import StateError
from monitor.domain.keys import ModelKey
from monitor.kafka.notices import ClientLog, Notices
from monitor.kafka.state_reader import StateReader
from monitor.kafka.state_records import KeyValue, Name, cut, drop, join
from monitor.state.store import Commit, CommitError, Headers, Intervention, Record, Snapshot

#: how long the broker keeps a transaction whose owner says nothing; also bounds how long a fencing has to wait
TRANSACTION_SECONDS = 15.0
#: one request of a commit waits so long for its answer before it is asked again
_ANSWER_SECONDS = 2.0
#: interventions kept, the newest; a fold over an older log needs the findings topic
INTERVENTIONS = 1_000

Properties = Mapping[str, str | int | float | bool]


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """What a shard's store is opened with.  properties: the producer's; reading: a consumer's, in no group."""

    properties: Properties
    reading: Properties
    group_id: str
    topic: str
    shard: int = 0
    findings_topic: str | None = None
    dead_letter_topic: str | None = None
    #: the group's metadata, if its offsets are to be told in the transaction
    membership: Callable[[], Any] | None = field(default=None, compare=False)

    @property
    def transactional_id(self) -> str:
        """Belongs to the shard for its life: this is what fences a process that only believes to own it."""
        return f"{self.group_id}-shard-{self.shard}"


class _Meta(msgspec.Struct, array_like=True):
    incarnation: int
    topic_ids: dict[str, str]
    configuration: bytes
    at: float


class KafkaStore:
    """One shard's state.  `load` first; used by one thread at a time, whichever it is."""

    def __init__(self, options: StoreOptions, reader: StateReader | None = None) -> None:
        """reader: one that has read some of the partition already, which is then the store's to close."""
        self._options = options
        self._reader = reader
        self._closed = False
        self._lost: StateError | None = None
        self._chunks: dict[Name, int] = {}  # what is in the topic, and in how many pieces
        self._offsets: dict[str, dict[int, int]] = {}
        self._meta = _Meta(1, {}, b"", 0.0)
        self._interventions: dict[int, Intervention] = {}
        self._producer: Producer | None = None

    @property
    def remaining(self) -> int:
        """Messages that `load` has still to read, as far as is known."""
        reader = self._reader
        return 0 if reader is None else reader.remaining

    def load(self) -> Snapshot:
        """Fence the owner before, and read the last commit.  Raises StateError when it is damaged.

        Waits for brokers as long as it takes; `close` from another thread ends the waiting with a StateError.
        """
        if self._producer is None:
            self._producer = self._fence()
        if self._reader is None:
            self._reader = StateReader(self._options.reading, self._options.topic, self._options.shard)
        self._reader.read_to_end(lambda: self._closed)
        if self._closed:
            raise StateError(f"{self._reader.place}: closed while its state was being restored")
        snapshot = self._take(self._reader.records, self._reader.place)
        self._reader.close()
        self._reader = None
        return snapshot

    def interventions(self) -> Sequence[Intervention]:
        """All that are kept, in order."""
        if self._producer is None:
            self.load()
        return tuple(self._interventions[number] for number in sorted(self._interventions))

    def commit(self, commit: Commit) -> None:
        """Write all of it in one transaction.  Raises CommitError when nothing was written, StateError when fenced."""
        if self._lost is not None:
            raise self._lost
        if self._producer is None:
            self.load()
        change = _Change(self, commit)
        try:
            self._write(change)
        except KafkaException as error:
            raise self._explain(error) from error
        change.settle()

    def close(self) -> None:
        """Let go; may be called twice, and from another thread than the one that loads or commits."""
        self._closed = True
        if self._producer is not None and self._lost is None:
            self._producer.purge()
        self._producer = None

    # -- reading ---------------------------------------------------------------------------------------------------

    def _fence(self) -> Producer:
        """A producer that is the only one of this shard from now on; what its predecessor left open is aborted."""
        producer = Producer(
            {
                "linger.ms": 5,
                "compression.type": "lz4",
                **self._options.properties,
                "transactional.id": self._options.transactional_id,
                "transaction.timeout.ms": int(TRANSACTION_SECONDS * 1000),
                "enable.idempotence": True,
            },
            logger=ClientLog(Notices()),
        )
        while not self._closed:
            try:
                producer.init_transactions(_ANSWER_SECONDS)
                return producer
            except KafkaException as error:
                if not error.args[0].retriable() and error.args[0].code() not in _PASSING:
                    raise StateError(f"{self._place}: the shard cannot be taken over: {error.args[0].str()}") from error
        raise StateError(f"{self._place}: closed while it was being taken over")

    @property
    def _place(self) -> str:
        return f"{self._options.topic}/{self._options.shard}"

    def _take(self, records: Mapping[bytes, bytes], place: str) -> Snapshot:
        """What the newest records amount to."""
        models: dict[ModelKey, bytes] = {}
        exposure: dict[ModelKey, bytes] = {}
        found = False
        for name, blob, count in join(records, place):
            self._chunks[name] = count
            found = True
            try:
                if name[0] == "model":
                    key = ModelKey(name[1], name[2])
                    models[key], exposure[key] = msgspec.msgpack.decode(blob, type=tuple[bytes, bytes])
                elif name[0] == "offsets":
                    self._offsets[name[1]] = msgspec.msgpack.decode(blob, type=dict[int, int])
                elif name[0] == "intervention":
                    self._interventions[int(name[1])] = _load_intervention(blob)
                elif name[0] == "meta":
                    self._meta = msgspec.msgpack.decode(blob, type=_Meta)
                else:
                    raise StateError(f"{place}: expected only driftgauge's own records, found one under {name!r}")
            except (msgspec.DecodeError, LookupError, ValueError) as error:
                raise StateError(f"{place}: the state under {'/'.join(name)} is damaged: {error}") from error
        if found and ("meta",) not in self._chunks:
            raise StateError(f"{place}: expected the state's facts about itself, found none: the topic lost records")
        return Snapshot(
            models=models,
            exposure=exposure,
            offsets={(topic, number): offset for topic, own in self._offsets.items() for number, offset in own.items()},
            topic_ids=dict(self._meta.topic_ids),
            configuration=self._meta.configuration,
            incarnation=self._meta.incarnation,
        )

    # -- writing ---------------------------------------------------------------------------------------------------

    def _write(self, change: _Change) -> None:
        producer, options = self._producer, self._options
        if producer is None:
            raise CommitError(f"{self._place}: the store is closed")
        producer.begin_transaction()
        for key, value in change.records():
            _produce(producer, options.topic, value, key, partition=options.shard)
        if options.findings_topic is not None:
            _produce_all(producer, options.findings_topic, change.commit.records)
        if options.dead_letter_topic is not None:
            _produce_all(producer, options.dead_letter_topic, change.commit.dead_letters)
        offsets = [TopicPartition(topic, number, at) for (topic, number), at in change.commit.offsets.items()]
        if options.membership is not None and offsets:
            metadata = options.membership()
            self._insist(lambda: producer.send_offsets_to_transaction(offsets, metadata, _ANSWER_SECONDS))
        self._insist(lambda: producer.commit_transaction(_ANSWER_SECONDS))

    def _insist(self, step: Callable[[], object]) -> None:
        """Ask until there is an answer: a commit whose outcome is not known is neither done nor undone."""
        while True:
            try:
                step()
            except KafkaException as error:
                failure = error.args[0]
                if self._closed or failure.fatal() or failure.txn_requires_abort() or not failure.retriable():
                    raise
                time.sleep(0.05)
            else:
                return

    def _explain(self, error: KafkaException) -> Exception:
        """What an exception of the client means; a transaction that can be aborted is."""
        failure = error.args[0]
        if failure.fatal() or failure.code() in _FENCED:
            self._lost = StateError(
                f"{self._place}: another process owns this shard now, nothing more is written here: {failure.str()}"
            )
            return self._lost
        producer = self._producer
        while producer is not None and not self._closed:
            try:
                producer.abort_transaction(_ANSWER_SECONDS)
                break
            except KafkaException as second:
                if second.args[0].fatal() or second.args[0].code() in _FENCED:
                    return self._explain(second)
                if not second.args[0].retriable():
                    break
        return CommitError(f"{self._place}: the state could not be written: {failure.str()}")


class _Change:
    """The records of one commit, and what the store knows once they are written."""

    def __init__(self, store: KafkaStore, commit: Commit) -> None:
        self.commit = commit
        self._store = store
        self._chunks: dict[Name, int] = {}
        meta = store._meta
        self._meta = _Meta(
            meta.incarnation if commit.incarnation is None else commit.incarnation,
            {**meta.topic_ids, **commit.topic_ids},
            meta.configuration if commit.configuration is None else commit.configuration,
            commit.at,
        )
        self._offsets = {topic: dict(own) for topic, own in store._offsets.items() if topic not in commit.forgotten}
        for (topic, partition), offset in commit.offsets.items():
            self._offsets.setdefault(topic, {})[partition] = offset
        number = max(store._interventions, default=0)
        added = dict(enumerate(commit.interventions, number + 1))
        kept = sorted({**store._interventions, **added})[-INTERVENTIONS:]
        self._interventions = {place: {**store._interventions, **added}[place] for place in kept}

    def records(self) -> Iterator[KeyValue]:
        """Everything that changed, as records of the state topic."""
        commit, store = self.commit, self._store
        for key, state in commit.models.items():
            blob = msgspec.msgpack.encode((state, commit.exposure.get(key, b"")))
            yield from self._blob(("model", key.model, key.model_version), blob)
        for key in commit.removed:
            yield from self._gone(("model", key.model, key.model_version))
        for topic in store._offsets.keys() | self._offsets.keys():
            own = self._offsets.get(topic)
            if own is None:
                yield from self._gone(("offsets", topic))
            elif own != store._offsets.get(topic):
                yield from self._blob(("offsets", topic), msgspec.msgpack.encode(own))
        for number in store._interventions.keys() | self._interventions.keys():
            name = ("intervention", str(number))
            if number not in self._interventions:
                yield from self._gone(name)
            elif number not in store._interventions:
                yield from self._blob(name, _dump_intervention(self._interventions[number]))
        yield from self._blob(("meta",), msgspec.msgpack.encode(self._meta))

    def _blob(self, name: Name, blob: bytes) -> Iterator[KeyValue]:
        records = cut(name, blob)
        self._chunks[name] = len(records)
        yield from records
        yield from drop(name, range(len(records), self._store._chunks.get(name, 0)))

    def _gone(self, name: Name) -> Iterator[KeyValue]:
        self._chunks[name] = 0
        yield from drop(name, range(self._store._chunks.get(name, 0)))

    def settle(self) -> None:
        """It is written: the store stands here now."""
        store = self._store
        store._chunks = {name: count for name, count in {**store._chunks, **self._chunks}.items() if count}
        store._meta, store._offsets, store._interventions = self._meta, self._offsets, self._interventions


def _produce_all(producer: Producer, topic: str, records: Iterable[Record]) -> None:
    for record in records:
        _produce(producer, topic, record.value, record.key, headers=record.headers)


def _produce(
    producer: Producer,
    topic: str,
    value: bytes | None,
    key: bytes | None,
    *,
    partition: int = -1,
    headers: Headers = (),
) -> None:
    while True:
        try:
            producer.produce(topic, value, key, partition, headers=list(headers) or None)
        except BufferError:  # the queue is full: let some of it go
            producer.poll(0.05)
        else:
            producer.poll(0)
            return


def _dump_intervention(intervention: Intervention) -> bytes:
    key = intervention.model
    places = [[topic, partition, offset] for (topic, partition), offset in sorted(intervention.positions.items())]
    return msgspec.msgpack.encode([intervention.kind, key.model, key.model_version, places, intervention.detail])


def _load_intervention(blob: bytes) -> Intervention:
    kind, model, version, places, detail = msgspec.msgpack.decode(blob)
    positions = {(topic, partition): offset for topic, partition, offset in places}
    return Intervention(kind, ModelKey(model, version), positions, detail)


#: another producer has the transactional id, or the broker gave this one up
_FENCED = (
    KafkaError._FENCED,
    KafkaError.PRODUCER_FENCED,
    KafkaError.INVALID_PRODUCER_EPOCH,
    KafkaError.INVALID_PRODUCER_ID_MAPPING,
)
#: what waiting may mend while a shard is being taken over
_PASSING = (
    KafkaError._TIMED_OUT,
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError.CONCURRENT_TRANSACTIONS,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
)
