"""What is seen: a line for each change as it happens, how far the replay is, and a table at the end.

A terminal shows a bar that moves; elsewhere (a build log, a file) plain lines tell the same, one a day of flights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from monitor.demo.episodes import Change, Episode

#: columns for a build log, where nobody's window is too narrow
PLAIN_WIDTH = 160
#: columns a terminal needs for a table that says why
EXPLAINED_WIDTH = 110
_BAR_WIDTH = 32


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the replay is: share of its time, date reached, events sent, and what drifts there."""

    share: float
    version: str
    moment: datetime
    sent: int
    open: Sequence[Episode]


class Screen(Protocol):
    """Where the demonstration is shown."""

    def say(self, what: RenderableType) -> None: ...
    def progress(self, now: Progress) -> None: ...
    def table(self, episodes: Sequence[Episode]) -> None: ...
    def close(self) -> None: ...


def open_screen(console: Console | None = None) -> Screen:
    """A moving one on a terminal, plain lines elsewhere."""
    console = Console(highlight=False) if console is None else console
    if console.is_terminal:
        return Terminal(console)
    return Plain(console)


class Terminal:
    """Lines go by above; a bar and what drifts now stay below while the replay runs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None

    def say(self, what: RenderableType) -> None:
        # a line that is to be copied stays one line, however the terminal shows it
        self._console.print(what, soft_wrap=isinstance(what, Text) and bool(what.no_wrap))

    def progress(self, now: Progress) -> None:
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(_bar(now), refresh=True)

    def table(self, episodes: Sequence[Episode]) -> None:
        # a narrow terminal has shown the explanations when they came, and has no room for them here
        self.say(episode_table(episodes, explained=self._console.width >= EXPLAINED_WIDTH))

    def close(self) -> None:
        """Take the bar away; what was said stays."""
        if self._live is not None:
            self._live.stop()
            self._live = None


class Plain:
    """The same in lines, one a day of flights."""

    def __init__(self, console: Console) -> None:
        console.width = PLAIN_WIDTH
        self._console = console
        self._day = ""

    def say(self, what: RenderableType) -> None:
        self._console.print(what, soft_wrap=isinstance(what, str | Text))

    def progress(self, now: Progress) -> None:
        day = f"{now.version}  {_day(now.moment)}"
        if day != self._day:
            self._day = day
            self.say(Text(f"{day}  {now.sent:>6,} flights sent, {counted(len(now.open))}"))

    def table(self, episodes: Sequence[Episode]) -> None:
        self.say(episode_table(episodes, explained=True))

    def close(self) -> None:
        """Nothing to take away."""


def _bar(now: Progress) -> RenderableType:
    line = Table.grid(padding=(0, 2))
    line.add_row(
        Text(f"{now.version}  {_day(now.moment)} {now.moment:%H:%M}", style="bold"),
        ProgressBar(total=1.0, completed=now.share, width=_BAR_WIDTH),
        Text(f"{now.sent:,} flights sent"),
    )
    return Group(line, Text(_drifting(now.open), style="red" if now.open else "green"))


def _drifting(episodes: Sequence[Episode]) -> str:
    """Which streams drift, in a line."""
    if not episodes:
        return "nothing drifts"
    names: dict[str, list[str]] = {}
    for episode in episodes:
        opened = episode.opened
        names.setdefault(opened.version.name, []).append(_stream(opened))
    return "drifting: " + "; ".join(f"{version}: {', '.join(streams)}" for version, streams in names.items())


def counted(drifting: int) -> str:
    """How many streams drift.

    >>> counted(0), counted(1), counted(8)
    ('nothing drifts', '1 stream drifts', '8 streams drift')
    """
    return "nothing drifts" if not drifting else "1 stream drifts" if drifting == 1 else f"{drifting} streams drift"


def change_line(change: Change, again: bool) -> Text:
    """What happened, in plain words, when it does."""
    when = f"{change.version.name}  {_date(change.moment)}  flight {change.flight:>6,}  "
    if change.opens:
        word, style = ("DRIFTS ON", "red") if again else ("DRIFT", "bold red")
        what = f"  {change.explanation}"
    else:
        word, style = "over", "green"
        what = f"  {_stream(change)} {change.reason or ''}"
    return Text.assemble(when, (f"{word:<5}", style), what)


def episode_table(episodes: Sequence[Episode], *, explained: bool) -> RenderableType:
    """Every episode: when it opened and closed, by date and by number of the flight, and if wanted why."""
    if not episodes:
        return Text("There were no episodes.")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title="Episodes (New York time)", title_justify="left")
    for heading in ("version", "stream", "aspect", "opened", "flight", "closed", "flight"):
        table.add_column(heading, justify="right" if heading == "flight" else "left", no_wrap=True)
    if explained:
        table.add_column("why")
    for episode in episodes:
        # names of features are no markup
        table.add_row(*(Text(cell) for cell in (*_cells(episode), *([_why(episode)] if explained else []))))
    return table


def _cells(episode: Episode) -> tuple[str, ...]:
    opened, closed = episode.opened, episode.closed
    start = (opened.version.name, opened.feature, opened.aspect, _date(opened.moment), f"{opened.flight:,}")
    end = (_date(closed.moment), f"{closed.flight:,}") if closed else ("open", "")
    return start + end


def _why(episode: Episode) -> str:
    why = episode.opened.why
    return f"{why} (and {episode.again} further changes)" if episode.again else why


def _stream(change: Change) -> str:
    return change.feature if change.aspect == "value" else f"{change.feature} ({change.aspect})"


def _day(moment: datetime) -> str:
    return f"{moment:%a} {moment.day:>2} {moment:%b %Y}"


def _date(moment: datetime | None) -> str:
    return "unknown" if moment is None else f"{moment.day:>2} {moment:%b %H:%M}"
