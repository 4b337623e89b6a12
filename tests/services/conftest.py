"""Real services for the tests below: one broker for the whole session, everything else where it is asked for."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.services import installed, kafka

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test in this folder is a service test, so that none can forget to say so."""
    for item in items:
        if item.path.is_relative_to(HERE) and not item.get_closest_marker("services"):
            item.add_marker("services")


@pytest.fixture(scope="session")
def kafka_bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of a real broker: the one KAFKA_BOOTSTRAP names, else one that lives as long as the session."""
    if kafka.EXISTING:
        yield kafka.EXISTING
        return
    own_kafka_possible()
    with kafka.KafkaBroker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker.bootstrap


@pytest.fixture(scope="session")
def own_kafka() -> None:
    """Skips where a test cannot start a broker of its own (to stop it, to configure it)."""
    own_kafka_possible()


@pytest.fixture(scope="session")
def monitoring() -> None:
    """Skips where Prometheus, promtool, Alertmanager or amtool is missing."""
    for name in ("prometheus", "promtool", "alertmanager", "amtool"):
        if getattr(installed, name)() is None:
            pytest.skip(f"{name} is not here; {installed.ADVICE}")


@pytest.fixture
def new_topic(kafka_bootstrap: str, request: pytest.FixtureRequest) -> Callable[..., str]:
    """Makes a topic with a name of its own: new_topic(partitions=3, config={…}) gives the name."""

    def make(partitions: int = 1, config: dict[str, str] | None = None) -> str:
        name = kafka.unique_name(request.node.name)
        kafka.create_topic(kafka_bootstrap, name, partitions, config)
        return name

    return make


def own_kafka_possible() -> None:
    """Skip, saying why, unless a broker can be started."""
    if installed.kafka_jars() is None:
        pytest.skip(f"Kafka (with a Java runtime) is not here; {installed.ADVICE}")
