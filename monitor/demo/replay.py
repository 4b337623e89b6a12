"""Sends messages to Kafka in the order and rhythm of their event time, only faster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaError, Message, Producer

from monitor.demo.flights import Message as Event
from monitor.domain.errors import DriftgaugeError

#: seconds of event time: a longer pause is replayed as one of this length (nights are shorter, half a year is not)
LONGEST_PAUSE = 6 * 3600.0


class ReplayError(DriftgaugeError):
    """The broker did not take every message."""


def due_times(times: Sequence[float], seconds: float) -> list[float]:
    """When each event is to be sent, in seconds from the start; the last one at `seconds`.  `times` must not fall.

    >>> due_times([0.0, 60.0, 180.0, 3e7, 3e7], 10.0)[1] < 0.1, due_times([0.0, 60.0, 180.0], 3.0)
    (True, [0.0, 1.0, 3.0])
    """
    elapsed = [0.0]
    for earlier, later in pairwise(times):
        elapsed.append(elapsed[-1] + min(later - earlier, LONGEST_PAUSE))
    pace = seconds / elapsed[-1] if elapsed[-1] else 0.0
    return [moment * pace for moment in elapsed[: len(times)]]


class Replay:
    """One run through the events; `send_until` again and again with the time that passed, then `finish`."""

    def __init__(self, bootstrap: str, events: Sequence[Event], seconds: float) -> None:
        self._events = events
        self._due = due_times([event.time for event in events], seconds)
        self._failures: list[KafkaError] = []
        # Compressed, a slice is far below what the embedded broker keeps of a partition; all of them together are far
        # below what the producer's queue holds, so that `produce` never finds it full.  The partitioner is the one of
        # Java's clients: a model then has one partition, whoever writes.
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "linger.ms": 20,
                "compression.type": "zstd",
                "partitioner": "murmur2_random",
            }
        )
        self._topics: Counter[str] = Counter()
        self.sent = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # whatever waits in the client is dropped: it must be gone before the broker is, or it complains about that
        self._producer.purge()
        del self._producer

    @property
    def done(self) -> bool:
        """Was every event handed to the client?"""
        return self.sent == len(self._events)

    @property
    def newest(self) -> Event:
        """The last event that was sent, before that the first one that will be."""
        return self._events[max(self.sent - 1, 0)]

    def sent_to(self, topic: str) -> int:
        """How many events of this topic were sent."""
        return self._topics[topic]

    def send_until(self, elapsed: float) -> None:
        """Send whatever is due after so many seconds."""
        while not self.done and self._due[self.sent] <= elapsed:
            event = self._events[self.sent]
            self._producer.produce(
                event.topic, event.value, event.key, partition=event.partition, on_delivery=self._delivered
            )
            self._topics[event.topic] += 1
            self.sent += 1
        self._producer.poll(0)

    def finish(self, timeout: float) -> None:
        """Wait until everything sent has arrived.  Raises ReplayError when something did not, or not in time."""
        left = self._producer.flush(timeout)
        if self._failures:
            raise ReplayError(f"the broker refused {len(self._failures)} events, the first: {self._failures[0]}")
        if left:
            raise ReplayError(f"expected {self.sent} events to be taken within {timeout:g} s, {left} were not")

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._failures.append(error)
