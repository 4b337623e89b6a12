"""Alerts pushed without a Prometheus: to a real pair of Alertmanagers, that notify somebody once."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import httpx
import pytest

from monitor.alertmanager.post import Destination
from monitor.alertmanager.push import Pusher, PushOptions
from monitor.domain.facts import Status
from monitor.domain.keys import ModelKey
from monitor.engine.views import ModelView
from monitor.exposition.board import Board
from tests.services.alertmanager import Alertmanager, pair, webhook_config
from tests.services.waiting import wait_until
from tests.services.webhook import WebhookReceiver
from tests.unit.exposition import made

pytestmark = pytest.mark.usefixtures("monitoring")

SECONDS = 60.0


def show(board: Board, model: str, *features: str, drift: bool = True) -> None:
    """These features of a model as they stand now."""
    key = ModelKey(model, "7")
    streams = tuple(
        replace(
            made.stream(feature, key),
            status=Status.DRIFT if drift else Status.STABLE,
            open_episodes={"value": f"{feature}: median 7, was 5, since event 2,001"} if drift else {},
        )
        for feature in features
    )
    board.publish_live({key: ModelView(key, streams, streams[0].status, 0.0, 0.0, {})})


@pytest.fixture(scope="module")
def office(
    tmp_path_factory: pytest.TempPathFactory, monitoring: None
) -> Iterator[tuple[tuple[Alertmanager, Alertmanager], WebhookReceiver]]:
    """A pair and the inbox behind both."""
    with ExitStack() as stack:
        inbox = stack.enter_context(WebhookReceiver())
        config = webhook_config(inbox.url, group_by=("model",))
        both = pair(tmp_path_factory.mktemp("pair"), config)
        for one in both:
            stack.push(one)  # for its end: its start would wait for the other
            one.process.start()
        for one in both:
            one.process.await_ready(partial(settled, one), 60)
        yield both, inbox


def settled(one: Alertmanager) -> bool:
    """Does it answer, and know its peer?"""
    try:
        cluster = httpx.get(f"{one.url}/api/v2/status", timeout=10, trust_env=False).json()["cluster"]
    except httpx.TransportError:
        return False
    return cluster["status"] == "ready" and len(cluster["peers"]) == 2


@pytest.fixture
def pushed(office: tuple[tuple[Alertmanager, Alertmanager], WebhookReceiver]) -> Iterator[tuple[Board, Pusher]]:
    """A board whose alerts go to both, renewed every second."""
    board = Board()
    destinations = [Destination(one.url) for one in office[0]]
    pusher = Pusher(board, PushOptions(destinations, resend_seconds=1, hold_seconds=0, labels={"cluster": "test"}))
    pusher.start()
    yield board, pusher
    pusher.stop()


def test_both_of_a_pair_are_told_the_same_and_somebody_hears_of_it_and_of_its_end(
    office: tuple[tuple[Alertmanager, Alertmanager], WebhookReceiver], pushed: tuple[Board, Pusher]
) -> None:
    """The words are the daemon's own, the labels those of the rules and what the settings add."""
    (both, inbox), (board, _) = office, pushed

    show(board, "fraud", "amount", "age")

    firing = inbox.await_alert("firing", SECONDS, model="fraud", feature="amount")
    assert firing["labels"] == {
        "alertname": "DriftgaugeFeatureDrift",
        "severity": "warning",
        "model": "fraud",
        "model_version": "7",
        "feature": "amount",
        "kind": "feature",
        "cluster": "test",
    }
    assert firing["annotations"]["description"] == (
        "Model fraud version 7, feature amount: median 7, was 5, since event 2,001. "
        "The reference holds 2000 observations."
    )
    for one in both:
        wait_until(lambda: len(one.alerts()) == 2, SECONDS, "both to hold both alerts")  # noqa: B023
    # what a pair notifies once is what both hold under the same fingerprint; that it does so is their promise, and
    # they keep it unless gossip is late
    fingerprints = [sorted(alert["fingerprint"] for alert in one.alerts()) for one in both]
    assert fingerprints[0] == fingerprints[1]
    show(board, "fraud", "amount", "age", drift=False)
    inbox.await_alert("resolved", SECONDS, model="fraud", feature="amount")
    told = [note["status"] for note in inbox.notifications if note["groupLabels"] == {"model": "fraud"}]
    assert list(dict.fromkeys(told)) == ["firing", "resolved"]


def test_when_nobody_renews_an_alert_it_runs_out(
    office: tuple[tuple[Alertmanager, Alertmanager], WebhookReceiver], pushed: tuple[Board, Pusher]
) -> None:
    """A daemon that is gone leaves nothing behind that fires for ever; nothing was said at its end."""
    (_, inbox), (board, pusher) = office, pushed
    show(board, "lonely", "amount")
    inbox.await_alert("firing", SECONDS, model="lonely")

    pusher.stop()

    inbox.await_alert("resolved", SECONDS, model="lonely")


def test_what_holds_while_one_of_the_pair_is_away_is_told_to_the_other_and_to_it_when_it_is_back(
    office: tuple[tuple[Alertmanager, Alertmanager], WebhookReceiver], pushed: tuple[Board, Pusher]
) -> None:
    """An Alertmanager keeps alerts in memory only: after its restart they come with the next resend."""
    ((first, _), inbox), (board, _) = office, pushed
    first.process.kill()

    show(board, "away", "amount")

    inbox.await_alert("firing", SECONDS, model="away")
    wait_until(lambda: board.read().pushes[Destination(first.url).name, "failed"], SECONDS, "a failure to be counted")
    first.start()
    wait_until(
        lambda: [alert for alert in first.alerts() if alert["labels"]["model"] == "away"], SECONDS, "it to be told"
    )
