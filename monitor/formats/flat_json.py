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
from monitor.formats.columns import Cells, Row, checked_size
from monitor.formats.fields import FieldReader, split_path
from monitor.formats.harvest import Harvest
from monitor.formats.identity import IDENTITY_FIELDS, open_identity
from monitor.formats.json_text import parse
from monitor.formats.rejects import Unusable, kind_of
from monitor.formats.scalars import bounded, label

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

    def decode(self, batch: MessageBatch) -> Decoded:
        """Read a batch, message by message; what cannot be used becomes a reject, never an exception."""
        harvest = Harvest(batch)
        for index, raw in enumerate(batch.values):
            try:
                self._take(parse(raw), index, batch.timestamps[index], harvest)
            except Unusable as problem:
                harvest.reject(index, problem)
        return harvest.finish()

    def _take(self, event: Any, index: int, recorded: float, harvest: Harvest) -> None:
        if type(event) is not dict:
            raise Unusable("wrong_shape", "an object", kind_of(event))
        features = self._features(event)
        if features is not None and type(features) is not dict:
            raise Unusable("wrong_shape", "features: an object", kind_of(features))
        predictions = self._predictions(event)
        if features is None and not _says_anything(predictions):
            if self._label(event) is not None:
                return harvest.ignore()
            if not predictions:
                raise Unusable("wrong_shape", "features, a prediction or a label", _keys(event))
        identity = self._identity
        row = Row(
            index,
            0,
            identity.event_time(event, recorded),
            identity.event_id(event) or harvest.place_id(index),
            features and checked_size(features, "features"),
            predictions and checked_size(predictions, "prediction"),
            _segment(self._segment(event)),
        )
        return harvest.add(identity.model(event), identity.model_version(event), row)


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
