"""Messages of the client as columns: one batch a topic, only what has not been handed out before."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message
from confluent_kafka._types import HeadersType

from monitor.domain.frame import MessageBatch

Headers = tuple[tuple[str, bytes | None], ...]


def batches(messages: Sequence[Message], positions: Mapping[tuple[str, int], int]) -> list[MessageBatch]:
    """Columns of the messages by topic, in the order read.

    positions: next offset by (topic, partition); a message before it was handed out already and is left out.
    """
    by_topic: dict[str, list[Message]] = {}
    for message in messages:
        by_topic.setdefault(message.topic() or "", []).append(message)
    columns = (_batch(topic, own, positions) for topic, own in by_topic.items())
    return [batch for batch in columns if len(batch)]


def _batch(topic: str, messages: list[Message], positions: Mapping[tuple[str, int], int]) -> MessageBatch:
    partitions = [message.partition() or 0 for message in messages]
    offsets = [message.offset() or 0 for message in messages]
    # offsets rise within a partition, so the first one of each says whether anything here is old
    first = dict(zip(reversed(partitions), reversed(offsets), strict=True))
    if any(offset < positions.get((topic, partition), 0) for partition, offset in first.items()):
        fresh = [
            message
            for message, partition, offset in zip(messages, partitions, offsets, strict=True)
            if offset >= positions.get((topic, partition), 0)
        ]
        return _batch(topic, fresh, positions)
    headers = [message.headers() for message in messages]
    return MessageBatch(
        topic=topic,
        values=[message.value() for message in messages],
        partitions=partitions,
        offsets=offsets,
        timestamps=[_seconds(*message.timestamp()) for message in messages],
        headers=[_pairs(pairs) for pairs in headers] if any(headers) else None,
    )


def _seconds(kind: int, milliseconds: int) -> float:
    return math.nan if kind == TIMESTAMP_NOT_AVAILABLE or milliseconds < 0 else milliseconds / 1000.0


def _pairs(headers: HeadersType | None) -> Headers:
    pairs = headers.items() if isinstance(headers, dict) else headers or ()
    return tuple((name, value.encode() if isinstance(value, str) else value) for name, value in pairs)
