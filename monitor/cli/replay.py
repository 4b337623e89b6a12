"""`driftgauge replay`: a file through the same engine as the daemon, one line for each change of an episode."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli import options
from monitor.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from monitor.cli.event_files.opening import Source
    from monitor.cli.replaying import Recorder, Replay
    from monitor.domain.keys import ModelKey
    from monitor.engine.policy import Policy
    from monitor.settings import Settings

File = Annotated[
    Path | None,
    typer.Argument(help="Events in order: CSV, JSON lines or Parquet, by the file's ending.", show_default=False),
]


def command(
    file: File = None,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read events from standard input, one JSON a line.")] = False,
    stdout: Annotated[
        bool, typer.Option("--stdout", help="Print the JSON lines on a terminal too, instead of the table.")
    ] = False,
    warmup: Annotated[
        int | None,
        typer.Option("--warmup", min=1, help="Observations that make the reference; no duration is waited for."),
    ] = None,
    profile: Annotated[
        list[Path] | None,
        typer.Option("--profile", help="Hold events against this profile (or these, by model).", metavar="FILE"),
    ] = None,
    budgets: Annotated[
        str | None,
        typer.Option(
            "--budgets",
            help="Also count the alarms that other budgets would have raised: --budgets 0.1,1,10 (a week).",
            metavar="LIST",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            help="Also write one HTML file with plots of every stream: scores, values and episodes over time.",
            metavar="FILE",
        ),
    ] = None,
    config: options.OptionalConfig = None,
    assign: options.Assignments = None,
    topic: Annotated[
        str | None, typer.Option("--topic", help="Read JSON lines as messages of this topic of the configuration.")
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
    """Read events from a file in order and report every drift, as the daemon would have.

    One JSON line for each episode that opens or closes; `i` is the number of the event at which it did, from 0. On a
    terminal: a progress bar, and a table of episodes at the end.

    Columns of a table: ts or timestamp, event_id, model, model_version and prediction are what they are called;
    everything else is a feature.
    """
    from monitor.cli.event_files.chunk import Naming

    if stdin == (file is not None):
        raise typer.BadParameter("give a FILE, or --stdin")
    columns = (ts, event_id, model_column, model_version_column)
    naming = Naming(model, model_version, *columns, tuple(prediction or ()), tuple(ignore or ()))
    source = options.event_source(file, naming, read_as, delimiter)
    settings = options.load_settings(config, assign) if options.says_anything(config, assign) else None
    if settings is not None:
        source = _as_topic(source, settings, topic)
    elif topic is not None:
        raise typer.BadParameter("--topic names a topic of the configuration: give --config too")
    make_policy = cache(partial(_policy, settings, warmup, profile or []))
    if settings is not None or profile:
        make_policy()  # what is wrong with a profile is said before the first event is read
    reads = partial(_replay, source, make_policy, stdout, _budgets(budgets))
    replay = reads() if report is None else _reported(source, report, reads)
    if profile and replay.events:
        _refuse_unused(profile, make_policy(), replay.models())


def _budgets(text: str | None) -> list[float]:
    """The budgets of `0.1,1,10`, ascending."""
    try:
        found = sorted({float(part) for part in (text or "").split(",") if part.strip()})
    except ValueError:
        found = [0.0]
    if any(not 0 < budget < math.inf for budget in found):
        raise typer.BadParameter(f"--budgets: expected positive numbers with commas between, got {text!r}")
    return found


def _as_topic(source: Source, settings: Settings, wanted: str | None) -> Source:
    """Read lines as the configuration reads the topic: the one that is named, or the only one."""
    topics = {topic.name: topic for topic in settings.kafka.topics}
    if wanted is None and len(topics) != 1:
        return source
    chosen = topics.get(wanted) if wanted is not None else next(iter(topics.values()))
    if chosen is None:
        known = ", ".join(topics) or "none"
        raise ConfigurationError([f"--topic: expected a topic of the configuration ({known}), got {wanted!r}"])
    return replace(source, format=chosen.format, fields=chosen.fields)


def _policy(settings: Settings | None, warmup: int | None, profiles: list[Path]) -> Policy:
    from monitor.engine.policy import Policy, Warmup

    policy = settings.policy() if settings is not None else Policy()
    if profiles:
        from monitor.configuration.profiles import read_given_profiles

        policy = replace(policy, profiles=(*read_given_profiles(profiles), *policy.profiles))
    if warmup is not None:
        policy = replace(policy, warmup=Warmup(warmup, 0.0), relearn_after_seconds=0.0)
    return policy


def _refuse_unused(given: Sequence[Path], policy: Policy, models: Sequence[ModelKey]) -> None:
    """A profile that nothing was held against was given by mistake, and quiet would look like health."""
    used = [next((match for match in policy.profiles if match.matches(key)), None) for key in models]
    found = ", ".join(map(str, models)) or "no model"
    mistakes = [
        f"--profile {path}: nothing was held against it; expected events of {match.profile.model or 'any model'} "
        f"that no profile before it is for, got {found} (--model NAME says whose events they are)"
        for path, match in zip(given, policy.profiles, strict=False)
        if match not in used
    ]
    if mistakes:
        raise ConfigurationError(mistakes)


def _reported(source: Source, path: Path, reads: Callable[..., Replay]) -> Replay:
    """Replay with a report of it: a path that cannot be written is told before anything is read."""
    from monitor.cli.console import tell
    from monitor.cli.report_file import ReportFile

    if source.path is not None and path.exists() and source.path.exists() and path.samefile(source.path):
        raise ConfigurationError([f"--report {path}: expected another file than the one that is read"])
    with ReportFile(path) as file:
        from monitor.cli.replay_record import Recorder
        from monitor.exposition.pages.report import render

        recorder = Recorder()
        replay = reads(recorder=recorder)
        file.write(render(recorder.report(replay, source.name if source.path is None else source.path.name)))
    tell(f"report: {path}")
    return replay


def _replay(
    source: Source,
    policy: Callable[[], Policy],
    as_lines: bool,
    budgets: Sequence[float],
    recorder: Recorder | None = None,
) -> Replay:
    from monitor.cli.event_files.opening import open_events
    from monitor.cli.replay_report import open_report
    from monitor.cli.replaying import Replay

    replay = Replay(policy, budgets, recorder)
    report = open_report(source.name, as_lines)
    try:
        with report:
            for chunk in open_events(source):
                report.changed(replay.take(chunk))
                report.progress(replay.events, chunk.fraction)
        report.finish(replay)
    except BrokenPipeError:
        # who read us has seen enough (`| head`); what is still buffered must not complain when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return replay
