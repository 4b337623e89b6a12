"""The status page and its JSON: the most troubled streams first, everything escaped, nothing from outside."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jsonschema
import msgspec
import pytest

from monitor.domain.facts import Status as StreamStatus
from monitor.domain.keys import ModelKey
from monitor.engine.shape import Shape
from monitor.engine.views import StreamView
from monitor.exposition.board import Board
from monitor.exposition.pages.content import Status, schema
from monitor.exposition.pages.document import SHOWN, Moment, Pictures, chosen, passing, status
from monitor.exposition.pages.shell import POLICY, STYLE
from monitor.exposition.pages.status import render
from monitor.exposition.shards import ShardBoard
from tests.unit.exposition.made import FRAUD, drifted, model, stream
from tests.unit.exposition.parsed import Element, parse

NOW = 1_000_000.0
SHAPE = Shape("number", (0.0, 1.0), (), (0.2, 0.5, 0.3), (0.1, 0.2, 0.7), (0.0, 0.25), 400)
HOSTILE = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "&lt;b&gt; &amp;",
    "\u202egnirts\u2066",
    "]]><!--",
    "</style></script></title>",
    "a\x00b\x1b[2J\ud800",
    "ø" * 64,
    "{{7*7}} ${7} %s",
]


def opened(view: StreamView, said: str = "amount: a live value exceeds") -> StreamView:
    return replace(drifted(view), open_episodes={"value": said})


def board_of(*views: StreamView, key: ModelKey = FRAUD) -> Board:
    """A board of a daemon that is well and watches these streams."""
    board = Board(version="1.2.3", topics=["events"])
    board.publish_live({key: model(*views, key=key)})
    board.kafka_up(True)
    board.polled(NOW)
    return board


def document(board: Board, wanted: str | None = None, ready: bool = True, now: float = NOW) -> Status:
    reading = board.read()
    streams = chosen(passing(reading, wanted))
    shapes = {view.key: SHAPE for view in streams}
    histories: dict[Any, Sequence[float | None]] = {view.key: [None, 0.1, 1.2] for view in streams}
    return status(reading, Moment(now, ready, wanted), streams, Pictures((NOW - 2, NOW - 1, NOW), histories, shapes))


def page(board: Board, wanted: str | None = None) -> Element:
    return parse(render(document(board, wanted)))


def rows(found: Element, part: str = "streams") -> list[Element]:
    return found.one("tbody", data_part=part).all("tr")


def plain(made: Status) -> Any:
    return msgspec.json.decode(msgspec.json.encode(made))


# --- what is shown ---------------------------------------------------------------------------------------------------


def test_streams_are_sorted_by_trouble() -> None:
    """Drift before warning before stable before learning; then by score; then by effect."""
    calm, learning = stream("calm"), replace(stream("learning"), status=StreamStatus.LEARNING, scores={})
    close = replace(stream("close"), scores={("adwin", "level"): 0.7})
    warned = replace(stream("warned"), status=StreamStatus.WARNING)
    moved = replace(stream("moved"), effects={"level": -0.2})
    made = document(board_of(learning, calm, warned, close, drifted(stream("gone")), moved))
    assert [each.feature for each in made.streams] == ["gone", "warned", "close", "moved", "calm", "learning"]


def test_a_row_says_what_is_open_in_words() -> None:
    """Status, name, score, effect, bars, and the sentence without the name that stands beside it."""
    (row,) = rows(page(board_of(opened(stream()))))
    text = row.text
    assert "drift" in row.one("span", class_="status drift").text
    assert row.one("th", scope="row").all("bdi")[0].text == "amount"
    assert "a live value exceeds" in text
    assert "amount: a live" not in text
    assert "+0.21" in text
    assert "Largest change: above 1: 70 % of recent values, 30 % of the reference; missing: 25 %" in text
    spark, bars = row.all("svg")
    assert spark.one("title").text == "Score now 1.4, at most 1.4 in the time shown; a detector fires at 1"
    assert spark.attributes["role"] == bars.attributes["role"] == "img"


def test_the_daemon_tells_how_it_is() -> None:
    """Version, role, lag, checkpoint, rejects."""
    board = board_of(stream())
    board.set_lag({("events", 0): 5, ("events", 1): 70})
    board.checkpoint(NOW - 90, 0.25, 4096)
    board.count_messages("events", "ok", 10)
    board.count_messages("events", "not_json", 3)
    terms = page(board).one("dl").text
    for said in ("1.2.3", "active, ready", "75 messages in 2 partitions", "furthest events, partition 1: 70"):
        assert said in terms
    assert "4,096 bytes in 0.25 s" in terms
    assert "3 not_json" in terms
    assert "2 min" in page(board).one("ul", data_part="tiles").text


def test_a_daemon_that_is_well_has_no_problems() -> None:
    """An idle one neither: it writes no checkpoints because nothing changes."""
    board = board_of(stream())
    board.checkpoint(NOW - 10_000, 0.1, 10)
    board.last_observation(stream().key, NOW - 10_000)
    assert document(board).daemon.problems == []
    assert page(board).all("ul", class_="problems") == []


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda board: board.kafka_up(False), "It cannot reach Kafka."),
        (lambda board: board.polled(NOW - 3600), "Its loop stands still: it asked Kafka for events 1 h ago."),
        (lambda board: board.checkpoint(NOW - 3600, 0.1, 1), "Its newest checkpoint is 1 h old"),
        (lambda board: board.gap("events", 0, 17), "The broker deleted 17 messages"),
        (lambda board: board.refuse("model_too_many", 3), "3 streams could not be taken up"),
        (lambda board: board.late(FRAUD, True), "1 model version sent nothing recent"),
    ],
)
def test_what_is_wrong_with_the_daemon_is_said(harm: Any, said: str) -> None:
    """In plain words at the top of the page, and in the JSON."""
    board = board_of(stream())
    board.last_observation(stream().key, NOW)
    harm(board)
    assert any(said in problem for problem in document(board).daemon.problems)
    found = page(board)
    assert said in found.one("ul", class_="problems").text
    assert "Something is wrong" in found.one("p", role="status").text


def test_a_daemon_that_is_not_ready_says_so() -> None:
    """As its readiness probe does."""
    made = document(board_of(), ready=False)
    assert "not ready" in made.daemon.problems[0]


def test_a_board_without_anything_is_a_page_too() -> None:
    """Before the first event, and on a standby."""
    board = Board()
    board.active(False)
    found = page(board)
    assert "No stream is watched yet." in found.text
    assert "standby" in found.one("dl").text


def test_shards_are_told_apart() -> None:
    """Two that hold the same model have a row each, with ids of their own."""
    board = Board()
    for shard in (0, 1):
        ShardBoard(board, shard, {}).publish_live({FRAUD: model(stream())})
    found = rows(page(board))
    assert {re.search(r"shard (\d)", row.text).group(1) for row in found} == {"0", "1"}  # type: ignore[union-attr]
    assert len({row.attributes["id"] for row in found}) == 2


# --- bounds ----------------------------------------------------------------------------------------------------------


def test_of_many_streams_the_worst_are_shown_and_the_others_counted() -> None:
    """The page stays of one size, and says what it leaves out."""
    views = [stream(f"f{number:05}") for number in range(5000)]
    views[4321] = opened(views[4321])
    board = board_of(*views)
    made = document(board)
    assert len(made.streams) == SHOWN
    assert made.streams[0].feature == "f04321"
    assert (made.streams_total, made.streams_by_status["stable"]) == (5000, 4999)
    found = render(made)
    assert len(found) < 400_000
    assert f"The {SHOWN} worst of 5,000; {5000 - SHOWN:,} are not shown." in parse(found).text


def test_of_many_models_the_worst_are_shown_and_the_others_counted() -> None:
    """One version each."""
    board = Board()
    for number in range(300):
        key = ModelKey(f"m{number}", "1")
        board.publish_live({key: model(stream(model=key), key=key)})
    found = page(board)
    assert len(rows(found, "models")) == 50
    assert "250 model versions not shown." in found.text


def test_a_filter_leaves_one_model() -> None:
    """By its name, in every version; the counts are of what passes."""
    board = board_of(stream())
    other = ModelKey("churn", "1")
    board.publish_live({other: model(stream("age", model=other), key=other)})
    made = document(board, "churn")
    assert [each.feature for each in made.streams] == ["age"]
    assert (made.streams_total, made.models_total, made.model) == (1, 1, "churn")
    assert made.daemon.streams == 2
    assert document(board, "nothing").streams == []


# --- safety ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text(name: str) -> None:
    """The page has exactly the elements and attributes that it has with a harmless name."""

    def skeleton(name: str) -> list[tuple[str, list[str]]]:
        key = ModelKey(name, name)
        shape = Shape("category", (), (name, "other", "unseen"), (1.0, 0.0, 0.0), (0.0, 0.5, 0.5), (0.0, 0.0), 9)
        view = opened(stream(name, model=key, segment=name), f"{name}: category {name!r}")
        board = Board(version=name)
        board.publish_live({key: model(view, key=key)})
        reading = board.read()
        pictures = Pictures((NOW,), {view.key: [0.5]}, {view.key: shape})
        made = status(reading, Moment(NOW, True, name), [view], pictures)
        found = parse(render(made))
        return [(element.tag, sorted(element.attributes)) for element in found.all()]

    assert skeleton(name) == skeleton("harmless")


def test_a_hostile_name_is_shown_letter_by_letter() -> None:
    """And set apart, so that it does not turn the direction of what follows."""
    name = HOSTILE[0] + HOSTILE[3]
    (row,) = rows(page(board_of(stream(name))))
    assert row.one("th").all("bdi")[0].text == name


def test_the_policy_allows_this_page_and_nothing_else() -> None:
    """Its style and its script by their hashes; no attribute that the policy would refuse."""
    found = page(board_of(opened(stream())))
    for tag in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(found.one(tag).text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in POLICY
    assert "default-src 'none'" in POLICY
    assert "unsafe" not in POLICY
    assert not [e for e in found.all() if "style" in e.attributes or any(a.startswith("on") for a in e.attributes)]


def test_nothing_comes_from_outside() -> None:
    """No element loads anything but the page's own icon."""
    found = page(board_of(stream()))
    assert [e for e in found.all() if "src" in e.attributes] == []
    links = {str(e.attributes["href"]) for e in found.all() if "href" in e.attributes}
    assert all(link.startswith(("data:image/svg", "/", "?", "#")) for link in links)


# --- for everybody ---------------------------------------------------------------------------------------------------


def test_tables_can_be_read_by_ear() -> None:
    """Captions, scopes, labels, a landmark, a language, and headings in order."""
    found = page(board_of(opened(stream())))
    assert found.one("html").attributes["lang"] == "en"
    for table in found.all("table"):
        assert table.one("caption").text
        assert all(th.attributes["scope"] in ("col", "row") for th in table.all("th"))
        assert all(len(row.all("th")) == 1 for row in table.one("tbody").all("tr"))
    assert len(found.all("main")) == 1
    assert [e.tag for e in found.all() if re.fullmatch("h[1-6]", e.tag)] == ["h1", "h2", "h2", "h2"]
    assert found.one("label", for_="model")
    assert found.one("a", class_="skip").attributes["href"] == "#streams"
    assert all(region.attributes["tabindex"] == "0" for region in found.all(role="region"))
    ids = [e.attributes["id"] for e in found.all() if "id" in e.attributes]
    assert len(ids) == len(set(ids))


def test_without_a_script_the_page_loads_itself_anew() -> None:
    """By a refresh that only applies then."""
    assert page(board_of(stream())).one("noscript").one("meta").attributes["http-equiv"] == "refresh"


def _colours(style: str) -> list[dict[str, str]]:
    light, dark = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", part)) for part in style.split("@media", 2)[:2])
    return [light, light | dark]


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_words_have_contrast(theme: int) -> None:
    """4.5 at least, on every ground they stand on; lines and bars 3 against the page where they carry meaning."""
    colours = _colours(STYLE)[theme]
    pairs = [(words, ground) for words in ("words", "quiet", "link") for ground in ("ground", "raised")]
    for each in ("drift", "warning", "stable", "learning"):
        pairs += [(each, "ground"), (each, f"{each}-ground"), (each, "raised")]
    pairs += [("words", "warning-ground"), ("words", "drift-ground"), ("quiet", "drift-ground")]
    assert {
        pair: _contrast(colours[pair[0]], colours[pair[1]])
        for pair in pairs
        if _contrast(colours[pair[0]], colours[pair[1]]) < 4.5
    } == {}
    assert all(_contrast(colours[line], colours["ground"]) >= 3 for line in ("outline", "score", "drift"))


# --- JSON ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "board",
    [
        Board(),
        board_of(stream(), opened(stream("other"))),
        board_of(replace(stream(), scores={}, effects={"level": float("nan")}, distances={"psi": float("inf")})),
        board_of(*(stream(name) for name in HOSTILE if "\ud800" not in name)),
    ],
    ids=["empty", "ordinary", "not finite", "hostile"],
)
def test_the_json_obeys_its_schema(board: Board) -> None:
    """Whatever the board shows."""
    jsonschema.validate(plain(document(board)), schema(), cls=jsonschema.Draft202012Validator)


def test_the_schema_says_every_field_and_what_it_must_be() -> None:
    """It is a valid schema, and refuses a document that lacks a field or has another type there."""
    jsonschema.Draft202012Validator.check_schema(schema())
    good = plain(document(board_of(stream())))
    for damaged in ({**good, "streams": None}, {name: good[name] for name in good if name != "daemon"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(damaged, schema())


def test_the_json_says_what_the_page_says() -> None:
    """The same document is behind both."""
    made = document(board_of(opened(stream())))
    found = plain(made)["streams"][0]
    assert (found["feature"], found["status"], found["score"]) == ("amount", "drift", 1.4)
    assert found["episodes"] == [{"aspect": "value", "explanation": "amount: a live value exceeds"}]
    assert found["distribution"]["recent"] == [0.1, 0.2, 0.7]
    assert found["history"] == [None, 0.1, 1.2]
    assert plain(made)["history_at"][-1] == "1970-01-12T13:46:40Z"
