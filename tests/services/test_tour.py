"""The compose tour without an engine: the files it mounts, the commands it runs, on ports of this machine.

With IMAGE_BUILD=1 the daemon and the traffic also run from an environment that the image's own script has built.
"""

import os
import re
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from confluent_kafka import Consumer, TopicPartition

from tests.services import installed, kafka
from tests.services.alertmanager import Alertmanager
from tests.services.process import Process
from tests.services.prometheus import Prometheus, run_amtool
from tests.services.waiting import free_port, listens, wait_until
from tests.unit.cli.invoke import clean_environment
from tests.unit.deploy.manifests import DEPLOY, ROOT, mounts, services

SERVICES = services()
FLIGHTS = 21_762
JAVA = ["java", "-Xmx512m", "-cp"]
ANSWER_SECONDS = 120.0
#: how the commands of the tour are started: from this folder, or from what the image's script has built
INSTALLATIONS = ["folder", *(["image"] if os.environ.get("IMAGE_BUILD") == "1" else [])]

pytestmark = pytest.mark.timeout(900 if "image" in INSTALLATIONS else 300)


@pytest.fixture(scope="module")
def broker(own_kafka: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The broker of the tour by its own properties; the address of the listener for the host."""
    folder = tmp_path_factory.mktemp("broker")
    host, internal, controller = (f"127.0.0.1:{free_port()}" for _ in range(3))
    text = mounts(SERVICES["kafka"])["/etc/tour/kafka.properties"].read_text()
    moved = {
        "listeners=INTERNAL://:19092,CONTROLLER://:29093,HOST://:9092": (
            f"listeners=INTERNAL://{internal},CONTROLLER://{controller},HOST://{host}"
        ),
        "INTERNAL://kafka:19092,HOST://localhost:9092": f"INTERNAL://{internal},HOST://{host}",
        "kafka:29093": controller,
        "/var/lib/kafka/data": str(folder / "data"),
    }
    properties = folder / "kafka.properties"
    properties.write_text(replaced(text, moved))
    java = [*JAVA, f"{installed.kafka_jars()}/*"]
    cluster = SERVICES["kafka"]["environment"]["CLUSTER_ID"]
    words = [*java, "kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", cluster, "-c", str(properties)]
    assert subprocess.run(words, capture_output=True, timeout=60, check=False).returncode == 0
    process = Process([*java, "kafka.Kafka", str(properties)], folder / "broker.log")
    process.start()
    try:
        process.await_ready(lambda: all(listens(int(at.rpartition(":")[2])) for at in (host, internal)), ANSWER_SECONDS)
        yield internal
    finally:
        process.kill()


@pytest.fixture(scope="module", params=INSTALLATIONS)
def driftgauge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The words that start the command."""
    if request.param == "folder":
        return [sys.executable, "-m", "monitor"]
    folder = tmp_path_factory.mktemp("image")
    build_image(folder)
    return [str(folder / "driftgauge/bin/driftgauge")]


@pytest.fixture
def tour(driftgauge: list[str], broker: str, tmp_path: Path) -> Iterator["Tour"]:
    running = Tour(driftgauge, broker, tmp_path)
    yield running
    running.daemon.kill()


class Tour:
    """The daemon's and the traffic's containers: their mounts below a folder, their addresses by variables."""

    def __init__(self, driftgauge: list[str], broker: str, folder: Path, config: Path | None = None) -> None:
        """config: a configuration to run instead of the tour's."""
        self._driftgauge, self._broker, self.folder = driftgauge, broker, folder
        self.port = free_port()
        for target, source in mounts(SERVICES["driftgauge"]).items():
            place = folder / target.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(source)
        config = config or folder / "etc/driftgauge/driftgauge.yaml"
        # a test's own environment must not reach it, and the folder's package must not stand in for the image's
        variables = clean_environment() if driftgauge[0] == sys.executable else {"PATH": "/usr/bin:/bin"}
        self._variables = {
            **variables,
            "DRIFTGAUGE_KAFKA__BOOTSTRAP_SERVERS": broker,
            "DRIFTGAUGE_HTTP__LISTEN": f"127.0.0.1:{self.port}",
            "DRIFTGAUGE_STATE__PATH": str(folder / "state"),
            "DRIFTGAUGE_LIMITS__FORGET_AFTER": "null",
        }
        words = [*driftgauge, "run", "--config", str(config)]
        self.daemon = Process(words, folder / "daemon.log", environment=self._variables, folder=folder)

    def start(self) -> None:
        topic = following(SERVICES["topics"]["entrypoint"], "--topic")
        if topic not in kafka.AdminClient({"bootstrap.servers": self._broker}).list_topics(timeout=60).topics:
            kafka.create_topic(self._broker, topic, int(following(SERVICES["topics"]["entrypoint"], "--partitions")))
        self.daemon.start()
        self.daemon.await_ready(lambda: self._get("/-/ready") is not None, ANSWER_SECONDS)

    def send(self) -> str:
        """One quick round of the traffic's own command; what it said."""
        command = replaced_words(SERVICES["traffic"]["command"], {"--bootstrap": self._broker, "--pace": "2s"})
        words = [*self._driftgauge, *(word for word in command if word != "--loop")]
        environment = {name: value for name, value in self._variables.items() if not name.startswith("DRIFTGAUGE_")}
        done = subprocess.run(
            words, capture_output=True, text=True, cwd=self.folder, env=environment, timeout=90, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def flights(self) -> int:
        """How many flights are counted in the daemon's state."""
        return self.total("driftgauge_observations_total", 'kind="prediction"')

    def total(self, metric: str, label: str = "") -> int:
        """Sum of a metric over the series with this label."""
        lines = (self._get("/metrics") or "").splitlines()
        values = [line.rpartition(" ")[2] for line in lines if re.match(rf"{metric}[{{ ]", line) and label in line]
        return int(sum(map(float, values)))

    def _get(self, path: str) -> str | None:
        """The body of a good answer, else None."""
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=5, trust_env=False)
        except httpx.TransportError:
            return None
        return answer.text if answer.is_success else None


def test_flights_become_alerts(tour: Tour, monitoring: None, tmp_path: Path) -> None:
    """From the tour's traffic through its broker, daemon, Prometheus and rules to its Alertmanager."""
    tour.start()
    assert f"{FLIGHTS:,} events" in tour.send()
    wait_until(lambda: tour.flights() >= FLIGHTS, ANSWER_SECONDS, "all flights in the daemon's state", every=0.2)
    alertmanager = mounts(SERVICES["alertmanager"])["/etc/alertmanager"]
    prometheus = mounts(SERVICES["prometheus"])["/etc/prometheus"]
    with Alertmanager(tmp_path, placed(alertmanager / "alertmanager.yml")) as manager:
        check = SERVICES["alertmanager"]["healthcheck"]["test"]
        run_amtool(*(word.replace("http://localhost:9093", manager.url) for word in check[2:]))
        text = (prometheus / "prometheus.yml").read_text()
        moved = {"alertmanager:9093": manager.target, "driftgauge:9480": f"127.0.0.1:{tour.port}", "15s": "1s"}
        rules = [prometheus / name for name in yaml.safe_load(text)["rule_files"]]
        with Prometheus(tmp_path, replaced(text, moved), rules) as running:
            running.await_target("driftgauge")
            wait_until(
                lambda: {"DriftgaugeFeatureDrift"} <= {alert["labels"]["alertname"] for alert in manager.alerts()},
                ANSWER_SECONDS,
                "Alertmanager to hold a drift alert",
                every=0.5,
            )
            firing = [alert["labels"] for alert in manager.alerts() if "feature" in alert["labels"]]
            assert {labels["model"] for labels in firing} == {"flight-delay"}
            assert {labels["job"] for labels in firing if "job" in labels} <= {"driftgauge"}


def test_the_sidecars_of_a_group_share_the_flights(driftgauge: list[str], broker: str, tmp_path: Path) -> None:
    """Two with the configuration of the Kubernetes group: both watch, and every flight is counted once."""
    config = DEPLOY / "kubernetes/sidecar-group/driftgauge.yaml"
    pair = [Tour(driftgauge, broker, tmp_path / name, config) for name in ("one", "other")]

    def counted() -> int:
        return sum(each.flights() for each in pair)

    try:
        for each in pair:
            each.start()
        wait_until(lambda: all(each.total("driftgauge_active") for each in pair), ANSWER_SECONDS, "both to watch")
        pair[0].send()
        # another test may have sent flights to this broker before: they are read as well
        sent = messages_in(broker, following(SERVICES["topics"]["entrypoint"], "--topic"))
        wait_until(lambda: counted() >= sent, ANSWER_SECONDS, "all flights in the state", every=0.2)
        assert counted() == sent
    finally:
        for each in pair:
            each.daemon.stop()


def messages_in(broker: str, topic: str) -> int:
    """How many messages a topic holds."""
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "tests-tour"})
    try:
        partitions = consumer.list_topics(topic, timeout=60).topics[topic].partitions
        ends = [consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=60) for number in partitions]
        return sum(high - low for low, high in ends)
    finally:
        consumer.close()


def placed(config: Path) -> str:
    """A configuration of Alertmanager with its templates where they are."""
    document: dict[str, Any] = yaml.safe_load(config.read_text())
    folder = config.parent
    document["templates"] = [
        str(folder / Path(name).relative_to("/etc/alertmanager") if name.startswith("/") else folder / name)
        for name in document.get("templates", [])
    ]
    return yaml.safe_dump(document, sort_keys=False)


def build_image(folder: Path) -> None:
    """What the Dockerfile's first stage does, from its context, into folder/driftgauge."""
    from tests.unit.deploy.test_image import in_context

    source, wheels = folder / "source", folder / "wheels"
    wheels.mkdir()
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    for name in names:
        if name and in_context(name) and (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    words = ["sh", str(DEPLOY / "docker/build.sh"), str(source), str(wheels), str(folder / "driftgauge")]
    environment = {**os.environ, "PYTHON": sys.executable}
    done = subprocess.run(words, capture_output=True, text=True, timeout=800, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(wheels.iterdir())) == 1
    assert not (folder / "driftgauge/bin/pip").exists()


def following(words: list[str], option: str) -> str:
    """The value after an option."""
    return words[words.index(option) + 1]


def replaced_words(words: list[str], values: dict[str, str]) -> list[str]:
    """The words with other values after these options, each of which has to be there."""
    for option in values:
        following(words, option)
    return [values.get(before, word) for before, word in zip(["", *words], words, strict=False)]


def replaced(text: str, moved: dict[str, str]) -> str:
    """The text with other addresses, each of which has to be there."""
    for old, new in moved.items():
        assert old in text, f"{old} is not there any more"
        text = text.replace(old, new)
    return text


def test_the_cluster_id_is_one() -> None:
    """Kafka takes sixteen bytes in base64 for the name of a cluster."""
    name = SERVICES["kafka"]["environment"]["CLUSTER_ID"]
    assert urlsafe_b64encode(b"driftgauge-tour1").decode().rstrip("=") == name
