"""Starts the command as a user would, as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without settings of driftgauge, so that a developer's own do not matter."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DRIFTGAUGE_")}
    return {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **(extra or {})}


def command(*arguments: str | Path) -> list[str]:
    """The words that start it."""
    return [sys.executable, "-m", "monitor", *map(str, arguments)]


def driftgauge(
    *arguments: str | Path, stdin: str = "", cwd: Path | None = None, environ: Mapping[str, str] | None = None
) -> Result:
    """Run it to its end."""
    done = subprocess.run(
        command(*arguments),
        input=stdin.encode("utf-8", "surrogateescape"),
        capture_output=True,
        cwd=cwd,
        env=clean_environment(environ),
        timeout=180,
        check=False,
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())
