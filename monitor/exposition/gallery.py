"""What the loop draws of single streams because somebody looks at them, and only then.

    page    ──wish(streams)──▶  wished, for a while  ──draw──▶  shapes  ──▶ page
                                                        │
                              loop: a few a turn, again when they are no longer fresh

Law: while nobody looks, drawing costs the loop one comparison; while somebody does, a few streams' worth a turn.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from threading import Condition
from typing import TYPE_CHECKING

import structlog

from monitor.domain.keys import StreamKey

if TYPE_CHECKING:
    from monitor.engine.shape import Shape

log = structlog.get_logger("driftgauge")

#: streams that may be wished for at once
WISHES = 400
#: a wish holds as long after it was last made: a page that is open makes it again every few seconds
WISH_SECONDS = 15.0
FRESH_SECONDS = 2.0
#: drawn in one turn: a few milliseconds
DRAWN_AT_ONCE = 32

Draw = Callable[[StreamKey], "Shape | None"]


@dataclass(slots=True)
class _Wish:
    until: float
    drawn: float = -math.inf
    shape: Shape | None = None


class Gallery:
    """Shapes of streams, drawn on demand; every method may be called from any thread."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._changed = Condition()
        self._wishes: dict[StreamKey, _Wish] = {}

    def wish(self, streams: Iterable[StreamKey]) -> None:
        """Somebody looks at these streams; what is over the bound is not drawn."""
        until = self._monotonic() + WISH_SECONDS
        with self._changed:
            self._drop_old()
            for key in streams:
                known = self._wishes.get(key)
                if known is not None:
                    known.until = until
                elif len(self._wishes) < WISHES:
                    self._wishes[key] = _Wish(until)

    def wished(self) -> Collection[StreamKey]:
        """The streams that somebody looks at."""
        with self._changed:
            self._drop_old()
            return tuple(self._wishes)

    def shapes(self, streams: Iterable[StreamKey], patience_seconds: float = 0.0) -> Mapping[StreamKey, Shape]:
        """The newest shapes of these streams, waited for so long if some that are wished for are not drawn yet."""
        wanted = tuple(streams)
        with self._changed:
            self._changed.wait_for(lambda: self._all_drawn(wanted), patience_seconds)
            found = ((key, self._wishes[key].shape) for key in wanted if key in self._wishes)
            return {key: shape for key, shape in found if shape is not None}

    def draw(self, draw: Draw, own: Callable[[StreamKey], bool] | None = None) -> None:
        """Draw some of what is wished for and not fresh, the longest undrawn first.

        own: which streams may be drawn here, None: all.
        """
        if not self._wishes:
            return
        now = self._monotonic()
        with self._changed:
            self._drop_old()
            due = [
                (wish.drawn, key)
                for key, wish in self._wishes.items()
                if now - wish.drawn >= FRESH_SECONDS and (own is None or own(key))
            ]
        chosen = [key for _, key in sorted(due, key=lambda each: each[0])[:DRAWN_AT_ONCE]]
        drawn = {key: _drawn(draw, key, now) for key in chosen}
        with self._changed:
            for key, (when, shape) in drawn.items():
                wish = self._wishes.get(key)
                if wish is not None:
                    wish.drawn, wish.shape = when, shape
            if drawn:
                self._changed.notify_all()

    def _all_drawn(self, streams: Iterable[StreamKey]) -> bool:
        wishes = (self._wishes.get(key) for key in streams)
        return all(wish is None or wish.drawn > -math.inf for wish in wishes)

    def _drop_old(self) -> None:
        now = self._monotonic()
        if any(wish.until < now for wish in self._wishes.values()):
            self._wishes = {key: wish for key, wish in self._wishes.items() if wish.until >= now}


def _drawn(draw: Draw, key: StreamKey, now: float) -> tuple[float, Shape | None]:
    """When to take the stream for drawn, and its shape.  A picture that fails is not worth the watching: it is left
    out, and not tried again as long as somebody goes on looking."""
    try:
        return now, draw(key)
    except Exception:
        log.exception("drawing_failed", stream=str(key))
        return math.inf, None
