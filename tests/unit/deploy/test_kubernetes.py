"""The manifests: strictly valid, and put together so that a monitor in trouble never takes its model with it."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor.settings import load
from tests.unit.cli.invoke import driftgauge
from tests.unit.deploy.manifests import BUILDS, KUBERNETES, built, objects, tool

#: native sidecars are there from the first of them on; the newest that the validator knows is its default
OLDEST = "1.29"
SIDECARS = ("example/one", "example/several")
PROBES = {"startupProbe", "livenessProbe", "readinessProbe"}

each = pytest.mark.parametrize("name", BUILDS)


def pod(name: str) -> dict[str, Any]:
    found: dict[str, Any] = objects(name)["Deployment"]["spec"]["template"]["spec"]
    return found


def monitor(name: str) -> dict[str, Any]:
    """The container of driftgauge, wherever in the pod it is."""
    spec = pod(name)
    containers = [*spec.get("initContainers", []), *spec["containers"]]
    return next(container for container in containers if container["name"] == "driftgauge")


@each
@pytest.mark.parametrize("version", [OLDEST, None])
def test_the_build_is_valid(name: str, version: str | None, tmp_path: Path) -> None:
    """Every object of Kubernetes itself, with no key that its kind does not have."""
    path = tmp_path / "built.yaml"
    path.write_text(built(name))
    tool("kubernetes-validate", "--strict", "--no-warn", *(["-k", version] if version else []), path)


def test_the_plain_files_are_valid() -> None:
    """Without kustomize too: everything that is an object of Kubernetes as it stands."""
    whole = [
        path
        for path in sorted(KUBERNETES.rglob("*.yaml"))
        if re.search(r"^apiVersion: (v1|apps/v1|networking)", path.read_text(), re.M) and path.name != "sidecar.yaml"
    ]
    assert len(whole) >= 6
    tool("kubernetes-validate", "--strict", "--no-warn", *whole)


@each
def test_it_is_confined(name: str) -> None:
    """Not root, nothing writable but its own volumes, no capabilities, bounded memory, no token of the cluster."""
    container = monitor(name)
    security = {**pod(name).get("securityContext", {}), **container["securityContext"]}
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] == 10001
    assert security["readOnlyRootFilesystem"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert "memory" in container["resources"]["limits"]
    assert pod(name)["automountServiceAccountToken"] is False


@pytest.mark.parametrize("name", SIDECARS)
def test_a_sidecar_never_takes_its_model_down(name: str) -> None:
    """A native sidecar whose only probe restarts itself: the model starts, serves and ends without it."""
    container = monitor(name)
    assert container in pod(name)["initContainers"]
    assert container["restartPolicy"] == "Always"
    assert PROBES & set(container) == {"livenessProbe"}
    assert container["livenessProbe"]["httpGet"]["path"] == "/-/healthy"


@pytest.mark.parametrize("name", SIDECARS)
def test_the_model_is_left_as_it_was(name: str) -> None:
    """Its container, and who may reach its ports: every port but the sidecar's, from everywhere."""
    model = yaml.safe_load((KUBERNETES / "example/model/model-server.yaml").read_text())
    assert pod(name)["containers"] == model["spec"]["template"]["spec"]["containers"]
    everywhere, prometheus = objects(name)["NetworkPolicy"]["spec"]["ingress"]
    assert "from" not in everywhere
    ports = {protocol: opened(everywhere, protocol) for protocol in ("TCP", "UDP")}
    assert set(range(1, 65536)) - ports["TCP"] == {9480}
    assert set(range(1, 65536)) - ports["UDP"] == set()
    assert [port["port"] for port in prometheus["ports"]] == [9480]
    assert prometheus["from"]


def test_the_stand_alone_one_is_ready_when_it_watches() -> None:
    """Alive by the loop, ready and started by the restored state; nothing else is asked."""
    container = monitor("standalone")
    paths = {probe: container[probe]["httpGet"]["path"] for probe in PROBES}
    assert paths == {"startupProbe": "/-/ready", "readinessProbe": "/-/ready", "livenessProbe": "/-/healthy"}


@pytest.mark.parametrize("name", ["standalone", "example/one"])
def test_state_on_a_volume_has_one_owner(name: str) -> None:
    """One replica, and the old pod goes before the new one comes; its user may write to the volume."""
    found = objects(name)
    assert found["Deployment"]["spec"]["replicas"] == 1
    assert found["Deployment"]["spec"]["strategy"] == {"type": "Recreate"}
    claims = [
        volume["persistentVolumeClaim"]["claimName"]
        for volume in pod(name)["volumes"]
        if "persistentVolumeClaim" in volume
    ]
    assert claims == [found["PersistentVolumeClaim"]["metadata"]["name"]]
    assert pod(name)["securityContext"]["fsGroup"] == 10001


def test_a_group_needs_no_volume() -> None:
    """As many replicas as the model has, and nothing that binds a pod to a node."""
    found = objects("example/several")
    assert found["Deployment"]["spec"]["replicas"] == 3
    assert "PersistentVolumeClaim" not in found
    assert load(KUBERNETES / "sidecar-group/driftgauge.yaml").state.store == "kafka"


@each
def test_the_daemon_accepts_its_configuration(name: str, tmp_path: Path) -> None:
    """As it comes out of the config map, with paths that are volumes of the pod and the port that is scraped."""
    path = tmp_path / "driftgauge.yaml"
    path.write_text(objects(name)["ConfigMap"]["data"]["driftgauge.yaml"])
    settings = load(path)
    container = monitor(name)
    assert settings.http.port == container["ports"][0]["containerPort"]
    assert settings.http.host == "0.0.0.0"
    if settings.state.store == "sqlite":
        assert str(settings.state.path) in {mount["mountPath"] for mount in container["volumeMounts"]}


@each
def test_a_change_of_the_configuration_replaces_the_pod(name: str) -> None:
    """The config map's name carries its hash, and the pod goes by that name."""
    volumes = [volume["configMap"]["name"] for volume in pod(name)["volumes"] if "configMap" in volume]
    assert volumes == [objects(name)["ConfigMap"]["metadata"]["name"]]
    assert re.fullmatch(r"driftgauge-\w{10}", volumes[0])


@each
def test_prometheus_finds_the_pod_by_the_port_it_has(name: str) -> None:
    """Selector, port and job of the pod monitor are the pod's, and the rules'."""
    found = objects(name)
    spec = found["PodMonitor"]["spec"]
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"].items() <= labels.items()
    (endpoint,) = spec["podMetricsEndpoints"]
    assert endpoint["port"] in {port["name"] for port in monitor(name)["ports"]}
    assert endpoint["relabelings"] == [{"targetLabel": "job", "replacement": "driftgauge"}]
    assert 'job="driftgauge"' in str(found["PrometheusRule"])


def test_the_pod_monitor_has_known_keys_only() -> None:
    """Its kind is not Kubernetes's own, so what the operator reads of it is written down here."""
    known = {
        "": {"apiVersion", "kind", "metadata", "spec"},
        "spec": {"selector", "podMetricsEndpoints", "namespaceSelector", "podTargetLabels", "sampleLimit"},
        "endpoint": {"port", "path", "interval", "scrapeTimeout", "honorLabels", "relabelings", "scheme", "tlsConfig"},
    }
    document = yaml.safe_load((KUBERNETES / "monitoring/podmonitor.yaml").read_text())
    assert set(document) == known[""]
    assert set(document["spec"]) <= known["spec"]
    assert all(set(endpoint) <= known["endpoint"] for endpoint in document["spec"]["podMetricsEndpoints"])


def test_the_rules_are_what_the_command_prints() -> None:
    """`driftgauge rules --format prometheusrule > deploy/kubernetes/monitoring/prometheusrule.yaml`."""
    printed = driftgauge("rules", "--format", "prometheusrule")
    assert printed.code == 0, printed.err
    assert (KUBERNETES / "monitoring/prometheusrule.yaml").read_text() == printed.out


def opened(rule: dict[str, Any], protocol: str) -> set[int]:
    """The ports of a protocol that a rule of a network policy lets through."""
    ports = [port for port in rule["ports"] if port["protocol"] == protocol]
    return {number for port in ports for number in range(port["port"], port.get("endPort", port["port"]) + 1)}
