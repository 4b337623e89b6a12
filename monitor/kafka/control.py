"""What people ask of a running daemon: a topic of one partition that every shard reads, each from where it stood.

     {"type": "accept", "model": "fraud", "model_version": "3" | null, "feature": "amount" | null,
      "by": "ann", "why": "new price list", "at": 1767225600.0}

A message that is none of these is said once and passed over: it must not hold up what comes after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from monitor.domain.errors import SourceError
from monitor.kafka.notices import ClientLog, Notice, Notices, Trouble

ANSWER_SECONDS = 20.0
_MESSAGES = 100


class Accept(msgspec.Struct, frozen=True, tag_field="type", tag="accept", forbid_unknown_fields=True):
    """What is meant to be as it is from now on; None: whatever the name is.  at: wall clock, seconds."""

    model: str
    model_version: str | None = None
    feature: str | None = None
    by: str = ""
    why: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One message of the control topic; request: None if it makes no sense."""

    offset: int
    request: Accept | None


class Control:
    """Reads the control topic for one shard.  Connects in the background; never waits."""

    def __init__(self, properties: Mapping[str, Any], topic: str) -> None:
        self.topic = topic
        self._notices = notices = Notices()
        self._ready = False
        self.position: int | None = None  #: next offset; None until a new shard knows where the topic ends
        self._consumer = Consumer(
            {
                **properties,
                "enable.auto.commit": False,
                "auto.offset.reset": "latest",
                "isolation.level": "read_committed",
                "allow.auto.create.topics": False,
            },
            logger=ClientLog(notices),
        )

    def seek(self, offset: int | None) -> None:
        """Read from here on; None: from what is asked from now on, for nothing that was asked before is meant."""
        self._ready = True
        if offset is not None:
            self._start(offset)

    def take(self) -> list[Asked]:
        """What was asked since the last time."""
        if not self._ready:
            return []
        asked = []
        try:
            if self.position is None:
                self._start(self._consumer.get_watermark_offsets(TopicPartition(self.topic, 0), timeout=0.5)[1])
            messages = self._consumer.consume(_MESSAGES, 0)
        except (KafkaException, RuntimeError) as error:
            self._notices.put(Trouble("control_error", str(error), self.topic))
            return []
        for message in messages:
            offset = message.offset()
            if message.error() is not None or offset is None:
                self._notices.put(Trouble("control_error", str(message.error()), self.topic))
            elif offset >= (self.position or 0):
                self.position = offset + 1
                asked.append(Asked(offset, self._read(message.value() or b"", offset)))
        return asked

    def notices(self) -> list[Notice]:
        """What went wrong since the last call."""
        return self._notices.take()

    def _start(self, offset: int) -> None:
        self.position = offset
        self._consumer.assign([TopicPartition(self.topic, 0, offset)])

    def close(self) -> None:
        self._consumer.close()

    def _read(self, value: bytes, offset: int) -> Accept | None:
        try:
            return msgspec.json.decode(value, type=Accept)
        except msgspec.MsgspecError as error:
            self._notices.put(Trouble("control_message_refused", f"offset {offset}: {error}", self.topic, 0))
            return None


def ask(properties: Mapping[str, Any], topic: str, request: Accept) -> int:
    """Write a request and wait until it is there; its offset.  Raises SourceError when it could not be written."""
    results: list[tuple[object, int | None]] = []
    producer = Producer({**properties, "enable.idempotence": True}, logger=ClientLog(Notices()))
    try:
        producer.produce(
            topic,
            msgspec.json.encode(request),
            request.model.encode(),
            0,
            on_delivery=lambda error, message: results.append((error, message.offset())),
        )
        producer.flush(ANSWER_SECONDS)
    except KafkaException as error:
        raise SourceError(f"control topic {topic}: the request could not be written: {error}") from error
    if not results or results[0][0] is not None:
        why = results[0][0] if results else f"no answer within {ANSWER_SECONDS:g} s"
        raise SourceError(f"control topic {topic}: the request could not be written: {why}")
    return results[0][1] or 0
