"""Options that several commands share, and how settings are put together from them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from monitor.cli.event_files.chunk import Naming
    from monitor.cli.event_files.opening import Source
    from monitor.settings import Settings

PREFIX = "DRIFTGAUGE_"

RequiredConfig = Annotated[
    Path, typer.Option("--config", "-c", envvar="DRIFTGAUGE_CONFIG", help="Configuration, a YAML file.", metavar="FILE")
]
OptionalConfig = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar="DRIFTGAUGE_CONFIG", help="Configuration, a YAML file.", metavar="FILE"),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Set one setting, over the file and the environment: --set detection.false_alarms_per_week=0.1",
        metavar="NAME=VALUE",
    ),
]
Model = Annotated[str | None, typer.Option("--model", help="Name of the model, for every event.")]
ModelVersion = Annotated[str | None, typer.Option("--model-version", help="Version of the model, for every event.")]
Ts = Annotated[
    str | None,
    typer.Option("--ts", help="Column (or path in JSON) of the event time; empty: there is none.", metavar="COLUMN"),
]
EventId = Annotated[
    str | None, typer.Option("--event-id", help="Column (or path in JSON) of the event's id.", metavar="COLUMN")
]
ModelColumn = Annotated[
    str | None,
    typer.Option("--model-column", help="Column of the model's name; empty: there is none.", metavar="COLUMN"),
]
VersionColumn = Annotated[
    str | None,
    typer.Option("--model-version-column", help="Column of the model's version; empty: none.", metavar="COLUMN"),
]
Predictions = Annotated[
    list[str] | None,
    typer.Option("--prediction", help="Column that is a prediction; may be repeated.", metavar="COLUMN"),
]
Ignored = Annotated[
    list[str] | None, typer.Option("--ignore", help="Column that is not watched; may be repeated.", metavar="COLUMN")
]
ReadAs = Annotated[
    str | None,
    typer.Option("--read-as", help="csv, json (one event a line) or parquet, whatever the file's ending says."),
]
Delimiter = Annotated[
    str | None, typer.Option("--delimiter", help="Between the cells of a CSV file; a comma if not given.")
]


def assignments(given: list[str] | None) -> dict[str, object]:
    """`--set` options as dotted path → text.  Raises ConfigurationError for what is no assignment."""
    wrong = [item for item in given or () if "=" not in item or item.startswith("=")]
    if wrong:
        raise ConfigurationError([f"--set: expected NAME=VALUE, got {item!r}" for item in wrong])
    return {name.strip(): value for name, _, value in (item.partition("=") for item in given or ())}


def load_settings(config: Path | None, given: list[str] | None) -> Settings:
    """Settings of a command: file, environment, then `--set`.  Raises ConfigurationError."""
    from monitor.settings import load

    return load(config, environment(), assignments(given))


def environment() -> Mapping[str, str]:
    """The variables that are settings; where the file is, is none."""
    return {name: value for name, value in os.environ.items() if name != "DRIFTGAUGE_CONFIG"}


def says_anything(config: Path | None, given: list[str] | None) -> bool:
    """Is there any configuration beyond the defaults?  Reading none saves a short command a third of its time."""
    return config is not None or bool(given) or any(name.startswith(PREFIX) for name in environment())


def event_source(path: Path | None, naming: Naming, read_as: str | None, delimiter: str | None) -> Source:
    """What to read, from the options.  Raises ConfigurationError."""
    from monitor.cli.event_files.opening import Source

    if read_as not in (None, "csv", "json", "parquet"):
        raise ConfigurationError([f"--read-as: expected csv, json or parquet, got {read_as!r}"])
    if delimiter is not None and len(delimiter) != 1:
        raise ConfigurationError([f"--delimiter: expected one character, got {delimiter!r}"])
    return Source(path, read_as, naming, delimiter)  # type: ignore[arg-type]  # one of the three, see above


def require_topics(settings: Settings) -> None:
    """Nothing can be watched without a topic.  Raises ConfigurationError."""
    if not settings.kafka.topics:
        raise ConfigurationError(["kafka.topics: expected at least one topic ([{name: predictions}]), got none"])
