"""What is shipped for containers, read the way its programs read it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
#: everything that `kubectl apply -k` can be pointed at
BUILDS = ("standalone", "example/one", "example/several")


def tool(name: str, *arguments: str | Path) -> None:
    """Run a validator of this environment; AssertionError with its complaint if it is not content."""
    words = [str(Path(sys.executable).with_name(name)), *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, timeout=180, check=False)
    assert done.returncode == 0, f"{name}:\n{done.stdout}{done.stderr}"


def compose() -> dict[str, Any]:
    """docker-compose.yml, its merge keys resolved."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return document


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def mounts(service: dict[str, Any]) -> dict[str, Path]:
    """Target in the container → the file or folder of this repository."""
    pairs = (entry.split(":") for entry in service.get("volumes", []))
    return {pair[1]: ROOT / pair[0] for pair in pairs if pair[0].startswith("./")}


@cache
def built(name: str) -> str:
    """What kustomize makes of one of BUILDS; skips where there is no kustomize."""
    for words in (["kustomize", "build"], ["kubectl", "kustomize"]):
        if shutil.which(words[0]):
            done = subprocess.run(
                [*words, str(KUBERNETES / name)], capture_output=True, text=True, timeout=180, check=False
            )
            assert done.returncode == 0, done.stderr
            return done.stdout
    pytest.skip("neither kustomize nor kubectl is on PATH")


def objects(name: str) -> dict[str, dict[str, Any]]:
    """Kind → the object of that kind in a build; each kind is there once, but for config maps' hashes."""
    return {found["kind"]: found for found in yaml.safe_load_all(built(name))}
