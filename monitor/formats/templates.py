"""Learning a template from one event: where its scalars stand, and what each of them is.

    {"model": "a", "features": {"x": 1.5}}     →     literals  {"model":▢  ,"features":{"x":▢  }}
                                                     tree      {"model": Leaf 0, "features": {"x": Leaf 1}}

What a scalar is to the event is not worked out from paths: the very readers that decode an event are shown the tree,
and what they hand back tells.  So a template follows every mapping of fields without knowing about mappings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import msgspec

from monitor.domain.keys import Kind

#: scalars of an event beyond which no template is learned
MAX_SCALARS = 4_096
#: bytes of an event beyond which no template is learned
MAX_TEMPLATE_BYTES = 1 << 18

_TOKEN = re.compile(rb'[ \t\n\r]*([{}\[\],:]|"(?:[^"\\]|\\.)*"|[^ \t\n\r{}\[\],:"]+)', re.DOTALL)
_END = re.compile(rb"[ \t\n\r]*\Z")


class Role(IntEnum):
    """What a scalar is to the event.  The numbers are known to `_template.pyx`."""

    IGNORED = 0  #: any scalar will do
    VALUE = 1  #: a feature or a prediction
    KEY = 2  #: with the others of its kind it decides model, version and segment
    ID = 3  #: the event's id
    TIME = 4  #: the event's time
    NULL_ONLY = 5  #: anything but null makes it an event of another kind


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar's place: the how manieth of its event it is."""

    index: int


@dataclass(frozen=True, slots=True)
class Marked:
    """An event with a Leaf for each scalar; literals: the texts around them; scalars: what stood there."""

    tree: Any
    literals: tuple[bytes, ...]
    scalars: tuple[bytes, ...]

    def is_null(self, leaf: Leaf) -> bool:
        return self.scalars[leaf.index] == b"null"


@dataclass(frozen=True, slots=True)
class Learned:
    """A template before columns are given out.

    names: per scalar, the column of a VALUE.  texts: per scalar, was it a text?  Other events may say otherwise.
    """

    literals: tuple[bytes, ...]
    roles: tuple[Role, ...]
    names: tuple[tuple[Kind, str] | None, ...]
    needs_value: bool
    texts: tuple[bool, ...] = field(compare=False)


class NoTemplate(Exception):
    """Nothing can be learned from this event; it stays with the ordinary decoder."""


def mark(raw: bytes) -> Marked:
    """The event with its scalars marked.  raw: valid JSON, not nested too deep.  Raises NoTemplate."""
    if len(raw) > MAX_TEMPLATE_BYTES:
        raise NoTemplate
    reader = _Reader(raw)
    tree = reader.value()
    if _END.match(raw, reader.at) is None:
        raise NoTemplate
    edges = [0, *(edge for span in reader.spans for edge in span), len(raw)]
    literals = tuple(raw[start:stop] for start, stop in zip(edges[::2], edges[1::2], strict=True))
    return Marked(tree, literals, tuple(raw[start:stop] for start, stop in reader.spans))


class _Reader:
    """Goes through the tokens of a JSON text that is known to be valid."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self.at = 0
        self.spans: list[tuple[int, int]] = []

    def _token(self) -> tuple[bytes, int]:
        found = _TOKEN.match(self._raw, self.at)
        if found is None:
            raise NoTemplate
        self.at = found.end()
        return found[1], found.start(1)

    def value(self) -> Any:
        token, start = self._token()
        if token == b"{":
            return self._object()
        if token == b"[":
            return self._list()
        if len(self.spans) == MAX_SCALARS or token in b"}],:":
            raise NoTemplate
        self.spans.append((start, self.at))
        return Leaf(len(self.spans) - 1)

    def _object(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        token, _ = self._token()
        while token != b"}":
            key = _key(token)
            if key in found:  # which of the two counts depends on the parser
                raise NoTemplate
            self._expect(b":")
            found[key] = self.value()
            token = self._next(b"}")
        return found

    def _list(self) -> list[Any]:
        found: list[Any] = []
        before = self.at
        if self._token()[0] == b"]":
            return found
        self.at = before
        while True:
            found.append(self.value())
            token, _ = self._token()
            if token == b"]":
                return found
            if token != b",":
                raise NoTemplate

    def _next(self, end: bytes) -> bytes:
        """The end, or what comes behind a comma."""
        token, _ = self._token()
        if token == end:
            return token
        if token != b",":
            raise NoTemplate
        return self._token()[0]

    def _expect(self, wanted: bytes) -> None:
        if self._token()[0] != wanted:
            raise NoTemplate


def _key(token: bytes) -> str:
    try:
        return msgspec.json.decode(token, type=str)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise NoTemplate from error


class RoleBook:
    """Collects what each scalar of a marked event is; a scalar with two roles makes no template."""

    def __init__(self, marked: Marked) -> None:
        self._marked = marked
        self._roles = [Role.IGNORED] * len(marked.scalars)
        self._names: list[tuple[Kind, str] | None] = [None] * len(marked.scalars)

    def give(self, found: Any, role: Role) -> None:
        """`found` is what a reader handed back: a Leaf, or something that is the same for all events."""
        if isinstance(found, dict | list):
            raise NoTemplate
        if isinstance(found, Leaf):
            if self._roles[found.index] is not Role.IGNORED:
                raise NoTemplate
            self._roles[found.index] = role

    def value(self, found: Any, kind: Kind, name: str) -> None:
        """A feature or a prediction; each name once."""
        if not isinstance(found, Leaf) or (kind, name) in self._names:
            raise NoTemplate
        self.give(found, Role.VALUE)
        self._names[found.index] = (kind, name)

    def learned(self, needs_value: bool) -> Learned:
        texts = tuple(scalar[:1] in (b'"', b"t", b"f") for scalar in self._marked.scalars)
        return Learned(self._marked.literals, tuple(self._roles), tuple(self._names), needs_value, texts)
