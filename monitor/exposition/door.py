"""Takes connections in from a listening socket, faster than anybody opens them, each with a handshake of its own.

asyncio's own server counts a connection from the end of its handshake on, keeps one certificate for its life, and
builds everything for a connection before it has said a word.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

from monitor.exposition.connections import Connection, Connections, Phase

#: rest after a failure to take one in (no descriptors left, mostly), or while there is no room for one
_REST_SECONDS = 0.05
#: what a method consists of, as far as anybody looks at once; an empty line before it is allowed
_METHOD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ \r\n"
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_GARBAGE_BYTES = 65_536
#: between two looks at deadlines
_SWEEP_SECONDS = 0.25
#: after a client was told that the connection ends, it has so long to agree
_GOODBYE_SECONDS = 1.0


class Door:
    """One address that is listened on; behaves as uvicorn expects of an asyncio server."""

    def __init__(
        self,
        listening: socket.socket,
        connections: Connections,
        protocol: Callable[[Connection], asyncio.Protocol],
        context: Callable[[], ssl.SSLContext | None],
    ) -> None:
        """context: asked for each connection; None: the connection is not encrypted."""
        self._closed = False
        # taken in before those that are open have their turn: it takes four turns until the first bytes are read, and
        # those whose bytes wait must not be so many that they cut each other
        self._at_once = max(1, connections.bounds.connections // 16)
        self._loop = asyncio.get_running_loop()
        self._socket = listening
        self._connections = connections
        self._protocol = protocol
        self._context = context
        self._silent: dict[Connection, socket.socket] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._sweeping = self._loop.create_task(self._sweep())
        listening.setblocking(False)
        self._begin()

    def close(self) -> None:
        """Take no more in, and end what has not begun; those that are here stay."""
        self._loop.remove_reader(self._socket)
        self._closed = True
        for connection in list(self._silent):
            self._connections.remove(connection)
            self._end(connection)
        for task in (self._sweeping, *self._opening):
            task.cancel()

    async def wait_closed(self) -> None:
        """Until nothing of it runs."""
        await asyncio.gather(self._sweeping, *self._opening, return_exceptions=True)

    def _begin(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._socket, self._take_in)

    def _take_in(self) -> None:
        """Connections wait to be taken in: some of them, then those that are here have their turn."""
        for _ in range(self._at_once):
            if self._connections.crowded:
                self._rest()
                return
            try:
                taken, address = self._socket.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError:
                self._connections.make_room()
                self._rest()
                return
            self._open(taken, str(address[0]))

    def _rest(self) -> None:
        """Leave the others where the system keeps them, for a moment."""
        self._loop.remove_reader(self._socket)
        self._loop.call_later(_REST_SECONDS, self._begin)

    def _open(self, taken: socket.socket, address: str) -> None:
        taken.setblocking(False)
        connection = Connection(address, cut=lambda: self._end(connection), speaks=lambda: self._listen(connection))
        self._silent[connection] = taken
        self._connections.add(connection)
        if not self._listen(connection):  # most have something to say at once
            self._loop.add_reader(taken, self._listen, connection)

    def _end(self, connection: Connection) -> None:
        """One that has said nothing that is worth a protocol."""
        taken = self._silent.pop(connection)
        self._loop.remove_reader(taken)
        taken.close()

    def _listen(self, connection: Connection) -> bool:
        """Has it said anything, or gone?  Only now it is worth a handshake, and a protocol."""
        taken = self._silent[connection]
        try:
            said = taken.recv(4, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            said = b""
        context = self._context()
        if not said:
            self._connections.remove(connection)
            self._end(connection)
        elif not _is_spoken(said, context is not None):
            with suppress(OSError):
                taken.recv(_GARBAGE_BYTES)  # what is left unread would reach the client as a reset, before the answer
                taken.send(b"" if context else _BAD_REQUEST)
            self._connections.refuse(connection)
        else:
            self._begin_with(connection, taken, context)
        return True

    def _begin_with(self, connection: Connection, taken: socket.socket, context: ssl.SSLContext | None) -> None:
        del self._silent[connection]
        self._loop.remove_reader(taken)
        self._connections.move(connection, Phase.OPENING if context is None else Phase.HANDSHAKE)
        task = self._loop.create_task(self._shake_hands(connection, taken, context))
        connection.cut = lambda: _cancel(task)
        self._opening.add(task)
        task.add_done_callback(lambda _: self._opened(task, connection, taken))

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            self._connections.sweep()

    async def _shake_hands(self, connection: Connection, taken: socket.socket, context: ssl.SSLContext | None) -> None:
        with suppress(OSError):
            taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        limits = {}
        if context is not None:  # the table's deadline is the one that counts; asyncio's must only not be shorter
            limits["ssl_handshake_timeout"] = self._connections.bounds.head_seconds + 5.0
            limits["ssl_shutdown_timeout"] = _GOODBYE_SECONDS
        await self._loop.connect_accepted_socket(lambda: self._protocol(connection), taken, ssl=context, **limits)

    def _opened(self, task: asyncio.Task[None], connection: Connection, taken: socket.socket) -> None:
        """The connection is the protocol's now, or has come to nothing."""
        self._opening.discard(task)
        if task.cancelled():
            self._connections.remove(connection)
            taken.close()  # a task that had not begun has handed it to nobody
        elif task.exception() is not None:
            self._connections.remove(connection)
            self._connections.count("handshake")


def _is_spoken(said: bytes, encrypted: bool) -> bool:
    """May a handshake (a record of version 3) or a request (a method) begin with these bytes?

    >>> _is_spoken(b"GET ", False), _is_spoken(b"GET ", True), _is_spoken(bytes([22, 3, 1, 2]), True)
    (True, False, True)
    """
    return b"\x16\x03".startswith(said[:2]) if encrypted else said.strip(_METHOD) == b""


def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
