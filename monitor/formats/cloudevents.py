"""CloudEvents 1.0 in Kafka messages, binary and structured.

    binary       headers  ce_id: 7, ce_type: org…request, ce_time: …      value  {"instances": …}
    structured   value    {"specversion": "1.0", "id": "7", "type": "org…request", "time": …, "data": {"instances": …}}

Header names are compared without regard to case, and `ce-id` (as over HTTP) counts as `ce_id`.
https://github.com/cloudevents/spec
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitor.formats.json_text import parse
from monitor.formats.rejects import Unusable, kind_of, shown

Headers = Sequence[tuple[str, bytes | None]]

_PREFIX = "ce-"
#: set where raw tensors follow the JSON (the binary extension of the inference protocol)
_BINARY_TENSORS = "inference-header-content-length"


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """An event whose data are not read yet.

    attributes: of a structured event the whole envelope.  body: of a binary event the message's value.
    """

    type: str
    attributes: Mapping[str, Any]
    body: bytes | None
    is_binary: bool
    has_binary_tensors: bool

    def document(self) -> dict[str, Any]:
        """The event in its structured form, whichever it came in, `data` decoded.  Raises Unusable."""
        if self.has_binary_tensors:
            raise Unusable("binary_tensor", "tensor data inside the JSON", f"a header {_BINARY_TENSORS}")
        data = parse(self.body) if self.is_binary else _inner_data(self.attributes)
        return {**self.attributes, "data": data}


def read_event(value: bytes | None, headers: Headers) -> CloudEvent:
    """The CloudEvent in a message.  Raises Unusable: not_cloudevent, not_utf8, and what `parse` raises."""
    attributes: dict[str, Any] = {}
    has_binary_tensors = False
    for name, content in headers:
        key = name.lower().replace("_", "-")
        if key == _BINARY_TENSORS:
            has_binary_tensors = True
        elif key.startswith(_PREFIX) and content is not None:
            attributes[key.removeprefix(_PREFIX)] = _text(name, content)
    if "type" in attributes:
        return CloudEvent(attributes["type"], attributes, value, True, has_binary_tensors)
    envelope = parse(value)
    if type(envelope) is not dict or "specversion" not in envelope or type(envelope.get("type")) is not str:
        expected = "a header ce_type, or an envelope with specversion and type"
        found = "an object without them" if type(envelope) is dict else kind_of(envelope)
        raise Unusable("not_cloudevent", expected, found)
    return CloudEvent(envelope["type"], envelope, None, False, has_binary_tensors)


def _inner_data(envelope: Mapping[str, Any]) -> Any:
    if "data_base64" in envelope:
        encoded = envelope["data_base64"]
        try:
            return parse(base64.b64decode(encoded, validate=True))
        except (binascii.Error, TypeError, ValueError):
            raise Unusable("wrong_shape", "data_base64: a text in Base64", shown(encoded)) from None
    data = envelope.get("data")
    # Envelopes without a JSON content type carry their JSON as a text.
    return parse(data.encode("utf-8")) if type(data) is str else data


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise Unusable("not_utf8", f"header {name}: valid UTF-8", "other bytes") from None
