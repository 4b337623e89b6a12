"""The answer to a scrape: rendered on a worker thread, one at a time, sent piece by piece.

Who asks while another one's is being rendered waits for the next, which all share that want it in the same form: so a
scrape waits for two renderings at most of each form, however many ask.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from monitor.exposition.board import Board
from monitor.exposition.lines import Writer
from monitor.exposition.text import OPENMETRICS, body, content_type

#: between two pieces of an exposition, so that the loop takes its turn; enough to wake another thread
_PAUSE_SECONDS = 0.0005


def scrapes(board: Board) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint that shows a board to Prometheus, in the format and the coding it asks for."""
    writer = Writer()
    rendering = asyncio.Lock()
    to_come: dict[tuple[str, bool], asyncio.Task[list[bytes]]] = {}

    def exposition(kind: str, zipped: bool) -> list[bytes]:
        pieces = writer.pieces(board.read(), open_metrics=kind == OPENMETRICS)
        return body(pieces, zipped=zipped, pause=lambda: time.sleep(_PAUSE_SECONDS))

    async def render(kind: str, zipped: bool) -> list[bytes]:
        # one at a time: two scrapers at once would otherwise hold two expositions of a big board in memory
        async with rendering:
            del to_come[kind, zipped]  # what is read from here on is too old for who asks now
            return await run_in_threadpool(exposition, kind, zipped)

    async def rendered(kind: str, zipped: bool) -> list[bytes]:
        task = to_come.get((kind, zipped))
        if task is None:
            task = to_come[kind, zipped] = asyncio.create_task(render(kind, zipped))
        return await asyncio.shield(task)  # one that is cut does not take the others' with it

    async def metrics(request: Request) -> Response:
        kind = content_type(request.headers.get("accept", ""))
        zipped = accepts_gzip(request.headers.get("accept-encoding", ""))
        headers = {"Content-Type": kind, "Vary": "Accept, Accept-Encoding"}
        if zipped:
            headers["Content-Encoding"] = "gzip"
        pieces = await rendered(kind, zipped)
        headers["Content-Length"] = str(sum(map(len, pieces)))

        async def sent() -> AsyncIterator[bytes]:  # piece by piece: joined, a big board's would be copied at one go
            for piece in pieces:
                yield piece

        return StreamingResponse(sent(), headers=headers)

    return metrics


def accepts_gzip(header: str) -> bool:
    """Does an `Accept-Encoding` header take gzip?  A weight of zero is a refusal.

    >>> accepts_gzip("br, gzip;q=0.5"), accepts_gzip("gzip;q=0"), accepts_gzip("")
    (True, False, False)
    """
    for each in header.lower().split(","):
        coding, _, weight = each.partition(";")
        if coding.strip() == "gzip":
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
