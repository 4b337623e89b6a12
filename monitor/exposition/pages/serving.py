"""Answers with pages: rendered on a thread, one at a time, kept for a moment; and takes samples for the sparklines.

Whoever looks costs the loop a few streams' drawings a turn and a scrape nothing but its share of the interpreter: what
is shown is bounded, a second browser gets what the first one got, and a queue of them is refused.
"""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import anyio
import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from monitor.exposition.board import Board
from monitor.exposition.pages.content import SCHEMA_PATH, Status, schema
from monitor.exposition.pages.document import SHOWN, Moment, Pictures, chosen, passing, score_of, status
from monitor.exposition.pages.history import History
from monitor.exposition.pages.shell import POLICY
from monitor.exposition.pages.status import render
from monitor.exposition.scrape import accepts_gzip

#: a rendered answer serves whoever asks for the same within so long
KEPT_SECONDS = 1.0
#: answers kept at once, and requests that may wait for theirs
KEPT, WAITING = 8, 16
#: how long the first look at a stream waits for the loop to draw it
PATIENCE_SECONDS = 1.0
#: a filter longer than any name can be matches nothing
_LONGEST_FILTER = 1024
_HTML, _JSON, _SCHEMA = "text/html; charset=utf-8", "application/json", "application/schema+json"

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class _Answer:
    made: float
    body: bytes
    zipped: bytes


class Pages:
    """The pages of one board.  `start` and `stop` are for the samples; pages are answered without them too."""

    def __init__(self, board: Board, wall: Callable[[], float] = time.time) -> None:
        self._board = board
        self._wall = wall
        self._history = History(2 * SHOWN)
        self._turn = threading.Lock()
        self._answers: dict[tuple[str, str | None], _Answer] = {}
        self._patience = PATIENCE_SECONDS
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._limiter: anyio.CapacityLimiter | None = None
        self._waiting = 0

    def endpoints(self) -> Mapping[str, Endpoint]:
        """Path → endpoint."""

        async def schema_page(_: Request) -> Response:
            return Response(msgspec.json.encode(schema()), media_type=_SCHEMA, headers=_HEADERS)

        return {"/": self._endpoint(_HTML), "/api/v1/status": self._endpoint(_JSON), SCHEMA_PATH: schema_page}

    def start(self) -> None:
        """Begin to take samples."""
        self._thread = threading.Thread(target=self._sample_on, name="driftgauge-history", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it; harmless when it never began."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(1.0)

    def document(self, model: str | None = None) -> Status:
        """What there is to show now.  model: only its versions."""
        reading = self._board.read()
        streams = chosen(passing(reading, model))
        keys = [stream.key for stream in streams]
        gallery = self._board.gallery
        gallery.wish(keys)
        shapes = gallery.shapes(keys, self._patience)
        # a loop that does not draw keeps nobody waiting twice
        self._patience = PATIENCE_SECONDS if shapes else 0.0
        pictures = Pictures(self._history.times, {key: self._history.of(key) for key in keys}, shapes)
        return status(reading, Moment(self._wall(), self._board.is_ready(), model), streams, pictures)

    def sample(self) -> None:
        """Keep the scores of the most troubled streams and of those that somebody looks at, if it is time."""
        now = self._wall()
        if not self._history.due(now):
            return
        live = self._board.read().live
        scores = {stream.key: score_of(stream) for stream in chosen(live.values())}
        looked_at = set(self._board.gallery.wished()) - scores.keys()
        if looked_at:
            views = (stream for view in live.values() for stream in view.streams)
            scores |= {stream.key: score_of(stream) for stream in views if stream.key in looked_at}
        if scores:
            self._history.sample(now, dict(list(scores.items())[: 2 * SHOWN]))

    def _sample_on(self) -> None:
        while not self._ended.wait(1.0):
            self.sample()

    def _endpoint(self, kind: str) -> Endpoint:
        async def answered(request: Request) -> Response:
            if self._waiting >= WAITING:
                return PlainTextResponse("too many are looking at once\n", 503, {"Retry-After": "5"})
            if self._limiter is None:  # made where it is used: it belongs to the server's own event loop
                self._limiter = anyio.CapacityLimiter(1)
            model = request.query_params.get("model") or None
            self._waiting += 1
            try:
                # a thread of its own kind: pages that queue up must not take the threads that scrapes run on
                answer = await anyio.to_thread.run_sync(self._answer, kind, model, limiter=self._limiter)
            finally:
                self._waiting -= 1
            zipped = accepts_gzip(request.headers.get("accept-encoding", ""))
            headers = {**_HEADERS, "Vary": "Accept-Encoding", **({"Content-Encoding": "gzip"} if zipped else {})}
            return Response(answer.zipped if zipped else answer.body, media_type=kind, headers=headers)

        return answered

    def _answer(self, kind: str, model: str | None) -> _Answer:
        with self._turn:
            model = None if model is None else model[:_LONGEST_FILTER]
            now = self._wall()
            known = self._answers.get((kind, model))
            if known is not None and 0 <= now - known.made < KEPT_SECONDS:
                return known
            made = self.document(model)
            body = render(made) if kind == _HTML else msgspec.json.encode(made)
            answer = _Answer(now, body, gzip.compress(body, 1))
            self._answers.pop((kind, model), None)
            if len(self._answers) >= KEPT:
                self._answers.pop(next(iter(self._answers)))
            self._answers[kind, model] = answer
            return answer


_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
