"""The report of a replay in a browser: it opens from a disk, asks for nothing, and shows its plots."""

from __future__ import annotations

from pathlib import Path

from tests.browser.chromium import Page
from tests.unit.cli.frames import json_lines
from tests.unit.cli.invoke import driftgauge


def test_a_report_opens_offline_and_draws(tab: Page, tmp_path: Path) -> None:
    """One file, one request, no complaint; plots have a size, and links lead to them."""
    path = tmp_path / "out.html"
    made = driftgauge("replay", "--stdin", "--warmup", "500", "--report", path, stdin=json_lines(1400, 1000))
    assert made.code == 0, made.err
    tab.open(path.as_uri())
    assert [url for url in tab.requested() if not url.startswith("data:")] == [path.as_uri()]
    assert tab.complaints() == []
    sizes = tab.run("[...document.querySelectorAll('figure svg')].map((s) => s.getBoundingClientRect().height)")
    assert len(sizes) >= 5
    assert min(sizes) > 50
    links = "[...document.querySelectorAll('tbody a')].map((a) => document.querySelector(a.hash) !== null)"
    assert set(tab.run(links)) == {True}


def test_a_report_is_printed_on_white(tab: Page, tmp_path: Path) -> None:
    """Also for who reads in the dark: paper is light."""
    path = tmp_path / "out.html"
    assert driftgauge("replay", "--stdin", "--report", path, stdin=json_lines(10)).code == 0
    tab.ask("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    tab.open(path.as_uri())
    assert tab.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
