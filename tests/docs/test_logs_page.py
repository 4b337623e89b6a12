"""docs/logs.md names the events that the code logs, all of them and no others."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


def texts(node: ast.expr) -> list[str]:
    """The names an expression may stand for: a text, or one of two."""
    if isinstance(node, ast.IfExp):
        return texts(node.body) + texts(node.orelse)
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def logged(tree: ast.AST) -> Iterator[str]:
    """What calls of the log name, and notices that are logged under their name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            called = node.func
            of_log = isinstance(called, ast.Attribute) and called.attr in LEVELS and ast.unparse(called.value) == "log"
            if of_log or ast.unparse(called) in ("Trouble", "self._warn"):
                yield from texts(node.args[0])
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "event":
            yield from texts(node.value)


def test_the_page_names_every_event_and_no_other() -> None:
    """Whoever searches for a line of the log finds what it means."""
    files = [*(ROOT / "monitor").rglob("*.py")]
    names = {name for path in files for name in logged(ast.parse(path.read_text(encoding="utf-8")))}
    page = (ROOT / "docs/logs.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `([^`]+)` \|", page, flags=re.MULTILINE)
    assert sorted(told) == sorted(names)
    assert [name for name in names if not re.fullmatch(r"[a-z]+(_[a-z]+)*", name)] == []
