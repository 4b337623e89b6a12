"""The shipped routes, inhibition and messages, in the real Alertmanager, with inboxes in the place of receivers."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.services.alertmanager import Alertmanager
from tests.services.mailbox import Mailbox
from tests.services.prometheus import run_amtool
from tests.services.webhook import Notification, WebhookReceiver

pytestmark = pytest.mark.usefixtures("monitoring")

SHIPPED = Path(__file__).resolve().parents[2] / "deploy/alertmanager"
CONFIG, EXAMPLES = SHIPPED / "alertmanager.yml", SHIPPED / "receivers.example.yml"
SECONDS = 60.0
#: alert → the receiver it belongs to, and one message it comes in
ROUTES = {
    "DriftgaugePredictionDrift": "critical",
    "DriftgaugeModelDriftWidespread": "critical",
    "DriftgaugeDown": "critical",
    "DriftgaugeFeatureDrift": "warning",
    "DriftgaugeStreamSilent": "warning",
    "DriftgaugeApproaching": "info",
}


# --- routes and examples, by amtool ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("alert", "severity"), ROUTES.items())
def test_alerts_go_by_their_severity(alert: str, severity: str) -> None:
    """An alert reaches the receiver of its severity and no other."""
    labels = (f"alertname={alert}", f"severity={severity}", "model=fraud", "model_version=7")
    route = ("config", "routes", "test", f"--config.file={CONFIG}", f"--verify.receivers=driftgauge-{severity}")
    run_amtool(*route, *labels)


def test_severities_are_those_of_the_rules() -> None:
    """Each severity that a rule gives has a receiver of its name, and the table above is right about its alerts."""
    rules = yaml.safe_load((SHIPPED.parent / "prometheus/rules.yml").read_text())["groups"][0]["rules"]
    given = {rule["alert"]: rule["labels"]["severity"] for rule in rules if "alert" in rule}
    names = {receiver["name"] for receiver in yaml.safe_load(CONFIG.read_text())["receivers"]}
    assert {f"driftgauge-{severity}" for severity in given.values()} == names
    assert given.items() >= ROUTES.items()


def test_inhibition_names_alerts_that_exist() -> None:
    """A name that no rule has would inhibit nothing, silently."""
    rules = yaml.safe_load((SHIPPED.parent / "prometheus/rules.yml").read_text())["groups"][0]["rules"]
    alerts = [rule["alert"] for rule in rules if "alert" in rule]
    matchers = [
        matcher.partition("~" if "=~" in matcher else "=")[2].strip(' "')
        for rule in yaml.safe_load(CONFIG.read_text())["inhibit_rules"]
        for matcher in (*rule["source_matchers"], *rule["target_matchers"])
        if matcher.startswith("alertname")
    ]
    counts = [sum(re.fullmatch(matcher, alert) is not None for alert in alerts) for matcher in matchers]
    assert counts == [1, 5, 4, 2]


def test_the_example_receivers_fit_the_shipped_configuration(tmp_path: Path) -> None:
    """Put in the place of the placeholders, they are accepted by amtool with the templates they name."""
    document = yaml.safe_load(CONFIG.read_text()) | yaml.safe_load(EXAMPLES.read_text())
    document["templates"] = [str(SHIPPED / "driftgauge.tmpl")]
    file = tmp_path / "alertmanager.yml"
    file.write_text(yaml.safe_dump(document))
    assert "SUCCESS" in run_amtool("check-config", str(file))


# --- what people get, by the real Alertmanager -----------------------------------------------------------------------


@dataclass(frozen=True)
class Office:
    """The shipped Alertmanager in a hurry, with a webhook, a chat and a mailbox behind every receiver."""

    alertmanager: Alertmanager
    inbox: WebhookReceiver
    chat: WebhookReceiver
    mailbox: Mailbox


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, monitoring: None) -> Iterator[Office]:
    """One for all tests here: each uses models of its own."""
    with ExitStack() as stack:
        inbox, chat = (stack.enter_context(WebhookReceiver()) for _ in range(2))
        mailbox = stack.enter_context(Mailbox())
        config = hurried(inbox.url, chat.url, mailbox.target)
        alertmanager = stack.enter_context(Alertmanager(tmp_path_factory.mktemp("office"), config))
        yield Office(alertmanager, inbox, chat, mailbox)


def hurried(inbox: str, chat: str, mail: str) -> str:
    """The shipped configuration, waiting seconds instead of minutes, its receivers the examples' with our addresses."""
    document = yaml.safe_load(CONFIG.read_text())
    document["templates"] = [str(SHIPPED / "driftgauge.tmpl")]
    for route in (document["route"], *document["route"]["routes"]):
        route |= {"group_wait": "2s", "group_interval": "1s", "repeat_interval": "1h"}
    examples = {receiver["name"]: receiver for receiver in yaml.safe_load(EXAMPLES.read_text())["receivers"]}
    slack = examples["driftgauge-critical"]["slack_configs"][0]
    email = examples["driftgauge-warning"]["email_configs"][0]
    slack = {name: value for name, value in slack.items() if name != "api_url_file"} | {"api_url": chat}
    email = {name: value for name, value in email.items() if not name.startswith("auth_")}
    email |= {"smarthost": mail, "require_tls": False}
    for receiver in document["receivers"]:
        receiver |= {
            "webhook_configs": [{"url": inbox, "send_resolved": True}],
            "slack_configs": [slack],
            "email_configs": [email],
        }
    return yaml.safe_dump(document, sort_keys=False)


def alert(name: str, severity: str, **labels: str) -> dict[str, Any]:
    """An alert that fires, as Prometheus posts it."""
    what = " ".join(labels.values())
    return {
        "labels": {"alertname": name, "severity": severity} | labels,
        "annotations": {
            "summary": f"{name} of {what}",
            "description": f"Something moved in {what}.",
            "runbook_url": f"docs/runbooks/{name}.md",
        },
        "startsAt": (datetime.now(UTC) - timedelta(seconds=5)).isoformat(),
    }


def over(alert: dict[str, Any]) -> dict[str, Any]:
    """The same alert, resolved."""
    return alert | {"endsAt": datetime.now(UTC).isoformat()}


def feature(model: str, name: str) -> dict[str, Any]:
    labels = {"model": model, "model_version": "7", "feature": name, "kind": "feature"}
    return alert("DriftgaugeFeatureDrift", "warning", **labels)


def of_model(office: Office, model: str) -> list[Notification]:
    """What has come about this model."""
    return [note for note in office.inbox.notifications if note["groupLabels"].get("model") == model]


def fired(notes: list[Notification]) -> set[tuple[str, str]]:
    """(alert, feature) of everything that was told as firing."""
    alerts = [alert for note in notes for alert in note["alerts"] if alert["status"] == "firing"]
    return {(alert["labels"]["alertname"], alert["labels"].get("feature", "")) for alert in alerts}


def test_streams_of_one_model_come_in_one_message_and_resolve_in_one(office: Office) -> None:
    """Another model's come in another."""
    streams = [feature("grouped", name) for name in ("a", "b", "c")]
    office.alertmanager.post([*streams, feature("beside", "a")])

    office.inbox.await_alert("firing", SECONDS, model="beside")
    office.inbox.await_alert("firing", SECONDS, model="grouped")
    note = of_model(office, "grouped")[0]
    assert note["receiver"] == "driftgauge-warning"
    assert fired([note]) == {("DriftgaugeFeatureDrift", name) for name in "abc"}

    office.alertmanager.post([over(stream) for stream in streams])
    office.inbox.await_alert("resolved", SECONDS, model="grouped")
    notes = of_model(office, "grouped")
    # the three are over one after the other, be it by a hair: a message may leave between them, but not one for each
    assert len(notes) <= 3
    assert [note["status"] for note in notes[-2:]] == ["firing", "resolved"]


def test_a_widespread_drift_is_told_instead_of_its_streams_and_what_outlasts_it_is_told_then(office: Office) -> None:
    """Single streams, of predictions too, are inhibited for as long as it lasts."""
    model = {"model": "wide", "model_version": "7"}
    widespread = alert("DriftgaugeModelDriftWidespread", "critical", **model)
    score = alert("DriftgaugePredictionDrift", "critical", **model, feature="score", kind="prediction")
    office.alertmanager.post([widespread])
    office.inbox.await_alert("firing", SECONDS, alertname="DriftgaugeModelDriftWidespread", model="wide")

    beside = alert("DriftgaugeBeside", "critical", **model)  # in the same message as the score would be
    office.alertmanager.post([score, feature("wide", "a"), feature("wide", "b"), beside, feature("marker", "a")])
    office.inbox.await_alert("firing", SECONDS, model="marker")
    office.inbox.await_alert("firing", SECONDS, alertname="DriftgaugeBeside")
    told = {("DriftgaugeModelDriftWidespread", ""), ("DriftgaugeBeside", "")}
    assert fired(of_model(office, "wide")) == told

    office.alertmanager.post([over(feature("wide", "a")), over(score), over(beside)])
    office.inbox.await_alert("resolved", SECONDS, alertname="DriftgaugeBeside")
    office.alertmanager.post([over(widespread)])
    office.inbox.await_alert("firing", SECONDS, model="wide", feature="b")
    assert fired(of_model(office, "wide")) == told | {("DriftgaugeFeatureDrift", "b")}


def test_a_critical_alert_inhibits_the_warnings_of_its_model_and_of_no_other(office: Office) -> None:
    """Nor those of another version, nor those without a model."""
    labels = {"model": "one", "model_version": "7", "feature": "score", "kind": "prediction"}
    office.alertmanager.post([alert("DriftgaugePredictionDrift", "critical", **labels)])
    office.inbox.await_alert("firing", SECONDS, alertname="DriftgaugePredictionDrift", model="one")

    other = feature("one", "b")
    other["labels"]["model_version"] = "8"
    lagging = alert("DriftgaugeLagging", "warning", job="driftgauge", instance="calm", topic="t")
    office.alertmanager.post([feature("one", "a"), other, lagging])

    office.inbox.await_alert("firing", SECONDS, model="one", model_version="8")
    office.inbox.await_alert("firing", SECONDS, instance="calm")
    assert fired(of_model(office, "one")) == {("DriftgaugePredictionDrift", "score"), ("DriftgaugeFeatureDrift", "b")}


def test_a_monitor_that_is_down_inhibits_silence_and_its_own_warnings(office: Office) -> None:
    """Its models look silent because nobody listens; when it is back, what is silent still is told."""
    down = alert("DriftgaugeDown", "critical", job="driftgauge", instance="fallen")
    office.alertmanager.post([down])
    office.inbox.await_alert("firing", SECONDS, alertname="DriftgaugeDown", instance="fallen")

    silent = alert("DriftgaugeModelSilent", "warning", model="quiet", model_version="7")
    lagging = alert("DriftgaugeLagging", "warning", job="driftgauge", instance="fallen", topic="t")
    beside = alert("DriftgaugeLagging", "warning", job="driftgauge", instance="beside the fallen", topic="t")
    office.alertmanager.post([silent, lagging, beside, feature("third marker", "a")])
    office.inbox.await_alert("firing", SECONDS, model="third marker")
    office.inbox.await_alert("firing", SECONDS, instance="beside the fallen")
    told = [alert["labels"] for note in office.inbox.notifications for alert in note["alerts"]]
    assert not of_model(office, "quiet")
    assert ("DriftgaugeLagging", "fallen") not in {(one["alertname"], one.get("instance")) for one in told}

    office.alertmanager.post([over(down)])
    office.inbox.await_alert("firing", SECONDS, alertname="DriftgaugeModelSilent", model="quiet")


def test_messages_read_well_in_a_chat(office: Office) -> None:
    """A title that says how bad and which model, then each stream with what moved, since when and what to do."""
    office.alertmanager.post([feature("chatty", "a"), feature("chatty", "b")])

    note = office.chat.await_notification(
        lambda note: "chatty" in note["attachments"][0]["title"], SECONDS, "a message in the chat"
    )

    [said] = note["attachments"]
    assert said["title"] == "Warning: 2 alerts on model chatty version 7"
    assert said["color"] == "warning"
    first, second = said["text"].split("\n\n")
    summary, description, rest = first.split("\n")
    assert summary == "DriftgaugeFeatureDrift of chatty 7 a feature"
    assert description == "Something moved in chatty 7 a feature."
    assert rest.startswith("Since ")
    assert rest.endswith(" UTC. What to do: docs/runbooks/DriftgaugeFeatureDrift.md")
    assert second.startswith("DriftgaugeFeatureDrift of chatty 7 b feature\n")
    assert "/#/silences/new?filter=%7Bmodel%3D%22chatty%22%2Cmodel_version%3D%227%22%7D" in said["title_link"]


def test_messages_read_well_in_a_mail_and_carry_no_markup_of_others(office: Office) -> None:
    """Subject, plain text and HTML say the same; names that look like markup are shown, not obeyed."""
    stream = feature("<script>", "a")
    office.alertmanager.post([stream])

    mail = office.mailbox.await_mail("<script>", SECONDS)
    assert mail["Subject"] == "Warning: DriftgaugeFeatureDrift of <script> 7 a feature"
    plain, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    assert html is not None
    assert "Something moved in <script> 7 a feature." in plain.get_content()
    assert "Something moved in &lt;script&gt; 7 a feature." in html.get_content()
    assert "<script>" not in html.get_content()

    office.alertmanager.post([over(stream)])
    ended = office.mailbox.await_mail("Resolved: DriftgaugeFeatureDrift of <script>", SECONDS).get_body(("plain",))
    assert ended is not None
    assert "over, lasted from " in ended.get_content()
