"""The programs an operator would use accept what is shipped: promtool the rules and metrics, amtool the routes."""

from pathlib import Path

import pytest

from monitor.domain.facts import Status
from monitor.domain.keys import ModelKey, StreamKey
from monitor.engine.views import ModelView, StreamView
from monitor.exposition.board import Board
from monitor.exposition.text import PLAIN, registry, render
from tests.services.prometheus import run_amtool, run_promtool

ROOT = Path(__file__).resolve().parents[2]
CASES = Path(__file__).parent / "rules"
ALERTMANAGER = str(ROOT / "deploy/alertmanager/alertmanager.yml")

pytestmark = pytest.mark.usefixtures("monitoring")


def board_with_everything() -> Board:
    """Every family has samples, among them nasty names."""
    key = ModelKey('fr"aud', "7\n")
    streams = tuple(
        StreamView(
            key=StreamKey(key.model, key.model_version, feature, "feature", segment),
            status=Status.WARNING,
            observations=10,
            invalid={"missing": 1, "non_finite": 0, "wrong_type": 0},
            detections={("adwin", "level"): 1},
            scores={("adwin", "level"): float("inf")},
            effects={"level": float("nan")},
            distances={"psi": 0.1},
            last_drift_event_time=0.0,
            reference_observations=5,
            reference_generation=0,
            open_episodes={},
        )
        for feature, segment in (("amount", ""), ("back\\slash", "web"), ("ünïcode", ""))
    )
    board = Board(topics=["events"], reject_reasons=["not_json"])
    board.publish_live({key: ModelView(key, streams, Status.WARNING, 0.0, 0.0, {})})
    board.set_lag({("events", 0): 3})
    board.observe_event_delay(0.2, 5)
    return board


def test_promtool_has_nothing_to_say_about_the_metrics() -> None:
    """Names, types, helps and units are as Prometheus's lint wants them."""
    text = render(registry(board_with_everything().read), PLAIN).decode()
    assert run_promtool("check", "metrics", stdin=text) == ""


@pytest.mark.parametrize("cases", sorted(CASES.glob("*.yml")), ids=lambda path: path.stem)
def test_the_shipped_rules_do_as_their_cases_say(cases: Path) -> None:
    """Each alert fires, says what it should, does not fire otherwise, and resolves."""
    assert "SUCCESS" in run_promtool("test", "rules", str(cases))


def test_promtool_accepts_the_shipped_configuration_with_its_rules() -> None:
    """The files that the compose tour mounts."""
    assert "SUCCESS" in run_promtool("check", "config", str(ROOT / "deploy/prometheus/prometheus.yml"))


def test_amtool_accepts_the_shipped_configuration() -> None:
    """The file that the compose tour mounts."""
    assert "SUCCESS" in run_amtool("check-config", ALERTMANAGER)
