"""The state that a command is about, wherever it lives: a directory, or a topic."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from monitor.cli import options
from monitor.domain.errors import ConfigurationError, StateError

if TYPE_CHECKING:
    from monitor.domain.keys import ModelKey
    from monitor.engine.policy import Policy
    from monitor.kafka.states import StatesOptions
    from monitor.settings import Settings
    from monitor.state.store import Commit, Snapshot


class Stored(Protocol):
    """A state that is the command's own until `close`."""

    def load(self) -> Snapshot: ...
    def contents(self) -> tuple[Sequence[ModelKey], Sequence[tuple[str, int]]]: ...
    def forget_models(self, models: Collection[ModelKey]) -> None: ...
    def forget_everything(self) -> None: ...
    def forget_topic(self, topic: str) -> None: ...
    def commit(self, commit: Commit) -> None: ...
    def close(self) -> None: ...


def looked_at(directory: Path | None, config: Path | None) -> tuple[Snapshot, Policy]:
    """What a state holds, and how it is read.  A topic is looked at beside its owners, a directory only without one."""
    from monitor.engine.policy import Policy

    settings = _settings(directory, config)
    if settings is not None and settings.state.store == "kafka":
        from monitor.kafka.states import look

        return look(_topic(settings)), settings.policy()
    store = _Directory(_path(directory, settings))
    try:
        return store.load(), Policy() if settings is None else settings.policy()
    finally:
        store.close()


@contextmanager
def owned(directory: Path | None, config: Path | None) -> Iterator[tuple[Stored, Policy]]:
    """The state of stopped daemons, closed at the end.  Raises StateError while one runs, or without a state."""
    from monitor.engine.policy import Policy

    settings = _settings(directory, config)
    store: Stored
    if settings is not None and settings.state.store == "kafka":
        from monitor.kafka.states import KafkaStates

        store = KafkaStates(_topic(settings))
    else:
        store = _Directory(_path(directory, settings))
    try:
        yield store, Policy() if settings is None else settings.policy()
    finally:
        store.close()


class _Directory:
    """A state in SQLite."""

    def __init__(self, directory: Path) -> None:
        from monitor.state.schema import DATABASE_FILE
        from monitor.state.sqlite import SqliteStore

        if not (directory / DATABASE_FILE).exists():  # opening it would make one
            raise StateError(f"{directory}: expected a state of driftgauge, found none")
        self._store = store = SqliteStore(directory)
        self.load, self.contents, self.commit = store.load, store.contents, store.commit
        self.forget_models, self.close = store.forget_models, store.close

    def forget_everything(self) -> None:
        self._store.forget_models(self._store.contents()[0])
        self._store.forget_offsets()

    def forget_topic(self, topic: str) -> None:
        from monitor.state.store import Commit

        incarnation = self._store.load().incarnation + 1
        self._store.commit(Commit({}, {}, {}, forgotten=[topic], incarnation=incarnation))


def _settings(directory: Path | None, config: Path | None) -> Settings | None:
    """The configuration that names the state; None if its directory is given."""
    if directory is not None:
        return None
    if config is None:
        raise ConfigurationError(["expected the directory of a state, or --config"])
    return options.load_settings(config, None)


def _path(directory: Path | None, settings: Settings | None) -> Path:
    assert directory is not None or settings is not None  # one of both was given
    return directory if directory is not None or settings is None else settings.state.path  # type: ignore[return-value]


def _topic(settings: Settings) -> StatesOptions:
    from monitor.kafka.options import MEMBER_PROPERTIES
    from monitor.kafka.states import StatesOptions

    kafka = settings.kafka
    own = {name: value for name, value in kafka.properties.items() if name not in MEMBER_PROPERTIES}
    properties = {**own, "bootstrap.servers": kafka.bootstrap_servers}
    return StatesOptions(properties, kafka.group_id, settings.state.topic)
