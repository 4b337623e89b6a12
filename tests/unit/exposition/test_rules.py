"""What is shipped under deploy/ is what the command renders, and every alert is explained and tested."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor.domain.errors import ConfigurationError
from monitor.exposition.catalogue import FAMILIES
from monitor.exposition.rules import JOB, RuleOptions, prometheus_rule, render

ROOT = Path(__file__).resolve().parents[3]
CASES = ROOT / "tests/services/rules"
RULES: list[dict[str, Any]] = yaml.safe_load(render())["groups"][0]["rules"]
ALERTS = [rule["alert"] for rule in RULES if "alert" in rule]


def test_the_shipped_rules_are_the_rendered_ones() -> None:
    """Byte for byte."""
    assert (ROOT / "deploy/prometheus/rules.yml").read_text() == render()


def test_all_rules_are_in_one_group() -> None:
    """Recording rules and the alerts that read them are evaluated in order, at one instant."""
    groups = yaml.safe_load(render())["groups"]
    assert len(groups) == 1
    assert ["alert" in rule for rule in RULES] == sorted("alert" in rule for rule in RULES)


def test_rules_read_only_metrics_that_exist() -> None:
    """Names in expressions and templates are families of the catalogue, histograms with their endings."""
    known = {family.name for family in FAMILIES}
    text = re.sub(r"^\s*#.*$", "", render(), flags=re.MULTILINE)
    text = re.sub(r"(stream|stream_channel|model):\w+:\w+", "", text)
    used = set(re.findall(r"driftgauge_[a-z_]+", text))
    assert used
    assert used <= known


def test_recorded_series_that_are_read_are_recorded_before() -> None:
    """An alert never looks for a series of another name."""
    recorded: set[str] = set()
    for rule in RULES:
        read = set(
            re.findall(r"(?:stream|stream_channel|model):\w+:\w+", str(rule).replace(str(rule.get("record")), "", 1))
        )
        assert read <= recorded, rule
        recorded.add(rule.get("record", ""))


@pytest.mark.parametrize("rule", [rule for rule in RULES if "alert" in rule], ids=lambda rule: str(rule["alert"]))
def test_every_alert_has_a_severity_words_and_a_runbook(rule: dict[str, Any]) -> None:
    """The page exists, is named after the alert, and is listed."""
    assert rule["labels"]["severity"] in {"info", "warning", "critical"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    page = ROOT / rule["annotations"]["runbook_url"]
    assert page.name == f"{rule['alert']}.md"
    assert page.read_text().startswith(f"# {rule['alert']}\n")
    assert f"[{rule['alert']}]({page.name}) | {rule['labels']['severity']} |" in (page.parent / "README.md").read_text()


def test_every_runbook_belongs_to_an_alert() -> None:
    """No page outlives its alert."""
    pages = {page.stem for page in (ROOT / "docs/runbooks").glob("*.md")} - {"README"}
    assert pages == set(ALERTS)


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_is_tested_to_fire_and_not_to_fire(alert: str) -> None:
    """The unit tests of the rules hold a case of each; resolving is a case of not firing after firing."""
    expected = []
    for file in CASES.glob("*.yml"):
        for test in yaml.safe_load(file.read_text())["tests"]:
            cases = [case for case in test["alert_rule_test"] if case["alertname"] == alert]
            expected.append([bool(case.get("exp_alerts")) for case in cases])
    assert any(case[0] is False and True in case and case[-1] is False for case in expected if case)


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_is_tested_through_a_restart(alert: str) -> None:
    """A restart of the daemon neither raises an alert nor ends one."""
    cases = [test for file in CASES.glob("*.yml") for test in yaml.safe_load(file.read_text())["tests"]]
    assert any("restart" in test["name"] and alert in _alerts_of(test) for test in cases)


def _alerts_of(test: dict[str, Any]) -> set[str]:
    return {case["alertname"] for case in test["alert_rule_test"]}


def test_alert_labels_name_nothing_that_moves() -> None:
    """A channel among the labels would resolve and fire the alert again whenever another channel leads."""
    for rule in RULES:
        if "alert" in rule and "stream_channel:" in rule["expr"]:
            assert re.search(
                r"without \(channel\)|unless on \(model, model_version, feature, kind, segment\)", rule["expr"]
            )


def test_the_hold_sets_every_range() -> None:
    """Rendered for ten seconds, nothing waits for minutes."""
    short = render(options=RuleOptions(hold_seconds=10, silence_seconds=40))
    assert "max_over_time(driftgauge_last_drift_timestamp_seconds[10s])) > time() - 10\n" in short
    assert {rule["for"] for rule in yaml.safe_load(short)["groups"][0]["rules"] if "for" in rule} == {
        "3333ms",
        "10s",
        "40s",
    }
    assert not re.search(r"\b(15|5)m\b", re.sub(r"^#.*$", "", short, flags=re.MULTILINE))


@dataclass
class State:
    interval_seconds: float


@dataclass
class Settings:
    state: State


def test_the_checkpoint_interval_sets_what_is_stale() -> None:
    """Six in a row, or a third of the hold if that is longer."""
    assert "driftgauge_checkpoint_timestamp_seconds[5m]) > 300\n" in render(Settings(State(10)))
    assert "driftgauge_checkpoint_timestamp_seconds[5m]) > 3600\n" in render(Settings(State(600)))


@pytest.mark.parametrize("hold", [0.0, -1.0, 2.0, float("nan")])
def test_a_hold_too_short_to_bridge_a_scrape_is_refused(hold: float) -> None:
    """The message names the flag."""
    with pytest.raises(ConfigurationError, match="--hold"):
        render(options=RuleOptions(hold_seconds=hold))


def test_a_silence_shorter_than_the_hold_is_refused() -> None:
    """Every pause between two scrapes' worth of events would be one."""
    with pytest.raises(ConfigurationError, match="--silence: expected at least the hold, 900 seconds, got 60"):
        render(options=RuleOptions(silence_seconds=60))


@pytest.mark.parametrize("name", ['a"b', "", "a b", "{{ x }}", "a\nb"])
def test_a_job_that_would_break_the_rules_is_refused(name: str) -> None:
    """It stands in PromQL and in templates, unquoted."""
    with pytest.raises(ConfigurationError, match="--job"):
        render(options=RuleOptions(job=name))


def test_job_and_runbooks_are_where_alerts_read_them() -> None:
    """A scrape job of another name, and pages on somebody's own site."""
    rules = yaml.safe_load(render(options=RuleOptions(job="ns/drift", runbooks="https://wiki/runbooks/")))["groups"][0][
        "rules"
    ]
    alerts = {rule["alert"]: rule for rule in rules if "alert" in rule}
    assert alerts["DriftgaugeDown"]["expr"] == 'up{job="ns/drift"} == 0'
    assert alerts["DriftgaugeDown"]["annotations"]["runbook_url"] == "https://wiki/runbooks/DriftgaugeDown.md"


def test_the_operators_resource_holds_the_same_rules() -> None:
    """Nothing but the wrapping differs."""
    resource = yaml.safe_load(prometheus_rule(render()))
    assert (resource["apiVersion"], resource["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert resource["spec"] == yaml.safe_load(render())


def test_the_shipped_scrape_configuration_has_the_job_the_rules_go_by() -> None:
    """And the rules, and the address of the compose tour."""
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    [job] = config["scrape_configs"]
    [target] = job["static_configs"][0]["targets"]
    daemon = yaml.safe_load((ROOT / "deploy/compose/driftgauge.yaml").read_text())

    assert job["job_name"] == JOB
    assert config["rule_files"] == ["rules.yml"]
    assert target.partition(":")[0] in compose["services"]
    assert target.partition(":")[2] == daemon["http"]["listen"].rpartition(":")[2]


def test_a_board_needs_no_http_library() -> None:
    """Commands that serve nothing start without one."""
    heavy = ("uvicorn", "starlette", "prometheus_client")
    code = f"import sys, monitor.exposition.board; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
