"""The flights that are replayed: two versions of one model, each with a reference and with what came after it.

`data/NOTICE` says where they come from, and what each file holds.
"""

from __future__ import annotations

import gzip
import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import msgspec

DATA = Path(__file__).parent / "data"

MODEL = "flight-delay"
PREDICTIONS, LABELS = "flight-predictions", "flight-labels"


@dataclass(frozen=True, slots=True)
class Expected:
    """An episode that has to open for the demonstration to have worked: on one of the features, at such a time.

    aspect: None if any will do.  begin, end: event time, the end excluded.  days: the same in words.
    """

    features: tuple[str, ...]
    aspect: str | None
    begin: datetime
    end: datetime
    days: str
    what_happened: str


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the model: its name, its season's New York time, and what its live flights are known to hold."""

    name: str
    zone: timezone
    expected: Expected

    @property
    def profile(self) -> Path:
        """The file with its reference profile."""
        return DATA / f"{self.name}.profile.json"


@dataclass(frozen=True, slots=True)
class Message:
    """What is produced: `time` is the event's, in seconds since the epoch; partition −1 leaves it to the key."""

    time: float
    topic: str
    partition: int
    value: bytes
    key: bytes | None = None


# Fixed offsets: no slice crosses a change of clocks, and a machine without a time zone database shows the same dates.
_EST, _EDT = timezone(timedelta(hours=-5), "EST"), timezone(timedelta(hours=-4), "EDT")

VERSIONS = (
    Version(
        "winter",
        _EST,
        Expected(
            ("precip", "prev_dep_delay"),
            None,
            datetime(2013, 2, 8, tzinfo=_EST),
            datetime(2013, 2, 10, tzinfo=_EST),
            "8 and 9 February",
            "the blizzard: snow, and more than half of the flights cancelled",
        ),
    ),
    Version(
        "summer",
        _EDT,
        Expected(
            ("temp", "visib"),
            "missing",
            datetime(2013, 8, 22, tzinfo=_EDT),
            datetime(2013, 8, 24, tzinfo=_EDT),
            "22 and 23 August",
            "the weather feed failed for hours",
        ),
    ),
)

#: name → partitions: one for each version, because the order of a model's events is kept within a partition only
TOPICS = {PREDICTIONS: len(VERSIONS), LABELS: len(VERSIONS)}


class _Timed(msgspec.Struct):
    ts: datetime


def lines(version: str, part: str) -> list[bytes]:
    """The events of `reference`, `live` or `labels`, one JSON object each, in order."""
    return gzip.decompress((DATA / f"{version}.{part}.jsonl.gz").read_bytes()).splitlines()


def messages() -> list[Message]:
    """Every live prediction and every label of both versions by event time; ties stay as they are in the data."""
    streams = [
        _messages(version.name, partition, part, topic)
        for partition, version in enumerate(VERSIONS)
        for part, topic in (("live", PREDICTIONS), ("labels", LABELS))
    ]
    return list(heapq.merge(*streams, key=lambda message: message.time))


def _messages(version: str, partition: int, part: str, topic: str) -> Iterator[Message]:
    time_of = msgspec.json.Decoder(_Timed)
    for line in lines(version, part):
        yield Message(time_of.decode(line).ts.timestamp(), topic, partition, line)
