"""Flat JSON: one event a message, under the names of `fields` or these.

    {"event_id": "e1", "ts": "2026-01-01T00:00:00Z", "model": "fraud", "model_version": "7",
     "features": {"amount": 12.5, "country": "FR"}, "prediction": 0.82, "segment": {"channel": "web"}}

model           needed.  A number is read as its text; true or false too.
model_version   absent, null or empty: `unversioned`.
ts              see `event_time`; absent or null: the record's timestamp.
event_id        absent, null or empty: `<topic>/<partition>/<offset>`.
features        an object.  Absent or null: the event carries no features; `{}`: it carries features, all absent.
prediction      a scalar is the prediction `prediction`, an object holds named ones.
segment         an object of scalars (a scalar is named by the last key of its path); other values are left out.
label           an event with nothing but a label is understood and ignored.

Other keys are ignored.  Of a key that comes twice the last one counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monitor.domain.frame import Decoded, MessageBatch
from monitor.formats.columns import EMPTY_NAME, Cells, Row, checked_size
from monitor.formats.fields import FieldReader, split_path
from monitor.formats.harvest import Harvest, joined
from monitor.formats.identity import IDENTITY_FIELDS, event_name, open_identity
from monitor.formats.json_text import parse
from monitor.formats.lanes import TooWide
from monitor.formats.rejects import Unusable, kind_of
from monitor.formats.scalars import bounded, label
from monitor.formats.scanning import Scanner
from monitor.formats.templates import Leaf, Learned, NoTemplate, Role, RoleBook, mark

FIELDS = (*IDENTITY_FIELDS, "features", "prediction", "segment", "label")
#: name of a prediction that has none
PREDICTION = "prediction"
#: labels of one event's segment
MAX_SEGMENT_LABELS = 32


class FlatJson:
    """The format `flat_json`.  Raises ConfigurationError if the mapping of fields cannot be used."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        reader = FieldReader(fields, FIELDS)
        self._identity = open_identity(reader, {name: name for name in IDENTITY_FIELDS})
        self._label = reader.path_only("label", "label")
        features = reader.named_values("features")
        predictions = reader.named_values("prediction", whole=PREDICTION)
        segment = reader.named_values("segment", whole=_last_key(fields.get("segment")))
        reader.finish()
        self._features, self._predictions, self._segment = features(), predictions(), segment()
        self._scanner = Scanner(self._read, self._learn, event_name)

    def decode(self, batch: MessageBatch) -> Decoded:
        """Read a batch, message by message; what cannot be used becomes a reject, never an exception."""
        if self._scanner.takes(len(batch)):
            parts = [self._scan(_part(batch, span)) for span in self._scanner.parts(len(batch))]
            return parts[0] if len(parts) == 1 else joined(parts)
        return self.decode_one_by_one(batch)

    def decode_one_by_one(self, batch: MessageBatch) -> Decoded:
        """The same by the ordinary decoder alone."""
        harvest = Harvest(batch)
        for index, raw in enumerate(batch.values):
            try:
                found = self._read(raw, index, harvest)
            except Unusable as problem:
                harvest.reject(index, problem)
                continue
            if found is None:
                harvest.ignore()
            else:
                harvest.add(*found)
        return harvest.finish()

    def _scan(self, batch: MessageBatch) -> Decoded:
        harvest = Harvest(batch)
        try:
            frames = self._scanner.decode(batch, harvest)
        except TooWide:
            return self.decode_one_by_one(batch)
        return harvest.counted(frames)

    def _read(self, raw: bytes | None, index: int, harvest: Harvest) -> tuple[str, str, Row] | None:
        """Model, version and row of one message, None for a label.  Raises Unusable."""
        event = parse(raw)
        if type(event) is not dict:
            raise Unusable("wrong_shape", "an object", kind_of(event))
        features = self._features(event)
        if features is not None and type(features) is not dict:
            raise Unusable("wrong_shape", "features: an object", kind_of(features))
        predictions = self._predictions(event)
        if features is None and not _says_anything(predictions):
            if self._label(event) is not None:
                return None
            if not predictions:
                raise Unusable("wrong_shape", "features, a prediction or a label", _keys(event))
        identity = self._identity
        row = Row(
            index,
            0,
            identity.event_time(event, harvest.recorded(index)),
            identity.event_id(event) or harvest.place_id(index),
            features and checked_size(features, "features"),
            predictions and checked_size(predictions, "prediction"),
            _segment(self._segment(event)),
        )
        return identity.model(event), identity.model_version(event), row

    def _learn(self, raw: bytes) -> Learned:
        """The template of an event that `_read` reads.  Raises NoTemplate, Unusable."""
        parse(raw)  # makes sure that it is JSON, and of no forbidden depth
        marked = mark(raw)
        event, roles = marked.tree, RoleBook(marked)
        if type(event) is not dict:
            raise NoTemplate
        roles.give(self._label(event), Role.NULL_ONLY)
        features = self._features(event)
        if isinstance(features, Leaf):
            roles.give(features, Role.NULL_ONLY)
            features = None
        predictions = self._predictions(event)
        for kind, given in (("feature", features), ("prediction", predictions)):
            if given is not None and type(given) is not dict:
                raise NoTemplate
            for key, found in ((given and checked_size(given, kind)) or {}).items():
                roles.value(found, "feature" if kind == "feature" else "prediction", bounded(key) or EMPTY_NAME)
        for found in (self._identity.model_at(event), self._identity.model_version_at(event)):
            roles.give(found, Role.KEY)
        roles.give(self._identity.event_id_at(event), Role.ID)
        roles.give(self._identity.ts_at(event), Role.TIME)
        for found in (self._segment(event) or {}).values():
            if isinstance(found, Leaf):
                roles.give(found, Role.KEY)
        return roles.learned(needs_value=features is None)


def _part(batch: MessageBatch, span: slice) -> MessageBatch:
    if span == slice(0, len(batch)):
        return batch
    return MessageBatch(
        topic=batch.topic,
        values=batch.values[span],
        partitions=batch.partitions[span],
        offsets=batch.offsets[span],
        timestamps=batch.timestamps[span],
    )


def _says_anything(predictions: Cells | None) -> bool:
    return predictions is not None and any(value is not None for value in predictions.values())


def _last_key(path: object) -> str:
    keys = split_path(path) if isinstance(path, str) else None
    return keys[-1] if keys else "segment"


def _keys(event: Mapping[str, Any]) -> str:
    return f"an object with the keys {', '.join(list(event)[:20])}" if event else "an empty object"


def _segment(given: Cells | None) -> dict[str, str] | None:
    if not given:
        return None
    labels = {bounded(key): text for key, value in given.items() if (text := label(value)) is not None}
    if len(labels) > MAX_SEGMENT_LABELS:
        raise Unusable("too_large", f"segment: at most {MAX_SEGMENT_LABELS} labels", f"{len(labels)} labels")
    return labels or None
