"""The services the other tests lean on really start, answer, and stop."""

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from confluent_kafka import KafkaException, Producer

from tests.services.alertmanager import Alertmanager, webhook_config
from tests.services.kafka import KafkaBroker, add_partitions, create_topic, produce, read_topic
from tests.services.process import ServiceFailed
from tests.services.prometheus import Prometheus, run_amtool, scrape_config
from tests.services.waiting import listens, wait_until
from tests.services.webhook import WebhookReceiver


@pytest.fixture
def endpoint() -> Iterator[str]:
    """host:port of a little target that exposes one gauge."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"# TYPE tests_answer gauge\ntests_answer 42\n"
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_kafka_gives_back_what_was_produced_in_order(kafka_bootstrap: str, new_topic: Callable[..., str]) -> None:
    """Events, raw bytes and tombstones come back as they were sent, each partition in its order."""
    topic = new_topic(partitions=2)
    produce(kafka_bootstrap, topic, [{"n": 1}, b"not json", None], partition=0)
    produce(kafka_bootstrap, topic, [{"n": 2}], partition=1, headers={"ce_id": "a"})

    messages = read_topic(kafka_bootstrap, topic)

    assert [message.value() for message in messages] == [b'{"n": 1}', b"not json", None, b'{"n": 2}']
    assert messages[-1].headers() == [("ce_id", b"a")]


def test_kafka_shows_only_what_a_transaction_committed(kafka_bootstrap: str, new_topic: Callable[..., str]) -> None:
    """A committed reader sees the committed transaction and nothing of the aborted one, which is there all the same."""
    topic = new_topic()
    producer = Producer({"bootstrap.servers": kafka_bootstrap, "transactional.id": topic})
    producer.init_transactions(20)
    for value, finish in ((b"aborted", producer.abort_transaction), (b"committed", producer.commit_transaction)):
        producer.begin_transaction()
        producer.produce(topic, value)
        producer.flush(20)
        finish(20)

    assert [message.value() for message in read_topic(kafka_bootstrap, topic)] == [b"committed"]
    dirty = read_topic(kafka_bootstrap, topic, isolation="read_uncommitted")
    assert [message.value() for message in dirty] == [b"aborted", b"committed"]


def test_a_topic_grows_by_partitions(kafka_bootstrap: str, new_topic: Callable[..., str]) -> None:
    """A new partition can be written as soon as it was added."""
    topic = new_topic(partitions=1)
    add_partitions(kafka_bootstrap, topic, 2)
    produce(kafka_bootstrap, topic, [b"new"], partition=1)

    assert [message.partition() for message in read_topic(kafka_bootstrap, topic)] == [1]


@pytest.mark.usefixtures("own_kafka")
def test_a_killed_broker_comes_back_with_its_data(tmp_path: Path) -> None:
    """After a kill and a start the broker answers at the same address and still has what it acknowledged."""
    with KafkaBroker(tmp_path) as broker:
        create_topic(broker.bootstrap, "kept")
        produce(broker.bootstrap, "kept", [{"n": 1}])

        broker.kill()
        assert not listens(broker.port)
        broker.start()

        assert [message.value() for message in read_topic(broker.bootstrap, "kept")] == [b'{"n": 1}']
    assert not listens(broker.port)


@pytest.mark.usefixtures("own_kafka")
def test_a_paused_broker_answers_again_when_resumed(tmp_path: Path) -> None:
    """A frozen broker leaves a produced message unacknowledged until it goes on."""
    with KafkaBroker(tmp_path) as broker:
        create_topic(broker.bootstrap, "held")
        producer = Producer({"bootstrap.servers": broker.bootstrap})
        producer.list_topics("held", timeout=60)

        broker.pause()
        producer.produce("held", b"waiting")
        assert producer.flush(0.5) == 1
        broker.resume()

        assert producer.flush(60) == 0


@pytest.mark.usefixtures("own_kafka")
def test_a_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    """A broker that ends before it is ready fails the test at once, with its own last words."""
    with pytest.raises(ServiceFailed, match=r"log\.retention\.bytes"):
        KafkaBroker(tmp_path, settings={"log.retention.bytes": "many"})


@pytest.mark.usefixtures("monitoring")
def test_prometheus_scrapes_and_answers(tmp_path: Path, endpoint: str) -> None:
    """A scraped gauge can be queried, with the labels Prometheus gives it."""
    with Prometheus(tmp_path, scrape_config({"little": endpoint})) as prometheus:
        prometheus.await_target("little")

        labels, value = prometheus.query("tests_answer")[0]

    assert value == 42
    assert (labels["job"], labels["instance"]) == ("little", endpoint)


@pytest.mark.usefixtures("monitoring")
def test_prometheus_evaluates_rules(tmp_path: Path, endpoint: str) -> None:
    """A rule file handed over is loaded, and its alert fires."""
    rules = tmp_path / "rules.yml"
    rules.write_text("groups: [{name: g, rules: [{alert: Answered, expr: tests_answer == 42}]}]\n")
    with Prometheus(tmp_path, scrape_config({"little": endpoint}), [rules]) as prometheus:
        firing = wait_until(
            lambda: [alert for alert in prometheus.alerts() if alert["state"] == "firing"], 90, "the alert", every=0.2
        )

    assert firing[0]["labels"]["alertname"] == "Answered"


@pytest.mark.usefixtures("monitoring")
def test_prometheus_refuses_a_wrong_configuration_before_it_starts(tmp_path: Path) -> None:
    """promtool's complaint is what a test sees of a mistake in a configuration."""
    with (
        pytest.raises(AssertionError, match="scrape_intervall"),
        Prometheus(tmp_path, "global: {scrape_intervall: 1s}"),
    ):
        pass


@pytest.mark.usefixtures("monitoring")
def test_alertmanager_delivers_firing_and_resolved(tmp_path: Path) -> None:
    """A posted alert reaches the webhook as firing, and as resolved once it has ended."""
    alert = {"labels": {"alertname": "Drift", "model": "m"}, "annotations": {"summary": "it drifts"}}
    with WebhookReceiver() as inbox, Alertmanager(tmp_path, webhook_config(inbox.url)) as alertmanager:
        alertmanager.post([alert])
        firing = inbox.await_alert("firing", 90, alertname="Drift")
        assert [held["labels"]["model"] for held in alertmanager.alerts()] == ["m"]

        alertmanager.post([{**alert, "startsAt": firing["startsAt"], "endsAt": firing["startsAt"]}])
        resolved = inbox.await_alert("resolved", 90, alertname="Drift")

    assert firing["annotations"] == resolved["annotations"] == {"summary": "it drifts"}


@pytest.mark.usefixtures("monitoring")
def test_amtool_accepts_the_configuration_the_tests_use(tmp_path: Path) -> None:
    """The generated Alertmanager configuration is one its own checker is content with."""
    config = tmp_path / "alertmanager.yml"
    config.write_text(webhook_config("http://127.0.0.1:9/", group_by=("alertname", "model")))

    assert "SUCCESS" in run_amtool("check-config", str(config))


def test_produce_reports_a_refused_message(kafka_bootstrap: str, new_topic: Callable[..., str]) -> None:
    """A message the topic does not take fails the test that sent it."""
    topic = new_topic(config={"max.message.bytes": "2000"})
    with pytest.raises((AssertionError, KafkaException), match=r"too large|SIZE"):
        produce(kafka_bootstrap, topic, [b"x" * 5_000])
