"""`driftgauge state`: shows, resets and exports the state of a stopped daemon."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli import options
from monitor.cli.console import counted, say, show
from monitor.domain.errors import ConfigurationError, StateError

if TYPE_CHECKING:
    from monitor.domain.keys import ModelKey
    from monitor.engine.model import ModelMonitor
    from monitor.engine.policy import Policy
    from monitor.state.sqlite import SqliteStore

app = typer.Typer(
    help="Show, reset or export the state of a stopped daemon.", no_args_is_help=True, rich_markup_mode=None
)

Directory = Annotated[
    Path | None, typer.Argument(help="Directory of the state, instead of --config.", show_default=False)
]
OfModel = Annotated[str | None, typer.Option("--model", help="Only this model.")]
OfVersion = Annotated[str | None, typer.Option("--model-version", help="Only this version.")]
OfFeature = Annotated[str | None, typer.Option("--feature", help="Only this feature (or prediction).")]


@contextmanager
def _opened(directory: Path | None, config: Path | None) -> Iterator[tuple[SqliteStore, Policy]]:
    """The store of a stopped daemon, closed at the end.  Raises StateError while a daemon runs, or without a state."""
    from monitor.engine.policy import Policy
    from monitor.state.schema import DATABASE_FILE
    from monitor.state.sqlite import SqliteStore

    policy = Policy()
    if directory is None:
        if config is None:
            raise ConfigurationError(["expected the directory of a state, or --config"])
        settings = options.load_settings(config, None)
        if settings.state.store == "kafka":
            raise ConfigurationError(
                [
                    "state.store: expected sqlite, got kafka: these commands cannot read a state topic; to begin anew, "
                    "stop all members and name another `state.topic`"
                ]
            )
        directory, policy = settings.state.path, settings.policy()
    if not (directory / DATABASE_FILE).exists():  # opening it would make one
        raise StateError(f"{directory}: expected a state of driftgauge, found none")
    store = SqliteStore(directory)
    try:
        yield store, policy
    finally:
        store.close()


def _monitors(states: Mapping[ModelKey, bytes], policy: Policy) -> Iterator[tuple[ModelKey, ModelMonitor]]:
    from monitor.engine.model import ModelMonitor

    for key, state in sorted(states.items()):
        yield key, ModelMonitor.load(key, policy, state)


@app.command("inspect")
def inspect_command(directory: Directory = None, config: options.OptionalConfig = None) -> None:
    """Show what a stopped daemon knows: models, streams, episodes, positions."""
    with _opened(directory, config) as (store, policy):
        snapshot = store.load()
        views = [monitor.view() for _, monitor in _monitors(snapshot.models, policy)]
    rows = [
        (
            str(view.key),
            stream.key.feature,
            stream.key.kind,
            stream.status.name.lower(),
            f"{stream.observations:,}",
            f"{stream.reference_observations:,}",
            str(stream.reference_generation),
            "; ".join(f"{aspect}: {why}" for aspect, why in stream.open_episodes.items()),
        )
        for view in views
        for stream in view.streams
    ]
    headings = ("model", "stream", "kind", "status", "observations", "reference", "generation", "open episodes")
    if rows:
        show(headings, rows, right=(4, 5, 6))
    for (topic, partition), offset in sorted(snapshot.offsets.items()):
        say(f"{topic}/{partition}: next offset {offset:,}")
    say(f"{counted(len(views), 'model version')}, {counted(len(rows), 'stream')}")


@app.command("reset")
def reset_command(
    directory: Directory = None,
    config: options.OptionalConfig = None,
    model: OfModel = None,
    model_version: OfVersion = None,
    feature: OfFeature = None,
    topic: Annotated[str | None, typer.Option("--topic", help="Only the positions in this topic.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every model, and the positions in Kafka too.")] = False,
) -> None:
    """Throw away what a stopped daemon has learned of some models or streams; they start anew with the next events."""
    if topic is not None and not everything and (model, model_version, feature) == (None, None, None):
        _reset_topic(directory, config, topic)
        return
    if topic is not None or everything == any(item is not None for item in (model, model_version, feature)):
        raise typer.BadParameter("say what to reset: --model, --model-version, --feature, or --all, or --topic alone")
    if feature is not None and config is None:
        raise typer.BadParameter("--feature needs --config: the rest of its model is kept as the configuration has it")
    with _opened(directory, config) as (store, policy):
        models, places = store.contents()  # not `load`: what is damaged is what has to go
        keys = [key for key in models if model in (None, key.model) and model_version in (None, key.model_version)]
        if feature is not None:
            removed = _reset_streams(store, policy, keys, feature)
        else:
            store.forget_models(keys)
            removed = [f"model version {key}" for key in keys]
        if everything:
            store.forget_offsets()
            removed += [f"position of {topic}/{partition}" for topic, partition in places]
    for line in removed:
        say(f"reset: {line}")
    if not removed:
        known = ", ".join(map(str, models)) or "no model"
        raise ConfigurationError([f"nothing matches; the state holds {known}"])


def _reset_topic(directory: Path | None, config: Path | None, topic: str) -> None:
    """Forget how far a topic was read; what was learned from it stays."""
    from monitor.state.store import Commit

    with _opened(directory, config) as (store, _):
        snapshot = store.load()
        places = sorted(place for place in snapshot.offsets if place[0] == topic)
        if not places:
            known = ", ".join(sorted({name for name, _ in snapshot.offsets})) or "no topic"
            raise ConfigurationError([f"nothing matches; the state has read {known}"])
        store.commit(Commit({}, {}, {}, forgotten=[topic], incarnation=snapshot.incarnation + 1))
    for name, partition in places:
        say(f"reset: position of {name}/{partition}")


def _reset_streams(store: SqliteStore, policy: Policy, keys: list[ModelKey], feature: str) -> list[str]:
    """Drop the streams of that name from their models' states."""
    from monitor.state.store import Commit

    snapshot = store.load()
    changed, removed = {}, []
    for key, monitor in _monitors({key: snapshot.models[key] for key in keys}, policy):
        gone = [stream.key for stream in monitor.view().streams if stream.key.feature == feature]
        for stream in gone:
            monitor.forget(stream.kind, stream.feature)
            removed.append(f"stream {stream}")
        if gone:
            changed[key] = monitor.dump()
    if changed:
        exposure = {key: snapshot.exposure[key] for key in changed if key in snapshot.exposure}
        store.commit(Commit(changed, exposure, {}))
        store.forget_models([])  # facts concluded before and after are to differ
    return removed


@app.command("export")
def export_command(
    directory: Directory = None,
    config: options.OptionalConfig = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write instead of standard output.", metavar="FILE")
    ] = None,
) -> None:
    """Write the whole state of a stopped daemon as JSON: positions, and each model's state with its hash."""
    from monitor.cli.readable_json import readable_json

    with _opened(directory, config) as (store, _):
        snapshot = store.load()
    document: dict[str, Any] = {
        "driftgauge_state_export": 1,
        "offsets": [
            {"topic": topic, "partition": partition, "next_offset": offset}
            for (topic, partition), offset in sorted(snapshot.offsets.items())
        ],
        "models": [
            {
                "model": key.model,
                "model_version": key.model_version,
                "sha256": hashlib.sha256(state).hexdigest(),
                "state": base64.b64encode(state).decode("ascii"),
            }
            for key, state in sorted(snapshot.models.items())
        ],
    }
    text = readable_json(document)
    if output is None:
        say(text.rstrip("\n"))
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError([f"{output}: cannot be written: {error.strerror}"]) from None
