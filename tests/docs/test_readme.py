"""What the README tells people to do works as it is written there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from monitor.domain.frame import MessageBatch
from monitor.formats import open_format

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def commands() -> list[str]:
    """Every `driftgauge` line, without its comment."""
    lines = "\n".join(blocks("sh")).splitlines()
    return [line.partition("#")[0].strip() for line in lines if line.startswith("driftgauge ")]


def command(name: str) -> list[str]:
    """The arguments of the README's line for one command."""
    return next(line.split()[1:] for line in commands() if line.split()[1] == name)


def driftgauge(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "monitor", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files that the README speaks of: its configuration, training data, and a past with a shift."""
    (tmp_path / "driftgauge.yaml").write_text(blocks("yaml")[0], encoding="utf-8")
    generator = np.random.default_rng(1)
    amounts = generator.lognormal(3, 1, 9000)
    amounts[7000:] *= 4
    rows = [
        f"{amount:.2f},{country}" for amount, country in zip(amounts, generator.choice(["FR", "DE"], 9000), strict=True)
    ]
    (tmp_path / "train.csv").write_text("\n".join(["amount,country", *rows[:5000]]), encoding="utf-8")
    (tmp_path / "events.csv").write_text("\n".join(["amount,country", *rows]), encoding="utf-8")
    return tmp_path


def test_the_configuration_is_accepted_once_its_profile_is_made(folder: Path) -> None:
    """`profile`, `check` and `rules` as in the README end well; only --connect needs a broker."""
    profiled = driftgauge(command("profile"), folder)
    assert profiled.returncode == 0, profiled.stderr
    assert json.loads((folder / "fraud-profile.json").read_text())["streams"]
    checked = driftgauge([word for word in command("check") if word != "--connect"], folder)
    assert checked.returncode == 0, checked.stderr
    assert "predictions" in checked.stdout
    assert "DriftgaugeFeatureDrift" in driftgauge(command("rules"), folder).stdout


def test_a_missing_profile_is_named(folder: Path) -> None:
    """Whoever forgets to make the profile is told which file is missing."""
    checked = driftgauge([word for word in command("check") if word != "--connect"], folder)
    assert checked.returncode == 2
    assert "fraud-profile.json" in checked.stderr


def test_the_past_is_replayed(folder: Path) -> None:
    """The README's `replay` finds the shift of a file that has one."""
    replayed = driftgauge(command("replay"), folder)
    assert replayed.returncode == 0, replayed.stderr
    firing = [json.loads(line) for line in replayed.stdout.splitlines()]
    assert [(change["feature"], change["state"]) for change in firing] == [("amount", "firing")]
    assert 7000 <= firing[0]["i"] < 7100


def test_the_example_event_is_read() -> None:
    """The event shown becomes one row with its features and its prediction."""
    (event,) = blocks("json")
    batch = MessageBatch("predictions", [event.encode()], [0], [0], [float("nan")])
    (frame,) = open_format("flat_json", {}).decode(batch).frames
    assert str(frame.model) == "fraud/7"
    assert {(column.kind, column.feature) for column in frame.columns} == {
        ("feature", "amount"),
        ("feature", "country"),
        ("prediction", "prediction"),
    }


def test_every_command_is_tried_here() -> None:
    """A command that the README gains is tried too; `run` has its own tests on a real broker."""
    assert {line.split()[1] for line in commands()} == {"profile", "check", "run", "rules", "replay"}


def test_links_lead_somewhere() -> None:
    """Every relative link names a file or folder of the project."""
    root = Path(__file__).parents[2]
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", README) if "://" not in target]
    assert targets
    assert [target for target in targets if not (root / target).exists()] == []
