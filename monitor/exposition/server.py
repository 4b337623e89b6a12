"""The HTTP server: /metrics, the probes and a page of links, on uvicorn in a thread of its own.

    start()   takes the address (an address in use is an error here, not later) and returns when it listens
    …         the event loop only routes; a scrape is rendered on a worker thread, one at a time
    stop()    lets a running answer finish for a moment, then closes

The thread installs no signal handler, writes no access log, and whatever it does cannot end the process.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import threading
from dataclasses import dataclass

import structlog
import uvicorn

from monitor.domain.errors import ConfigurationError, DriftgaugeError
from monitor.exposition.auth import BasicAuth
from monitor.exposition.board import Board
from monitor.exposition.routes import application, guarded, probes

_START_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Tls:
    """Files of a certificate chain and its private key, both PEM, both required: half of a pair is a mistake."""

    cert_file: str
    key_file: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a client may cost.

    deadline_seconds: how long ago the loop may have turned last for /-/healthy to say so.  connections: open at once;
    more are answered 503.  keep_alive_seconds: idle time after which a connection is closed.  stop_seconds: how long
    running answers may take when the server stops.
    """

    deadline_seconds: float = 30.0
    connections: int = 64
    keep_alive_seconds: int = 5
    header_bytes: int = 16_384
    stop_seconds: int = 2


class Server:
    """Serves one board on one address; started once, stopped once (stopping twice is harmless)."""

    def __init__(
        self,
        board: Board,
        listen: str = "127.0.0.1:9480",
        *,
        tls: Tls | None = None,
        auth: BasicAuth | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        """listen: `host:port`, an IPv6 host in brackets; port 0 takes a free one.  Raises ConfigurationError."""
        self._host, self._wanted_port = parse_listen(listen)
        self._bounds = bounds or Bounds()
        self._tls = tls
        self._app = application(guarded(board), probes(board, self._bounds.deadline_seconds), auth)
        self._socket: socket.socket | None = None
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port it listens on; before `start`, the one it was told."""
        return self._wanted_port if self._socket is None else int(self._socket.getsockname()[1])

    @property
    def url(self) -> str:
        """Where it answers, as a person would type it."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}"

    def start(self) -> None:
        """Listen, and return once it does.

        Raises ConfigurationError if the address cannot be taken or certificate and key cannot be used.
        """
        config = self._configuration()
        self._socket = _bind(self._host, self._wanted_port)
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._run, name="driftgauge-http", daemon=True)
        self._thread.start()
        if not self._server.listening.wait(_START_SECONDS) or not self._server.started:
            self.stop()
            raise DriftgaugeError(f"http.listen: the server on {self._host}:{self._wanted_port} did not start")

    def stop(self) -> None:
        """Stop listening and wait for the thread, a few seconds at most."""
        if self._server is None or self._thread is None or self._socket is None:
            return
        self._server.should_exit = True
        self._thread.join(self._bounds.stop_seconds + 1.0)
        if self._thread.is_alive():
            self._server.force_exit = True
            self._thread.join(1.0)
        self._socket.close()

    def _run(self) -> None:
        assert self._server is not None
        assert self._socket is not None
        try:
            asyncio.run(self._server.serve(sockets=[self._socket]))
        except Exception as error:
            structlog.get_logger("driftgauge.http").error("http_server_failed", error=repr(error))
        finally:
            self._server.listening.set()

    def _configuration(self) -> uvicorn.Config:
        _adopt_log()
        config = uvicorn.Config(
            self._app,
            http="h11",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=self._bounds.connections,
            timeout_keep_alive=self._bounds.keep_alive_seconds,
            timeout_graceful_shutdown=self._bounds.stop_seconds,
            h11_max_incomplete_event_size=self._bounds.header_bytes,
            ssl_certfile=None if self._tls is None else self._tls.cert_file,
            ssl_keyfile=None if self._tls is None else self._tls.key_file,
        )
        if self._tls is not None and not (self._tls.cert_file and self._tls.key_file):
            raise ConfigurationError(["http.tls: expected both `cert_file` and `key_file`"])
        try:
            config.load()
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError([f"http.tls: certificate and key cannot be used: {error}"]) from error
        return config


def parse_listen(listen: str) -> tuple[str, int]:
    """Host and port of `host:port` or `[v6]:port`.  Raises ConfigurationError."""
    host, colon, port = listen.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    bracketed = host != bare
    if not colon or not bare or (":" in bare) != bracketed or not port.isascii() or not port.isdigit():
        raise ConfigurationError([f"http.listen: expected `host:port`, got `{listen}`"])
    if int(port) > 65_535:
        raise ConfigurationError([f"http.listen: expected a port up to 65535, got `{port}`"])
    return bare, int(port)


class _Server(uvicorn.Server):
    """Tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.listening.set()


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigurationError([f"http.listen: cannot resolve {host}: {error}"]) from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        # listening at once makes a second server on the address fail here as well, before either has served
        bound.listen(128)
    except OSError as error:
        bound.close()
        raise ConfigurationError([f"http.listen: cannot listen on {host}:{port}: {error.strerror}"]) from error
    return bound


class _ToStructlog(logging.Handler):
    """Hands uvicorn's own errors to the program's log, one event name for all."""

    def emit(self, record: logging.LogRecord) -> None:
        error = repr(record.exc_info[1]) if record.exc_info else None
        structlog.get_logger("driftgauge.http").error("http_server_error", message=record.getMessage(), error=error)


def _adopt_log() -> None:
    """uvicorn logs through the standard library: only errors are kept (its warnings are one a garbage request)."""
    theirs = logging.getLogger("uvicorn")
    theirs.setLevel(logging.ERROR)
    theirs.propagate = False
    if not any(isinstance(handler, _ToStructlog) for handler in theirs.handlers):
        theirs.handlers = [_ToStructlog()]
