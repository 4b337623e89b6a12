"""State in one partition of a compacted topic: state, findings, dead letters and positions in one transaction.

     load      fence whoever wrote before, read the partition to its end
     commit    begin ─ state ─ findings ─ dead letters ─ the group's offsets ─ commit        all of it or nothing

A transaction is begun at the commit and not before, so between two commits there is nothing to lose.  The
transactional id belongs to the shard: opening the store fences the process that had it before, whatever that one
believes, and from then on each of its commits is refused.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from monitor.domain.errors import StateError
from monitor.domain.keys import ModelKey
from monitor.kafka.notices import ClientLog, Notices
from monitor.kafka.state_reader import StateReader
from monitor.kafka.state_records import KeyValue, Name, cut, drop
from monitor.kafka.stored import Meta, Stored, contents, dump_intervention
from monitor.state.store import (
    Commit,
    CommitError,
    FencedError,
    Headers,
    Intervention,
    Parted,
    Record,
    Snapshot,
    parted,
)

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


class KafkaStore:
    """One shard's state.  `load` first; used by one thread at a time, whichever it is."""

    def __init__(self, options: StoreOptions, reader: StateReader | None = None) -> None:
        """reader: one that has read some of the partition already, which is then the store's to close."""
        self._options = options
        self._reader = reader
        self._closed = False
        self._lost: StateError | None = None
        self._stored = Stored(f"{options.topic}/{options.shard}")  # of the last commit; the models' blobs are dropped
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
        snapshot = self._take_over().snapshot()
        self._stored.forget_contents()
        return snapshot

    def _take_over(self) -> Stored:
        if self._producer is None:
            self._producer = self._fence()
        if self._reader is None:
            self._reader = StateReader(self._options.reading, self._options.topic, self._options.shard)
        self._reader.read_to_end(lambda: self._closed)
        if self._closed:
            raise StateError(f"{self._reader.place}: closed while its state was being restored")
        self._stored = contents(self._reader.records, self._reader.place)
        self._reader.close()
        self._reader = None
        return self._stored

    def contents(self) -> Stored:
        """Fence the owner before, and read what there is, damaged or not, so that it can be thrown away."""
        if self._producer is None:
            self._take_over()
        return self._stored

    def reset(self, models: Collection[ModelKey], topics: Collection[str], at: float) -> None:
        """Throw the state of these models away, and how far these topics were read; raise the incarnation.

        at: wall clock, which gives the incarnation where the one before cannot be read.  Raises StateError when
        something else is damaged, unless everything goes.
        """
        stored = self.contents()
        owned = stored.names_by_model()
        going = {name for key in models for name in {("model", *key_of_model(key)), *owned.get(key, ())}}
        going |= {("offsets", topic) for topic in topics}
        if not {name for name in stored.chunks if name[0] in ("model", "piece", "part", "offsets")} <= going:
            stored.refuse_damage(going)
        incarnation = int(at) if ("meta",) in stored.damage else stored.meta.incarnation + 1
        self.commit(Commit({}, {}, {}, at=at, removed=models, forgotten=topics, incarnation=incarnation))

    def interventions(self) -> Sequence[Intervention]:
        """All that are kept, in order."""
        if self._producer is None:
            self.load()
        kept = self._stored.interventions
        return tuple(kept[number] for number in sorted(kept))

    def commit(self, commit: Commit) -> None:
        """Write all of it in one transaction.  Raises CommitError when nothing was written, StateError when fenced."""
        if self._lost is not None:
            raise self._lost
        if self._producer is None:
            self.load()
        change = Change(self._stored, commit)
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
                failure = error.args[0]
                if failure.code() in _FENCED:
                    raise FencedError(f"{self._place}: another process was faster: {failure.str()}") from error
                if not failure.retriable() and failure.code() not in _PASSING:
                    raise StateError(f"{self._place}: the shard cannot be taken over: {failure.str()}") from error
        raise StateError(f"{self._place}: closed while it was being taken over")

    @property
    def _place(self) -> str:
        return f"{self._options.topic}/{self._options.shard}"

    # -- writing ---------------------------------------------------------------------------------------------------

    def _write(self, change: Change) -> None:
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
            self._lost = FencedError(
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


class Change:
    """The records of one commit, and what is stored once they are written."""

    def __init__(self, stored: Stored, commit: Commit) -> None:
        self.commit = commit
        self._stored = stored
        self._owned = stored.names_by_model()
        self._chunks: dict[Name, int] = {}
        meta = stored.meta
        self._meta = Meta(
            meta.incarnation if commit.incarnation is None else commit.incarnation,
            {**meta.topic_ids, **commit.topic_ids},
            meta.configuration if commit.configuration is None else commit.configuration,
            commit.at,
        )
        self._offsets = {topic: dict(own) for topic, own in stored.offsets.items() if topic not in commit.forgotten}
        for (topic, partition), offset in commit.offsets.items():
            self._offsets.setdefault(topic, {})[partition] = offset
        number = max(stored.interventions, default=0)
        added = dict(enumerate(commit.interventions, number + 1))
        kept = sorted({**stored.interventions, **added})[-INTERVENTIONS:]
        self._interventions = {place: {**stored.interventions, **added}[place] for place in kept}

    def records(self) -> Iterator[KeyValue]:
        """Everything that changed, as records of the state topic."""
        commit, stored = self.commit, self._stored
        for key, state in commit.models.items():
            yield from self._model(key, parted(state), commit.exposure.get(key, b""))
        for key in commit.removed:
            for name in self._owned.get(key, ()):
                yield from self._gone(name)
        for topic in {*stored.topic_names, *self._offsets}:
            own = self._offsets.get(topic)
            if own is None:
                yield from self._gone(("offsets", topic))
            elif own != stored.offsets.get(topic):
                yield from self._blob(("offsets", topic), msgspec.msgpack.encode(own))
        for name in stored.damage:  # only where everything goes
            if name[0] == "intervention":
                yield from self._gone(name)
        for number in stored.interventions.keys() | self._interventions.keys():
            name = ("intervention", str(number))
            if number not in self._interventions:
                yield from self._gone(name)
            elif number not in stored.interventions:
                yield from self._blob(name, dump_intervention(self._interventions[number]))
        yield from self._blob(("meta",), msgspec.msgpack.encode(self._meta))

    def _model(self, key: ModelKey, state: Parted, exposure: bytes) -> Iterator[KeyValue]:
        """A model's pieces, the parts that are not there yet, and tombstones for what it has no more."""
        place = key_of_model(key)
        before = self._owned.get(key, set())
        after: set[Name] = {("model", *place)}
        yield from self._blob(("model", *place), msgspec.msgpack.encode((state.pieces[0], exposure)))
        for number, piece in enumerate(state.pieces[1:], 1):
            after.add(("piece", *place, str(number)))
            yield from self._blob(("piece", *place, str(number)), piece)
        for digest, part in state.parts.items():
            own: Name = ("part", *place, digest.hex())
            after.add(own)
            if own not in before:
                yield from self._blob(own, part.encode())
        for name in before - after:
            yield from self._gone(name)

    def _blob(self, name: Name, blob: bytes) -> Iterator[KeyValue]:
        records = cut(name, blob)
        self._chunks[name] = len(records)
        yield from records
        yield from drop(name, range(len(records), self._stored.chunks.get(name, 0)))

    def _gone(self, name: Name) -> Iterator[KeyValue]:
        self._chunks[name] = 0
        yield from drop(name, range(self._stored.chunks.get(name, 0)))

    def settle(self) -> None:
        """It is written: the store stands here now."""
        stored = self._stored
        stored.chunks = {name: count for name, count in {**stored.chunks, **self._chunks}.items() if count}
        stored.damage = {name: how for name, how in stored.damage.items() if name not in self._chunks}
        stored.meta, stored.offsets, stored.interventions = self._meta, self._offsets, self._interventions


def key_of_model(key: ModelKey) -> tuple[str, str]:
    """What the names of a model's blobs have in common."""
    return key.model, key.model_version


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
