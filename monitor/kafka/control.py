"""What people ask of a running daemon: a topic of one partition that every shard reads, each from where it stood.

     {"type": "accept", "model": "fraud", "model_version": "3" | null, "feature": "amount" | null,
      "by": "ann", "why": "new price list", "at": 1767225600.0}

A message that is none of these is said once and passed over: it must not hold up what comes after it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from monitor.domain.errors import SourceError
from monitor.kafka.notices import ClientLog, Notice, Notices, Trouble

ANSWER_SECONDS = 20.0
#: the loop waits for an answer, so briefly and seldom
ASK_SECONDS, LOOK_SECONDS = 1.0, 0.3
#: once, at the first start of a new state: the client has to find the brokers first
FIRST_SECONDS = 3.0
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
        self._place = TopicPartition(topic, 0)
        self._due = 0.0
        self._notices = notices = Notices()
        self._ready = False
        self.position: int | None = None  #: next offset; None until a new shard knows where the topic ends
        self._consumer = Consumer(
            {
                **properties,
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "isolation.level": "read_committed",
                "allow.auto.create.topics": False,
            },
            logger=ClientLog(notices),
        )

    def seek(self, offset: int | None) -> None:
        """Read from here on; None: from what is asked from now on, for nothing that was asked before is meant.

        Where a topic ends is asked at once, and waited for a little: what is asked after a start is meant.  While no
        broker answers it is asked again and again.
        """
        self._ready = True
        if offset is None:
            self._find_end(FIRST_SECONDS)
        else:
            self._start(offset)

    def _find_end(self, patience: float = LOOK_SECONDS) -> None:
        now = time.monotonic()
        if self._ready and self.position is None and now >= self._due:
            self._due = now + ASK_SECONDS
            try:
                self._start(self._consumer.get_watermark_offsets(self._place, timeout=patience, cached=False)[1])
            except (KafkaException, RuntimeError) as error:
                self._notices.put(Trouble("control_error", str(error), self.topic))

    def take(self) -> list[Asked]:
        """What was asked since the last time."""
        self._find_end()
        if self.position is None:
            return []
        asked: list[Asked] = []
        try:
            messages = self._consumer.consume(_MESSAGES, 0)
        except (KafkaException, RuntimeError) as error:
            self._notices.put(Trouble("control_error", str(error), self.topic))
            return []
        for message in messages:
            failure, offset = message.error(), message.offset()
            if failure is not None and failure.code() == KafkaError._AUTO_OFFSET_RESET:
                self._begin_anew()
                return asked
            if failure is not None or offset is None:
                self._notices.put(Trouble("control_error", str(failure), self.topic))
            elif offset >= (self.position or 0):
                self.position = offset + 1
                asked.append(Asked(offset, self._read(message.value() or b"", offset)))
        return asked

    def notices(self) -> list[Notice]:
        """What went wrong since the last call."""
        self._find_end()
        return self._notices.take()

    def _begin_anew(self) -> None:
        """What was read last is not there any more: the topic was made anew, or has forgotten it.  All in it is new."""
        try:
            low, _ = self._consumer.get_watermark_offsets(self._place, timeout=LOOK_SECONDS, cached=False)
        except KafkaException as error:
            self._notices.put(Trouble("control_error", str(error), self.topic))
            low = self.position or 0  # fails again in the same way, and is asked again then
        self._start(low)

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
