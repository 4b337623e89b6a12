"""`driftgauge log`: everything that was concluded, filtered, while somebody else owns the state."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from monitor.cli import app
from monitor.domain.errors import ConfigurationError, StateError
from monitor.domain.keys import ModelKey, StreamKey
from monitor.findings.events import encode_interventions
from monitor.state.sqlite import SqliteStore
from monitor.state.store import Commit, Intervention
from tests.unit.state.facts import PROVENANCE, episode, finding, records

OTHER = StreamKey("churn", "2", "age", "feature")
EXPIRED = Intervention("expired", ModelKey("churn", "2"), {("events", 0): 9}, b'{"feature":"age","unseen_since":3}')


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Path]:
    """A state directory that a daemon owns: fraud's finding and episode at 100 s, churn's later."""
    store = SqliteStore(tmp_path)
    store.commit(Commit({}, {}, {}, records(finding(), episode()), at=100.0))
    later = [*records(finding(stream=OTHER)), *encode_interventions([EXPIRED], PROVENANCE, 200.0)]
    store.commit(Commit({}, {}, {}, later, at=200.0))
    yield tmp_path
    store.close()


def shown(directory: Path, *arguments: str) -> list[str]:
    result = CliRunner().invoke(app, ["log", str(directory), *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout.splitlines()


def test_every_decision_is_a_line_oldest_first(running: Path) -> None:
    """With stream, detector and explanation, for people."""
    lines = shown(running)
    assert len(lines) == 4
    assert "fraud/7/feature/amount  adwin on level score 1.3: a live value exceeds" in lines[0]
    assert "value firing: a live value exceeds" in lines[1]
    assert "churn/2/feature/age" in lines[2]
    assert "expired; feature: age, unseen_since: 3" in lines[3]


@pytest.mark.parametrize(
    ("arguments", "numbers"),
    [
        (("--model", "fraud"), (0, 1)),
        (("--model-version", "2"), (2, 3)),
        (("--feature", "age"), (2, 3)),
        (("--type", "finding"), (0, 2)),
        (("--type", "intervention"), (3,)),
        (("--since", "150"), (2, 3)),
        (("--until", "1970-01-01T00:02:30Z"), (0, 1)),
        (("--model", "fraud", "--type", "episode"), (1,)),
        (("--model", "nobody"), ()),
    ],
)
def test_filters_leave_what_fits_all_of_them(running: Path, arguments: tuple[str, ...], numbers: tuple[int]) -> None:
    """By model, version, feature, type, and the time they were recorded."""
    everything = shown(running)
    assert shown(running, *arguments) == [everything[number] for number in numbers]


def test_json_is_the_published_record(running: Path) -> None:
    """One CloudEvent a line, id and all."""
    first = json.loads(shown(running, "--json")[0])
    (record,) = records(finding())
    assert (first["id"], first["specversion"]) == (record.id, "1.0")


def test_mistakes_are_named(running: Path, tmp_path: Path) -> None:
    """A type or a time that cannot be, and a directory without a state."""
    with pytest.raises(ConfigurationError, match="--type"):
        shown(running, "--type", "rumour")
    with pytest.raises(ConfigurationError, match="--since"):
        shown(running, "--since", "yesterday")
    with pytest.raises(StateError, match="found no file"):
        shown(tmp_path / "elsewhere")
