"""The generated pages are what the code says, and they leave nothing out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from pydantic import BaseModel

from monitor.cli import app
from monitor.cli.reference_docs import documents, main
from monitor.configuration.names import inner_model
from monitor.exposition.catalogue import FAMILIES
from monitor.formats import FORMATS, REASONS
from monitor.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"


def names(model: type[BaseModel]) -> Iterator[str]:
    """The last part of every setting's name, descriptions checked on the way."""
    for name, info in model.model_fields.items():
        assert info.description, f"{model.__name__}.{name} has no description"
        yield name
        inner = inner_model(info.annotation)
        if inner is not None:
            yield from names(inner)


@pytest.mark.parametrize("page", sorted(documents()))
def test_the_page_is_up_to_date(page: str) -> None:
    """`make docs` would change nothing."""
    assert (DOCS / page).read_text(encoding="utf-8") == documents()[page]


def test_every_setting_is_documented() -> None:
    """Each key of each section has its row."""
    text = documents()["configuration.md"]
    for section, info in Settings.model_fields.items():
        model = inner_model(info.annotation)
        assert model is not None
        for name in names(model):
            assert any(line.startswith(f"| `{section}.") and f".{name}" in line for line in text.splitlines()), name


def test_every_metric_is_documented() -> None:
    """Each family has its row, with its help."""
    text = documents()["metrics.md"]
    assert [family.name for family in FAMILIES if f"| `{family.name}` |" not in text or family.help not in text] == []


def test_every_reason_of_a_reject_is_documented() -> None:
    """Whoever sees a reason on a graph finds its meaning."""
    text = documents()["metrics.md"]
    assert [reason for reason, meaning in REASONS.items() if f"| `{reason}` | {meaning} |" not in text] == []


def test_every_format_is_documented() -> None:
    """With what it calls its fields."""
    text = documents()["configuration.md"]
    assert [name for name in FORMATS if f"## Format `{name}`" not in text] == []


def test_every_command_is_documented() -> None:
    """Also those below `state`."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    below = [f"state {name}" for name in commands["state"].commands]
    expected = [name for name in commands if name != "state"] + below
    assert [name for name in expected if f"## driftgauge {name}\n" not in documents()["commands.md"]] == []


def test_pages_are_written_where_asked(tmp_path: Path) -> None:
    """The directory is made if need be."""
    assert main([str(tmp_path / "docs")]) == 0
    assert {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "docs").iterdir()} == documents()
