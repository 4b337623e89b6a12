"""What the source has to say beside messages: frozen notices for the loop to log and count.

librdkafka calls back from inside `consume`, and an exception in a callback destroys the whole batch that was being
handed out.  So callbacks only append here; nothing in this file can raise or block.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

#: notices kept between two polls; more than that is a storm whose newest lines say as much as all of them
NOTICES = 1_000


@dataclass(frozen=True, slots=True)
class Gap:
    """Events a partition no longer holds: reading goes on at `resumed` instead of `expected`.

    lost: number of offsets in between; 0 when the position was beyond the log's end (a topic made anew).
    """

    topic: str
    partition: int
    expected: int
    resumed: int
    lost: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something the operator should hear about; the source goes on by itself."""

    event: str  #: stable name for logs: broker_down, topic_missing, partition_error, client_log, …
    detail: str
    topic: str = ""
    partition: int = -1


@dataclass(frozen=True, slots=True)
class Assigned:
    """Partitions of a topic now being read; `found_running` when the topic had fewer before."""

    topic: str
    partitions: tuple[int, ...]
    found_running: bool


@dataclass(frozen=True, slots=True)
class Identified:
    """What the broker calls a topic; `before` is what it was called when it was read last, empty if it never was."""

    topic: str
    topic_id: str
    before: str = ""

    @property
    def recreated(self) -> bool:
        """Is it another topic under the same name?"""
        return bool(self.before) and self.before != self.topic_id


Notice = Gap | Trouble | Assigned | Identified
Level = Literal["info", "warning", "error"]


class Notices:
    """A bounded letter box: anybody may put, the loop takes everything at once."""

    def __init__(self) -> None:
        self._box: deque[Notice] = deque(maxlen=NOTICES)

    def put(self, notice: Notice) -> None:
        self._box.append(notice)

    def take(self) -> list[Notice]:
        """All notices since the last call, oldest first."""
        taken: list[Notice] = []
        while self._box:
            taken.append(self._box.popleft())
        return taken


class ClientLog:
    """Stands where librdkafka's binding expects a logger; warnings and worse become notices, the rest is dropped."""

    def __init__(self, notices: Notices) -> None:
        self._notices = notices

    def log(self, level: int, template: str, *values: object) -> None:
        if level < 30:
            return
        try:
            text = template % values
        except (TypeError, ValueError):
            text = template
        self._notices.put(Trouble("client_log", text))
