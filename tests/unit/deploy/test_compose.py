"""The compose tour: valid, confined, bounded, and put together from files that tests use as well."""

from pathlib import Path
from typing import Any

import pytest

from monitor.settings import load
from tests.unit.deploy.manifests import DEPLOY, ROOT, compose, mounts, services, tool

SERVICES = services()
RUNNING = {name: service for name, service in SERVICES.items() if service["restart"] == "unless-stopped"}
#: it answers nobody, so there is nothing to ask
SILENT = {"traffic"}

each = pytest.mark.parametrize("name", SERVICES)


def test_the_file_is_valid_by_its_schema() -> None:
    """Compose's own specification knows every key and type in it."""
    tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", ROOT / "docker-compose.yml")


def test_yaml_is_as_it_is_read() -> None:
    """No doubled keys, no ambiguous truth values, in anything that is mounted or applied."""
    tool("yamllint", "--strict", ROOT / "docker-compose.yml", DEPLOY)


def test_the_whole_tour_is_there() -> None:
    """Broker, topic, daemon, flights, Prometheus, Alertmanager, Grafana."""
    assert set(SERVICES) == {
        "kafka", "topics", "driftgauge", "traffic", "prometheus", "alertmanager", "grafana"
    }  # fmt: skip


@each
def test_images_have_a_version(name: str) -> None:
    """What was tried is what is started: a full version, or the image that is built here."""
    image, _, tag = SERVICES[name]["image"].rpartition(":")
    assert image
    assert tag == "local" if image == "driftgauge" else tag.lstrip("v").count(".") == 2


@each
def test_nobody_is_root_or_can_become_so(name: str) -> None:
    """A user that is not root, no capabilities, no way to more."""
    service = SERVICES[name]
    assert service["user"].split(":")[0] not in ("0", "root")
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service


@each
def test_file_systems_are_read_only(name: str) -> None:
    """What is written goes to a named volume or to bounded memory; what is mounted from here cannot be changed."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert all("size=" in entry for entry in service.get("tmpfs", []))
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        assert volume.endswith(":ro") if source.startswith("./") else source in compose()["volumes"]


@each
def test_nobody_can_take_the_machine(name: str) -> None:
    """Memory, processor and number of processes have limits, and so has the log."""
    limits = SERVICES[name]["deploy"]["resources"]["limits"]
    assert set(limits) == {"cpus", "memory", "pids"}
    assert set(SERVICES[name]["logging"]["options"]) == {"max-size", "max-file"}


@pytest.mark.parametrize("name", set(RUNNING) - SILENT)
def test_who_answers_is_asked(name: str) -> None:
    """Every service that goes on running has a health check."""
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


@each
def test_ports_are_published_on_loopback_only(name: str) -> None:
    """A tour is for the machine it runs on."""
    assert all(str(port).startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@each
def test_what_is_mounted_exists(name: str) -> None:
    """Docker makes a folder of a file that is not there, and the service fails in a strange way."""
    for source in mounts(SERVICES[name]).values():
        assert source.exists(), source


def test_every_named_volume_is_used() -> None:
    """And each by one service: nobody reads another's data."""
    used = [entry.split(":")[0] for service in SERVICES.values() for entry in service.get("volumes", [])]
    named = [source for source in used if not source.startswith("./")]
    assert sorted(named) == sorted(compose()["volumes"])


def test_the_daemon_accepts_its_configuration(tmp_path: Path) -> None:
    """Laid out as in the container: the file, and the profiles where it says."""
    config = inside(tmp_path, SERVICES["driftgauge"], "/etc/driftgauge/driftgauge.yaml")
    settings = load(config)
    assert len(settings.policy().profiles) == 2
    assert settings.state.path == Path("/var/lib/driftgauge")


def test_everybody_means_the_same_topic_and_broker() -> None:
    """The topic that is made is the one that is filled and read, over the listener that the broker tells of."""
    settings = load(mounts(SERVICES["driftgauge"])["/etc/driftgauge/driftgauge.yaml"], flags={"reference.profiles": []})
    topic, bootstrap = settings.kafka.topics[0].name, settings.kafka.bootstrap_servers
    assert following(SERVICES["topics"]["entrypoint"], "--topic") == topic
    assert following(SERVICES["traffic"]["command"], "--topic") == topic
    assert following(SERVICES["topics"]["entrypoint"], "--bootstrap-server") == bootstrap
    assert following(SERVICES["traffic"]["command"], "--bootstrap") == bootstrap
    properties = (DEPLOY / "compose/kafka.properties").read_text()
    assert f"advertised.listeners=INTERNAL://{bootstrap}" in properties


def test_the_tours_events_are_never_too_old() -> None:
    """Flights of 2013 have to raise alerts."""
    settings = load(DEPLOY / "compose/driftgauge.yaml", flags={"reference.profiles": []})
    assert settings.detection.max_alert_age is None


def following(words: list[str], option: str) -> str:
    """The value after an option."""
    return words[words.index(option) + 1]


def inside(folder: Path, service: dict[str, Any], target: str) -> Path:
    """A file of a container, its neighbours mounted beside it, below `folder`."""
    for place, source in mounts(service).items():
        path = folder / place.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(source)
    return folder / target.lstrip("/")
