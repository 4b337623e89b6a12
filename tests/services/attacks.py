"""Clients that mean no good, each a process of its own against a loopback port.

     python tests/services/attacks.py KIND PORT      attacks until it is ended; says `under way` once it is

Run as a program it imports nothing but the standard library: it has to be quick, and share no interpreter with the
server.
"""

import os
import resource
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress

#: connections of a client that holds them open
MANY = 300


def silent(port: int) -> None:
    """A thousand connections that never say a word."""
    held = [_connected(port) for _ in range(1_000)]
    _say()
    while held:
        time.sleep(1)


def slowloris(port: int) -> None:
    """Heads of requests that never end, each a line at a time."""
    held = [_connected(port, b"GET /metrics HTTP/1.1\r\n") for _ in range(MANY)]
    _say()
    while True:
        for connection in held:
            if connection is not None:
                _send(connection, b"X-More: to come\r\n")
        time.sleep(0.1)


def garbage(port: int) -> None:
    """Bytes that are no request, as quickly as they go."""
    for number in range(1_000_000_000):
        connection = _connected(port, os.urandom(20_000))
        if connection is not None:
            connection.close()
        if number == 50:
            _say()


def slow_readers(port: int) -> None:
    """Requests whose answers are never fetched."""
    request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    held = [_connected(port, request * 20, small=True) for _ in range(MANY)]
    _say()
    while held:
        time.sleep(1)


KINDS: dict[str, Callable[[int], None]] = {
    "silent": silent,
    "slowloris": slowloris,
    "garbage": garbage,
    "slow_readers": slow_readers,
}


def _connected(port: int, first: bytes = b"", small: bool = False) -> socket.socket | None:
    made = socket.socket()
    try:
        made.settimeout(5)
        if small:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        made.connect(("127.0.0.1", port))
        made.setblocking(False)
        if first:
            made.send(first)
    except OSError:
        made.close()
        return None
    return made


def _send(connection: socket.socket, more: bytes) -> None:
    with suppress(OSError):  # full, or cut already
        connection.send(more)


_said = False


def _say() -> None:
    global _said
    if not _said:
        _said = True
        sys.stdout.write("under way\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4_096, hard), hard))
    KINDS[sys.argv[1]](int(sys.argv[2]))
