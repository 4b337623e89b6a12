"""The daemon's parts, made from settings: the one place that knows every concrete class."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from monitor.engine.model import ModelMonitor
from monitor.exposition.auth import BasicAuth
from monitor.exposition.board import Board
from monitor.exposition.server import Server, Tls
from monitor.formats import REASONS, open_format
from monitor.kafka.options import SourceOptions
from monitor.kafka.source import Source
from monitor.parts import Parts, Timing
from monitor.state.sqlite import SqliteStore
from monitor.watch import Clock, Watch

if TYPE_CHECKING:
    from monitor.settings import HttpSettings, Settings


def assemble(settings: Settings) -> tuple[Parts, Timing]:
    """Everything the daemon needs, opened as far as can be done without Kafka.

    Raises ConfigurationError, or StateError when the state directory cannot be had.
    """
    clock = Clock()
    formats = {topic.name: open_format(topic.format, topic.fields) for topic in settings.kafka.topics}
    board = Board(
        version=_version(),
        topics=tuple(formats),
        reject_reasons=tuple(REASONS),
        series_limit=settings.limits.series,
        streams_limit=settings.limits.streams,
    )
    watch = Watch(formats, ModelMonitor, settings.policy(), board, clock)
    server = _server(settings.http, board)
    source = Source(
        SourceOptions(
            bootstrap_servers=settings.kafka.bootstrap_servers,
            topics=tuple(formats),
            group_id=settings.kafka.group_id,
            start=settings.kafka.start,
            properties=settings.kafka.properties,
        )
    )
    try:
        store = SqliteStore(settings.state.path)
    except BaseException:
        source.close()
        raise
    timing = Timing(settings.state.interval_seconds, settings.detection.max_alert_age)
    return Parts(store, source, watch, board, server, clock), timing


def _server(http: HttpSettings, board: Board) -> Server:
    tls = None if http.tls is None else Tls(str(http.tls.cert_file), str(http.tls.key_file))
    basic = http.basic_auth
    auth = None if basic is None else BasicAuth(basic.username, basic.password_hash)
    return Server(board, http.listen, tls=tls, auth=auth)


def _version() -> str:
    try:
        return version("driftgauge")
    except PackageNotFoundError:
        return "0"
