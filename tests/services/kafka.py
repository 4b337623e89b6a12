"""A real Kafka broker for tests, and the few things tests do with one: make topics, fill them, read them."""

import json
import os
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from tests.services import installed
from tests.services.process import Process, ServiceFailed
from tests.services.waiting import free_port, listens, wait_until

#: An existing broker to use instead of starting one, as host:port.
EXISTING = os.environ.get("KAFKA_BOOTSTRAP")
#: for answers that are bound to come: two cores shared with everything else say nothing about how soon
READY_SECONDS = 90.0
ANSWER_SECONDS = 60.0

#: One node that is broker and controller; internal topics small, and no waiting for members that will never come.
SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "log.cleaner.backoff.ms": "500",
    # A killed broker is let in again only when its old session is over: nine seconds by default.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
}


class KafkaBroker:
    """A broker of its own on free loopback ports: KRaft, one node, data below `directory`.

    Data and ports survive `stop` and `kill`: `start` goes on where the broker was.  `settings` adds to or replaces
    SETTINGS.
    """

    def __init__(self, directory: Path, *, settings: Mapping[str, str] | None = None) -> None:
        jars = installed.present(installed.kafka_jars(), "Kafka")
        self.port, controller_port = free_port(), free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self._directory = directory / f"kafka-{self.port}"
        self._directory.mkdir(parents=True)
        self._properties = self._directory / "server.properties"
        listener = f"PLAINTEXT://{self.bootstrap}"
        properties = {
            **SETTINGS,
            "listeners": f"{listener},CONTROLLER://127.0.0.1:{controller_port}",
            "advertised.listeners": listener,
            "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
            "log.dirs": str(self._directory / "data"),
            **(settings or {}),
        }
        self._properties.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
        java = ["java", "-Xmx512m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{jars}/*"]
        self.process = Process([*java, "kafka.Kafka", str(self._properties)], self._directory / "broker.log")
        self._format(java)

    def start(self) -> None:
        """Start the broker and wait until it answers for itself."""
        self.process.start()
        self.process.await_ready(lambda: listens(self.port) and self._serves(), READY_SECONDS)

    def stop(self) -> None:
        """Stop the broker in order."""
        self.process.stop()

    def kill(self) -> None:
        """End the broker as a power cut would."""
        self.process.kill()

    def pause(self) -> None:
        """Freeze the broker: connections stay, answers do not come."""
        self.process.pause()

    def resume(self) -> None:
        """Let a frozen broker go on."""
        self.process.resume()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The data goes with the test's folder, so nothing is lost by not waiting for an orderly stop.
        self.kill()

    def _format(self, java: list[str]) -> None:
        cluster = urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=").replace("-", "A")
        command = [*java, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self._properties)]
        tool = Process(command, self._directory / "format.log")
        tool.start()
        if tool.wait(READY_SECONDS) != 0:
            raise ServiceFailed(f"the broker's folder could not be formatted:\n{tool.last_words()}")

    def _serves(self) -> bool:
        try:
            return bool(AdminClient({"bootstrap.servers": self.bootstrap}).list_topics(timeout=5).brokers)
        except KafkaException:
            return False


def unique_name(stem: str) -> str:
    """A topic name nobody has used: the stem made fit for a topic, and something random."""
    return f"{re.sub('[^a-zA-Z0-9._-]+', '-', stem)}-{secrets.token_hex(4)}"


def create_topic(bootstrap: str, name: str, partitions: int = 1, config: Mapping[str, str] | None = None) -> None:
    """Create a topic and wait until every partition of it has a leader."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topic = NewTopic(name, num_partitions=partitions, replication_factor=1, config=dict(config or {}))
    admin.create_topics([topic])[name].result(ANSWER_SECONDS)
    await_partitions(bootstrap, name, partitions)


def add_partitions(bootstrap: str, name: str, total: int) -> None:
    """Let a topic grow to `total` partitions and wait until every one has a leader."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_partitions([NewPartitions(name, total)])[name].result(ANSWER_SECONDS)
    await_partitions(bootstrap, name, total)


def configure_topic(bootstrap: str, name: str, config: Mapping[str, str]) -> None:
    """Set these of a topic's settings, and leave the others."""
    entries = [ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in config.items()]
    resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
    admin = AdminClient({"bootstrap.servers": bootstrap})  # kept until the answer is there
    admin.incremental_alter_configs([resource])[resource].result(ANSWER_SECONDS)


def await_partitions(bootstrap: str, name: str, partitions: int) -> None:
    """Wait until the topic shows this many partitions, all of them with a leader."""
    admin = AdminClient({"bootstrap.servers": bootstrap})

    def led() -> bool:
        found = admin.list_topics(name, timeout=ANSWER_SECONDS).topics[name]
        leaders = [partition.leader >= 0 for partition in found.partitions.values()]
        return found.error is None and len(leaders) == partitions and all(leaders)

    wait_until(led, ANSWER_SECONDS, f"{partitions} partitions of {name} to have leaders")


def produce(
    bootstrap: str,
    topic: str,
    messages: Iterable[object],
    *,
    key: Callable[[object], str | bytes | None] | None = None,
    partition: int = -1,
    headers: Mapping[str, str] | None = None,
) -> int:
    """Send messages and wait until every one is acknowledged; how many there were.

    bytes go as they are, None as a tombstone, everything else as JSON.  Raises AssertionError with the first
    delivery that failed.
    """
    failures: list[KafkaError] = []
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "enable.idempotence": True})

    def record(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failures.append(error)

    sent = 0
    for message in messages:
        value = message if message is None or isinstance(message, bytes) else json.dumps(message).encode()
        while True:
            try:
                producer.produce(
                    topic,
                    value,
                    key(message) if key else None,
                    partition,
                    on_delivery=record,
                    headers=list(headers.items()) if headers else None,
                )
                break
            except BufferError:
                producer.poll(0.1)
        sent += 1
        producer.poll(0)
    left = producer.flush(ANSWER_SECONDS)
    assert left == 0, f"{left} of {sent} messages to {topic} were not acknowledged within {ANSWER_SECONDS:g} s"
    assert not failures, f"a message to {topic} was refused: {failures[0]}"
    return sent


def read_topic(bootstrap: str, topic: str, *, isolation: str = "read_committed") -> list[Message]:
    """Everything in a topic at this moment, partition after partition, each in its order."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "tests-read-topic",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": isolation,
        }
    )
    try:
        partitions = consumer.list_topics(topic, timeout=ANSWER_SECONDS).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
        messages: list[Message] = []
        ended: set[int] = set()

        def read_on() -> bool:
            for message in consumer.consume(1000, 0.1):
                error = message.error()
                if error is None:
                    messages.append(message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    ended.add(message.partition())
                else:
                    raise KafkaException(error)
            return ended == set(partitions)

        wait_until(read_on, ANSWER_SECONDS, f"the end of {topic}", every=0)
    finally:
        consumer.close()
    return sorted(messages, key=lambda message: (message.partition(), message.offset()))
