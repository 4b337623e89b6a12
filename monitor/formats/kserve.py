"""KServe payload logs: CloudEvents of inference requests (features) and responses (predictions), exploded into rows.

The fields, and where they are found if `fields` does not say otherwise:

model             `inferenceservicename`, an attribute of the CloudEvent
model_version     `unversioned`: a request does not know it, and request and response must meet under one key
ts                `time`
event_id          `id`, the same in request and response; row 3 of a message is `<id>#3`
feature_names     names of a request's columns in order (v1 lists, v2 tensors), else see `monitor.formats.tensors`
prediction_names  the same for a response's columns

Paths address the event in its structured form, whichever mode it came in: `data.parameters.version` is in the payload.
Other types of CloudEvents, errors a server answered with, and payloads without rows are understood and ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from monitor.domain.frame import Decoded, MessageBatch
from monitor.formats.cloudevents import Headers, read_event
from monitor.formats.columns import Row
from monitor.formats.fields import FieldReader
from monitor.formats.harvest import Harvest
from monitor.formats.identity import IDENTITY_FIELDS, open_identity
from monitor.formats.rejects import Unusable
from monitor.formats.tensors import Side, read_rows

FIELDS = (*IDENTITY_FIELDS, "feature_names", "prediction_names")
#: rows of one message whose rejection is reported one by one; the message counts as one in any case
MAX_REPORTED_ROWS = 20

_DEFAULTS = {"model": "inferenceservicename", "model_version": None, "event_id": "id", "ts": "time"}
_REQUEST = Side(tensors="inputs", instances="instances", stem="feature")
_RESPONSE = Side(tensors="outputs", instances="predictions", stem="prediction")
_SIDES: Mapping[str, Side] = MappingProxyType(
    {
        "org.kubeflow.serving.inference.request": _REQUEST,
        "org.kubeflow.serving.inference.response": _RESPONSE,
    }
)


class KServe:
    """The format `kserve`.  Raises ConfigurationError if the mapping of fields cannot be used."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        reader = FieldReader(fields, FIELDS)
        self._identity = open_identity(reader, _DEFAULTS)
        self._names = {_REQUEST: reader.names("feature_names"), _RESPONSE: reader.names("prediction_names")}
        reader.finish()

    def decode(self, batch: MessageBatch) -> Decoded:
        """Read a batch, message by message; what cannot be used becomes a reject, never an exception."""
        harvest = Harvest(batch)
        headers = batch.headers or [()] * len(batch)
        for index, raw in enumerate(batch.values):
            try:
                self._take(raw, headers[index] or (), index, batch.timestamps[index], harvest)
            except Unusable as problem:
                harvest.reject(index, problem)
        return harvest.finish()

    def _take(self, raw: bytes | None, headers: Headers, index: int, recorded: float, harvest: Harvest) -> None:
        event = read_event(raw, headers)
        side = _SIDES.get(event.type)
        if side is None:
            return harvest.ignore()
        document = event.document()
        if side is _RESPONSE and _is_error(document["data"]):
            return harvest.ignore()
        rows = read_rows(document["data"], side, self._names[side])
        if not rows:
            return harvest.ignore()
        identity = self._identity
        model, model_version = identity.model(document), identity.model_version(document)
        event_id = identity.event_id(document) or harvest.place_id(index)
        time = identity.event_time(document, recorded)
        reported = 0
        for number, cells in enumerate(rows):
            row_id = f"{event_id}#{number}"
            if isinstance(cells, Unusable):
                reported += 1
                if reported <= MAX_REPORTED_ROWS:
                    harvest.reject(index, cells, number)
            elif side is _REQUEST:
                harvest.add(model, model_version, Row(index, number, time, row_id, cells, None, None, True))
            else:
                harvest.add(model, model_version, Row(index, number, time, row_id, None, cells))
        return None


def _is_error(data: Any) -> bool:
    return type(data) is dict and set(data) == {"error"}
