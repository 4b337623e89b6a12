"""The source: every partition of the configured topics, read by manual assignment, positions kept here.

Life:  seek(snapshot) → poll, poll, poll … → close.
- A partition starts at its stored position, else where `start` says if its topic has never been read, else at its
  beginning: a partition that appears later holds only events nobody has seen.
- The position is the next offset after what `poll` handed out; it moves past transaction markers at the end of a
  partition.  The client's own idea of positions is never asked.
- Nothing that a broker does or fails to do raises from here: topics that do not exist are looked for again, lost data
  is counted as a gap, and an exception inside `consume` means that handed-out messages are unknown, so everything is
  assigned again from our own positions.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from monitor.domain.errors import ConfigurationError, StateError
from monitor.domain.frame import MessageBatch
from monitor.kafka.batches import Gathering
from monitor.kafka.notices import Assigned, ClientLog, Gap, Identified, Notice, Notices, Trouble
from monitor.kafka.options import SourceOptions, client_properties, undivided
from monitor.kafka.secrets import blackened, secrets_of
from monitor.kafka.topic_ids import ANSWER_SECONDS, TopicIds

Positions = Mapping[tuple[str, int], int]

#: messages that are asked for at once; the client's objects live as long as their piece
PIECE_MESSAGES = 1_000
#: seconds between two looks at a topic's partitions, when all is well and while something is amiss
REFRESH_SECONDS, RETRY_SECONDS = 5.0, 1.0
#: the same while a topic's id has been asked for
IDENTITY_SECONDS = 0.02
#: a metadata request blocks the loop; it starts short, and doubles for brokers that are alive but far away
METADATA_SECONDS, METADATA_SECONDS_MAX = 0.5, 2.0
CLOSE_SECONDS = 5.0


class EventSource(Protocol):
    """What the daemon needs from a source."""

    def seek(self, positions: Positions, topic_ids: Mapping[str, str] | None = None) -> None: ...
    def poll(self, timeout: float = 0.05) -> list[MessageBatch]: ...
    def positions(self) -> dict[tuple[str, int], int]: ...
    def lag(self) -> dict[tuple[str, int], int]: ...
    def commit_group(self, positions: Positions) -> None: ...
    def notices(self) -> list[Notice]: ...
    @property
    def up(self) -> bool: ...
    def close(self) -> None: ...


class Source:
    """Reads all partitions of `options.topics`.  Single-threaded: every method from the thread that polls."""

    def __init__(self, options: SourceOptions, clock: Callable[[], float] = time.monotonic) -> None:
        """Creates the client; connects nowhere yet.

        Raises ConfigurationError for properties that are ours or that librdkafka does not know.
        """
        self._topics = options.topics
        self._shard, self._shards = options.shard, options.shards
        self._tells_group = options.tells_group
        self._start = OFFSET_END if options.start == "latest" else OFFSET_BEGINNING
        self._clock = clock
        self._notices = Notices()
        self._up = False
        self._closed = False
        self._positions: dict[tuple[str, int], int] = {}
        self._begin: dict[tuple[str, int], int] = {}  # where a partition without a position begins
        self._assigned: dict[str, set[int]] = {topic: set() for topic in options.topics}
        self._known: set[str] = set()  # topics of the snapshot: what is new in them is read from its beginning
        self._missing: set[str] = set()  # topics said to be absent: what they hold later is read from its beginning
        self._due = dict.fromkeys(options.topics, 0.0)
        self._metadata_seconds = METADATA_SECONDS
        self._ids: dict[str, str] = {}  # of the topics that the positions are of
        self._suspects: set[str] = set()  # topics that ended before our position
        self._wait_until: dict[str, float] = {}
        self._names = TopicIds(_admin_properties(options), clock)
        self._consumer = _consumer(options, self._notices, self._on_error)

    def seek(self, positions: Positions, topic_ids: Mapping[str, str] | None = None) -> None:
        """Start from these next offsets; before the first poll.  Topics no longer configured keep theirs.

        topic_ids: what the broker called the topics that these positions are of; under another id they mean nothing.
        """
        self._positions = dict(positions)
        self._ids = dict(topic_ids or {})
        self._known = {topic for topic, _ in positions}

    def poll(self, timeout: float = 0.05) -> list[MessageBatch]:
        """What arrived, one batch a topic, within about `timeout` seconds; empty when nothing did."""
        self._discover()
        self._identify()
        gathering, deadline = Gathering(), self._clock() + timeout
        wait = timeout
        while self._take(gathering, wait) and not gathering.full:
            wait = deadline - self._clock()
            if wait <= 0:
                break
        return gathering.batches()

    def _take(self, gathering: Gathering, timeout: float) -> bool:
        """Add what arrives, at most a piece, within the timeout; may there be more at once?"""
        try:
            messages = self._consumer.consume(PIECE_MESSAGES, timeout)
        except (KafkaException, RuntimeError, ValueError) as error:
            self._lost(error)
            return False
        more = len(messages) == PIECE_MESSAGES
        failed = [message for message in messages if message.error() is not None]
        if failed:
            messages = [message for message in messages if message.error() is None]
        if messages:
            self._up = True
            self._positions |= gathering.add(messages, self._positions)
        for message in failed:
            self._in_band(message)
        return more

    def positions(self) -> dict[tuple[str, int], int]:
        """(topic, partition) → next offset to read, a copy; a partition nothing is known of yet is not in it."""
        return dict(self._positions)

    def lag(self) -> dict[tuple[str, int], int]:
        """(topic, partition) → messages not read yet, as far as the client heard of them; asks no broker."""
        lags: dict[tuple[str, int], int] = {}
        for topic, partitions in self._assigned.items():
            for partition in partitions:
                watermarks = self._watermarks(topic, partition)
                if watermarks is not None:
                    low, high = watermarks
                    lags[topic, partition] = max(0, high - self._positions.get((topic, partition), low))
        return lags

    def commit_group(self, positions: Positions) -> None:
        """Tell the group's offsets to lag tools, best effort, without waiting; nothing here ever reads them."""
        offsets = [
            TopicPartition(topic, partition, offset)
            for (topic, partition), offset in positions.items()
            if partition in self._assigned.get(topic, ())
        ]
        if not offsets or not self._up or not self._tells_group:
            return
        try:
            self._consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as error:
            self._notices.put(Trouble("group_commit_failed", str(error)))

    def notices(self) -> list[Notice]:
        """What happened since the last call."""
        return self._notices.take()

    @property
    def up(self) -> bool:
        """Did a broker answer last time we heard anything of one?"""
        return self._up

    def close(self) -> None:
        """Let go of the client within `CLOSE_SECONDS`: its own close can wait for a dead broker without end."""
        if self._closed:
            return
        self._closed = True
        closing = threading.Thread(target=self._consumer.close, name="kafka-close", daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)

    # -- partitions ------------------------------------------------------------------------------------------------

    def _discover(self) -> None:
        """Ask for the partitions of the one topic that is due longest, if any: one bounded request a poll."""
        now = self._clock()
        topic = min(self._due, key=self._due.__getitem__)
        if now < self._due[topic]:
            return
        try:
            found = self._consumer.list_topics(topic, timeout=self._metadata_seconds).topics[topic]
        except KafkaException as error:
            self._due = {name: max(due, self._clock() + RETRY_SECONDS) for name, due in self._due.items()}
            self._metadata_seconds = min(2 * self._metadata_seconds, METADATA_SECONDS_MAX)
            self._down(str(error))
            return
        self._metadata_seconds = METADATA_SECONDS
        self._up = True
        self._due[topic] = now + (REFRESH_SECONDS if self._assigned[topic] else RETRY_SECONDS)
        if found.error is not None or not found.partitions:
            self._absent(topic, found.error)
            return
        if len(found.partitions) % self._shards:
            raise ConfigurationError([undivided(topic, len(found.partitions), self._shards)])
        own = {number for number in found.partitions if number % self._shards == self._shard}
        new = sorted(own - self._assigned[topic])
        if new and not self._is_identified(topic):
            self._due[topic] = now + IDENTITY_SECONDS
        elif new:
            self._assign(topic, new)

    def _identify(self) -> None:
        """Look for topics that are others by the same name, also while they are read."""
        for topic in self._assigned:
            if self._assigned[topic]:
                self._compare(topic)

    def _is_identified(self, topic: str) -> bool:
        """May a topic be assigned?  One that was read before is compared with itself first, if an id comes soon."""
        if topic not in self._ids:
            return True
        if self._names.look(topic) is None and topic not in self._names.unanswered:
            return self._clock() >= self._wait_until.setdefault(topic, self._clock() + ANSWER_SECONDS)
        self._compare(topic)
        return True

    def _compare(self, topic: str) -> None:
        found, before = self._names.look(topic), self._ids.get(topic, "")
        if found is None or found == before:
            return
        self._ids[topic] = found
        self._suspects.discard(topic)
        notice = Identified(topic, found, before)
        self._notices.put(notice)
        if notice.recreated:
            self._begin_anew(topic)

    def _begin_anew(self, topic: str) -> None:
        """What was read was another topic: everything in this one is new."""
        old = [partition for name, partition in self._positions if name == topic]
        for partition in old:
            del self._positions[topic, partition]
        own = sorted(self._assigned[topic])
        for partition in own:
            self._begin[topic, partition] = OFFSET_BEGINNING
        if own:  # those that the new topic does not have come back with an error, and go with the next discovery
            self._consumer.incremental_unassign([TopicPartition(topic, partition) for partition in own])
            self._assigned[topic] = set()
            self._due[topic] = 0.0

    def _absent(self, topic: str, error: KafkaError | None) -> None:
        if topic not in self._missing:
            event = "topic_missing" if error is None or error.code() in _UNKNOWN_TOPIC else "topic_refused"
            self._notices.put(Trouble(event, str(error), topic))
        if error is None or error.code() in _UNKNOWN_TOPIC:
            self._missing.add(topic)

    def _assign(self, topic: str, partitions: Sequence[int]) -> None:
        found_running = bool(self._assigned[topic])
        unread = found_running or topic in self._known or topic in self._missing
        for partition in partitions:
            self._begin[topic, partition] = OFFSET_BEGINNING if unread else self._start
        self._consumer.incremental_assign([self._resume(topic, partition) for partition in partitions])
        self._assigned[topic].update(partitions)
        self._missing.discard(topic)
        self._notices.put(Assigned(topic, tuple(partitions), found_running))

    def _resume(self, topic: str, partition: int) -> TopicPartition:
        """Where this partition is to be read from now on."""
        return TopicPartition(topic, partition, self._positions.get((topic, partition), self._begin[topic, partition]))

    def _reassign(self, topic: str, partition: int) -> None:
        self._consumer.incremental_unassign([TopicPartition(topic, partition)])
        self._consumer.incremental_assign([self._resume(topic, partition)])

    # -- what goes wrong -------------------------------------------------------------------------------------------

    def _in_band(self, message: Message) -> None:
        """An error that came in the place of a message."""
        error, topic, partition = message.error(), message.topic(), message.partition()
        if error is None or topic is None or partition is None:
            self._notices.put(Trouble("client_error", str(error)))
        elif partition not in self._assigned.get(topic, ()):
            return  # of a topic that has been made anew since: what it says of offsets is of the old one
        elif error.code() == KafkaError._PARTITION_EOF:
            self._at_end(topic, partition, message.offset())
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:
            self._out_of_range(topic, partition, error)
        else:
            self._notices.put(Trouble("partition_error", str(error), topic, partition))

    def _at_end(self, topic: str, partition: int, offset: int | None) -> None:
        """Everything before `offset` was handed out or never meant for readers (markers, aborted events)."""
        self._up = True
        if offset is not None and offset > self._positions.get((topic, partition), -1):
            self._positions[topic, partition] = offset

    def _out_of_range(self, topic: str, partition: int, error: KafkaError) -> None:
        """The stored position is not in the log any more: say what is lost, go on from the earliest event there."""
        try:
            low, high = self._consumer.get_watermark_offsets(
                TopicPartition(topic, partition), timeout=METADATA_SECONDS_MAX, cached=False
            )
        except KafkaException as failure:
            # no answer now: the same position is tried again, and fails again in the same way if it must
            self._notices.put(Trouble("partition_error", f"{error}; {failure}", topic, partition))
        else:
            expected = self._positions.get((topic, partition), low)
            if expected > high and topic in self._ids:
                self._beyond_end(topic, partition, expected, high)
                return
            self._notices.put(Gap(topic, partition, expected, low, max(0, low - expected)))
            self._positions[topic, partition] = low
        self._reassign(topic, partition)

    def _beyond_end(self, topic: str, partition: int, expected: int, high: int) -> None:
        """More was read than there is: of another topic by this name, which its id tells, else the log went back.

        Raises StateError for the latter, by an id that was asked for since.
        """
        if topic not in self._suspects:
            self._suspects.add(topic)
            self._names.ask_again(topic)
        found = self._names.look(topic)
        if found is not None and found == self._ids[topic]:
            raise StateError(_ahead(topic, partition, expected, high))
        if topic in self._names.unanswered:  # cannot be told: better every event there is than none
            self._notices.put(Gap(topic, partition, expected, 0, 0))
            self._positions[topic, partition] = 0
        self._reassign(topic, partition)

    def _lost(self, error: Exception) -> None:
        """`consume` raised: what it had taken from the client is gone, so go back to what was handed out."""
        self._notices.put(Trouble("position_lost", str(error)))
        self._consumer.assign(
            [self._resume(topic, partition) for topic, own in self._assigned.items() for partition in own]
        )

    def _on_error(self, error: KafkaError) -> None:
        """librdkafka's error callback, called inside `consume` and `list_topics`: must not raise."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._down(str(error))
        else:
            self._notices.put(Trouble("client_error", str(error)))

    def _down(self, detail: str) -> None:
        self._up = False
        self._due = {topic: min(due, self._clock() + RETRY_SECONDS) for topic, due in self._due.items()}
        self._notices.put(Trouble("broker_down", detail))

    def _watermarks(self, topic: str, partition: int) -> tuple[int, int] | None:
        try:
            low, high = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), cached=True)
        except KafkaException:
            return None
        return (max(low, 0), high) if high >= 0 else None


_UNKNOWN_TOPIC = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC)


def _ahead(topic: str, partition: int, expected: int, high: int) -> str:
    return (
        f"{topic}/{partition}: the state has read up to offset {expected}, but the log of this same topic ends at "
        f"{high}: it lost events that are counted already, or the state belongs to another cluster. Put the log or an "
        f"older state back; or let `driftgauge state reset --topic {topic}` forget its positions: what it holds is "
        "then read from `kafka.start`, once more if it was read before"
    )


def _admin_properties(options: SourceOptions) -> dict[str, str | int | float | bool]:
    """What connects, without what only a consumer understands."""
    consumers = ("auto.", "enable.", "fetch.", "group.", "isolation.", "max.partition.", "queued.", "session.")
    properties = client_properties(options)
    return {name: value for name, value in properties.items() if not name.startswith(consumers)}


def _consumer(options: SourceOptions, notices: Notices, on_error: Callable[[KafkaError], None]) -> Consumer:
    properties = client_properties(options)
    try:
        return Consumer({**properties, "error_cb": on_error}, logger=ClientLog(notices))
    except (KafkaException, TypeError, ValueError) as error:
        why = blackened(str(error), secrets_of(properties))
        raise ConfigurationError([f"kafka.properties: librdkafka refuses them: {why}"]) from None
