"""Ports to listen on and conditions to wait for; no test sleeps for a time it has guessed."""

import os
import random
import socket
import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

#: Below the range the kernel takes outgoing connections' ports from, so that none of those lands on a port between the
#: moment it was found free and the moment the service listens on it.
FIRST_PORT, LAST_PORT = 20_000, 32_000

_given: set[int] = set()
#: Sessions that run side by side start looking at different places.
_choice = random.Random(os.getpid())


class Expired(AssertionError):
    """A condition was not met within its time; the message says which, and what was seen last."""


def free_port() -> int:
    """A loopback TCP port nobody listens on, never the same one twice in this process."""
    for _ in range(1_000):
        port = _choice.randrange(FIRST_PORT, LAST_PORT)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
    raise Expired(f"no free port found between {FIRST_PORT} and {LAST_PORT}")


def wait_until(condition: Callable[[], Found], timeout: float, what: str, *, every: float = 0.05) -> Found:
    """Call `condition` until it returns something true, and return that.

    timeout, every: seconds.  Raises Expired, naming `what` and the last answer, when the time is over; whatever the
    condition itself raises goes through.
    """
    deadline = time.monotonic() + timeout
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            raise Expired(f"waited {timeout:g} s for {what}; the last answer was {answer!r}")
        time.sleep(every)


def listens(port: int) -> bool:
    """Whether somebody accepts connections on this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
