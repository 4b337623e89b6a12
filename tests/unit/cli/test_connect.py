"""`check --connect` against a broker that is there: the one inside the Kafka client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from monitor.cli.connect import try_all
from monitor.settings import Settings, load


@pytest.fixture
def broker() -> Iterator[str]:
    """The address of a mock broker that holds the topic `predictions`."""
    producer = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "", "log_level": 0})
    producer.produce("predictions", b"{}")
    assert producer.flush(20) == 0
    (found,) = producer.list_topics(timeout=20).brokers.values()
    yield f"{found.host}:{found.port}"
    del producer


def settings(broker: str, topic: str) -> Settings:
    flags = {"kafka.bootstrap_servers": broker, "kafka.topics": f"[{{name: {topic}}}]", "http.listen": "127.0.0.1:0"}
    return load(None, {}, flags)


def test_a_broker_with_the_topic_is_good(broker: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Brokers, topic and address each have a line that says ok."""
    assert try_all(settings(broker, "predictions"), 20.0)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["ok", "brokers"], ["ok", "topic"], ["ok", "http"]]
