"""What arrives on a loopback server, kept until somebody asks for it."""

from collections.abc import Callable
from socketserver import BaseServer
from threading import Condition, Thread
from types import TracebackType
from typing import Generic, Self, TypeVar

from tests.services.waiting import Expired

Item = TypeVar("Item")


class Inbox(Generic[Item]):
    """Keeps every item in order while its server serves on a thread; a context manager.

    server: listens already, and hands what it takes to `keep`.
    """

    def __init__(self, server: BaseServer, name: str) -> None:
        self._arrived = Condition()
        self._items: list[Item] = []
        self._server = server
        self._thread = Thread(target=server.serve_forever, name=name, kwargs={"poll_interval": 0.05})

    @property
    def items(self) -> list[Item]:
        """What has come so far."""
        with self._arrived:
            return list(self._items)

    def keep(self, item: Item) -> None:
        """Take one, and tell whoever waits."""
        with self._arrived:
            self._items.append(item)
            self._arrived.notify_all()

    def await_first(
        self, wanted: Callable[[Item], bool], timeout: float, what: str, told: Callable[[list[Item]], str]
    ) -> Item:
        """The first item that is `wanted`, whenever it came; raises Expired with what came instead, as `told`."""

        def first() -> Item | None:
            return next(filter(wanted, self._items), None)

        with self._arrived:
            found = self._arrived.wait_for(first, timeout)
            if found is None:
                raise Expired(f"waited {timeout:g} s for {what}; came instead: {told(self._items)}")
            return found

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
