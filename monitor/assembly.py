"""The daemon's parts, made from settings: the one place that knows every concrete class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import structlog
from confluent_kafka.admin import AdminClient

from monitor.alertmanager.post import Destination
from monitor.alertmanager.push import Pusher, PushOptions
from monitor.engine.adapting import adapt
from monitor.engine.model import ModelMonitor
from monitor.exposition.auth import BasicAuth
from monitor.exposition.board import Board
from monitor.exposition.server import Bounds, Server, Serving
from monitor.exposition.shards import ShardBoard
from monitor.findings.events import Provenance
from monitor.formats import REASONS, open_format
from monitor.group import GroupParts
from monitor.inheriting import Inheriting
from monitor.kafka import state_topic
from monitor.kafka.control import Control
from monitor.kafka.dead_letters import DeadLetters
from monitor.kafka.notices import ClientLog, Notices
from monitor.kafka.options import MEMBER_PROPERTIES, SourceOptions
from monitor.kafka.ownership import Membership
from monitor.kafka.publisher import Publisher, PublisherOptions
from monitor.kafka.source import Source
from monitor.kafka.state_reader import StateReader
from monitor.kafka.store import KafkaStore, StoreOptions
from monitor.logs import LogLimit
from monitor.parts import HttpEnd, Parts, Timing
from monitor.semantics import describe, fingerprint
from monitor.state.outbox import DEAD_LETTERS, FINDINGS, OutboxRows
from monitor.state.sqlite import SqliteOptions, SqliteStore
from monitor.watch import Clock, Watch

if TYPE_CHECKING:
    from monitor.configuration.http import HttpSettings
    from monitor.engine.policy import Policy
    from monitor.settings import Settings

log = structlog.get_logger("driftgauge")


def assemble(settings: Settings) -> tuple[Parts, Timing]:
    """Everything the daemon needs, opened as far as can be done without Kafka.

    Raises ConfigurationError, or StateError when the state directory cannot be had.
    """
    board = _board(settings)
    watch = _watch(settings, board)
    server = _serving(settings, board)
    source = Source(_source_options(settings))
    outlets = _outlets(settings)
    options = SqliteOptions(frozenset(outlets), settings.state.decisions_kept_for, settings.state.backup_every)
    try:
        store = SqliteStore(settings.state.path, options)
    except BaseException:
        source.close()
        raise
    parts = Parts(
        store, source, watch, board, server, Clock(), _provenance(settings, watch), control=_control(settings)
    )
    return replace(parts, publisher=_publisher(settings, store, outlets)) if outlets else parts, _timing(settings)


def _outlets(settings: Settings) -> dict[str, str]:
    """Topics that are written to, by what goes there."""
    given = {FINDINGS: settings.output.findings_topic, DEAD_LETTERS: settings.output.dead_letter_topic}
    return {destination: topic for destination, topic in given.items() if topic is not None}


def _publisher(settings: Settings, store: SqliteStore, outlets: Mapping[str, str]) -> Publisher:
    rows = OutboxRows(store.path, store.deliveries)
    options = PublisherOptions(
        settings.kafka.bootstrap_servers, outlets, _without_membership(settings.kafka.properties)
    )
    return Publisher(options, rows)


def _provenance(settings: Settings, watch: Watch) -> Provenance:
    """What all records have in common; the incarnation comes with the state."""
    return Provenance(f"/driftgauge/{settings.kafka.group_id}", 1, _version(), fingerprint(watch.configuration))


@dataclass(frozen=True, slots=True)
class KafkaShardParts:
    """What one shard of a group works on."""

    store: KafkaStore
    source: Source
    watch: Watch
    board: Board
    clock: Clock
    provenance: Provenance
    control: Control | None


def assemble_group(settings: Settings) -> tuple[GroupParts, Timing]:
    """Everything a member of a group needs; connects nowhere.  Raises ConfigurationError."""
    kafka, state = settings.kafka, settings.state
    board, clock, policy = _board(settings), Clock(), settings.policy()
    properties = {**kafka.properties, "bootstrap.servers": kafka.bootstrap_servers}
    # readers belong to no group; the client wants a name all the same
    reading = {**_without_membership(properties), "group.id": f"{kafka.group_id}-state"}

    def prepare() -> None:
        admin = AdminClient(_without_membership(properties), logger=ClientLog(Notices()))
        state_topic.ensure(admin, state.topic, state.shards)
        state_topic.refuse_undivided(admin, [topic.name for topic in kafka.topics], state.shards)

    lags: dict[str, Mapping[tuple[str, int], int]] = {}

    def shard(number: int, reader: StateReader | None, membership: Callable[[], object]) -> KafkaShardParts:
        options = StoreOptions(
            properties=_without_membership(properties),
            reading=reading,
            group_id=kafka.group_id,
            topic=state.topic,
            shard=number,
            findings_topic=settings.output.findings_topic,
            dead_letter_topic=settings.output.dead_letter_topic,
            membership=membership,
        )
        own = board if state.shards == 1 else ShardBoard(board, number, lags)
        watch = _watch(settings, own, policy)
        return KafkaShardParts(
            KafkaStore(options, reader),
            Source(replace(_source_options(settings), shard=number, shards=state.shards, tells_group=False)),
            watch,
            own,
            clock,
            _provenance(settings, watch),
            _control(settings),
        )

    parts = GroupParts(
        shards=state.shards,
        board=board,
        server=_serving(settings, board),
        clock=clock,
        prepare=prepare,
        join=lambda events: Membership(properties, kafka.group_id, state.topic, events),
        reader=lambda number: StateReader(reading, state.topic, number),
        shard=shard,
    )
    return parts, _timing(settings)


def _control(settings: Settings) -> Control | None:
    kafka = settings.kafka
    if kafka.control_topic is None:
        return None
    properties = {**_without_membership(kafka.properties), "bootstrap.servers": kafka.bootstrap_servers}
    return Control({**properties, "group.id": f"{kafka.group_id}-control"}, kafka.control_topic)


def _without_membership(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if name not in MEMBER_PROPERTIES}


def _timing(settings: Settings) -> Timing:
    return Timing(settings.state.interval_seconds, settings.detection.max_alert_age, settings.limits.forget_after)


def _board(settings: Settings) -> Board:
    return Board(
        version=_version(),
        topics=tuple(topic.name for topic in settings.kafka.topics),
        reject_reasons=tuple(REASONS),
        series_limit=settings.limits.series,
        streams_limit=settings.limits.streams,
    )


def _watch(settings: Settings, board: Board, policy: Policy | None = None) -> Watch:
    formats = {topic.name: open_format(topic.format, topic.fields) for topic in settings.kafka.topics}
    policy = settings.policy() if policy is None else policy
    watch = Watch(formats, ModelMonitor, policy, board, Clock())
    watch.configuration, watch.adapt = describe(settings, policy), adapt
    if policy.new_version == "inherit":
        watch.inheriting = Inheriting(policy)
    if settings.output.dead_letter_topic is not None:
        watch.dead_letters = DeadLetters(settings.output.dead_letters_per_second, Clock().monotonic)
    return watch


def _source_options(settings: Settings) -> SourceOptions:
    return SourceOptions(
        bootstrap_servers=settings.kafka.bootstrap_servers,
        topics=tuple(topic.name for topic in settings.kafka.topics),
        group_id=settings.kafka.group_id,
        start=settings.kafka.start,
        properties=settings.kafka.properties,
    )


@dataclass(frozen=True, slots=True)
class _Serving:
    """The server with the pusher beside it: both tell what the board shows, from when there is something to show."""

    server: HttpEnd
    pusher: Pusher

    def start(self) -> None:
        self.server.start()
        self.pusher.start()

    def stop(self) -> None:
        self.pusher.stop()
        self.server.stop()

    @property
    def url(self) -> str:
        return self.server.url


def _serving(settings: Settings, board: Board) -> HttpEnd:
    server, push = _server(settings.http, board), settings.alertmanager
    if not push.urls:
        return server
    limit = LogLimit()

    def failed(name: str, reason: str) -> None:
        held_back = limit.passes(name)
        if held_back is not None:
            log.warning("alert_push_failed", alertmanager=name, error=reason, not_logged_before=held_back)

    files = push.authorization_file, push.ca_file
    options = PushOptions(
        destinations=[Destination(url, push.timeout_seconds, *files) for url in push.urls],
        resend_seconds=push.resend_seconds,
        hold_seconds=push.hold,
        labels=push.labels,
        failed=failed,
    )
    return _Serving(server, Pusher(board, options))


def _server(http: HttpSettings, board: Board) -> Server:
    if http.open_to_others:
        hint = "set http.basic_auth or http.tls.client_ca_file, or listen on 127.0.0.1"
        log.warning("http_open_to_others", listen=http.listen, hint=hint)
    serving = Serving(
        tls=None if http.tls is None else http.tls.files(),
        auth=None if http.basic_auth is None else BasicAuth(http.basic_auth.username, http.basic_auth.hashed()),
        bounds=Bounds(**http.bounds.model_dump()),
        probes_listen=http.probes_listen or "",
    )
    return Server(board, http.listen, serving)


def _version() -> str:
    try:
        return version("driftgauge")
    except PackageNotFoundError:
        return "0"
