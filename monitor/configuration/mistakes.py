"""What pydantic refuses, in lines a person can act on: place, what was expected and found, where it is written."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import date

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from monitor.configuration.names import KeyPath, dotted, is_secret, model_at, variables
from monitor.domain.errors import ConfigurationError


class Deeper(ValueError):
    """A validator's mistakes with places of their own, relative to what it looks at (`fields.ts: expected …`)."""

    def __init__(self, error: ConfigurationError) -> None:
        super().__init__(str(error))
        self.mistakes = error.mistakes


def explain(error: ValidationError, places: Mapping[KeyPath, str], model: type[BaseModel]) -> list[str]:
    """One line a mistake: place, expectation, finding, and where it was written."""
    lines = []
    for detail in error.errors(include_url=False):
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, Deeper):
            source = _source(detail["loc"], places)
            lines += [f"{dotted(detail['loc'])}.{mistake}{source}" for mistake in cause.mistakes]
        else:
            lines.append(_line(detail, places, model))
    return lines


def _source(path: KeyPath, places: Mapping[KeyPath, str]) -> str:
    """Where a value was written, or else the nearest one above it."""
    written = next((places[path[:size]] for size in range(len(path), 0, -1) if path[:size] in places), "")
    return f" ({written})" if written else ""


def _line(detail: ErrorDetails, places: Mapping[KeyPath, str], model: type[BaseModel]) -> str:
    path: KeyPath = detail["loc"]
    source = _source(path, places)
    if detail["type"] == "extra_forbidden":
        return f"{dotted(path)}: unknown key{_nearest_key(model, path)}{source}"
    if detail["type"] == "missing":
        return f"{dotted(path)}: required, but missing{source}"
    context = {name: f"{item:g}" if isinstance(item, float) else item for name, item in detail.get("ctx", {}).items()}
    if detail["type"] == "value_error":
        return f"{dotted(path)}: {context['error']}{source}"
    expected = _EXPECTED.get(detail["type"], detail["msg"]).format(**context)
    secret = any(is_secret(str(part)) for part in path)
    # a text where a mapping should be may be the mapping with its secrets, written wrongly
    text = detail["type"] in {"dict_type", "model_type"} and isinstance(detail["input"], str)
    found = "***" if secret else "a text" if text else _shown(detail["input"])
    unquoted = detail["type"] == "string_type" and isinstance(detail["input"], bool | int | float | date)
    hint = "; put it in quotes" if unquoted else ""
    return f"{dotted(path)}: expected {expected}, got {found}{hint}{source}"


_EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "a mapping of names to values",
    "finite_number": "a finite number",
    "float_type": "a number",
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "int_from_float": "a whole number",
    "int_type": "a whole number",
    "less_than_equal": "a number of at most {le}",
    "literal_error": "{expected}",
    "model_type": "a mapping of names to values",
    "path_type": "a path",
    "string_too_short": "a text that is not empty",
    "string_type": "a text",
    "tuple_type": "a list",
}


def _shown(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"


def _nearest_key(model: type[BaseModel], path: KeyPath) -> str:
    name = str(path[-1])
    parent = model_at(model, path[:-1])
    if parent is None:
        return ""
    siblings = list(parent.model_fields)
    near = difflib.get_close_matches(name.lower().replace("-", "_"), siblings, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {near[0]}?"
    elsewhere = [here for here, _ in variables(model) if here[-1] == name]
    if elsewhere:
        return f"; it belongs at {dotted(elsewhere[0])}"
    return f"; known here: {', '.join(siblings)}"
