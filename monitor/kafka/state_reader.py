"""Reading one partition of the state topic: its newest record under each key, kept up to date as it grows.

A standby tails it, so that taking over costs little more than the last seconds; an owner reads it once, to its end.
Memory is the state's own size and one fetch: what is overwritten later is dropped as soon as it is overwritten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from monitor.domain.errors import StateError
from monitor.kafka.notices import ClientLog, Notices

_MESSAGES = 500
_FETCH: Mapping[str, str | int | float | bool] = {
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "earliest",
    "isolation.level": "read_committed",
    "queued.max.messages.kbytes": 16_384,
    "fetch.wait.max.ms": 50,
    "fetch.queue.backoff.ms": 10,
}


class StateReader:
    """The newest records of partition `shard` of a topic.  Used by one thread at a time, whichever it is."""

    def __init__(self, properties: Mapping[str, str | int | float | bool], topic: str, shard: int) -> None:
        self._partition = TopicPartition(topic, shard, OFFSET_BEGINNING)
        self.place = f"{topic}/{shard}"
        self.records: dict[bytes, bytes] = {}
        self.position = 0  #: next offset
        self.end: int | None = None  #: where the partition ended when last heard of
        self.caught_up = False  #: has its end been seen since the last `expect`?
        self._stop: int | None = None  # what comes from here on is not taken
        self._consumer = Consumer({**properties, **_FETCH}, logger=ClientLog(Notices()))
        self._consumer.assign([self._partition])

    @property
    def remaining(self) -> int:
        """Messages (at most) between here and the end that was last heard of."""
        return max(0, (self.end or 0) - self.position)

    def advance(self, timeout: float) -> None:
        """Take what arrives within `timeout` seconds.  Raises StateError when it cannot be read any further."""
        for message in self._consumer.consume(_MESSAGES, timeout):
            error, offset = message.error(), message.offset() or 0
            if error is None and self._stop is not None and offset >= self._stop:
                self.position = self._stop  # perhaps half a transaction: its end is not awaited
            elif error is None:
                key, value = message.key(), message.value()
                if key is None:
                    raise StateError(f"{self.place}: expected only driftgauge's own records, found one without a key")
                if value is None:
                    self.records.pop(bytes(key), None)
                else:
                    self.records[bytes(key)] = bytes(value)
                self.position = offset + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                self.position = max(self.position, offset)
                self.end = max(self.end or 0, offset)
                self.caught_up = self.position >= self.end
            elif not error.retriable():
                raise StateError(f"{self.place}: the state cannot be read: {error}")

    def read_to_end(self, cancelled: Callable[[], bool]) -> None:
        """Read up to where the partition ends now, and no further, however long that takes, unless cancelled."""
        self.caught_up = False
        end = None
        while end is None and not cancelled():
            try:
                # read_committed: the end is the last stable offset, behind which no transaction is open
                end = self._consumer.get_watermark_offsets(self._partition, timeout=2.0, cached=False)[1]
            except KafkaException:
                continue
        self.end = self._stop = end
        while self.position < (end or 0) and not cancelled():
            self.advance(0.1)

    def close(self) -> None:
        self._consumer.close()
