"""What leaves the daemon beside metrics: findings and dead letters in topics, each with the state that made it."""

import json
from collections.abc import Callable
from pathlib import Path

from monitor.state.decisions import decisions
from tests.services import kafka
from tests.services.daemon import DaemonProcess
from tests.services.test_daemon import event
from tests.services.waiting import free_port, wait_until


def published(bootstrap: str, topic: str) -> list[str]:
    """Ids of the CloudEvents in a topic."""
    return [json.loads(message.value() or b"")["id"] for message in kafka.read_topic(bootstrap, topic)]


def decided(daemon: DaemonProcess) -> list[str]:
    return [event["id"] for _, _, event in decisions(daemon.state)]


def test_findings_reach_their_topic_in_order_and_survive_kills(
    kafka_bootstrap: str, new_topic: Callable[..., str], tmp_path: Path
) -> None:
    """drift ── kill ── drift ── stop: every decision of the log is in the topic, none under two ids"""
    topic, findings = new_topic(), new_topic()
    with DaemonProcess(tmp_path, kafka_bootstrap, [topic], output={"findings_topic": findings}) as daemon:
        kafka.produce(kafka_bootstrap, topic, (event(number) for number in range(1_000)))
        kafka.produce(kafka_bootstrap, topic, (event(number, shift=3.0) for number in range(1_000, 1_500)))
        wait_until(lambda: decided(daemon), 60, "a decision")
        daemon.process.kill()
        daemon.start()
        kafka.produce(kafka_bootstrap, topic, (event(number, shift=-3.0) for number in range(1_500, 2_500)))
        daemon.await_total(2_500, "driftgauge_observations_total", feature="amount")
        assert daemon.process.stop() == 0
    wanted, found = decided(daemon), published(kafka_bootstrap, findings)
    assert len(wanted) == len(set(wanted))
    assert list(dict.fromkeys(found)) == wanted


def test_a_findings_topic_that_is_not_there_yet_gets_them_later(
    kafka_bootstrap: str, new_topic: Callable[..., str], tmp_path: Path
) -> None:
    """Watching goes on meanwhile; what waits is sent when the topic is there, also after a restart."""
    topic, findings = new_topic(), kafka.unique_name("findings")
    with DaemonProcess(tmp_path, kafka_bootstrap, [topic], output={"findings_topic": findings}) as daemon:
        kafka.produce(kafka_bootstrap, topic, (event(number) for number in range(1_000)))
        kafka.produce(kafka_bootstrap, topic, (event(number, shift=3.0) for number in range(1_000, 1_500)))
        daemon.await_total(1_500, "driftgauge_observations_total", feature="amount")
        wait_until(lambda: decided(daemon), 60, "a decision")
        assert daemon.process.stop() == 0
        kafka.create_topic(kafka_bootstrap, findings)
        daemon.start()
        wait_until(
            lambda: set(published(kafka_bootstrap, findings)) == set(decided(daemon)), 60, "the findings in their topic"
        )


def test_what_cannot_be_read_is_a_dead_letter_once(
    kafka_bootstrap: str, new_topic: Callable[..., str], tmp_path: Path
) -> None:
    """Byte for byte, with key, headers, place and reason; good neighbours are observed."""
    topic, letters = new_topic(), new_topic()
    with DaemonProcess(tmp_path, kafka_bootstrap, [topic], output={"dead_letter_topic": letters}) as daemon:
        kafka.produce(kafka_bootstrap, topic, [event(0)])
        kafka.produce(kafka_bootstrap, topic, [b"{half", b"\xff\x00"], key=lambda _: b"k\xff", headers={"trace": "7"})
        kafka.produce(kafka_bootstrap, topic, [event(1)])
        daemon.await_total(2, "driftgauge_observations_total", feature="amount")
        daemon.await_total(2, "driftgauge_dead_letters_total", result="kept")
        assert daemon.process.stop() == 0
    messages = kafka.read_topic(kafka_bootstrap, letters)
    assert [(message.key(), message.value()) for message in messages] == [(b"k\xff", b"{half"), (b"k\xff", b"\xff\x00")]
    headers = dict(messages[0].headers() or [])
    assert (headers["trace"], headers["driftgauge-topic"]) == (b"7", topic.encode())
    assert (headers["driftgauge-offset"], bool(headers["driftgauge-reason"])) == (b"1", True)


def test_stopping_is_bounded_with_a_broker_that_does_not_answer(tmp_path: Path) -> None:
    """Nobody listens at the broker's address, findings are to be published, and still the end is in order."""
    daemon = DaemonProcess(tmp_path, f"127.0.0.1:{free_port()}", ["t"], output={"findings_topic": "f"})
    with daemon:
        assert daemon.process.stop() == 0
