"""What is seen, on a terminal and in a build log."""

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from monitor.demo.episodes import Episodes, changes
from monitor.demo.screen import Plain, Progress, Terminal, change_line, episode_table, open_screen
from tests.unit.demo.plans import BLIZZARD, GAP
from tests.unit.demo.test_episodes import closing, episodes, read


def console(terminal: bool, width: int = 120) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=width, highlight=False, color_system=None)


def shown(on: Console) -> str:
    assert isinstance(on.file, io.StringIO)
    return on.file.getvalue()


def progress(hour: int, found: Episodes) -> Progress:
    return Progress(0.5, "winter", datetime(2013, 2, 1 + hour // 24, hour % 24, tzinfo=UTC), 1_000 + hour, found.open)


def test_a_terminal_moves_and_a_file_does_not() -> None:
    """Which one it is decides how progress is shown."""
    assert isinstance(open_screen(console(True)), Terminal)
    assert isinstance(open_screen(console(False)), Plain)


def test_plain_progress_is_a_line_a_day() -> None:
    """Not one for every tick: a build log is read by people."""
    on = console(False)
    screen = open_screen(on)
    for hour in range(60):
        screen.progress(progress(hour, episodes(BLIZZARD)))
    lines = shown(on).splitlines()
    assert [line[:23] for line in lines] == [
        "winter  Fri  1 Feb 2013",
        "winter  Sat  2 Feb 2013",
        "winter  Sun  3 Feb 2013",
    ]
    assert lines[0].endswith("1,000 flights sent, 1 stream drifts")


def test_a_terminal_shows_date_and_what_drifts() -> None:
    """Below what was said, and gone when it is closed."""
    on = console(True)
    screen = open_screen(on)
    screen.progress(progress(30, episodes(BLIZZARD, GAP)))
    screen.say("a line")
    screen.close()
    screen.close()
    text = shown(on)
    assert "winter  Sat  2 Feb 2013 06:00" in text
    assert "drifting: winter: precip; summer: temp (missing)" in text
    assert "a line" in text


@pytest.mark.parametrize(
    ("entry", "again", "said"),
    [
        (BLIZZARD, False, "winter   9 Feb 08:35  flight     42  DRIFT  precip: something is off"),
        (BLIZZARD, True, "winter   9 Feb 08:35  flight     42  DRIFTS ON  precip: something is off"),
        (closing(GAP), False, "summer  22 Aug 19:00  flight     42  over   temp (missing) returned"),
        ({**GAP, "ts": None}, False, "summer  unknown  flight     42  DRIFT  temp: something is off"),
    ],
)
def test_a_change_is_said_in_a_line(entry: dict[str, object], again: bool, said: str) -> None:
    """When, which flight, and in plain words what."""
    (change,) = read(entry)
    assert change_line(change, again).plain == said


def table(explained: bool, *entries: dict[str, object]) -> str:
    on = console(False, width=160)
    on.print(episode_table(episodes(*entries).all, explained=explained))
    return shown(on)


def test_the_table_has_dates_and_numbers() -> None:
    """Of the opening, and of the closing where there was one."""
    later = {"ts": "2013-02-11T12:00:00Z", "event_id": "winter-live-08900"}
    first, second = table(True, BLIZZARD, GAP, closing(BLIZZARD, **later)).splitlines()[-3:-1]
    assert first.split()[:3] == ["winter", "precip", "value"]
    assert " 9 Feb 08:35 " in first
    assert "11 Feb 07:00" in first
    assert "8,900" in first
    assert "something is off" in first
    assert "open" in second


def test_a_narrow_table_leaves_the_words_out() -> None:
    """They were shown when it happened."""
    assert "something is off" not in table(False, BLIZZARD)
    assert "precip" in table(False, BLIZZARD)


def test_further_changes_are_counted_in_the_table() -> None:
    """An episode that fired again says so."""
    assert "(and 2 further changes)" in table(True, BLIZZARD, BLIZZARD, BLIZZARD)


def test_no_episodes_are_said_in_words() -> None:
    """An empty table looks like a mistake."""
    assert table(True).strip() == "There were no episodes."


def test_names_are_no_markup() -> None:
    """A feature may be called anything."""
    odd = {**BLIZZARD, "feature": "[red]x[/red]"}
    assert "[red]x[/red]" in table(False, odd)
    assert change_line(next(changes([_json(odd)])), False).plain.count("[red]") == 0


def _json(entry: dict[str, object]) -> str:
    import json

    return json.dumps(entry)
