"""The status page in a browser: what a person sees, hears and types, and what the script does meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from monitor.exposition.board import Board
from monitor.exposition.server import Server
from tests.browser.chromium import Page
from tests.unit.exposition.made import FRAUD, drifted, model, stream

HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'"

#: timers that wait until the test runs them: nothing here takes the seconds that a person would wait
TIMERS = """
window.pending = [];
window.setTimeout = (then) => window.pending.push(then);
window.clearTimeout = (number) => { window.pending[number - 1] = null; };
window.tick = async () => {
  const due = window.pending.filter(Boolean);
  window.pending = window.pending.map(() => null);
  for (const then of due) await then();
  return due.length;
};
"""
NAMES = "[...document.querySelectorAll('[data-part=streams] th > bdi')].map((e) => e.textContent)"


@pytest.fixture
def board() -> Board:
    made = Board(topics=["events"])
    show(made)
    made.ready(True)
    made.kafka_up(True)
    return made


@pytest.fixture
def server(board: Board) -> Iterator[Server]:
    running = Server(board, "127.0.0.1:0")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def page(tab: Page, server: Server) -> Page:
    """The page, with timers that the test runs."""
    tab.before_scripts(TIMERS)
    return tab.open(server.url)


def show(board: Board, *drifting: str) -> None:
    """Two calm streams, and these in drift."""
    views = [stream("amount"), stream("country")]
    opened = [replace(drifted(view), open_episodes={"value": "moved"}) for view in map(stream, drifting)]
    known = {view.key: view for view in [*views, *opened]}
    board.publish_live({FRAUD: model(*known.values())})


def refresh(page: Page, condition: str) -> None:
    """Let the page fetch itself until something is so: an answer of a moment ago may come once more."""
    page.wait(f"tick().then(() => {condition})")


def test_it_obeys_its_own_policy_and_asks_nobody_else(page: Page, server: Server) -> None:
    """No complaint in the console, and every request goes to the daemon, also while it updates itself."""
    refresh(page, "true")
    assert page.complaints() == []
    # a quoted icon is no request to anybody
    assert {url for url in page.requested() if not url.startswith("data:")} == {f"{server.url}/"}


def test_it_updates_itself_and_leaves_what_is_the_same(page: Page, board: Board) -> None:
    """A stream that drifts comes to the top; rows, focus and what was typed stay where they are."""
    assert page.run(NAMES) == ["amount", "country"]
    page.run("document.querySelector('#model').value = 'fra'; document.querySelector('[data-part=models] a').focus()")
    page.run("window.row = document.querySelector('[data-part=streams] tr')")
    show(board, "country")
    refresh(page, f"{NAMES}[0] === 'country'")
    assert page.run(NAMES) == ["country", "amount"]
    assert page.run("document.querySelector('[data-part=streams]').rows[1] === window.row")
    assert page.run("document.activeElement.matches('[data-part=models] a')")
    assert page.run("document.querySelector('#model').value") == "fra"
    assert page.run("document.querySelector('[role=status]').textContent").startswith("2 streams watched: 1 in drift")
    assert page.run("document.title") == "(1) driftgauge"


def test_streams_come_and_go(page: Page, board: Board) -> None:
    """New rows appear, those of forgotten streams disappear."""
    show(board, "new", "newer")
    refresh(page, f"{NAMES}.length === 4")
    show(board)
    refresh(page, f"{NAMES}.length === 2")


def test_it_rests_while_nobody_looks(page: Page) -> None:
    """In a hidden tab no request is planned; when it is shown again it asks at once."""
    hide = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true});"
    changed = "document.dispatchEvent(new Event('visibilitychange'))"
    page.run(hide % "true" + changed)
    assert page.run("window.pending.filter(Boolean).length") == 0
    asked = len(page.requested())
    page.run(hide % "false" + changed)
    page.wait("window.pending.filter(Boolean).length === 1")
    assert len(page.requested()) == asked + 1


def test_a_daemon_that_no_longer_answers_is_told(page: Page, server: Server, board: Board) -> None:
    """Old numbers must not look like health; when it answers again the page goes on."""
    port = server.port
    server.stop()
    page.run("tick()")
    assert page.run("document.querySelector('#silence').hidden") is False
    assert "has not answered since" in page.run("document.querySelector('#silence').textContent")
    assert page.run("document.querySelector('#silence').getAttribute('role')") == "alert"
    again = Server(board, f"127.0.0.1:{port}")
    again.start()
    try:
        refresh(page, "document.querySelector('#silence').hidden")
        assert page.run("document.body.classList.contains('old')") is False
    finally:
        again.stop()


def test_without_a_script_it_is_a_table(tab: Page, server: Server) -> None:
    """Everything is in the page as it comes, and it asks to be loaded anew."""
    tab.ask("Emulation.setScriptExecutionDisabled", value=True)
    tab.open(server.url)
    tree = tab.ask("Accessibility.getFullAXTree")["nodes"]
    cells = [node["name"]["value"] for node in tree if node.get("role", {}).get("value") == "rowheader"]
    assert any(name.startswith("amount") for name in cells)


def test_hostile_names_do_nothing(tab: Page, server: Server, board: Board) -> None:
    """No dialog, no element of theirs, no complaint: letters."""
    show(board, HOSTILE)
    tab.open(server.url)
    assert tab.run(f"{NAMES}[0]") == HOSTILE
    assert tab.run("document.querySelectorAll('img, script').length") == 1
    assert tab.events("Page.javascriptDialogOpening") == []
    assert tab.complaints() == []


def test_it_is_heard_as_tables_with_captions(page: Page) -> None:
    """The tree that a screen reader gets: named tables, headings of columns and rows, drawings in words."""
    tree = page.ask("Accessibility.getFullAXTree")["nodes"]

    def named(role: str) -> list[str]:
        return [node["name"]["value"] for node in tree if node.get("role", {}).get("value") == role]

    assert any("Most troubled first" in name for name in named("table"))
    assert {"Status", "Stream", "Score", "What is open"} <= set(named("columnheader"))
    assert any(name.startswith("amount") for name in named("rowheader"))
    assert any(name.startswith("Score now 0.25") for name in named("image"))
    assert "Only model" in [name.strip() for role in ("textbox", "combobox") for name in named(role)]


def test_it_is_used_by_keyboard(page: Page) -> None:
    """The first stop skips to the streams; what follows is the form, then the links; focus is seen."""
    stops = []
    for _ in range(5):
        page.press("Tab")
        stops.append(page.run("document.activeElement.textContent || document.activeElement.id"))
    assert stops[0] == "Skip to the streams"
    assert stops[1:3] == ["model", "Show"]
    assert "fraud" in stops[4]
    assert page.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_it_follows_light_and_dark(page: Page, scheme: str, dark: bool) -> None:
    """As the system says."""
    page.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    ground = page.run("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert (sum(ground) < 3 * 60) is dark


def test_a_narrow_screen_scrolls_only_the_table(page: Page) -> None:
    """The page itself does not move sideways on a telephone."""
    page.ask("Emulation.setDeviceMetricsOverride", width=360, height=700, deviceScaleFactor=1, mobile=True)
    assert page.run("document.documentElement.scrollWidth <= window.innerWidth")
