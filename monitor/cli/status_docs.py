"""Renders the page about `/api/v1/status` from the types behind it, and its schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from monitor.exposition.pages.content import SCHEMA_PATH, schema
from monitor.exposition.pages.document import MODELS_SHOWN, SHOWN

_INTRODUCTION = f"""# Status

`GET /` at `http.listen` is the status page: models, streams by trouble with their score over time and their recent
values beside the reference, open episodes in words, and how the daemon is. One file, no outside resource; it updates
itself every few seconds while it is looked at, and without a script reloads itself.

`GET /api/v1/status` is the same as JSON. Its JSON Schema is at `{SCHEMA_PATH}` and in
[status.schema.json](status.schema.json). Fields are added, never renamed or taken away, while `schema_version` stays.

- Both are behind the same certificate and password as `/metrics`.
- Both show the {SHOWN} most troubled streams and {MODELS_SHOWN} model versions, and how many there are. `?model=NAME`
  leaves one model. For every number of every stream there is [/metrics](metrics.md).
- Most troubled: drift before warning before stable before learning, then by score, then by effect.
- An answer is at most a second old. Scores are kept for the streams shown, from one point a second at the start to one
  a minute, about an hour and a half of them; a restart begins anew.
- Counts are live, those of `/metrics` wait for the next checkpoint.
"""


def status() -> str:
    """The page."""
    found: Mapping[str, Any] = schema()["$defs"]
    return _INTRODUCTION + "".join(_section(name, found[name]) for name in _ordered(found))


def status_schema() -> str:
    """The schema as a file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _ordered(found: Mapping[str, Any]) -> list[str]:
    """The whole first, then what it is made of, in the order of its fields."""
    ordered, waiting = [], ["Status"]
    while waiting:
        name = waiting.pop(0)
        if name not in ordered:
            ordered.append(name)
            waiting += [inner for field in found[name]["properties"].values() for inner in _named(field)]
    return ordered


def _named(field: Any) -> Iterator[str]:
    """Names of other objects in a field's type."""
    match field:
        case {"$ref": reference}:
            yield str(reference).rpartition("/")[2]
        case dict():
            for part in field.values():
                yield from _named(part)
        case list():
            for part in field:
                yield from _named(part)


def _section(name: str, made: Mapping[str, Any]) -> str:
    rows = [
        f"| `{field}` | {_type(said)} | {said.get('description', '').replace('|', chr(92) + '|')} |"
        for field, said in made["properties"].items()
    ]
    table = "\n".join(["| field | type | |", "|---|---|---|", *rows])
    return f"\n## {name}\n\n{made['description']}\n\n{table}\n"


def _type(said: Mapping[str, Any]) -> str:
    match said:
        case {"$ref": reference}:
            name = str(reference).rpartition("/")[2]
            return f"[{name}](#{name.lower()})"
        case {"anyOf": choices}:
            return " or ".join(_type(choice) for choice in choices)
        case {"enum": values}:
            return ", ".join(f"`{json.dumps(value)}`" for value in values)
        case {"type": "array", "items": items}:
            return f"list of {_type(items)}"
        case {"type": "object"}:
            return f"mapping of {_type(said['additionalProperties'])}"
        case {"format": "date-time"}:
            return "time"
    names = {"string": "text", "integer": "whole number", "boolean": "true or false", "null": "`null`"}
    return names.get(said["type"], str(said["type"]))
