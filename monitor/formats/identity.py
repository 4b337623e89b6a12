"""Whose event it is, which one, and when it happened: the fields every format has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from monitor.formats.fields import FieldReader, Source
from monitor.formats.rejects import Unusable, shown
from monitor.formats.scalars import bounded, event_time, label

#: version of a model whose events name none
UNVERSIONED = "unversioned"

IDENTITY_FIELDS = ("model", "model_version", "event_id", "ts")


@dataclass(frozen=True, slots=True)
class Identity:
    """Reads `IDENTITY_FIELDS` from a decoded message; every method raises Unusable."""

    model_at: Source
    model_version_at: Source
    event_id_at: Source
    ts_at: Source

    def model(self, event: Mapping[str, Any]) -> str:
        """The model's name.  Reasons: no_model, wrong_shape."""
        given = self.model_at(event)
        if type(given) is str and given:
            return bounded(given)
        if given is None or given == "":
            raise Unusable("no_model", "model: a text", "nothing" if given is None else "an empty text")
        return text_at("model", given)

    def model_version(self, event: Mapping[str, Any]) -> str:
        """The model's version, UNVERSIONED if absent, null or empty.  Reasons: wrong_shape."""
        given = self.model_version_at(event)
        if type(given) is str and given:
            return bounded(given)
        return UNVERSIONED if given is None or given == "" else text_at("model_version", given)

    def event_id(self, event: Mapping[str, Any]) -> str | None:
        """The event's own id; None if absent, null or empty.  Reasons: wrong_shape."""
        return event_name(self.event_id_at(event))

    def event_time(self, event: Mapping[str, Any], recorded: float) -> float:
        """Seconds since the epoch, see `monitor.formats.scalars.event_time`.  Reasons: bad_time, future_time."""
        return event_time(self.ts_at(event), recorded, "ts")


def open_identity(reader: FieldReader, defaults: Mapping[str, str | None]) -> Identity:
    """The four fields as `fields` maps them.  defaults: per field where it is found if nobody says otherwise."""
    return Identity(
        model_at=reader.required("model", defaults["model"] or ""),
        model_version_at=reader.optional("model_version", defaults["model_version"]),
        event_id_at=reader.path_only("event_id", defaults["event_id"]),
        ts_at=reader.path_only("ts", defaults["ts"]),
    )


def event_name(given: object) -> str | None:
    """What is given as an event's id as its text; None if null or empty.  Raises Unusable: wrong_shape."""
    if type(given) is str and given:
        return bounded(given)
    return None if given is None or given == "" else text_at("event_id", given)


def text_at(place: str, value: object) -> str:
    """A scalar as bounded text.  Raises Unusable: wrong_shape."""
    text = label(value)
    if text is None:
        raise Unusable("wrong_shape", f"{place}: a text or a finite number", shown(value))
    return text
