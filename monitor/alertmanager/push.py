"""Keeps a list of Alertmanagers told: at once when an alert begins or ends, and again each minute while it holds.

     board ──look, once a second──▶ picture ──▶ one thread for each Alertmanager ──▶ POST
                                      newest only: one that hangs holds up neither the others nor memory

Both members of a pair are told everything; they agree between themselves who notifies.  Nothing is said at the end of
the process: the alerts run out if it does not come back.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Condition, Thread
from typing import Any

from monitor.alertmanager.alerts import holding
from monitor.alertmanager.picture import EMPTY
from monitor.alertmanager.post import Destination, PushFailed, post
from monitor.exposition.board import Board

LOOK_SECONDS = 1.0
#: alerts in a picture
LIMIT = 1_000
#: a push under way may take this long to end when the process stops; its thread does not hold up the exit
STOP_SECONDS = 1.0
#: what was not taken is sent again after this time, or with the next change
RETRY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class PushOptions:
    """hold_seconds: how long a drift stays an alert after it was found.  labels: added to every alert.

    failed: hears of every push that failed, by the Alertmanager's name and the reason.
    """

    destinations: Sequence[Destination]
    resend_seconds: float = 60.0
    hold_seconds: float = 900.0
    labels: Mapping[str, str] = field(default_factory=dict)
    failed: Callable[[str, str], None] = lambda name, reason: None
    wall: Callable[[], float] = time.time


class Pusher:
    """Looks at the board and pushes; `start` and `stop` from one thread, once each."""

    def __init__(self, board: Board, options: PushOptions) -> None:
        self._board = board
        self._options = options
        self._changed = Condition()
        self._picture = EMPTY
        self._version = 0
        self._stopping = False
        contexts = [(to, to.context()) for to in options.destinations]
        board.open_alertmanagers([to.name for to in options.destinations])
        self._threads = [Thread(target=self._look, name="alerts", daemon=True)]
        self._threads += [
            Thread(target=self._tell, args=(to, context), name=f"alerts to {to.name}", daemon=True)
            for to, context in contexts
        ]

    def start(self) -> None:
        """Begin to look and to push."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End within a bound; alerts that hold run out unless somebody renews them."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        deadline = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _look(self) -> None:
        while True:
            reading, now = self._board.read(), self._options.wall()
            alerts = holding(reading, now, self._options.hold_seconds, self._picture.holding)
            models = frozenset((key.model, key.model_version) for key in reading.live)
            picture = self._picture.next(alerts, models, now, LIMIT)
            self._board.alerts_dropped(picture.dropped)
            with self._changed:
                if picture.differs_from(self._picture):
                    self._version += 1
                    self._changed.notify_all()
                self._picture = picture
                if self._changed.wait_for(lambda: self._stopping, LOOK_SECONDS):
                    return

    def _tell(self, to: Destination, context: ssl.SSLContext | None) -> None:
        told, pause = 0, self._options.resend_seconds
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._version != told, pause)  # noqa: B023
                if self._stopping:
                    return
                told, picture = self._version, self._picture
            body = picture.body(self._options.wall(), self._options.resend_seconds, self._options.labels)
            taken = not body or self._push(to, context, body)
            pause = self._options.resend_seconds if taken else min(RETRY_SECONDS, self._options.resend_seconds)

    def _push(self, to: Destination, context: ssl.SSLContext | None, body: list[dict[str, Any]]) -> bool:
        try:
            post(to, context, body)
        except PushFailed as error:
            self._options.failed(to.name, str(error))
            taken = False
        else:
            taken = True
        self._board.pushed(to.name, taken)
        return taken
