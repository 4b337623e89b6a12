"""The formats by name, and how one is opened for a topic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

from monitor.domain.errors import ConfigurationError
from monitor.domain.frame import Decoded, MessageBatch
from monitor.formats.fields import nearest
from monitor.formats.flat_json import FlatJson
from monitor.formats.kserve import KServe


class Format(Protocol):
    """Reads the messages of one topic.  What it remembers between batches makes it faster and changes no cell."""

    def decode(self, batch: MessageBatch) -> Decoded:
        """Frames of the usable events in their order, and a reject for whatever is not usable; never raises for it."""
        ...


FORMATS: Mapping[str, Callable[[Mapping[str, Any]], Format]] = MappingProxyType(
    {"flat_json": FlatJson, "kserve": KServe}
)


def open_format(name: str, fields: Mapping[str, Any]) -> Format:
    """The format of a topic.  fields: see `monitor.formats.fields`, and the format for the names it knows.

    Raises ConfigurationError with every mistake; their places are relative to the topic (`format`, `fields.model`).
    """
    if name not in FORMATS:
        raise ConfigurationError([f"format: expected {nearest(name, tuple(FORMATS))}"])
    return FORMATS[name](fields)
