"""Dead letters: messages that could not be read, on their way to a topic where people can look at them.

Key, value and headers are the original's, byte for byte; where it came from and why it was refused is in further
headers.  A producer gone wrong sends bad messages as fast as good ones, so letters are bounded in rate; what is over
the bound is counted and not kept, for the original is still in its topic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from monitor.domain.frame import MessageBatch, Reject
from monitor.state.store import Headers, Record

PREFIX = "driftgauge-"


class DeadLetters:
    """Keeps up to `per_second` letters a second, and what was not used of the ten seconds before."""

    BURST_SECONDS = 10.0

    def __init__(self, per_second: float, monotonic: Callable[[], float]) -> None:
        self._rate = per_second
        self._most = max(1.0, per_second * self.BURST_SECONDS)
        self._tokens = self._most
        self._monotonic = monotonic
        self._at = monotonic()
        self._letters: list[Record] = []
        self._dropped = 0

    def add(self, batch: MessageBatch, rejects: Iterable[Reject]) -> None:
        """Make letters of the messages that were rejected, each once, under the first reason found in it."""
        first: dict[tuple[int, int], Reject] = {}
        for reject in rejects:
            first.setdefault((reject.partition, reject.offset), reject)
        if not first:
            return
        now = self._monotonic()
        self._tokens = min(self._most, self._tokens + (now - self._at) * self._rate)
        self._at = now
        places = {place: i for i, place in enumerate(zip(batch.partitions, batch.offsets, strict=True))}
        for place, reject in first.items():
            if self._tokens < 1.0 or place not in places:
                self._dropped += 1
                continue
            self._tokens -= 1.0
            self._letters.append(_letter(batch, places[place], reject))

    def take(self) -> tuple[list[Record], int]:
        """Letters since the last time, and how many were not kept."""
        letters, dropped = self._letters, self._dropped
        self._letters, self._dropped = [], 0
        return letters, dropped


def _letter(batch: MessageBatch, index: int, reject: Reject) -> Record:
    original: Headers = () if batch.headers is None else batch.headers[index]
    timestamp = batch.timestamps[index]
    facts = {
        "topic": reject.topic,
        "partition": str(reject.partition),
        "offset": str(reject.offset),
        "row": str(reject.row),
        "timestamp": "" if timestamp != timestamp else str(round(timestamp * 1000)),
        "reason": reject.reason,
        "expected": reject.expected,
        "found": reject.found,
    }
    added = tuple((PREFIX + name, value.encode("utf-8", "backslashreplace")) for name, value in facts.items())
    return Record(None if batch.keys is None else batch.keys[index], batch.values[index], (*original, *added))
