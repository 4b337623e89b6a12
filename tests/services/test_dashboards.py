"""Every question of the shipped dashboards gets an answer from a Prometheus that scrapes a daemon with real flights."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from monitor.demo.flights import MODEL, VERSIONS
from monitor.demo.traffic import Traffic, produce
from tests.services import kafka
from tests.services.daemon import DaemonProcess
from tests.services.prometheus import Prometheus, scrape_config
from tests.services.waiting import wait_until

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy/prometheus/rules.yml"
DASHBOARDS = sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))
FLIGHTS = 21_762
REJECTED = 'sum(driftgauge_messages_total{result="not_json"}) == 3'
#: what Grafana puts in place of its variables before it asks
VARIABLES = {"model": MODEL, "model_version": VERSIONS[0].name, "feature": ".*", "__rate_interval": "1m"}


@dataclass(frozen=True)
class Question:
    """An expression of a dashboard, and where it stands."""

    where: str
    expression: str


def questions() -> list[Question]:
    """Every expression of every dashboard: panels and annotations."""
    found: list[Question] = []
    for path in DASHBOARDS:
        dashboard = json.loads(path.read_text())
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                found.append(Question(f"{path.stem}: {panel['title']} {target['refId']}", target["expr"]))
        for note in dashboard["annotations"]["list"]:
            found.append(Question(f"{path.stem}: {note['name']}", note["expr"]))
    return found


def filled_in(expression: str) -> str:
    """As Prometheus gets it; an unknown variable is a KeyError."""
    return re.sub(r"\$\{?(\w+)(:\w+)?\}?", lambda match: VARIABLES[match[1]], expression)


@pytest.fixture(scope="module")
def prometheus(
    monitoring: None, kafka_bootstrap: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """One that has scraped a daemon before and after it read the demonstration's flights, with the shipped rules."""
    folder = tmp_path_factory.mktemp("dashboards")
    topic = kafka.unique_name("flights")
    kafka.create_topic(kafka_bootstrap, topic, partitions=4)
    profiles = [
        {"match": {"model": MODEL, "model_version": version.name}, "path": str(version.profile)} for version in VERSIONS
    ]
    with DaemonProcess(
        folder, kafka_bootstrap, [topic], reference={"profiles": profiles}, limits={"forget_after": None}
    ) as daemon:
        config = scrape_config({"driftgauge": f"127.0.0.1:{daemon.port}"})
        with Prometheus(folder, config, [RULES]) as running:
            running.await_target("driftgauge")
            kafka.produce(kafka_bootstrap, topic, [b"not an event"] * 3)
            assert produce(Traffic(kafka_bootstrap, topic, seconds=3.0)) == 0
            daemon.await_total(FLIGHTS, "driftgauge_observations_total", kind="prediction")
            wait_until(lambda: running.query('ALERTS{alertstate="firing"} == 1'), 90, "an alert to fire", every=0.5)
            scraped = (f'sum(driftgauge_observations_total{{kind="prediction"}}) == {FLIGHTS}', REJECTED)
            for expression in scraped:
                wait_until(lambda asked=expression: running.query(asked), 90, f"{expression} in Prometheus", every=0.5)
            yield running


@pytest.mark.parametrize("question", questions(), ids=lambda question: question.where)
def test_every_expression_has_series(prometheus: Prometheus, question: Question) -> None:
    """At least one series with a number, not an empty panel."""
    answer = prometheus.query(filled_in(question.expression))
    assert [value for _, value in answer if value == value], f"{question.where}: {question.expression} has no data"


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_every_variable_has_values(prometheus: Prometheus, path: Path) -> None:
    """What a person chooses from: the label exists on series of the metric."""
    for variable in json.loads(path.read_text())["templating"]["list"]:
        if variable["type"] == "query":
            metric, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"]).groups()  # type: ignore[union-attr]
            answer = prometheus.query(filled_in(metric))
            assert {labels.get(label, "") for labels, _ in answer} - {""}, variable["name"]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_legends_and_columns_name_labels_that_are_there(prometheus: Prometheus, path: Path) -> None:
    """A legend of {{feature}} over series without that label would read as nothing; segments are not always used."""
    for panel in json.loads(path.read_text())["panels"]:
        for target in panel.get("targets", []):
            wanted = set(re.findall(r"{{(\w+)}}", target["legendFormat"])) - {"segment"}
            labels = [set(found) for found, _ in prometheus.query(filled_in(target["expr"]))]
            assert any(wanted <= found for found in labels), f"{panel['title']}: {wanted}"


def test_prometheus_parses_them_over_a_range(prometheus: Prometheus) -> None:
    """Panels ask for a range, not an instant: no expression is refused as one."""
    with httpx.Client(base_url=prometheus.url, trust_env=False) as client:
        for question in questions():
            parameters: dict[str, Any] = {"query": filled_in(question.expression), "start": 1, "end": 2, "step": 1}
            answer = client.get("/api/v1/query_range", params=parameters)
            assert answer.is_success, f"{question.where}: {answer.text}"
