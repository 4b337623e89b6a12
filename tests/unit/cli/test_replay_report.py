"""`driftgauge replay --report`: one file that shows what was found, from whatever was read."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from tests.unit.cli.frames import csv_text, json_lines
from tests.unit.cli.invoke import driftgauge
from tests.unit.exposition.parsed import Element, parse

CHANGE, LENGTH = 1000, 1400


def report_of(path: Path, *arguments: str | Path, stdin: str = "") -> Element:
    """The report of a replay that went well, parsed."""
    result = driftgauge("replay", *arguments, "--warmup", "500", "--report", path, stdin=stdin)
    assert result.code == 0, result.err
    assert f"report: {path}" in result.err
    return parse(path.read_bytes())


def rows(page: Element) -> list[list[str]]:
    """The cells of the table of streams."""
    return [[cell.text for cell in (*row.all("td"), *row.all("th"))] for row in page.one("tbody").all("tr")]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Element:
    """The report of a shift at event 1000, read from standard input."""
    return report_of(tmp_path_factory.mktemp("report") / "out.html", "--stdin", stdin=json_lines(LENGTH, CHANGE))


def test_the_stream_that_drifted_is_the_first(page: Element) -> None:
    """Sorted by trouble, with what was found, where, and a link to its plots."""
    first, *others = page.one("tbody").all("tr")
    link = first.one("a")
    assert link.text == "f"
    assert re.search(r"a live value exceeds .*; at event 1,0\d\d", first.text)
    assert page.one("article", id=str(link.attributes["href"])[1:]).one("h3").text.startswith("f ")
    assert all("nothing" in row.text for row in others)


def test_plots_show_score_values_and_episode(page: Element) -> None:
    """Each with words for who cannot see it; the episode is drawn into both."""
    article = page.one("article", id="stream-1")
    score, band, bars = article.all("svg")
    for plot in (score, band):
        assert plot.attributes["role"] == "img"
        assert "Episodes from event 1,0" in plot.one("title").text
        assert plot.all("rect", class_="episode")
    assert score.one("polyline", class_="score").attributes["points"]
    assert band.all("polygon", class_="band")
    assert "Largest change" in bars.one("title").text


def test_it_needs_nothing_from_outside_and_no_script(page: Element) -> None:
    """No element loads anything: it opens offline, from a disk or a mail."""
    assert page.all("script") == []
    assert [e for e in page.all() if "src" in e.attributes] == []
    assert {str(e.attributes["href"])[:5] for e in page.all() if "href" in e.attributes} <= {"data:", "#stre"}


def test_a_table_gives_the_same_report(tmp_path: Path, page: Element) -> None:
    """CSV, zipped CSV: the model is called as the file, all else is the same."""
    (tmp_path / "m.csv").write_text(csv_text(LENGTH, CHANGE))
    (tmp_path / "m.csv.gz").write_bytes(gzip.compress(csv_text(LENGTH, CHANGE).encode()))
    expected = [[cell.replace("m 1", "m unversioned") for cell in row] for row in rows(page)]
    for name in ("m.csv", "m.csv.gz"):
        assert rows(report_of(tmp_path / "out.html", tmp_path / name)) == expected


def test_recording_changes_nothing_that_is_printed(tmp_path: Path) -> None:
    """Frames are cut for it, and the lines are the same to the last digit."""
    arguments = ("replay", "--stdin", "--stdout", "--warmup", "500")
    with_report = driftgauge(*arguments, "--report", tmp_path / "out.html", stdin=json_lines(LENGTH, CHANGE))
    assert with_report.out == driftgauge(*arguments, stdin=json_lines(LENGTH, CHANGE)).out != ""


def test_a_long_replay_makes_no_larger_plots(tmp_path: Path) -> None:
    """Four times the events are thinned to about as many points."""
    for length in (5_000, 20_000):
        report_of(tmp_path / f"{length}.html", "--stdin", stdin=json_lines(length, length // 2))
    assert (tmp_path / "20000.html").stat().st_size < 1.5 * (tmp_path / "5000.html").stat().st_size


def test_hostile_names_are_shown_as_they_are(tmp_path: Path) -> None:
    """They are text wherever they stand, and no markup."""
    name = "\"><script>alert(1)</script>&amp;'\u202e"
    page = report_of(tmp_path / "out.html", "--stdin", stdin=json_lines(LENGTH, CHANGE, model=name))
    assert page.all("script") == []
    assert f"{name} 1" in page.one("article", id="stream-1").text


def test_nothing_to_read_makes_a_report_of_nothing(tmp_path: Path) -> None:
    """An empty input is no error."""
    page = report_of(tmp_path / "out.html", "--stdin")
    assert "0 events" in page.one("header").text


@pytest.mark.parametrize("place", ["missing/out.html", ".", "file.txt/out.html"])
def test_a_path_that_cannot_be_written_is_told_before_reading(tmp_path: Path, place: str) -> None:
    """Not after an hour: exit code 2, and nothing printed."""
    (tmp_path / "file.txt").write_text("")
    result = driftgauge("replay", "--stdin", "--report", tmp_path / place, stdin=json_lines(LENGTH, CHANGE))
    assert result.code == 2
    assert f"--report {tmp_path / place}: cannot be written: " in result.err
    assert result.out == ""


def test_the_file_that_is_read_is_not_written_over(tmp_path: Path) -> None:
    """A slip of the keyboard must not cost the events."""
    events = tmp_path / "events.jsonl"
    events.write_text(json_lines(10))
    result = driftgauge("replay", events, "--report", events)
    assert result.code == 2
    assert "expected another file" in result.err
    assert events.read_text() == json_lines(10)


def test_a_replay_that_fails_leaves_no_report_and_an_old_one_alone(tmp_path: Path) -> None:
    """What is there is whole, or what was there before."""
    old = tmp_path / "old.html"
    old.write_text("before")
    for path in (old, tmp_path / "new.html"):
        assert driftgauge("replay", tmp_path / "nothing.csv", "--report", path).code == 2
    assert old.read_text() == "before"
    assert not (tmp_path / "new.html").exists()
