"""Commits off the loop: one thread, one commit at a time, the outcome handed back to whoever asks.

loop      ── submit(prepare) ──▶ ……… busy ……… ── outcome() ──▶  counted, published; on failure put back
writer                   prepare() → store.commit

What is to be saved is encoded on the writer's thread: the loop only copies.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from monitor.domain.errors import DriftgaugeError
from monitor.state.store import Commit, Store


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a commit; error: None, or why nothing was written; commit: None if it could not be prepared."""

    commit: Commit | None
    duration_seconds: float
    error: Exception | None


class Writer:
    """Writes to a store on a thread of its own; the store must not be used elsewhere until `close`."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting: Callable[[], Commit] | None = None
        self._finished: Outcome | None = None
        self._busy = False
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="state-writer", daemon=True)
        self._thread.start()

    @property
    def busy(self) -> bool:
        """Is a commit under way, or its outcome not taken yet?"""
        with self._changed:
            return self._busy

    def submit(self, prepare: Callable[[], Commit]) -> None:
        """Have a commit prepared and written; returns at once.  Raises DriftgaugeError while `busy`.

        What `prepare` reads must not change any more: it is called on the writer's thread.
        """
        with self._changed:
            if self._busy or self._closed:
                raise DriftgaugeError("expected an idle writer: one commit at a time")
            self._busy = True
            self._waiting = prepare
            self._changed.notify_all()

    def outcome(self, timeout: float = 0.0) -> Outcome | None:
        """What became of the commit under way, waiting up to `timeout` seconds; None while it is still written."""
        with self._changed:
            if self._busy and self._finished is None and timeout > 0:
                self._changed.wait_for(lambda: self._finished is not None, timeout)
            outcome = self._finished
            if outcome is not None:
                self._finished = None
                self._busy = False
            return outcome

    def close(self, timeout: float) -> bool:
        """End the thread after the commit under way; False when it did not end within `timeout` seconds."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting is not None or self._closed)
                prepare, self._waiting = self._waiting, None
            if prepare is None:
                return
            began = self._clock()
            commit: Commit | None = None
            error: Exception | None = None
            try:
                commit = prepare()
                self._store.commit(commit)
            except Exception as failure:  # whatever it is, the loop must hear of it: it keeps what was not written
                error = failure
            with self._changed:
                self._finished = Outcome(commit, self._clock() - began, error)
                self._changed.notify_all()
