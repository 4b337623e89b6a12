"""`driftgauge state`: shows, resets and exports what daemons keep, in a directory or a topic."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli import options
from monitor.cli.console import counted, say, show
from monitor.cli.stored import Stored, looked_at, owned
from monitor.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from monitor.domain.keys import ModelKey
    from monitor.engine.model import ModelMonitor
    from monitor.engine.policy import Policy

app = typer.Typer(
    help="Show, reset or export the state of stopped daemons; one in Kafka is shown and exported beside them too.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Directory = Annotated[
    Path | None, typer.Argument(help="Directory of a state in SQLite, instead of --config.", show_default=False)
]
OfModel = Annotated[str | None, typer.Option("--model", help="Only this model.")]
OfVersion = Annotated[str | None, typer.Option("--model-version", help="Only this version.")]
OfFeature = Annotated[str | None, typer.Option("--feature", help="Only this feature (or prediction).")]


def _monitors(states: Mapping[ModelKey, bytes], policy: Policy) -> Iterator[tuple[ModelKey, ModelMonitor]]:
    from monitor.engine.model import ModelMonitor

    for key, state in sorted(states.items()):
        yield key, ModelMonitor.load(key, policy, state)


@app.command("inspect")
def inspect_command(directory: Directory = None, config: options.OptionalConfig = None) -> None:
    """Show what a stopped daemon knows: models, streams, episodes, positions. A state in Kafka, named by --config, is
    shown as of its last commit, beside the daemons."""
    snapshot, policy = looked_at(directory, config)
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
    """Throw away what stopped daemons have learned of some models or streams; they start anew with the next events."""
    if topic is not None and not everything and (model, model_version, feature) == (None, None, None):
        _reset_topic(directory, config, topic)
        return
    if topic is not None or everything == any(item is not None for item in (model, model_version, feature)):
        raise typer.BadParameter("say what to reset: --model, --model-version, --feature, or --all, or --topic alone")
    if feature is not None and config is None:
        raise typer.BadParameter("--feature needs --config: the rest of its model is kept as the configuration has it")
    with owned(directory, config) as (store, policy):
        models, places = store.contents()  # not `load`: what is damaged is what has to go
        keys = [key for key in models if model in (None, key.model) and model_version in (None, key.model_version)]
        if feature is not None:
            removed = _reset_streams(store, policy, keys, feature)
        elif everything:
            store.forget_everything()
            removed = [f"model version {key}" for key in keys]
            removed += [f"position of {topic}/{partition}" for topic, partition in places]
        else:
            store.forget_models(keys)
            removed = [f"model version {key}" for key in keys]
    for line in removed:
        say(f"reset: {line}")
    if not removed:
        known = ", ".join(map(str, models)) or "no model"
        raise ConfigurationError([f"nothing matches; the state holds {known}"])


def _reset_topic(directory: Path | None, config: Path | None, topic: str) -> None:
    """Forget how far a topic was read; what was learned from it stays."""
    with owned(directory, config) as (store, _):
        snapshot = store.load()
        places = sorted(place for place in snapshot.offsets if place[0] == topic)
        if not places:
            known = ", ".join(sorted({name for name, _ in snapshot.offsets})) or "no topic"
            raise ConfigurationError([f"nothing matches; the state has read {known}"])
        store.forget_topic(topic)
    for name, partition in places:
        say(f"reset: position of {name}/{partition}")


def _reset_streams(store: Stored, policy: Policy, keys: list[ModelKey], feature: str) -> list[str]:
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
    """Write the whole state as JSON: positions, and each model's state with its hash. A state in Kafka may belong to
    running daemons."""
    from monitor.cli.readable_json import readable_json

    snapshot, _ = looked_at(directory, config)
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
