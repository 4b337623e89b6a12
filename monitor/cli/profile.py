"""`driftgauge profile`: a reference from training data, as JSON that a person can review."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli import options
from monitor.cli.console import counted, say, show, tell
from monitor.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from monitor.cli.event_files.chunk import Chunk, Unreadable
    from monitor.cli.event_files.opening import Source
    from monitor.domain.frame import Frame
    from monitor.domain.keys import ModelKey


def command(
    file: Annotated[Path, typer.Argument(help="Training data in the order it arose: CSV, JSON lines or Parquet.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write; - for standard output.", metavar="FILE")
    ],
    events_per_week: Annotated[
        float | None,
        typer.Option(
            "--events-per-week", help="Live events to expect; the alarm budget is shared out by it.", min=0.001
        ),
    ] = None,
    model: options.Model = None,
    model_version: options.ModelVersion = None,
    ts: options.Ts = None,
    event_id: options.EventId = None,
    model_column: options.ModelColumn = None,
    model_version_column: options.VersionColumn = None,
    prediction: options.Predictions = None,
    ignore: options.Ignored = None,
    read_as: options.ReadAs = None,
    delimiter: options.Delimiter = None,
) -> None:
    """Learn a reference from training data, for reference.profiles of the configuration."""
    from monitor.cli.event_files.chunk import Naming
    from monitor.cli.readable_json import readable_json
    from monitor.reference.profile import learn_profile

    columns = (ts, event_id, model_column, model_version_column)
    naming = Naming(model, model_version, *columns, tuple(prediction or ()), tuple(ignore or ()))
    source = options.event_source(file, naming, read_as, delimiter)
    training = TrainingData(source)
    facts: dict[str, object] = {"file": file.name, "sha256": _digest(file)}
    document = learn_profile(training.frames(), model=None, source=facts, events_per_week=events_per_week)
    # known only now that the file has been read; the identity of a profile covers its references alone
    document["model"] = training.named_model
    document["source"] = {**facts, "model_version": training.named_version, "rows": training.rows}
    _write(output, readable_json(document))
    training.tell_unreadable()
    _tell(document, output)


class TrainingData:
    """The frames of one model version in a file, and what is known when all are read."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._seen: set[ModelKey] = set()
        self._unreadable: list[Unreadable] = []
        self._events = 0
        self.rows = 0

    def frames(self) -> Iterator[Frame]:
        """All frames.  Raises ConfigurationError at the second model version: whose reference would it be?"""
        from monitor.cli.event_files.opening import open_events

        for chunk in open_events(self._source):
            self._count(chunk)
            for frame in chunk.frames:
                self._seen.add(frame.model)
                if len(self._seen) > 1:
                    raise ConfigurationError([_several(self._source.name, sorted(self._seen))])
                self.rows += len(frame)
                yield frame

    def _count(self, chunk: Chunk) -> None:
        self._events += chunk.events
        self._unreadable += chunk.unreadable

    @property
    def named_model(self) -> str | None:
        """The model, if the file or the user named it (the file's own name names no model)."""
        key = next(iter(self._seen), None)
        return None if key is None or key.model == self._source.stem else key.model

    @property
    def named_version(self) -> str | None:
        """Its version; None where the model is not known."""
        key = next(iter(self._seen), None)
        return None if key is None or self.named_model is None else key.model_version

    def tell_unreadable(self) -> None:
        """Say what was left out."""
        from monitor.cli.replay_report import tell_unreadable

        tell_unreadable(len(self._unreadable), self._events, self._unreadable[:5])


def _several(name: str, keys: Sequence[ModelKey]) -> str:
    found = " and ".join(map(str, keys))
    remedy = "split the file, or give --model and --model-version"
    return f"{name}: expected events of one model version, got {found}; {remedy}"


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise ConfigurationError([f"{path}: there is no such file"]) from None
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read: {error.strerror}"]) from None


def _write(output: Path, text: str) -> None:
    """Whole or not at all: a daemon may be reading the profile that is replaced."""
    if str(output) == "-":
        say(text.rstrip("\n"))
        return
    unfinished = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(output)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise ConfigurationError([f"{output}: cannot be written: {error.strerror}"]) from None


def _tell(document: Mapping[str, Any], output: Path) -> None:
    """What was found, on standard error: a review begins here."""
    streams = document["streams"]
    headings = ("stream", "kind", "type", "n", "missing", "values", "goes without")
    show(headings, list(_rows(streams)), right=(3, 4), to_stderr=True)
    written = "standard output" if str(output) == "-" else str(output)
    tell(f"{counted(len(streams), 'stream')} from {counted(document['source']['rows'], 'event')} → {written}")
    sys.stderr.flush()


def _rows(streams: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    for stream in streams:
        summary = stream["summary"]
        yield (
            stream["feature"],
            stream["kind"],
            summary["type"],
            f"{summary['observations']:,}",
            f"{summary['missing_rate']:.1%}",
            _values(summary),
            ", ".join(summary["without"]) or "nothing",
        )


def _values(summary: Mapping[str, Any]) -> str:
    """Median between quartiles, or the commonest categories."""
    if "categories" in summary:
        top = ", ".join(f"{name} {share:.0%}" for name, share in list(summary["categories"].items())[:3])
        known = len(summary["categories"]) + summary["other_categories"]
        return f"{counted(known, 'category')}: {top}" if top else counted(known, "category")
    quantiles = summary.get("quantiles")
    return f"{quantiles['50%']:.4g} ({quantiles['25%']:.4g} … {quantiles['75%']:.4g})" if quantiles else ""
