"""A settings model as a tree of names: which keys exist where, and which environment variable reaches them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from types import UnionType
from typing import Annotated, Union, get_args, get_origin

from pydantic import BaseModel

KeyPath = tuple[str | int, ...]

PREFIX = "DRIFTGAUGE_"
_SECRET = re.compile(r"(password(_hash)?|passphrase|secret|token|credentials?|pem|oauthbearer\.config)$", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Does a setting of this name hold something that must never be shown?"""
    return bool(_SECRET.search(name))


def dotted(path: KeyPath) -> str:
    """`("kafka", "topics", 0, "name")` → `kafka.topics[0].name`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def variables(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every section and setting that a variable can name (entries of lists cannot be)."""
    for name, info in model.model_fields.items():
        here = (*path, name)
        yield here, variable_of(here)
        inner = inner_model(info.annotation)
        if inner is not None and not is_list(info.annotation):
            yield from variables(inner, here)


def variable_of(path: Sequence[str]) -> str:
    """The environment variable of a setting."""
    return PREFIX + "__".join(path).upper()


def inner_model(annotation: object) -> type[BaseModel] | None:
    """The model behind `X`, `X | None` or `tuple[X, ...]`; None for plain values."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := inner_model(part)) is not None), None)


def is_list(annotation: object) -> bool:
    return get_origin(annotation) is tuple or any(is_list(part) for part in get_args(annotation))


def kinds(annotation: object) -> set[object]:
    """The plain types an annotation accepts, unions and `Annotated` unfolded; a literal counts as text."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return kinds(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return {kind for part in get_args(annotation) for kind in kinds(part)}
    if origin is not None and any(isinstance(part, str) for part in get_args(annotation)):
        return {str}
    return {annotation}


def model_at(model: type[BaseModel], path: KeyPath) -> type[BaseModel] | None:
    """The model whose keys are valid at a path, None where any key is."""
    for part in path:
        if isinstance(part, int):
            continue
        info = model.model_fields.get(part)
        inner = inner_model(info.annotation) if info is not None else None
        if inner is None:
            return None
        model = inner
    return model


def annotation_at(model: type[BaseModel], path: KeyPath) -> object:
    parent = model_at(model, path[:-1])
    info = parent.model_fields.get(str(path[-1])) if parent is not None else None
    return info.annotation if info is not None else None
