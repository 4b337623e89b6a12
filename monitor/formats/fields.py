"""The `fields` of a topic: where in a message a format finds what it needs.

A *path* names keys from the outside in, with dots between: `meta.time`.  A number steps into a list: `scores.1`.  A dot
that belongs to a key is written `\\.`, a backslash `\\\\`.

    model: service.name                  a path
    model: {const: fraud}                the same for every message
    event_id: null                       is not read at all
    features: payload                    a path to an object whose keys are the features
    features: .                          the message itself is that object
    features: [age, geo.country]         these paths, named by their last key
    features: {age: user.age_years}      name: path

An object that is read as a whole leaves out the keys under which other fields are found: with `{ts: t, features: .}`
the key `t` is not a feature.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from operator import methodcaller
from typing import Any, TypeGuard

from monitor.domain.errors import ConfigurationError
from monitor.formats.columns import ABSENT
from monitor.formats.rejects import kind_of, shown

Path = tuple[str, ...]
#: reads one value from a decoded message; None where it is absent or null
Source = Callable[[Mapping[str, Any]], Any]
#: reads an object of named values; None where nothing of it is there, something else where it is not an object
Reader = Callable[[Mapping[str, Any]], Any]

_WHOLE = "."
_A_PATH = 'a path such as "meta.time"'
_STEP = re.compile(r"((?:[^.\\]|\\.)*)(\.|\Z)", re.DOTALL)


def nearest(name: str, known: Sequence[str]) -> str:
    """The end of a message about an unknown name: what exists, and what was probably meant."""
    near = difflib.get_close_matches(name.lower().replace("-", "_"), known, n=1, cutoff=0.6)
    return f'one of {", ".join(known)}, got "{name}"' + (f'; did you mean "{near[0]}"?' if near else "")


def split_path(text: str) -> Path | None:
    """The keys of a path, or None if it is not one.

    >>> split_path("meta.time"), split_path(r"a\\.b.c"), split_path("a..b"), split_path("")
    (('meta', 'time'), ('a.b', 'c'), None, None)
    """
    keys = []
    position = 0
    while True:
        step = _STEP.match(text, position)
        if step is None or not step[1]:
            return None
        keys.append(re.sub(r"\\(.)", r"\1", step[1], flags=re.DOTALL))
        if not step[2]:
            return tuple(keys)
        position = step.end()


def find(value: Any, path: Path) -> Any:
    """What stands at a path, ABSENT if nothing does."""
    for key in path:
        if type(value) is dict:
            value = value.get(key, ABSENT)
        elif type(value) is list and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return ABSENT
    return value


class FieldReader:
    """Reads the `fields` of one topic; collects every mistake, and raises them together in `finish`.

    known: the fields the format has.  After a mistake a stand-in is returned, so that reading can go on.
    """

    def __init__(self, fields: Mapping[str, Any], known: Sequence[str]) -> None:
        self._fields = fields
        self._paths: list[Path] = []
        self.mistakes = [f"fields.{name}: expected {nearest(str(name), known)}" for name in fields if name not in known]

    def finish(self) -> None:
        """Raises ConfigurationError if there were mistakes."""
        if self.mistakes:
            raise ConfigurationError(self.mistakes)

    def required(self, name: str, default: str) -> Source:
        """A field that every event needs: a path or a constant."""
        if self._fields.get(name, default) is None:
            return self._mistake(name, f"{_A_PATH} or {{const: …}}", None)
        return self.optional(name, default)

    def optional(self, name: str, default: str | None) -> Source:
        """A field that may be a path, a constant, or null for not read."""
        given = self._fields.get(name, default)
        if isinstance(given, Mapping):
            return self._constant(name, given)
        return self.path_only(name, default)

    def path_only(self, name: str, default: str | None) -> Source:
        """A field that differs between messages: a path, or null for not read."""
        given = self._fields.get(name, default)
        if given is None:
            return _nothing
        path = split_path(given) if isinstance(given, str) else None
        if path is None:
            return self._mistake(name, f"{_A_PATH}, or null", given)
        self._paths.append(path)
        return _source(path)

    def names(self, name: str) -> tuple[str, ...] | None:
        """A list of names, each once; None if not given."""
        given = self._fields.get(name)
        if given is None:
            return None
        if not _is_list_of_names(given):
            self._mistake(name, "a list of names", given)
            return None
        if len(set(given)) < len(given):
            self._mistake(name, "each name once", next(item for item in given if given.count(item) > 1))
        return tuple(given)

    def named_values(self, name: str, whole: str | None = None) -> Callable[[], Reader]:
        """A field that holds named values: a path to an object, a list of paths, or a mapping of names to paths.

        whole: what to call the value if it is not an object; None passes it on as it is.  The answer is called when
        all fields are read: only then is it known which keys of the object belong to others.
        """
        given = self._fields.get(name, name)
        if given is None:
            return lambda: _nothing
        if isinstance(given, str):
            path = () if given == _WHOLE and name == "features" else split_path(given)
            if path is None:
                self._mistake(name, f"{_A_PATH}, a list of paths, or a mapping of names to paths", given)
                return lambda: _nothing
            self._paths.append(path)
            return lambda: _object_reader(path, self._others_in(path), whole)
        picks = self._picks(name, given)
        return lambda: _picking_reader(picks)

    def _picks(self, name: str, given: object) -> tuple[tuple[str, Path], ...]:
        picks: list[tuple[str, Path]] = []
        pairs: Sequence[tuple[str | None, object]] = ()
        if isinstance(given, Mapping) and all(isinstance(key, str) and key for key in given):
            pairs = list(given.items())
        elif isinstance(given, list):
            pairs = [(None, text) for text in given]
        if not pairs:
            self._mistake(name, f"{_A_PATH}, a list of paths, or a mapping of names to paths", given)
        for position, (key, text) in enumerate(pairs):
            path = split_path(text) if isinstance(text, str) else None
            if path is None:
                self._mistake(f"{name}.{position if key is None else key}", _A_PATH, text)
                continue
            feature = path[-1] if key is None else key
            if any(feature == taken for taken, _ in picks):
                self._mistake(f"{name}.{position}", "another last key, or a mapping of names to paths", feature)
            picks.append((feature, path))
        self._paths.extend(path for _, path in picks)
        return tuple(picks)

    def _constant(self, name: str, given: Mapping[Any, Any]) -> Source:
        constant = given.get("const")
        if set(given) != {"const"}:
            return self._mistake(name, f"{_A_PATH} or {{const: …}}", given)
        if isinstance(constant, bool) or not isinstance(constant, str | int | float) or constant == "":
            return self._mistake(f"{name}.const", "a text (in quotes) or a number", constant)
        return lambda event: constant

    def _others_in(self, path: Path) -> tuple[str, ...]:
        depth = len(path)
        return tuple({other[depth] for other in self._paths if len(other) > depth and other[:depth] == path})

    def _mistake(self, place: str, expected: str, given: object) -> Source:
        found = kind_of(given) if given is None or isinstance(given, Mapping | list) else shown(given)
        self.mistakes.append(f"fields.{place}: expected {expected}, got {found}")
        return _nothing


def _is_list_of_names(given: object) -> TypeGuard[list[str]]:
    return isinstance(given, list) and bool(given) and all(isinstance(item, str) and item for item in given)


def _nothing(event: Mapping[str, Any]) -> None:
    return None


def _source(path: Path) -> Source:
    if len(path) == 1:
        return methodcaller("get", path[0])

    def source(event: Mapping[str, Any]) -> Any:
        value = find(event, path)
        return None if value is ABSENT else value

    return source


def _object_reader(path: Path, without: tuple[str, ...], whole: str | None) -> Reader:
    top = path[0] if len(path) == 1 else None

    def reader(event: Mapping[str, Any]) -> Any:
        value = find(event, path) if top is None else event.get(top, ABSENT)
        if type(value) is dict:
            if without:
                value = {key: item for key, item in value.items() if key not in without}
            return value if value or path else None  # a message without other keys carries no features
        if value is ABSENT:
            return None
        return value if whole is None else {whole: value}

    return reader


def _picking_reader(picks: tuple[tuple[str, Path], ...]) -> Reader:
    def reader(event: Mapping[str, Any]) -> Any:
        found = {name: value for name, path in picks if (value := find(event, path)) is not ABSENT}
        return found or None

    return reader
