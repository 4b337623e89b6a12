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

from monitor.domain.errors import ConfigurationError
from monitor.domain.frame import MessageBatch
from monitor.kafka.batches import batches
from monitor.kafka.notices import Assigned, ClientLog, Gap, Notice, Notices, Trouble
from monitor.kafka.options import SourceOptions, client_properties

Positions = Mapping[tuple[str, int], int]

BATCH_MESSAGES = 1_000
#: seconds between two looks at a topic's partitions, when all is well and while something is amiss
REFRESH_SECONDS, RETRY_SECONDS = 5.0, 1.0
#: a metadata request blocks the loop; it starts short, and doubles for brokers that are alive but far away
METADATA_SECONDS, METADATA_SECONDS_MAX = 0.5, 2.0
CLOSE_SECONDS = 5.0


class EventSource(Protocol):
    """What the daemon needs from a source."""

    def seek(self, positions: Positions) -> None: ...
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
        self._consumer = _consumer(options, self._notices, self._on_error)

    def seek(self, positions: Positions) -> None:
        """Start from these next offsets; before the first poll.  Topics no longer configured keep theirs."""
        self._positions = dict(positions)
        self._known = {topic for topic, _ in positions}

    def poll(self, timeout: float = 0.05) -> list[MessageBatch]:
        """What arrived, one batch a topic, within about `timeout` seconds; empty when nothing did."""
        self._discover()
        try:
            messages = self._consumer.consume(BATCH_MESSAGES, timeout)
        except (KafkaException, RuntimeError, ValueError) as error:
            self._lost(error)
            return []
        if not messages:
            return []
        failed = [message for message in messages if message.error() is not None]
        if failed:
            messages = [message for message in messages if message.error() is None]
        handed_out = batches(messages, self._positions)
        for batch in handed_out:
            self._up = True
            for partition, offset in zip(batch.partitions, batch.offsets, strict=True):
                self._positions[batch.topic, partition] = offset + 1
        for message in failed:
            self._in_band(message)
        return handed_out

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
        if not offsets or not self._up:
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
        new = sorted(set(found.partitions) - self._assigned[topic])
        if new:
            self._assign(topic, new)

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
            low, _ = self._consumer.get_watermark_offsets(
                TopicPartition(topic, partition), timeout=METADATA_SECONDS_MAX, cached=False
            )
        except KafkaException as failure:
            # no answer now: the same position is tried again, and fails again in the same way if it must
            self._notices.put(Trouble("partition_error", f"{error}; {failure}", topic, partition))
        else:
            expected = self._positions.get((topic, partition), low)
            self._notices.put(Gap(topic, partition, expected, low, max(0, low - expected)))
            self._positions[topic, partition] = low
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


def _consumer(options: SourceOptions, notices: Notices, on_error: Callable[[KafkaError], None]) -> Consumer:
    properties = client_properties(options)
    try:
        return Consumer({**properties, "error_cb": on_error}, logger=ClientLog(notices))
    except (KafkaException, TypeError, ValueError) as error:
        raise ConfigurationError([f"kafka.properties: librdkafka refuses them: {error}"]) from error
