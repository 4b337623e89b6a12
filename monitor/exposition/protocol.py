"""HTTP on one connection: uvicorn's protocol, with a place in the table of connections and its client's names in scope.

uvicorn answers requests well and protects itself little: it waits for a head for ever, lets a trickle of bytes put its
own deadline off, answers 503 to the next client when the last ones were too many, and does not tell whose certificate
it was shown.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from monitor.exposition.certificates import peer_names
from monitor.exposition.connections import Connection, Connections, Phase

#: what the scope says of a client's certificate: a set of names, None if it showed none
CLIENT_NAMES = "driftgauge.client_names"
#: set by whoever lets a request in
LET_IN = "driftgauge.let_in"


class BoundedProtocol(H11Protocol):
    """One connection; `mine` is its place in the table."""

    def __init__(
        self, config: uvicorn.Config, server_state: ServerState, mine: Connection, connections: Connections
    ) -> None:
        super().__init__(config, server_state, {})
        self._mine, self._connections = mine, connections
        self._names: frozenset[str] | None = None
        self._answer = self.app
        self.app = self._asked

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._names = peer_names(transport.get_extra_info("peercert"))
        self._mine.cut = transport.abort
        if self.scheme == "https":
            self._connections.move(self._mine, Phase.HEAD)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.remove(self._mine)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._mine.phase in (Phase.IDLE, Phase.OPENING):
            self._connections.move(self._mine, Phase.HEAD)
        super().data_received(data)
        if self._mine.phase is Phase.HEAD and self._busy:
            self._connections.move(self._mine, Phase.ANSWER)

    def on_response_complete(self) -> None:
        # of a body that nobody reads there may be any amount to come, and each byte would put the end off
        if self.conn.their_state is h11.SEND_BODY:
            self.transport.close()
        super().on_response_complete()  # may begin with the next request, if it is here already
        if self.transport.is_closing():
            return  # what is not fetched yet still has the answer's time
        if not self._busy:  # else the answers of requests that came together share one deadline
            self._connections.move(self._mine, Phase.HEAD if self.conn.trailing_data[0] else Phase.IDLE)

    def send_400_response(self, msg: str) -> None:
        self._connections.count("malformed")
        super().send_400_response(msg)

    @property
    def _busy(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    async def _asked(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application, told who asks."""
        size = len(scope["raw_path"]) + len(scope["query_string"])
        size += sum(len(name) + len(value) + 4 for name, value in scope["headers"])
        if size > self._connections.bounds.head_bytes:  # one that came in a single piece is whole before it is measured
            answer: Any = PlainTextResponse("the head of the request is too large\n", 431, {"Connection": "close"})
        else:
            answer = self._answer
        scope[CLIENT_NAMES] = self._names

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start" and self._mine.phase is Phase.ANSWER:
                self._connections.move(self._mine, Phase.FETCH)
            await send(message)

        await answer(scope, receive, told)
        self._mine.let_in = self._mine.let_in or bool(scope.get(LET_IN))
