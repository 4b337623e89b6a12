"""The dashboards as files."""

from __future__ import annotations

import json
from pathlib import Path

from tools.dashboards import model, overview


def rendered() -> dict[str, str]:
    """File name → text."""
    built = {"overview.json": overview.build(), "model.json": model.build()}
    return {name: json.dumps(dashboard, indent=2, ensure_ascii=False) + "\n" for name, dashboard in built.items()}


def write(folder: Path) -> None:
    """Write all of them into a folder."""
    for name, text in rendered().items():
        (folder / name).write_text(text, encoding="utf-8")
