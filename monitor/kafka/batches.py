"""Messages of the client as columns: one batch a topic, only what has not been handed out before.

The client's messages are let go piece by piece, as they are taken; what is kept of each is its body and its place.
Per message the work is a few calls in C: at a million a second, one line of Python each would halve the speed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message
from confluent_kafka._types import HeadersType

from monitor.domain.frame import MessageBatch

Headers = tuple[tuple[str, bytes | None], ...]

#: Messages, and bytes of bodies, that are worked on at once.  The statistics cost per batch and stream before they
#: cost per value, so under load batches should be large; what is gathered is memory, and time until the loop turns.
BATCH_MESSAGES, BATCH_BYTES = 16_000, 4 << 20


class Gathering:
    """Messages taken piece by piece; see `batches`."""

    def __init__(self) -> None:
        self._topics: dict[str, _Columns] = {}
        self.messages = 0
        self.size_bytes = 0

    @property
    def full(self) -> bool:
        """Is it time to work on what was gathered?"""
        return self.messages >= BATCH_MESSAGES or self.size_bytes >= BATCH_BYTES

    def add(self, messages: Sequence[Message], positions: Mapping[tuple[str, int], int]) -> dict[tuple[str, int], int]:
        """Take a piece; the next offset of every partition that moved.

        positions: next offset by (topic, partition); a message before it was handed out already and is left out.
        """
        moved: dict[tuple[str, int], int] = {}
        topics = list(map(Message.topic, messages))
        for topic in dict.fromkeys(topics):
            own = messages if topics.count(topic) == len(topics) else _of_topic(messages, topics, topic)
            columns = self._topics.setdefault(topic or "", _Columns())
            moved |= columns.add(own, topic or "", positions)
        self.messages += len(messages)
        self.size_bytes += sum(map(len, messages))
        return moved

    def batches(self) -> list[MessageBatch]:
        """One batch a topic, in the order in which the topics were first met."""
        return [columns.batch(topic) for topic, columns in self._topics.items() if columns.values]


class _Columns:
    """The messages of one topic."""

    def __init__(self) -> None:
        self.values: list[bytes | None] = []
        self.partitions: list[int] = []
        self.offsets: list[int] = []
        self.timestamps: list[float] = []
        self.headers: list[Headers] | None = None
        self.keys: list[bytes | None] = []

    def add(
        self, messages: Sequence[Message], topic: str, positions: Mapping[tuple[str, int], int]
    ) -> dict[tuple[str, int], int]:
        partitions: list[int] = list(map(Message.partition, messages))  # type: ignore[arg-type]
        offsets: list[int] = list(map(Message.offset, messages))  # type: ignore[arg-type]
        # offsets rise within a partition, so the first one of each says whether anything here is old
        first = dict(zip(reversed(partitions), reversed(offsets), strict=True))
        if any(offset < positions.get((topic, partition), 0) for partition, offset in first.items()):
            fresh = [
                message
                for message, partition, offset in zip(messages, partitions, offsets, strict=True)
                if offset >= positions.get((topic, partition), 0)
            ]
            return self.add(fresh, topic, positions)
        headers = list(map(Message.headers, messages))
        if self.headers is None and any(headers):
            self.headers = [()] * len(self.values)
        if self.headers is not None:
            self.headers += map(_pairs, headers)
        self.values += map(Message.value, messages)
        self.keys += map(Message.key, messages)
        self.partitions += partitions
        self.offsets += offsets
        self.timestamps += _seconds([message.timestamp() for message in messages])
        last = dict(zip(partitions, offsets, strict=True))
        return {(topic, partition): offset + 1 for partition, offset in last.items()}

    def batch(self, topic: str) -> MessageBatch:
        return MessageBatch(topic, self.values, self.partitions, self.offsets, self.timestamps, self.headers, self.keys)


def batches(messages: Sequence[Message], positions: Mapping[tuple[str, int], int]) -> list[MessageBatch]:
    """Columns of the messages by topic, in the order read.

    positions: next offset by (topic, partition); a message before it was handed out already and is left out.
    """
    gathering = Gathering()
    gathering.add(messages, positions)
    return gathering.batches()


def _of_topic(messages: Sequence[Message], topics: Sequence[str | None], topic: str | None) -> list[Message]:
    return [message for message, own in zip(messages, topics, strict=True) if own == topic]


def _seconds(stamps: Sequence[tuple[int, int]]) -> list[float]:
    return [
        math.nan if kind == TIMESTAMP_NOT_AVAILABLE or milliseconds < 0 else milliseconds / 1000.0
        for kind, milliseconds in stamps
    ]


def _pairs(headers: HeadersType | None) -> Headers:
    pairs = headers.items() if isinstance(headers, dict) else headers or ()
    return tuple((name, value.encode() if isinstance(value, str) else value) for name, value in pairs)
