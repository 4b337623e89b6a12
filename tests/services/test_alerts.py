"""From a drift to somebody's inbox and out of it again, through the real Prometheus and the real Alertmanager."""

import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
import yaml

from monitor.domain.facts import Status
from monitor.domain.keys import ModelKey, StreamKey
from monitor.engine.views import ModelView, StreamView
from monitor.exposition.board import Board
from monitor.exposition.rules import JOB, RuleOptions, render
from monitor.exposition.server import Server
from tests.services.alertmanager import Alertmanager, webhook_config
from tests.services.kafka import produce
from tests.services.process import Process
from tests.services.prometheus import Prometheus, answers, scrape_config
from tests.services.waiting import free_port, wait_until
from tests.services.webhook import WebhookReceiver
from tests.unit.exposition import made

pytestmark = pytest.mark.usefixtures("monitoring")

ROOT = Path(__file__).resolve().parents[2]
HOLD_SECONDS = 10
FRAUD = ModelKey("fraud", "7")
AMOUNT = StreamKey("fraud", "7", "amount", "feature")


@dataclass(frozen=True)
class Chain:
    """Prometheus that scrapes one daemon every second, and the inbox behind its Alertmanager."""

    prometheus: Prometheus
    inbox: WebhookReceiver


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Callable[[str, str], Chain]]:
    """chain(target, rules): starts the whole way from the target's /metrics to the inbox."""
    with ExitStack() as stack:

        def start(target: str, rules: str) -> Chain:
            file = tmp_path / "rules.yml"
            file.write_text(rules)
            inbox = stack.enter_context(WebhookReceiver())
            grouping = ("model", "model_version")
            alertmanager = stack.enter_context(Alertmanager(tmp_path, webhook_config(inbox.url, group_by=grouping)))
            config = scrape_config({JOB: target}, alertmanager=alertmanager.target)
            prometheus = stack.enter_context(Prometheus(tmp_path, config, [file]))
            prometheus.await_target(JOB)
            return Chain(prometheus, inbox)

        yield start


# --- with a board fed by hand: what the exposition and the rules promise, whatever the statistics do -----------------


STABLE = made.stream("amount")
DRIFTED = replace(made.drifted(STABLE), last_drift_event_time=1.7e9)


def views(stream: StreamView) -> dict[ModelKey, ModelView]:
    drifts = stream.status is Status.DRIFT
    return {FRAUD: ModelView(FRAUD, (stream,), stream.status, float(drifts), 1.7e9, {})}


@pytest.fixture
def board() -> Iterator[tuple[Board, str]]:
    """A board with one stable stream and the address it is served at."""
    made = Board(topics=["events"])
    made.publish_live(views(STABLE))
    made.kafka_up(True)
    made.polled(time.time())
    server = Server(made, "127.0.0.1:0")
    server.start()
    yield made, server.url.removeprefix("http://")
    server.stop()


def test_an_open_episode_is_notified_in_words_and_its_end_too(
    board: tuple[Board, str], chain: Callable[[str, str], Chain]
) -> None:
    """Firing says which stream, what moved, how far and against what; after the end and the hold it is resolved."""
    published, target = board
    running = chain(target, render(options=RuleOptions(hold_seconds=HOLD_SECONDS)))
    assert running.prometheus.query("stream:driftgauge_drift:held") == []

    published.publish_live(views(DRIFTED))
    published.last_drift(AMOUNT, time.time())

    wanted = {"alertname": "DriftgaugeFeatureDrift", "model": "fraud", "model_version": "7", "feature": "amount"}
    firing = running.inbox.await_alert("firing", 90, **wanted)
    assert firing["labels"]["severity"] == "warning"
    assert firing["annotations"]["summary"] == "Drift in the feature amount of model fraud version 7"
    assert firing["annotations"]["description"].startswith(
        "In the feature amount of model fraud version 7 a live value exceeds a reference value in 71 % of comparisons, "
        "expected 50 % (effect +0.21 on level). Detected on level at 1.4 times the threshold. "
        "The reference holds 2000 observations. Newest drift found at "
    )

    published.publish_live(views(STABLE))

    running.inbox.await_alert("resolved", 90, **wanted)


def test_a_drift_that_no_scrape_saw_open_is_notified_all_the_same(
    board: tuple[Board, str], chain: Callable[[str, str], Chain]
) -> None:
    """The time of the newest drift is enough: the status was never seen above stable."""
    published, target = board
    running = chain(target, render(options=RuleOptions(hold_seconds=HOLD_SECONDS)))

    published.last_drift(AMOUNT, time.time())

    running.inbox.await_alert("firing", 90, alertname="DriftgaugeFeatureDrift", feature="amount")
    assert running.prometheus.query("max_over_time(driftgauge_drift_status[5m]) > 0") == []


def test_a_late_model_is_held_back_and_notified_when_it_has_caught_up(
    board: tuple[Board, str], chain: Callable[[str, str], Chain]
) -> None:
    """A backfill pages nobody; what is still open at its end pages then."""
    published, target = board
    published.late(FRAUD, True)
    running = chain(target, render(options=RuleOptions(hold_seconds=HOLD_SECONDS)))
    published.publish_live(views(DRIFTED))
    wait_until(lambda: running.prometheus.query("driftgauge_drift_status == 2"), 90, "the drift to be scraped")
    seen = "count_over_time((driftgauge_drift_status == 2)[1m:1s]) > 3"
    wait_until(lambda: running.prometheus.query(seen), 90, "several evaluations with the drift", every=0.5)
    assert all(alert["labels"].get("feature") is None for alert in running.prometheus.alerts())

    published.late(FRAUD, False)

    running.inbox.await_alert("firing", 90, alertname="DriftgaugeFeatureDrift", feature="amount")


# --- the whole way: events in Kafka, the daemon as a user runs it, the rules as the command prints them ---------------


def driftgauge(*arguments: str) -> list[str]:
    """The command as the environment of these tests has it, installed or not."""
    return [sys.executable, "-m", "monitor", *arguments]


def events(count: int, mean: float, seed: int, age_seconds: float = 0.0) -> Iterator[dict[str, object]]:
    """Flat JSON events of that age: one feature around `mean` that may move, one that never does, a prediction."""
    chance = random.Random(seed)
    for number in range(count):
        yield {
            "event_id": f"{seed}-{number}",
            "ts": time.time() - age_seconds,
            "model": "fraud",
            "model_version": "7",
            "features": {"amount": chance.gauss(mean, 1.0), "age": chance.gauss(40.0, 10.0)},
            "prediction": chance.random(),
        }


@pytest.fixture
def daemon(tmp_path: Path, kafka_bootstrap: str, new_topic: Callable[..., str]) -> Iterator[tuple[str, str, Path]]:
    """(target, topic, configuration file) of a daemon that runs and is ready."""
    topic, target = new_topic(), f"127.0.0.1:{free_port()}"
    config = tmp_path / "driftgauge.yaml"
    document = {
        "kafka": {"bootstrap_servers": kafka_bootstrap, "topics": [{"name": topic, "format": "flat_json"}]},
        "reference": {"warmup": {"observations": 1000, "duration": "0s"}},
        "state": {"path": str(tmp_path / "state"), "interval_seconds": 1},
        "http": {"listen": target},
    }
    config.write_text(yaml.safe_dump(document))
    process = Process(driftgauge("run", "--config", str(config)), tmp_path / "driftgauge.log", folder=ROOT)
    process.start()
    with httpx.Client(base_url=f"http://{target}", trust_env=False) as client:
        process.await_ready(lambda: answers(client, "/-/ready"), 90)
    yield target, topic, config
    assert process.stop() == 0, process.last_words()


@pytest.mark.timeout(400)
def test_a_drift_in_real_events_reaches_the_inbox_and_its_return_resolves_it(
    tmp_path: Path,
    kafka_bootstrap: str,
    daemon: tuple[str, str, Path],
    chain: Callable[[str, str], Chain],
) -> None:
    """Kafka → driftgauge run → Prometheus with `driftgauge rules` → Alertmanager → webhook, firing and resolved."""
    target, topic, config = daemon
    command = driftgauge("rules", "--config", str(config), "--hold", f"{HOLD_SECONDS}s")
    printed = Process(command, tmp_path / "rules.printed", folder=ROOT)
    printed.start()
    assert printed.wait(90) == 0, printed.last_words()
    running = chain(target, printed.log.read_text())

    produce(kafka_bootstrap, topic, events(2000, mean=0.0, seed=1))
    learned = 'driftgauge_drift_status{feature="amount"} == 0'
    wait_until(lambda: running.prometheus.query(learned), 60, "the reference to be learned", every=0.2)
    produce(kafka_bootstrap, topic, events(500, mean=2.0, seed=2))

    wanted = {"alertname": "DriftgaugeFeatureDrift", "model": "fraud", "model_version": "7", "feature": "amount"}
    firing = running.inbox.await_alert("firing", 60, **wanted)
    words = firing["annotations"]["description"]
    assert words.startswith("In the feature amount of model fraud version 7 a live value exceeds a reference value in ")
    assert " % of comparisons, expected 50 % (effect +0." in words
    assert "The reference holds 1000 observations." in words
    everything = json.dumps(running.inbox.notifications)
    assert '"feature": "age"' not in everything

    produce(kafka_bootstrap, topic, events(6000, mean=0.0, seed=3))

    running.inbox.await_alert("resolved", 90, **wanted)


WEEK_SECONDS = 604_800.0


@pytest.mark.timeout(400)
def test_a_backfill_of_last_week_pages_nobody_and_what_is_open_when_it_has_caught_up_pages_then(
    kafka_bootstrap: str, daemon: tuple[str, str, Path], chain: Callable[[str, str], Chain]
) -> None:
    """Drift inside the backfill is found and told to nobody; the first event of today tells of what is left."""
    target, topic, _ = daemon
    running = chain(target, render(options=RuleOptions(hold_seconds=HOLD_SECONDS)))

    produce(kafka_bootstrap, topic, events(2000, mean=0.0, seed=1, age_seconds=WEEK_SECONDS))
    produce(kafka_bootstrap, topic, events(500, mean=2.0, seed=2, age_seconds=WEEK_SECONDS - 3600))
    found = 'driftgauge_drift_status{feature="amount"} == 2'
    wait_until(lambda: running.prometheus.query(found), 60, "the drift to be found", every=0.2)
    seen = 'count_over_time((driftgauge_drift_status{feature="amount"} == 2)[1m:1s]) > 2 * 3'
    wait_until(lambda: running.prometheus.query(seen), 60, "several evaluations with the drift", every=0.5)
    assert running.prometheus.query("driftgauge_model_late == 1")
    assert running.prometheus.alerts() == []
    assert running.inbox.notifications == []

    produce(kafka_bootstrap, topic, events(20, mean=2.0, seed=3))

    firing = running.inbox.await_alert("firing", 60, alertname="DriftgaugeFeatureDrift", feature="amount")
    assert "a live value exceeds a reference value in " in firing["annotations"]["description"]
