"""KServe payload logs: envelopes, tensors, and rows."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from monitor.domain.errors import ConfigurationError
from monitor.domain.frame import Cell, Decoded
from monitor.domain.keys import ModelKey
from monitor.formats import open_format
from monitor.formats.columns import MAX_FEATURES_PER_EVENT
from monitor.formats.kserve import MAX_REPORTED_ROWS
from monitor.formats.tensors import MAX_RANK, MAX_ROWS_PER_MESSAGE
from tests.unit.formats.events import RECORDED, Headers, Read, batch_of, only_rows, reasons

REQUEST, RESPONSE = "org.kubeflow.serving.inference.request", "org.kubeflow.serving.inference.response"
KSERVE = open_format("kserve", {})
V1 = {"instances": [[1, 2], [3, 4]]}


def headers(kind: str = REQUEST, prefix: str = "ce_", **others: bytes | None) -> Headers:
    """Attributes of a binary event; keyword arguments replace them, None leaves one out."""
    attributes: dict[str, bytes | None] = {
        "specversion": b"1.0",
        "id": b"7",
        "type": kind.encode(),
        "time": b"2026-01-01T00:00:05Z",
        "inferenceservicename": b"fraud",
        **others,
    }
    return tuple((prefix + name, value) for name, value in attributes.items() if value is not None)


def structured(data: Any, kind: str = REQUEST, **others: Any) -> bytes:
    envelope = {"specversion": "1.0", "id": "7", "type": kind, "source": "s", "inferenceservicename": "fraud"}
    return json.dumps({**envelope, "data": data, **others}).encode()


def decode(data: Any, kind: str = REQUEST, fields: dict[str, Any] | None = None) -> Decoded:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return open_format("kserve", fields or {}).decode(batch_of(raw, headers=[headers(kind)]))


def rows(data: Any, kind: str = REQUEST, fields: dict[str, Any] | None = None) -> list[Read]:
    decoded = decode(data, kind, fields)
    assert decoded.accepted == 1, decoded.rejects
    return only_rows(decoded)


def features(data: Any, **fields: Any) -> list[dict[str, Any]]:
    return [row.features for row in rows(data, fields=fields)]


def tensor(name: str, shape: list[int], data: Any, datatype: str = "FP32") -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def test_request_gives_features() -> None:
    """A request is exploded: a row an instance, with features, ids and the time of the CloudEvent."""
    first, second = rows(V1)
    assert first == Read(
        partition=0,
        offset=100,
        row=0,
        event_id="7#0",
        event_time=RECORDED + 5,
        has_features=True,
        segment=None,
        cells={("feature", "feature_0"): 1.0, ("feature", "feature_1"): 2.0},
    )
    assert (second.row, second.event_id, second.features["feature_0"]) == (1, "7#1", 3.0)


def test_response_gives_predictions() -> None:
    """A response gives predictions under the same ids, and no features."""
    first, second = rows({"predictions": [0.1, 0.9]}, RESPONSE)
    assert (first.predictions, first.features, first.has_features) == ({"prediction": 0.1}, {}, False)
    assert (second.event_id, second.predictions) == ("7#1", {"prediction": 0.9})


def test_request_and_response_meet() -> None:
    """Request and response have the same key: the service, unversioned."""
    batch = batch_of(
        json.dumps(V1).encode(),
        json.dumps({"model_name": "other", "model_version": "3", "predictions": [0.1]}).encode(),
        headers=[headers(), headers(RESPONSE)],
    )
    assert [frame.model for frame in KSERVE.decode(batch).frames] == [ModelKey("fraud", "unversioned")]


def test_a_request_has_no_place_for_predictions() -> None:
    """What a request does not carry is not missing: its response is another message."""
    decoded = KSERVE.decode(
        batch_of(
            json.dumps(V1).encode(), json.dumps({"predictions": [1]}).encode(), headers=[headers(), headers(RESPONSE)]
        )
    )
    (frame,) = decoded.frames
    assert frame.expects("feature").tolist() == [True, True, False]
    assert frame.expects("prediction").tolist() == [False, False, False]


@pytest.mark.parametrize("prefix", ["ce_", "ce-", "CE_", "Ce-"])
def test_spelling_of_headers(prefix: str) -> None:
    """Attributes are recognised however their headers are spelled."""
    decoded = KSERVE.decode(batch_of(json.dumps(V1).encode(), headers=[headers(prefix=prefix)]))
    assert decoded.accepted == 1


@pytest.mark.parametrize(
    "raw",
    [
        structured(V1, time="2026-01-01T00:00:05Z"),
        structured(json.dumps(V1), time="2026-01-01T00:00:05Z"),
        structured(None, time="2026-01-01T00:00:05Z", data_base64=base64.b64encode(json.dumps(V1).encode()).decode()),
    ],
    ids=["object", "text", "base64"],
)
def test_structured_equals_binary(raw: bytes) -> None:
    """The structured mode, with data as an object, a text or Base64, reads as the binary one."""
    decoded = KSERVE.decode(batch_of(raw))
    assert only_rows(decoded) == rows(V1)


def test_batch_of_both_modes() -> None:
    """One topic may carry both modes; messages without headers stand beside others."""
    batch = batch_of(structured(V1), json.dumps(V1).encode(), headers=[(), headers()])
    assert [row.offset for row in only_rows(KSERVE.decode(batch))] == [100, 100, 101, 101]


def test_time_of_the_record() -> None:
    """Without a time of its own the event has the record's."""
    assert only_rows(KSERVE.decode(batch_of(structured(V1))))[0].event_time == RECORDED


def test_place_instead_of_an_id() -> None:
    """Without an id the place of the message stands in."""
    batch = batch_of(json.dumps(V1).encode(), headers=[headers(id=None)])
    assert [row.event_id for row in only_rows(KSERVE.decode(batch))] == ["t/0/100#0", "t/0/100#1"]


def test_fields_name_model_and_version() -> None:
    """Model and version may be a constant, an attribute or a place in the payload."""
    fields = {"model": "data.model_name", "model_version": "data.parameters.version"}
    decoded = decode({**V1, "model_name": "m", "parameters": {"version": 3}}, fields=fields)
    assert decoded.frames[0].model == ModelKey("m", "3")
    decoded = decode(V1, fields={"model": {"const": "c"}, "model_version": "id"})
    assert decoded.frames[0].model == ModelKey("c", "7")


def test_no_model() -> None:
    """Without a service's name and without a field for it the event belongs to nobody."""
    batch = batch_of(json.dumps(V1).encode(), headers=[headers(inferenceservicename=None)])
    assert reasons(KSERVE.decode(batch)) == ["no_model"]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (V1, "org.kubeflow.serving.inference.feedback"),
        (b"\xff not even read", "com.example.other"),
        ({"error": "model failed"}, RESPONSE),
        ({"instances": []}, REQUEST),
        ({"inputs": []}, REQUEST),
        ({"inputs": [tensor("x", [0, 4], [])]}, REQUEST),
    ],
)
def test_ignored(data: Any, kind: str) -> None:
    """Other types, errors and empty payloads hold nothing to watch and are nobody's mistake."""
    decoded = decode(data, kind)
    assert (decoded.accepted, decoded.ignored, list(decoded.rejects), list(decoded.frames)) == (0, 1, [], [])


@pytest.mark.parametrize("raw", [b"{}", b"[]", b"3", b'{"specversion":"1.0"}', b'{"specversion":"1.0","type":3}'])
def test_not_a_cloudevent(raw: bytes) -> None:
    """JSON that is no CloudEvent is rejected as that."""
    assert reasons(KSERVE.decode(batch_of(raw))) == ["not_cloudevent"]


@pytest.mark.parametrize("raw", [None, b"null"])
@pytest.mark.parametrize("named", [headers(), ()])
def test_null_messages(raw: bytes | None, named: Headers) -> None:
    """Tombstones and null are rejected in both modes."""
    assert reasons(KSERVE.decode(batch_of(raw, headers=[named]))) == ["null_message"]


def test_header_that_is_not_utf8() -> None:
    """An attribute that is no UTF-8 is rejected, and its header named."""
    batch = batch_of(b"{}", headers=[headers(id=b"\xff")])
    (reject,) = KSERVE.decode(batch).rejects
    assert (reject.reason, "ce_id" in reject.expected) == ("not_utf8", True)


@pytest.mark.parametrize("data", ["not base64!", 3, None])
def test_bad_base64(data: object) -> None:
    """Base64 that is none is a wrong shape."""
    assert reasons(KSERVE.decode(batch_of(structured(None, data_base64=data)))) == ["wrong_shape"]


def test_binary_tensor_header() -> None:
    """Raw tensors after the JSON are refused in plain words."""
    named = (*headers(), ("Inference-Header-Content-Length", b"120"))
    (reject,) = KSERVE.decode(batch_of(b'{"inputs":[]}\x00\x01', headers=[named])).rejects
    assert (reject.reason, reject.expected) == ("binary_tensor", "tensor data inside the JSON")
    assert "inference-header-content-length" in reject.found


def test_binary_tensor_parameter() -> None:
    """So are tensors that say their data are raw."""
    raw = {"name": "x", "shape": [2], "datatype": "FP32", "parameters": {"binary_data_size": 8}}
    (reject,) = decode({"inputs": [raw]}).rejects
    assert (reject.reason, reject.found) == ("binary_tensor", "8 raw bytes")


def test_v1_objects() -> None:
    """Instances that are objects name their features themselves; nested values are of a wrong type."""
    assert features({"instances": [{"a": 1, "b": [1]}, {"a": None}]}) == [
        {"a": 1.0, "b": Cell.WRONG_TYPE},
        {"a": Cell.NULL},
    ]


def test_v1_named() -> None:
    """Configured names go to the columns in order."""
    assert features(V1, feature_names=["a", "b"]) == [{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 4.0}]
    named = rows({"predictions": [[0.1, 0.9]]}, RESPONSE, {"prediction_names": ["ham", "spam"]})
    assert named[0].predictions == {"ham": 0.1, "spam": 0.9}


def test_v1_null_scalar() -> None:
    """A null among scalar predictions is a missing prediction."""
    assert [row.predictions["prediction"] for row in rows({"predictions": [0.1, None]}, RESPONSE)] == [0.1, Cell.NULL]


@pytest.mark.parametrize("bad", [[5], [5, 6, 7], 5, None, []])
def test_v1_bad_row(bad: object) -> None:
    """A row of another width is rejected at its place; its neighbours survive and the message counts as rejected."""
    decoded = decode({"instances": [[1, 2], bad, [3, 4]]})
    assert (decoded.accepted, decoded.ignored) == (0, 0)
    assert [(reject.reason, reject.row) for reject in decoded.rejects] == [("wrong_shape", 1)]
    assert [(row.event_id, row.features["feature_0"]) for row in only_rows(decoded)] == [("7#0", 1.0), ("7#2", 3.0)]


def test_v1_bad_first_row() -> None:
    """Most rows decide how wide a row is, not the first one."""
    decoded = decode({"instances": [[1], [1, 2], [3, 4]]})
    assert [reject.row for reject in decoded.rejects] == [0]


def test_v1_names_decide_the_width() -> None:
    """Configured names decide how wide a row is, whatever most rows say."""
    decoded = decode({"instances": [[1], [2], [3, 4]]}, fields={"feature_names": ["a", "b"]})
    assert [reject.row for reject in decoded.rejects] == [0, 1]
    assert only_rows(decoded)[0].features == {"a": 3.0, "b": 4.0}


def test_many_bad_rows_are_one_message() -> None:
    """Of very many bad rows some are reported; the message counts once in any case."""
    decoded = decode({"instances": [[1, 2]] * 600 + [[1]] * 500})
    assert (decoded.accepted, len(decoded.rejects), len(only_rows(decoded))) == (0, MAX_REPORTED_ROWS, 600)


@pytest.mark.parametrize("data", [[1, 2, 3, 4, 5, 6], [[1, 2, 3], [4, 5, 6]]], ids=["flat", "nested"])
def test_v2_one_tensor_of_columns(data: object) -> None:
    """A tensor of two axes holds all columns, flat or nested, named after it or as configured."""
    payload = {"inputs": [tensor("x", [2, 3], data)]}
    assert features(payload) == [{"x_0": 1.0, "x_1": 2.0, "x_2": 3.0}, {"x_0": 4.0, "x_1": 5.0, "x_2": 6.0}]
    assert features(payload, feature_names=["a", "b", "c"])[1] == {"a": 4.0, "b": 5.0, "c": 6.0}


@pytest.mark.parametrize(("shape", "data"), [([2], [1, 2]), ([2, 1], [1, 2]), ([2, 1], [[1], [2]])])
def test_v2_a_tensor_a_column(shape: list[int], data: object) -> None:
    """Tensors of one column are named as they are, and stand side by side in a row."""
    payload = {"inputs": [tensor("a", shape, data), tensor("b", [2], ["x", None], "BYTES")]}
    assert features(payload) == [{"a": 1.0, "b": "x"}, {"a": 2.0, "b": Cell.NULL}]


@pytest.mark.parametrize("data", [list(range(8)), [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]], ids=["flat", "nested"])
def test_v2_more_axes(data: object) -> None:
    """Axes after the first are columns in C order."""
    assert features({"inputs": [tensor("x", [2, 2, 2], data)]})[1] == {"x_0": 4.0, "x_1": 5.0, "x_2": 6.0, "x_3": 7.0}


def test_v2_scalar() -> None:
    """A tensor without axes is one row of one value."""
    assert features({"inputs": [tensor("x", [], [5])]}) == [{"x": 5.0}]


def test_v2_outputs() -> None:
    """Outputs of a response are named predictions."""
    payload = {"outputs": [tensor("score", [2], [0.1, 0.2]), tensor("label", [2, 1], ["a", "b"], "BYTES")]}
    assert rows(payload, RESPONSE)[1].predictions == {"score": 0.2, "label": "b"}


@pytest.mark.parametrize("data", [[True, False, None], [1, 0, None]])
def test_v2_booleans(data: object) -> None:
    """Truth values are texts, also where a server writes them as 1 and 0."""
    cells = [row["x"] for row in features({"inputs": [tensor("x", [3], data, "BOOL")]})]
    assert cells == ["true", "false", Cell.NULL]


@pytest.mark.parametrize("datatype", ["FP16", "BF16", "FP64", "INT8", "UINT64"])
def test_v2_numbers(datatype: str) -> None:
    """Numbers of every datatype are numbers."""
    assert features({"inputs": [tensor("x", [1], [1], datatype)]}) == [{"x": 1.0}]


def test_v2_nan() -> None:
    """NaN as Python writes it costs its own cell alone."""
    assert features(b'{"inputs":[{"name":"x","shape":[1,2],"data":[NaN,1]}]}') == [{"x_0": Cell.NON_FINITE, "x_1": 1.0}]


@pytest.mark.parametrize("bad", [[1], [1, 2, 3], 1, None, []])
def test_v2_bad_nested_row(bad: object) -> None:
    """A nested row that is not of its shape is rejected at its place, its neighbours survive."""
    decoded = decode({"inputs": [tensor("x", [3, 2], [[1, 2], bad, [5, 6]]), tensor("y", [3], [1, 2, 3])]})
    assert [(reject.reason, reject.row) for reject in decoded.rejects] == [("wrong_shape", 1)]
    assert [row.features["y"] for row in only_rows(decoded)] == [1.0, 3.0]


def test_v2_nested_deeper_than_its_shape() -> None:
    """Lists where the shape has values are values of a wrong type, in their cells alone."""
    row = features({"inputs": [tensor("x", [1, 2], [[[1], 2]])]})[0]
    assert row == {"x_0": Cell.WRONG_TYPE, "x_1": 2.0}


@pytest.mark.parametrize(
    "inputs",
    [
        [3],
        [{"shape": [1], "data": [1]}],
        [{"name": 3, "shape": [1], "data": [1]}],
        [{"name": "x", "data": [1]}],
        [{"name": "x", "shape": [1]}],
        [tensor("x", [1], 5)],
        [tensor("x", [2], [1])],
        [tensor("x", [2, 2], [1, 2, 3])],
        [tensor("x", [3, 2], [[1, 2], [3, 4]])],
        [tensor("x", [-1], [])],
        [{"name": "x", "shape": [1.0], "data": [1]}],
        [{"name": "x", "shape": [True], "data": [1]}],
        [tensor("x", [1] * (MAX_RANK + 1), [1])],
        [tensor("a", [2], [1, 2]), tensor("b", [3], [1, 2, 3])],
    ],
)
def test_v2_wrong_shapes(inputs: list[Any]) -> None:
    """A tensor that contradicts itself or its neighbours rejects its message, with the tensor named."""
    (reject,) = decode({"inputs": inputs}).rejects
    assert (reject.reason, reject.expected.startswith("inputs[")) == ("wrong_shape", True)


def test_names_that_do_not_fit() -> None:
    """Configured names for another number of columns reject the message."""
    decoded = decode({"inputs": [tensor("x", [1, 3], [1, 2, 3])]}, fields={"feature_names": ["a", "b"]})
    assert [(reject.expected, reject.found) for reject in decoded.rejects] == [
        ("inputs: 2 columns, as many as names", "3 columns")
    ]


@pytest.mark.parametrize("payload", [{}, [], "[]", 3, None, {"instances": {}}, {"inputs": 3}, {"predictions": [1]}])
def test_wrong_payload(payload: object) -> None:
    """A payload of neither protocol, or of the other side, is a wrong shape."""
    assert reasons(KSERVE.decode(batch_of(structured(payload)))) == ["wrong_shape"]


@pytest.mark.parametrize(
    "payload",
    [
        {"instances": [1] * (MAX_ROWS_PER_MESSAGE + 1)},
        {"inputs": [tensor("x", [MAX_ROWS_PER_MESSAGE + 1], [1] * (MAX_ROWS_PER_MESSAGE + 1))]},
        {"inputs": [tensor("x", [10**300], [1])]},
        {"inputs": [tensor("x", [1, 10**100, 10**100, 10**100], [1])]},
        {"inputs": [tensor("x", [1, MAX_FEATURES_PER_EVENT + 1], [1] * (MAX_FEATURES_PER_EVENT + 1))]},
        {"inputs": [tensor("x", [1, 6000], [1] * 6000), tensor("y", [1, 6000], [1] * 6000)]},
        {"instances": [[1] * (MAX_FEATURES_PER_EVENT + 1)]},
        {"instances": [{f"k{i}": 1 for i in range(MAX_FEATURES_PER_EVENT + 1)}]},
    ],
    ids=["rows v1", "rows v2", "huge rows", "huge columns", "columns v2", "columns of two", "columns v1", "keys v1"],
)
def test_too_large(payload: dict[str, Any]) -> None:
    """Rows and columns of a message are limited, also where a shape merely claims them."""
    assert reasons(decode(payload)) == ["too_large"]


@pytest.mark.parametrize("names", [[], "a", [1], ["a", ""], ["a", "a"], {"a": "b"}])
def test_bad_names(names: object) -> None:
    """Names are a list of texts, each once."""
    with pytest.raises(ConfigurationError, match=r"^fields\.feature_names: expected "):
        open_format("kserve", {"feature_names": names})
