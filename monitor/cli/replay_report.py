"""What a replay prints: JSON lines for programs, a table for people, and what went wrong on standard error."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import IO, TYPE_CHECKING, Protocol, Self

from monitor.cli.console import counted, say, show, tell
from monitor.cli.event_files.chunk import Unreadable
from monitor.cli.outlooks import stream_table
from monitor.cli.times import iso_time
from monitor.domain.facts import EpisodeChange, Status

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from monitor.domain.keys import StreamKey
    from monitor.engine.model import ModelMonitor
    from monitor.engine.views import ModelView

#: rows of the table; a file with more episodes than that is not read by eye
_MAX_ROWS = 500


class Summary(Protocol):
    """What is known at the end of a replay."""

    @property
    def events(self) -> int: ...
    @property
    def unreadable(self) -> int: ...
    @property
    def first_unreadable(self) -> Sequence[Unreadable]: ...
    @property
    def alarms(self) -> Mapping[float, Counter[StreamKey]]: ...
    def views(self) -> Sequence[ModelView]: ...
    def monitors(self) -> Sequence[ModelMonitor]: ...


class Report(Protocol):
    """Told of changes as they come; a context manager around the reading."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def changed(self, changes: Sequence[EpisodeChange]) -> None: ...
    def progress(self, events: int, fraction: float | None) -> None: ...
    def finish(self, summary: Summary) -> None: ...


def open_report(name: str, as_lines: bool) -> Report:
    """Lines wherever a program may read them; a progress bar wherever it would not be in their way."""
    lines = as_lines or not sys.stdout.isatty()
    bar = Bar(name) if sys.stderr.isatty() and not (lines and sys.stdout.isatty()) else None
    return JsonLines(sys.stdout.buffer, bar) if lines else EpisodeTable(bar)


def as_line(change: EpisodeChange) -> bytes:
    """An episode's change as one JSON line; numbers that JSON cannot write are null."""
    import msgspec

    finding, stream = change.finding, change.stream
    line = {
        "i": change.place.offset,
        "ts": iso_time(change.place.event_time),
        "model": stream.model,
        "model_version": stream.model_version,
        "feature": stream.feature,
        "kind": stream.kind,
        "aspect": change.aspect,
        "state": change.state,
        "reason": change.reason,
        "detector": finding.detector,
        "channel": finding.channel,
        "score": _finite(finding.score),
        "effect": _finite(finding.effect),
        "explanation": finding.explanation,
        "direction": finding.direction,
        "since": finding.since,
        "summary": finding.summary,
    }
    return msgspec.json.encode(line) + b"\n"


def _finite(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None


class Bar:
    """A progress bar on standard error, gone when the reading ends."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def show(self, events: int, fraction: float | None) -> None:
        """Draw how far the reading is."""
        if self._progress is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[events]}"))
            self._progress = Progress(*columns, TimeRemainingColumn(), console=Console(file=sys.stderr), transient=True)
            self._task = self._progress.add_task(self._name, total=None, events="")
            self._progress.start()
        assert self._task is not None
        total = None if fraction is None else 1.0
        self._progress.update(self._task, total=total, completed=fraction or 0.0, events=counted(events, "event"))

    def close(self) -> None:
        """Take it off the screen."""
        if self._progress is not None:
            self._progress.stop()


class JsonLines:
    """Every change at once as a JSON line."""

    def __init__(self, output: IO[bytes], bar: Bar | None) -> None:
        self._output = output
        self._bar = bar

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def changed(self, changes: Sequence[EpisodeChange]) -> None:
        if changes:
            self._output.write(b"".join(map(as_line, changes)))
            self._output.flush()

    def progress(self, events: int, fraction: float | None) -> None:
        if self._bar is not None:
            self._bar.show(events, fraction)

    def finish(self, summary: Summary) -> None:
        for row in _budget_rows(summary.alarms):
            tell("  ".join(row))
        tell_problems(summary)


class EpisodeTable:
    """Episodes as rows, printed at the end."""

    def __init__(self, bar: Bar | None) -> None:
        self._bar = bar
        self._changes: list[EpisodeChange] = []
        self._left_out = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def changed(self, changes: Sequence[EpisodeChange]) -> None:
        room = max(0, _MAX_ROWS - len(self._changes))
        self._changes += changes[:room]
        self._left_out += len(changes[room:])

    def progress(self, events: int, fraction: float | None) -> None:
        if self._bar is not None:
            self._bar.show(events, fraction)

    def finish(self, summary: Summary) -> None:
        views = summary.views()
        if self._changes:
            headings, rows = _table(self._changes)
            show(headings, rows, right=(0,))
        if self._left_out:
            say(f"… and {counted(self._left_out, 'further change')}; --stdout prints them all")
        say(_sentence(summary.events, views))
        headings, rows = stream_table(summary.monitors())
        if rows:
            say("\nWhat each stream is tested with, and events until a shift of so many standard deviations is found:")
            show(headings, rows, right=(3, 4, 5))
        if summary.alarms:
            say("\nAlarms that other budgets would have raised:")
            heading, *rows = _budget_rows(summary.alarms)
            show(heading, rows, right=tuple(range(1, len(heading))))
        tell_problems(summary)


def _budget_rows(alarms: Mapping[float, Counter[StreamKey]]) -> list[tuple[str, ...]]:
    """A heading and a row for each stream that any budget alarms on, then the sums; empty without budgets."""
    if not alarms:
        return []
    streams = sorted(set().union(*alarms.values()))
    rows = [(str(stream), *(str(found[stream]) for found in alarms.values())) for stream in streams]
    sums = ("all", *(str(found.total()) for found in alarms.values()))
    return [("stream", *(f"{budget:g} a week" for budget in alarms)), *rows, sums]


def _table(changes: Sequence[EpisodeChange]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Headings and rows; what would be the same in every row takes no room from the sentences."""
    columns: dict[str, list[str]] = {
        "event": [f"{change.place.offset:,}" for change in changes],
        "time": [(iso_time(change.place.event_time) or "")[:16].replace("T", " ") for change in changes],
        "model": [str(change.stream.model_key) for change in changes],
        "stream": [_stream(change) for change in changes],
        "what": [change.state if change.reason is None else change.reason for change in changes],
        "why": [change.finding.explanation if change.state == "firing" else "" for change in changes],
    }
    idle = [name for name in ("time", "model") if len(set(columns[name])) == 1]
    shown = {name: column for name, column in columns.items() if name not in idle}
    return tuple(shown), list(zip(*shown.values(), strict=True))


def _stream(change: EpisodeChange) -> str:
    """The feature, with the aspect if it is not its values."""
    return change.stream.feature if change.aspect == "value" else f"{change.stream.feature} ({change.aspect})"


def _sentence(events: int, views: Sequence[ModelView]) -> str:
    """How everything stands at the end."""
    streams = [stream for view in views for stream in view.streams]
    standing = {status: sum(stream.status == status for stream in streams) for status in Status}
    named = ", ".join(
        f"{number} {'in drift' if status is Status.DRIFT else status.name.lower()}"
        for status, number in standing.items()
        if number
    )
    models = str(views[0].key) if len(views) == 1 else counted(len(views), "model version")
    counts = f"{counted(events, 'event')}, {models}, {counted(len(streams), 'stream')}"
    return f"{counts}{': ' + named if named else ''} at the end."


def tell_problems(summary: Summary) -> None:
    """What a user should know even if nobody watches: events that were left out, and that nothing was tested."""
    tell_unreadable(summary.unreadable, summary.events, summary.first_unreadable)
    streams = [stream for view in summary.views() for stream in view.streams]
    if streams and all(stream.status is Status.LEARNING for stream in streams):
        longest = max(stream.observations for stream in streams)
        tell(
            f"nothing was tested: no stream finished its warm-up (the longest has {counted(longest, 'observation')}); "
            "see --warmup, or hold the events against a profile (--profile)"
        )


def tell_unreadable(number: int, events: int, first: Sequence[Unreadable]) -> None:
    """How many events were left out, and the first of them with their lines."""
    if not number:
        return
    tell(f"{counted(number, 'event')} of {events:,} could not be read:")
    for item in first:
        tell(f"  line {item.line}: {item.reason}: {item.detail}")
    if number > len(first):
        tell(f"  … and {number - len(first):,} more")
    if any(item.reason == "no_model" for item in first):
        tell("  --model NAME says whose events they are")
