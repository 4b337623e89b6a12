"""JSON for review: objects spread over lines, lists of numbers kept together.  Reads back to the same values."""

from __future__ import annotations

import json
from typing import Any

_WIDTH = 110


def readable_json(value: Any) -> str:
    """The value as indented JSON, in the order it has; short containers and lists of scalars take few lines.

    >>> print(readable_json({"edges": [1, 2.5], "b": {"c": None}}), end="")
    {
      "edges": [1, 2.5],
      "b": {"c": null}
    }
    """
    return _render(value, 0, top=True) + "\n"


def _render(value: Any, indent: int, top: bool = False) -> str:
    flat = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if not isinstance(value, dict | list) or not value or (len(flat) + indent <= _WIDTH and not top):
        return flat
    inner = indent + 2
    if isinstance(value, dict):
        items = [f"{json.dumps(key, ensure_ascii=False)}: {_render(item, inner)}" for key, item in value.items()]
    elif any(isinstance(item, dict | list) for item in value):
        items = [_render(item, inner) for item in value]
    else:
        items = _wrapped([json.dumps(item, ensure_ascii=False, allow_nan=False) for item in value], inner)
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    lines = f",\n{' ' * inner}".join(items)
    return f"{opening}\n{' ' * inner}{lines}\n{' ' * indent}{closing}"


def _wrapped(items: list[str], indent: int) -> list[str]:
    """Scalars, as many to a line as fit."""
    lines = [items[0]]
    for item in items[1:]:
        if len(lines[-1]) + len(item) + 2 + indent <= _WIDTH:
            lines[-1] += f", {item}"
        else:
            lines.append(item)
    return lines
