"""The connections that are open: how many there may be, how long each may take, and which goes when one too many comes.

    silent ─▶ handshake (TLS) ─▶ head ─▶ answer ─▶ fetch ─▶ idle
         ╰──▶ opening ───────────╯ ▲                        │
                                   ╰────────────────────────╯

A new connection is never refused: at the limit another one is cut, in this order: one that has sent nothing yet; one
that has not finished what it sent, or idles without ever having been let in; one whose first bytes wait to be read; one
that idles; one that takes its time to fetch what is there.  Among equals it is one of the address that holds most, and
there the one that has been so for longest.  So a client that opens connections to no end mostly loses its own, and who
was let in before (as a Prometheus that keeps its connection is) stays.  One that waits for us is never cut for another:
where all do, the next one waits as well.

Nothing here knows of sockets; everything happens on the one thread that calls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from math import inf

#: an answer that takes longer is one that is not fetched
_FETCH_SECONDS = 1.0
#: why connections are cut, as `driftgauge_http_connections_cut_total` calls it
REASONS = ("limit", "deadline", "handshake", "malformed")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a client may cost.

    connections: open at once, at each address.  head_bytes: the head of a request.  head_seconds: saying anything at
    all, then a TLS handshake, then the head of a request, each.  answer_seconds: an
    answer, fetching included.  idle_seconds: how long a connection is kept for the next request.
    """

    connections: int = 128
    head_bytes: int = 16_384
    head_seconds: float = 5.0
    answer_seconds: float = 60.0
    idle_seconds: float = 90.0


class Phase(Enum):
    """What a connection is about."""

    SILENT = auto()
    OPENING = auto()
    HANDSHAKE = auto()
    HEAD = auto()
    IDLE = auto()
    ANSWER = auto()
    FETCH = auto()


@dataclass(slots=True, eq=False)
class Connection:
    """One client's connection.

    speaks: are there first bytes that nobody has looked at yet?  If so it leaves its silence by that.  let_in: has it
    been shown anything that is not for everybody?
    """

    address: str
    cut: Callable[[], None]
    speaks: Callable[[], bool] = lambda: False
    phase: Phase = Phase.SILENT
    deadline: float = inf
    let_in: bool = False


class Connections:
    """Those of one address that is listened on."""

    def __init__(
        self, bounds: Bounds, clock: Callable[[], float], count: Callable[[str], None] = lambda _: None
    ) -> None:
        """count: told each reason for which one was cut.  clock: seconds."""
        self.bounds, self.count = bounds, count
        self._clock = clock
        self._holds: Counter[str] = Counter()  # by address
        self._ranks: list[dict[Connection, None]] = [{} for _ in range(_RANKS)]  # each in the order of `since`
        self._where: dict[Connection, int] = {}

    def __len__(self) -> int:
        return len(self._where)

    @property
    def crowded(self) -> bool:
        """Is there no room for one more, and nobody to be cut for it?"""
        return len(self) >= self.bounds.connections and self._victim() is None

    def add(self, connection: Connection) -> None:
        """One more, silent yet, at the cost of another one if there are too many."""
        if len(self) >= self.bounds.connections:
            self.make_room()
        self._holds[connection.address] += 1
        self._place(connection, Phase.SILENT)

    def move(self, connection: Connection, phase: Phase) -> None:
        """It is in this phase now, and has the phase's time for it."""
        if connection in self._where:  # else it is cut, and its end under way
            del self._ranks[self._where[connection]][connection]
            self._place(connection, phase)

    def remove(self, connection: Connection) -> None:
        """It has ended, whoever ended it."""
        if connection in self._where:
            del self._ranks[self._where.pop(connection)][connection]
            self._holds[connection.address] -= 1
            if not self._holds[connection.address]:
                del self._holds[connection.address]

    def make_room(self) -> None:
        """Cut the one that is missed least."""
        silent = self._ranks[0]
        while silent:  # these are what comes by the thousand, and cost next to nothing
            oldest = next(iter(silent))
            if not oldest.speaks():
                self._cut(oldest, "limit")
                return
        victim = self._victim()
        if len(self) >= self.bounds.connections and victim is not None:
            self._cut(victim, "limit")

    def sweep(self) -> None:
        """Cut those whose time is over."""
        now = self._clock()
        for connection in [connection for connection in self._where if connection.deadline <= now]:
            self._cut(connection, "deadline")

    def refuse(self, connection: Connection) -> None:
        """What it said is nothing that is spoken here."""
        self._cut(connection, "malformed")

    def _victim(self) -> Connection | None:
        """Who goes next; None where all are being answered as they should be."""
        least = next((list(rank) for rank in self._ranks if rank), [])
        if least and least[0].phase is Phase.ANSWER:
            return None
        if least and least[0].phase is Phase.FETCH:
            due = self._clock() - _FETCH_SECONDS + self.bounds.answer_seconds
            least = [connection for connection in least if connection.deadline <= due]
        if not least:
            return None
        most = max(self._holds[connection.address] for connection in least)
        return next(connection for connection in least if self._holds[connection.address] == most)

    def _cut(self, connection: Connection, reason: str) -> None:
        self.remove(connection)
        self.count(reason)
        connection.cut()

    def _place(self, connection: Connection, phase: Phase) -> None:
        rank = _rank(phase, connection.let_in)
        self._ranks[rank][connection] = None
        self._where[connection] = rank
        connection.phase = phase
        connection.deadline = self._clock() + self._seconds(phase)

    def _seconds(self, phase: Phase) -> float:
        if phase is Phase.IDLE:
            return inf
        return self.bounds.answer_seconds if phase in (Phase.ANSWER, Phase.FETCH) else self.bounds.head_seconds


_RANKS = 6


def _rank(phase: Phase, let_in: bool) -> int:
    """How much a connection is missed."""
    if phase in (Phase.HANDSHAKE, Phase.HEAD, Phase.IDLE):
        return 3 if let_in else 1
    return {Phase.SILENT: 0, Phase.OPENING: 2, Phase.FETCH: 4, Phase.ANSWER: 5}[phase]
