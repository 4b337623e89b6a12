"""Which alerts hold, what they are called, and what becomes of them when they end."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from monitor.alertmanager.alerts import Alert, holding
from monitor.alertmanager.picture import EMPTY, RESOLVED_SECONDS, Picture
from monitor.domain.facts import Aspect, Status
from monitor.domain.keys import Kind, ModelKey, StreamKey
from monitor.engine.views import ModelView, StreamView
from monitor.exposition.board import Board
from tests.unit.exposition import made

ROOT = Path(__file__).resolve().parents[3]
FRAUD = ModelKey("fraud", "7")
MODELS = frozenset({("fraud", "7")})
NOW, HOLD = 10_000.0, 900.0


def stream(
    feature: str = "amount", kind: Kind = "feature", episodes: Mapping[Aspect, str] | None = None, segment: str = ""
) -> StreamView:
    """A stream in drift if an episode is open."""
    status = Status.DRIFT if episodes else Status.STABLE
    return replace(made.stream(feature, kind=kind, segment=segment), status=status, open_episodes=episodes or {})


def shown(*streams: StreamView, share: float = 0.0, late: bool = False) -> Board:
    board = Board()
    board.publish_live({FRAUD: ModelView(FRAUD, streams, Status.DRIFT, share, 0.0, {})})
    board.late(FRAUD, late)
    return board


def alerts(board: Board, now: float = NOW, before: Picture = EMPTY) -> list[Alert]:
    return holding(board.read(), now, HOLD, before.holding)


def names(board: Board, now: float = NOW, before: Picture = EMPTY) -> list[str]:
    return [alert.name for alert in alerts(board, now, before)]


def picture(board: Board, now: float = NOW, before: Picture = EMPTY, limit: int = 100) -> Picture:
    return before.next(alerts(board, now, before), MODELS, now, limit)


# --- which hold ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "aspect", "name"),
    [
        ("feature", "value", "DriftgaugeFeatureDrift"),
        ("feature", "missing", "DriftgaugeMissingValues"),
        ("feature", "stuck", "DriftgaugeStuckValues"),
        ("prediction", "value", "DriftgaugePredictionDrift"),
        ("prediction", "missing", "DriftgaugePredictionDrift"),
    ],
)
def test_an_alert_is_called_by_what_is_wrong(kind: Kind, aspect: Aspect, name: str) -> None:
    """As the Prometheus rules call it, with their severity and their labels."""
    [alert] = alerts(shown(stream(kind=kind, episodes={aspect: "amount: moved"}, segment="web")))
    rules = yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text())["groups"][0]["rules"]
    [rule] = [rule for rule in rules if rule.get("alert") == name]
    assert dict(alert.labels) == {
        "alertname": name,
        "severity": rule["labels"]["severity"],
        "model": "fraud",
        "model_version": "7",
        "feature": "amount",
        "kind": kind,
        "segment": "web",
    }
    assert alert.annotations["runbook_url"] == rule["annotations"]["runbook_url"]


def test_an_alert_says_which_stream_what_moved_against_what_and_when() -> None:
    """The sentence of the detection, the size of the reference, the time of the newest drift."""
    board = shown(stream(episodes={"value": "amount: median 7, was 5, since event 2,001"}))
    board.last_drift(StreamKey("fraud", "7", "amount", "feature"), 9_000.0)
    [alert] = alerts(board)
    assert alert.summary == "Drift in the feature amount of model fraud version 7"
    assert alert.description == (
        "Model fraud version 7, feature amount: median 7, was 5, since event 2,001. "
        "The reference holds 2000 observations. Newest drift found at 1970-01-01 02:30:00 UTC."
    )


def test_a_stable_stream_raises_nothing() -> None:
    """Nor does one that never drifted, whatever the time."""
    assert names(shown(stream())) == []


def test_a_late_model_raises_nothing_until_it_has_caught_up() -> None:
    """What is still open then is told then."""
    board = shown(stream(episodes={"value": "x"}), late=True)
    assert names(board) == []
    board.late(FRAUD, False)
    assert names(board) == ["DriftgaugeFeatureDrift"]


def test_a_drift_that_no_look_saw_open_is_held_all_the_same() -> None:
    """Its time is enough; after the hold it is over."""
    board = shown(stream())
    board.last_drift(StreamKey("fraud", "7", "amount", "feature"), NOW - 10)
    assert names(board) == ["DriftgaugeFeatureDrift"]
    assert names(board, NOW + HOLD) == []


def test_an_alert_keeps_its_name_while_it_is_held() -> None:
    """Missing values that came back are not suddenly drift of the values."""
    board = shown(stream(episodes={"missing": "x"}))
    board.last_drift(StreamKey("fraud", "7", "amount", "feature"), NOW)
    before = picture(board)
    board.publish_live({FRAUD: ModelView(FRAUD, (stream(),), Status.STABLE, 0.0, 0.0, {})})
    assert names(board, NOW + 60, before) == ["DriftgaugeMissingValues"]
    assert names(board, NOW + HOLD, before) == []


def test_many_streams_at_once_are_widespread_too() -> None:
    """From three streams and a third of the weight."""
    three = [stream(name, episodes={"value": "x"}) for name in "abc"]
    assert "DriftgaugeModelDriftWidespread" not in names(shown(*three[:2], share=0.9))
    assert "DriftgaugeModelDriftWidespread" not in names(shown(*three, share=0.2))
    found = alerts(shown(*three, share=0.375))
    assert len(found) == 4
    assert found[-1].description.startswith(
        "38% of the streams of model fraud version 7 (by weight) are in drift together: a, b, c."
    )
    assert dict(found[-1].labels).keys() == {"alertname", "severity", "model", "model_version"}


# --- what is told ----------------------------------------------------------------------------------------------------


def test_an_alert_ends_four_resends_from_now_and_begins_with_its_drift() -> None:
    """Three pushes may be lost before Alertmanager takes it for over."""
    board = shown(stream(episodes={"value": "x"}))
    board.last_drift(StreamKey("fraud", "7", "amount", "feature"), 9_990.0)
    [told] = picture(board).body(NOW, 60, {"cluster": "eu"})
    assert told["startsAt"] == "1970-01-01T02:46:30.000Z"
    assert told["endsAt"] == "1970-01-01T02:50:40.000Z"
    assert told["labels"]["cluster"] == "eu"


def test_a_further_drift_moves_the_words_and_not_the_beginning() -> None:
    """It is the same alert to whoever was told."""
    board = shown(stream(episodes={"value": "first"}))
    before = picture(board)
    board.publish_live({FRAUD: ModelView(FRAUD, (stream(episodes={"value": "second"}),), Status.DRIFT, 0.0, 0.0, {})})
    after = picture(board, NOW + 50, before)
    [alert] = after.holding.values()
    assert (alert.starts_at, "second" in alert.description) == (NOW, True)
    assert not after.differs_from(before)


def test_an_end_is_told_for_a_while_with_its_time() -> None:
    """An Alertmanager that was away for minutes hears of it."""
    open_, closed = shown(stream(episodes={"value": "x"})), shown(stream())
    ended = picture(closed, NOW + 5, picture(open_))
    assert ended.differs_from(picture(open_))
    [told] = picture(closed, NOW + 65, ended).body(NOW + 65, 60, {})
    assert told["endsAt"] == "1970-01-01T02:46:45.000Z"
    assert picture(closed, NOW + 6 + RESOLVED_SECONDS, ended).body(NOW, 60, {}) == []


def test_an_alert_that_fires_again_is_no_longer_ended() -> None:
    """One alert is told once, as it is now."""
    open_ = shown(stream(episodes={"value": "x"}))
    again = picture(open_, NOW + 9, picture(shown(stream()), NOW + 5, picture(open_)))
    assert len(again.body(NOW, 60, {})) == 1
    assert not again.ended


def test_alerts_of_a_model_that_is_shown_no_more_are_not_called_ended() -> None:
    """Another process may have taken the model over and goes on telling of it."""
    before = picture(shown(stream(episodes={"value": "x"})))
    after = before.next([], frozenset(), NOW + 5, 100)
    assert after.body(NOW + 5, 60, {}) == []


def test_a_picture_is_bounded_and_says_what_it_leaves_out() -> None:
    """Alerts that hold come first; ends fill what room there is."""
    many = [stream(f"f{number}", episodes={"value": "x"}) for number in range(7)]
    full = picture(shown(*many), limit=5)
    assert (len(full.body(NOW, 60, {})), full.dropped) == (5, 2)
    less = picture(
        shown(*many[:4], *(replace(one, status=Status.STABLE, open_episodes={}) for one in many[4:])), NOW, full, 4
    )
    assert (len(less.body(NOW, 60, {})), less.dropped) == (4, 0)
