"""Addresses to listen on: `host:port` as it is written in settings, then a socket that listens."""

from __future__ import annotations

import socket

from monitor.domain.errors import ConfigurationError

#: connections the system keeps for us until we take them in; one that finds no place here would try again in a second
_BACKLOG = 2048


class Address:
    """A place to listen on: as it was written, then as it was given."""

    def __init__(self, setting: str, listen: str) -> None:
        self._setting = setting
        self._host, self._wanted = parse_listen(listen, setting)
        self.socket: socket.socket | None = None

    @property
    def port(self) -> int:
        return self._wanted if self.socket is None else int(self.socket.getsockname()[1])

    @property
    def shown(self) -> str:
        return f"[{self._host}]:{self.port}" if ":" in self._host else f"{self._host}:{self.port}"

    def bind(self) -> None:
        """Listen.  Raises ConfigurationError."""
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                self._host, self._wanted, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            bound = socket.socket(family, kind, protocol)
        except OSError as error:
            raise ConfigurationError([f"{self._setting}: cannot resolve {self._host}: {error}"]) from error
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
            # listening at once makes a second server on the address fail here as well, before either has served
            bound.listen(_BACKLOG)
        except OSError as error:
            bound.close()
            raise ConfigurationError([f"{self._setting}: cannot listen on {self.shown}: {error.strerror}"]) from error
        self.socket = bound

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()


def parse_listen(listen: str, setting: str = "http.listen") -> tuple[str, int]:
    """Host and port of `host:port` or `[v6]:port`.  Raises ConfigurationError."""
    host, colon, port = listen.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    bracketed = host != bare
    if not colon or not bare or (":" in bare) != bracketed or not port.isascii() or not port.isdigit():
        raise ConfigurationError([f"{setting}: expected `host:port`, got `{listen}`"])
    if int(port) > 65_535:
        raise ConfigurationError([f"{setting}: expected a port up to 65535, got `{port}`"])
    return bare, int(port)
