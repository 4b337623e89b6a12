"""Pages over HTTP: behind the password, bounded, and in nobody's way."""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Iterator

import httpx
import jsonschema
import pytest

from monitor.domain.keys import StreamKey
from monitor.engine.shape import Shape
from monitor.exposition.auth import BasicAuth, hash_password
from monitor.exposition.board import Board
from monitor.exposition.pages.document import SHOWN
from monitor.exposition.pages.serving import Pages
from monitor.exposition.server import Server, Serving
from tests.unit.exposition.made import FRAUD, drifted, model, stream
from tests.unit.exposition.parsed import parse

PATHS = ["/", "/api/v1/status", "/api/v1/status.schema.json"]
SHAPE = Shape("number", (0.0,), (), (0.5, 0.5), (0.0, 1.0), (0.0, 0.0), 10)


@pytest.fixture
def board() -> Board:
    made = Board(topics=["events"])
    made.publish_live({FRAUD: model(drifted(stream()), stream("country"))})
    return made


@pytest.fixture
def client(board: Board) -> Iterator[httpx.Client]:
    server = Server(board, "127.0.0.1:0")
    server.start()
    with httpx.Client(base_url=server.url, trust_env=False, timeout=60) as made:
        yield made
    server.stop()


def test_the_first_page_shows_the_streams(client: httpx.Client) -> None:
    """A person who types the address sees what drifts, under a policy that forbids everything else."""
    answer = client.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    rows = parse(answer.content).one("tbody", data_part="streams").all("tr")
    assert [row.one("th").all("bdi")[0].text for row in rows] == ["amount", "country"]


def test_the_same_as_json_with_the_schema_it_obeys(client: httpx.Client) -> None:
    """Both from the daemon itself."""
    status, schema = (client.get(path) for path in PATHS[1:])
    assert status.headers["content-type"] == "application/json"
    jsonschema.validate(status.json(), schema.json())
    assert status.json()["streams"][0]["status"] == "drift"


def test_a_model_is_asked_for_by_name(client: httpx.Client) -> None:
    """Of one that is not there nothing is shown, and an empty name is no filter."""
    expected = {"fraud": 2, "": 2, "no": 0, "x" * 9999: 0}
    asked = {name: client.get("/api/v1/status", params={"model": name}).json() for name in expected}
    assert {name: found["streams_total"] for name, found in asked.items()} == expected


@pytest.mark.parametrize("path", PATHS)
def test_pages_ask_for_the_password_of_the_metrics(board: Board, path: str) -> None:
    """They tell of models too."""
    serving = Serving(auth=BasicAuth("me", hash_password("secret")))
    server = Server(board, "127.0.0.1:0", serving)
    server.start()
    try:
        with httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client:
            assert client.get(path).status_code == 401
            allowed = {"Authorization": "Basic " + b64encode(b"me:secret").decode()}
            assert client.get(path, headers=allowed).status_code == 200
    finally:
        server.stop()


@pytest.mark.parametrize("path", [*PATHS[:2], "/api/v1/status/", "/api/", "/index.html"])
def test_nothing_else_is_there(client: httpx.Client, path: str) -> None:
    """Strict paths, and nothing to change."""
    if path in PATHS:
        assert client.post(path).status_code == 405
    else:
        assert client.get(path).status_code == 404


def test_a_look_has_its_streams_drawn_by_the_loop(board: Board) -> None:
    """The first answer waits for the loop's next turns, and has the drawings."""
    pages, ended = Pages(board), threading.Event()

    def loop() -> None:
        while not ended.wait(0.01):
            board.draw(lambda key: SHAPE)

    pages._patience = 60.0
    turning = threading.Thread(target=loop)
    turning.start()
    try:
        found = pages.document()
    finally:
        ended.set()
        turning.join()
    assert [each.distribution is not None for each in found.streams] == [True, True]


def test_samples_become_the_history_of_a_stream(board: Board) -> None:
    """Also of one that is not among the worst, while somebody looks at it."""
    now = [1000.0]
    pages = Pages(board, wall=lambda: now[0])
    many = [drifted(stream(f"f{number:04}")) for number in range(SHOWN)]
    board.publish_live({FRAUD: model(*many, stream("calm"))})
    calm = StreamKey("fraud", "7", "calm", "feature")
    pages.sample()
    now[0] = 1001.0
    board.gallery.wish([calm])
    pages.sample()
    pages._patience = 0
    assert pages.document().streams[0].history == [1.4, 1.4]
    assert pages._history.of(calm) == [None, 0.25]
    assert pages.document().history_at == ["1970-01-01T00:16:40Z", "1970-01-01T00:16:41Z"]


def test_many_who_look_at_once_neither_stall_a_scrape_nor_each_other(client: httpx.Client, board: Board) -> None:
    """One page is rendered at a time, on threads that scrapes do not need; a queue that is too long is refused."""
    board.publish_live({FRAUD: model(*(stream(f"f{number:05}") for number in range(2000)))})
    codes: list[int] = []

    def look(number: int) -> None:
        codes.append(httpx.get(f"{client.base_url}?model=m{number}", trust_env=False, timeout=60).status_code)

    lookers = [threading.Thread(target=look, args=(number,)) for number in range(40)]
    for looker in lookers:
        looker.start()
    scraped = client.get("/metrics")
    for looker in lookers:
        looker.join()
    assert scraped.status_code == 200
    assert set(codes) <= {200, 503}
    assert codes.count(200) >= 16


def test_what_two_ask_for_within_a_moment_is_rendered_once(board: Board) -> None:
    """A second browser costs nothing."""
    now = [1000.0]
    pages = Pages(board, wall=lambda: now[0])
    first = pages._answer("application/json", None)
    now[0] += 0.5
    assert pages._answer("application/json", None) is first
    assert pages._answer("application/json", "fraud") is not first
    now[0] += 1.0
    assert pages._answer("application/json", None) is not first
