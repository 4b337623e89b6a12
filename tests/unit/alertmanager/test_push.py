"""Pushing over HTTP: what is sent, and what a bad or slow Alertmanager costs."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from monitor.alertmanager.post import Destination, PushFailed, post
from monitor.alertmanager.push import Pusher, PushOptions
from monitor.domain.facts import Status
from monitor.domain.keys import ModelKey
from monitor.engine.views import ModelView
from monitor.exposition.board import Board
from tests.services.waiting import wait_until
from tests.unit.exposition import made

FRAUD = ModelKey("fraud", "7")


class Fake:
    """An Alertmanager that keeps what it is sent and answers as told; `hold` keeps it from answering."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], list[dict[str, Any]]]] = []
        self.status = 200
        self.hold = Event()
        self.hold.set()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                fake.requests.append((self.path, dict(self.headers), body))
                fake.hold.wait(30)
                self.send_response(fake.status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Silence."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.name = f"127.0.0.1:{self.server.server_port}"
        self.thread = Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def close(self) -> None:
        self.hold.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def fake() -> Iterator[Callable[[], Fake]]:
    """Makes Alertmanagers that are gone after the test."""
    with ExitStack() as stack:

        def make() -> Fake:
            made = Fake()
            stack.callback(made.close)
            return made

        yield make


def to(fake: Fake, **more: Any) -> Destination:
    return Destination(f"http://{fake.name}/am/", **more)


def drifting(board: Board, *features: str) -> None:
    streams = tuple(
        replace(made.stream(feature), status=Status.DRIFT, open_episodes={"value": f"{feature}: moved"})
        for feature in features
    )
    board.publish_live({FRAUD: ModelView(FRAUD, streams, Status.DRIFT, 0.0, 0.0, {})})


# --- one push --------------------------------------------------------------------------------------------------------


def test_alerts_go_below_the_path_in_bounded_batches_with_the_authorization(
    fake: Callable[[], Fake], tmp_path: Path
) -> None:
    """All of them, in order, over one destination's path prefix."""
    taken = fake()
    secret = tmp_path / "authorization"
    secret.write_text("Bearer abc\n")
    post(to(taken, authorization_file=secret), None, [{"labels": {"n": str(number)}} for number in range(1100)])
    assert [(path, len(body)) for path, _, body in taken.requests] == [
        ("/am/api/v2/alerts", n) for n in (500, 500, 100)
    ]
    assert {headers["Authorization"] for _, headers, _ in taken.requests} == {"Bearer abc"}


@pytest.mark.parametrize("status", [302, 400, 401, 500])
def test_whatever_is_no_success_is_a_failure(fake: Callable[[], Fake], status: int) -> None:
    """A redirect is not followed: alerts go where the configuration says and nowhere else."""
    refusing = fake()
    refusing.status = status
    with pytest.raises(PushFailed, match=f"{refusing.name} answered {status}"):
        post(to(refusing), None, [{}])
    assert len(refusing.requests) == 1


def test_nobody_there_is_a_failure_with_a_name(fake: Callable[[], Fake]) -> None:
    """The message says where."""
    gone = fake()
    gone.close()
    with pytest.raises(PushFailed, match=gone.name):
        post(to(gone), None, [{}])


@pytest.mark.parametrize("content", ["Bearer abc\nX-Evil: 1", "Bearer \x07abc"])
def test_a_secret_that_is_no_header_is_refused_and_not_shown(
    fake: Callable[[], Fake], tmp_path: Path, content: str
) -> None:
    """Neither sent nor quoted."""
    taken = fake()
    secret = tmp_path / "authorization"
    secret.write_text(content)
    with pytest.raises(PushFailed) as failure:
        post(to(taken, authorization_file=secret), None, [{}])
    assert "abc" not in str(failure.value)
    assert not taken.requests


# --- the pusher ------------------------------------------------------------------------------------------------------


@pytest.fixture
def pusher() -> Iterator[Callable[..., Board]]:
    """Starts a pusher on a board of its own; stopped after the test."""
    with ExitStack() as stack:

        def start(*fakes: Fake, **options: Any) -> Board:
            board = Board()
            made = Pusher(
                board, PushOptions([to(one, timeout_seconds=options.pop("timeout", 20)) for one in fakes], **options)
            )
            made.start()
            stack.callback(made.stop)
            return board

        yield start


def test_every_member_of_a_pair_is_told_at_once_and_again(
    fake: Callable[[], Fake], pusher: Callable[..., Board]
) -> None:
    """Long before the minute is over; then again with every resend."""
    pair = fake(), fake()
    board = pusher(*pair, resend_seconds=1)
    drifting(board, "amount")
    wait_until(lambda: all(len(one.requests) >= 3 for one in pair), 60, "both to be told three times")
    labels = {alert["labels"]["feature"] for one in pair for _, _, body in one.requests for alert in body}
    assert labels == {"amount"}
    assert board.read().pushes[pair[0].name, "ok"] >= 2


def test_one_that_hangs_holds_up_no_other_and_hears_only_the_newest(
    fake: Callable[[], Fake], pusher: Callable[..., Board]
) -> None:
    """What it missed is not kept for it."""
    hanging, well = fake(), fake()
    hanging.hold.clear()
    board = pusher(hanging, well, resend_seconds=1, timeout=30)
    drifting(board, "f0")
    wait_until(lambda: hanging.requests, 60, "the first push to hang")
    for number in range(1, 4):
        drifting(board, f"f{number}")
        told = f"f{number}"
        wait_until(lambda: told in str(well.requests[-1:]), 60, f"the other to hear of {told}")  # noqa: B023
    assert len(hanging.requests) == 1
    hanging.hold.set()
    wait_until(lambda: len(hanging.requests) > 1, 60, "the next push")
    holding = [alert["labels"]["feature"] for alert in hanging.requests[1][2] if "moved" in str(alert)]
    assert "f3" in holding


def test_a_failure_is_counted_told_of_and_made_good(fake: Callable[[], Fake], pusher: Callable[..., Board]) -> None:
    """When it is back it hears what holds."""
    failing = fake()
    failing.status = 503
    heard: list[tuple[str, str]] = []
    board = pusher(failing, resend_seconds=1, failed=lambda name, reason: heard.append((name, reason)))
    drifting(board, "amount")
    wait_until(lambda: board.read().pushes[failing.name, "failed"], 60, "a failure")
    assert heard[0][0] == failing.name
    assert "503" in heard[0][1]
    failing.status = 200
    wait_until(lambda: board.read().pushes[failing.name, "ok"], 60, "a success")


def test_nothing_is_pushed_while_nothing_holds(fake: Callable[[], Fake], pusher: Callable[..., Board]) -> None:
    """A quiet daemon is quiet; the counters are there from birth."""
    quiet, marker = fake(), fake()
    silent = pusher(quiet, resend_seconds=1)
    other = pusher(marker, resend_seconds=1)
    drifting(other, "amount")
    wait_until(lambda: len(marker.requests) >= 3, 60, "three resends elsewhere")
    assert not quiet.requests
    assert silent.read().pushes == {(quiet.name, "ok"): 0, (quiet.name, "failed"): 0}
