"""The HTTP server: what the board shows, and the probes, on uvicorn in a thread of its own.

    start()   takes the addresses (one in use is an error here, not later) and returns when it listens
    …         the event loop only routes; a scrape is rendered on a worker thread, one at a time
    stop()    lets a running answer finish for a moment, then closes

The thread installs no signal handler, writes no access log, and whatever it does cannot end the process.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
import uvicorn
from starlette.applications import Starlette

from monitor.domain.errors import DriftgaugeError
from monitor.exposition.access import REASONS as REFUSED
from monitor.exposition.access import Access
from monitor.exposition.address import Address, parse_listen
from monitor.exposition.auth import BasicAuth
from monitor.exposition.board import Board
from monitor.exposition.certificates import Certificates, Tls, Told
from monitor.exposition.connections import REASONS as CUT
from monitor.exposition.connections import Bounds, Connection, Connections
from monitor.exposition.door import Door
from monitor.exposition.pages.serving import Pages
from monitor.exposition.protocol import BoundedProtocol
from monitor.exposition.routes import application, guarded, probes

__all__ = ["Bounds", "Server", "Serving", "Tls", "parse_listen"]

log = structlog.get_logger("driftgauge")

_START_SECONDS = 10.0
#: how long running answers may take when the server stops
_STOP_SECONDS = 2
#: between two looks whether the certificate has changed
_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Serving:
    """How a board is served.

    probes_listen: address of the probes, which are then found nowhere else; empty: they are beside the metrics.
    deadline_seconds: how long ago the loop may have turned last for /-/healthy to say so.
    """

    tls: Tls | None = None
    auth: BasicAuth | None = None
    bounds: Bounds = field(default_factory=Bounds)
    probes_listen: str = ""
    deadline_seconds: float = 30.0


class Server:
    """Serves one board; started once, stopped once (stopping twice is harmless)."""

    def __init__(self, board: Board, listen: str = "127.0.0.1:9480", serving: Serving | None = None) -> None:
        """listen: `host:port`, an IPv6 host in brackets; port 0 takes a free one.  Raises ConfigurationError."""
        self._board, self._serving = board, serving or Serving()
        self._main = Address("http.listen", listen)
        elsewhere = self._serving.probes_listen
        self._probes = Address("http.probes_listen", elsewhere) if elsewhere else None
        self._connections = {name: self._counted(name) for name in ("main", "probes")[: 1 + bool(elsewhere)]}
        for reason in REFUSED:
            board.count("http_requests_refused_total", reason, by=0)
        board.show("http_certificate_stale", {(): 0.0})
        self._pages = Pages(board)
        self._certificates: Certificates | None = None
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port it listens on; before `start`, the one it was told."""
        return self._main.port

    @property
    def probes_port(self) -> int:
        """The port that answers probes."""
        return (self._probes or self._main).port

    @property
    def url(self) -> str:
        """Where it answers, as a person would type it."""
        return f"{'https' if self._serving.tls else 'http'}://{self._main.shown}"

    def start(self) -> None:
        """Listen, and return once it does.

        Raises ConfigurationError if an address cannot be taken or certificate and key cannot be used.
        """
        _adopt_log()
        tls = self._serving.tls
        if tls is not None:
            every_client = self._probes is not None  # else a probe without a certificate has to come this far
            self._certificates = Certificates(tls, Told(self._reloaded, self._not_reloaded), every_client=every_client)
        addresses = [self._main] if self._probes is None else [self._main, self._probes]
        try:
            for address in addresses:
                address.bind()
            self._server = _Server(self._entrances(), self._look)
        except BaseException:
            self._let_go()
            raise
        self._thread = threading.Thread(target=self._run, name="driftgauge-http", daemon=True)
        self._thread.start()
        if not self._server.listening.wait(_START_SECONDS) or not self._server.started:
            self.stop()
            raise DriftgaugeError(f"http.listen: the server on {self._main.shown} did not start")
        self._pages.start()

    def stop(self) -> None:
        """Stop listening and wait for the thread, a few seconds at most."""
        if self._server is None or self._thread is None:
            return
        self._pages.stop()
        self._server.should_exit = True
        self._thread.join(_STOP_SECONDS + 1.0)
        if self._thread.is_alive():
            self._server.force_exit = True
            self._thread.join(1.0)
        self._let_go()

    def _let_go(self) -> None:
        for address in (self._main, self._probes):
            if address is not None:
                address.close()

    def _run(self) -> None:
        assert self._server is not None
        try:
            asyncio.run(self._server.serve())
        except Exception as error:
            log.error("http_server_failed", error=repr(error))
        finally:
            self._server.listening.set()

    def _entrances(self) -> list[_Entrance]:
        """What is behind each address."""
        board, serving = self._board, self._serving
        access = Access(
            serving.auth,
            asks_certificate=serving.tls is not None and bool(serving.tls.client_ca_file),
            names=None if serving.tls is None else serving.tls.client_names,
            count=lambda reason: board.count("http_requests_refused_total", reason),
        )
        answers, shown = probes(board, serving.deadline_seconds), guarded(board, self._pages)
        if self._probes is None:
            everything = application(shown, answers, access)
            return [_Entrance(self._main, everything, self._connections["main"], self._certificates)]
        return [
            _Entrance(self._main, application(shown, {}, access), self._connections["main"], self._certificates),
            _Entrance(self._probes, application({}, answers, access), self._connections["probes"], None),
        ]

    def _counted(self, address: str) -> Connections:
        """The connections of an address, with everything that is shown of them from birth."""
        board, bounds = self._board, self._serving.bounds
        for reason in CUT:
            board.count("http_connections_cut_total", address, reason, by=0)
        made = Connections(
            bounds, time.monotonic, lambda reason: board.count("http_connections_cut_total", address, reason)
        )
        board.gauge("http_connections", lambda: float(len(made)), address)
        board.gauge("http_connections_limit", lambda: float(bounds.connections), address)
        return made

    def _reloaded(self) -> None:
        self._board.show("http_certificate_stale", {(): 0.0})
        log.info("certificate_reloaded")

    def _not_reloaded(self, problem: str) -> None:
        self._board.show("http_certificate_stale", {(): 1.0})
        log.error("certificate_not_reloaded", error=problem, hint="the one before is shown on")

    def _look(self) -> None:
        if self._certificates is not None:
            self._certificates.look()


@dataclass(frozen=True, slots=True)
class _Entrance:
    """An address and what is behind it."""

    address: Address
    application: Starlette
    connections: Connections
    certificates: Certificates | None

    def open(self, state: uvicorn.server.ServerState) -> Door:
        """Let clients in, on the loop that runs."""
        assert self.address.socket is not None
        config = _configuration(self.application, self.connections.bounds)
        certificates = self.certificates

        def protocol(connection: Connection) -> asyncio.Protocol:
            return BoundedProtocol(config, state, connection, self.connections)

        return Door(
            self.address.socket,
            self.connections,
            protocol,
            lambda: None if certificates is None else certificates.context,
        )


def _configuration(answers: Starlette, bounds: Bounds) -> uvicorn.Config:
    config = uvicorn.Config(
        answers,
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=max(1, round(bounds.idle_seconds)),
        timeout_graceful_shutdown=_STOP_SECONDS,
        h11_max_incomplete_event_size=bounds.head_bytes,
    )
    config.load()
    return config


class _Server(uvicorn.Server):
    """uvicorn with entrances of ours; tells when it listens, and looks after the certificate."""

    def __init__(self, entrances: list[_Entrance], look: Callable[[], None]) -> None:
        super().__init__(_configuration(entrances[0].application, entrances[0].connections.bounds))
        self._entrances, self._look = entrances, look
        self.listening = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.servers = [entrance.open(self.server_state) for entrance in self._entrances]  # type: ignore[misc]
        self._looking = asyncio.get_running_loop().create_task(self._keep_looking())
        self.started = True
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._looking.cancel()
        await super().shutdown(sockets)

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                await asyncio.to_thread(self._look)
            except Exception as error:  # a look that failed must not be the last one
                log.error("http_server_error", message="the certificate was not looked at", error=repr(error))


class _ToStructlog(logging.Handler):
    """Hands uvicorn's own errors to the program's log, one event name for all."""

    def emit(self, record: logging.LogRecord) -> None:
        error = repr(record.exc_info[1]) if record.exc_info else None
        log.error("http_server_error", message=record.getMessage(), error=error)


def _adopt_log() -> None:
    """uvicorn and asyncio log through the standard library: only errors are kept (a garbage request is a warning)."""
    for name in ("uvicorn", "asyncio"):
        theirs = logging.getLogger(name)
        theirs.setLevel(logging.ERROR)
        theirs.propagate = False
        if not any(isinstance(handler, _ToStructlog) for handler in theirs.handlers):
            theirs.handlers = [_ToStructlog()]
