"""What every format owes the loop, whatever its messages look like.  A new format brings samples and is held to it."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.domain.frame import Decoded, MessageBatch
from monitor.formats import FORMATS, REASONS, open_format
from monitor.formats.rejects import FOUND_CHARACTERS
from tests.unit.formats.events import RECORDED, Headers, batch_of, part_of, rows_of

Message = tuple[bytes | None, Headers]


def _event(kind: str, data: object, mode: str, number: int) -> Message:
    attributes = {
        "specversion": "1.0",
        "id": str(number),
        "type": f"org.kubeflow.serving.inference.{kind}",
        "inferenceservicename": f"m{number % 2}",
    }
    if mode == "structured":
        return json.dumps({**attributes, "data": data}).encode(), ()
    return json.dumps(data).encode(), tuple((f"ce_{name}", text.encode()) for name, text in attributes.items())


#: valid messages of every format, each giving at least one row
SAMPLES: dict[str, list[Message]] = {
    "flat_json": [
        (json.dumps(event).encode(), ())
        for event in (
            {"event_id": "e1", "ts": RECORDED, "model": "a", "features": {"x": 1.5, "c": "FR"}, "prediction": 0.2},
            {"model": "b", "model_version": 2, "features": {"x": None, "flag": True}, "segment": {"s": "web"}},
            {"model": "a", "features": {"c": "DE", "x": 2}, "prediction": {"p": 0.1, "q": "é"}},
            {"model": "a", "prediction": float("nan"), "ts": "2026-01-01T00:00:00Z"},
        )
    ],
    "kserve": [
        _event("request", {"instances": [[1, "a"], [2, None]]}, "binary", 0),
        _event("request", {"instances": [{"x": 1}, {"x": float("inf"), "y": True}]}, "structured", 1),
        _event("request", {"inputs": [{"name": "x", "shape": [2, 2], "data": [1, 2, 3, 4]}]}, "structured", 2),
        _event("response", {"predictions": [0.1, 0.2]}, "binary", 3),
        _event("response", {"outputs": [{"name": "y", "shape": [1], "data": ["z"]}]}, "binary", 4),
    ],
}

every_format = pytest.mark.parametrize("name", list(FORMATS))
quick = settings(max_examples=60, deadline=None)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([10**400, "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def batch(messages: list[Message]) -> MessageBatch:
    return batch_of(*(value for value, _ in messages), headers=[headers for _, headers in messages])


def check_law(messages: MessageBatch, decoded: Decoded) -> None:
    """What holds for any input: counts, places, reasons, and arrays that fit together."""
    places = list(zip(messages.partitions, messages.offsets, strict=True))
    rejected = [(reject.partition, reject.offset) for reject in decoded.rejects]
    assert decoded.accepted + decoded.ignored + len(set(rejected)) == len(messages)
    assert sorted(rejected, key=places.index) == rejected
    for reject in decoded.rejects:
        assert reject.topic == messages.topic
        assert reject.reason in REASONS
        assert len(reject.found) <= FOUND_CHARACTERS
        assert reject.expected
        (reject.found + reject.expected).encode("utf-8")
    gave = set()
    for rows in rows_of(decoded).values():
        order = [(places.index((row.partition, row.offset)), row.row) for row in rows]
        assert order == sorted(set(order))
        gave |= {(row.partition, row.offset) for row in rows}
    assert len(gave - set(rejected)) == decoded.accepted
    for frame in decoded.frames:
        assert len(frame) > 0
        assert frame.topic == messages.topic
        names = [(column.kind, column.feature) for column in frame.columns]
        assert names == sorted(set(names))
        json.dumps([str(frame.model), names, frame.event_id], ensure_ascii=False).encode("utf-8")
        for column in frame.columns:
            assert len(column.cells) == len(column.numbers) == len(frame)
            assert len(set(column.labels)) == len(column.labels)


@st.composite
def broken(draw: st.DrawFn, name: str) -> Message:
    """A valid message with a few bytes, a node of its JSON, or its headers spoilt."""
    value, headers = draw(st.sampled_from(SAMPLES[name]))
    assert value is not None
    how = draw(st.sampled_from(["bytes", "node", "headers", "cut"]))
    if how == "headers":
        spoilt = [(key, draw(st.none() | st.binary(max_size=4))) for key, _ in headers]
        return value, tuple(draw(st.permutations(spoilt)))
    if how == "cut":
        return value[: draw(st.integers(0, len(value)))], headers
    if how == "bytes":
        at = draw(st.integers(0, len(value)))
        return value[:at] + draw(st.binary(max_size=3)) + value[at + draw(st.integers(0, 3)) :], headers
    document = json.loads(value)
    _spoil(draw, document)
    return json.dumps(document).encode(), headers


def _spoil(draw: st.DrawFn, node: Any) -> None:
    """Replace, add or remove something below a node."""
    keys = list(node) if isinstance(node, dict) else list(range(len(node)))
    if not keys:
        return
    key = draw(st.sampled_from(keys))
    if isinstance(node[key], dict | list) and draw(st.booleans()):
        _spoil(draw, node[key])
    elif draw(st.booleans()):
        node[key] = draw(JSON)
    else:
        del node[key]


def test_every_format_has_samples() -> None:
    """A format cannot be registered without samples to be held to the law."""
    assert set(SAMPLES) == set(FORMATS)


@every_format
def test_samples_are_accepted(name: str) -> None:
    """Valid messages are accepted, every one."""
    messages = batch(SAMPLES[name])
    decoded = open_format(name, {}).decode(messages)
    assert (decoded.accepted, decoded.ignored, list(decoded.rejects)) == (len(SAMPLES[name]), 0, [])
    check_law(messages, decoded)


@every_format
def test_empty_batch(name: str) -> None:
    """A batch of nothing gives nothing."""
    decoded = open_format(name, {}).decode(batch([]))
    assert (list(decoded.frames), list(decoded.rejects), decoded.accepted, decoded.ignored) == ([], [], 0, 0)


@every_format
@quick
@given(data=st.data())
def test_random_bytes(name: str, data: st.DataObject) -> None:
    """Bytes of any kind never raise, and every message is accounted for."""
    value = st.none() | st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode())
    header = st.tuples(st.text(max_size=6) | st.sampled_from(["ce_type", "ce_id"]), st.none() | st.binary(max_size=5))
    message = st.tuples(value, st.lists(header, max_size=3).map(tuple))
    messages = batch(data.draw(st.lists(message, max_size=6)))
    check_law(messages, open_format(name, {}).decode(messages))


@every_format
@quick
@given(data=st.data())
def test_good_neighbours_survive(name: str, data: st.DataObject) -> None:
    """Broken messages never raise, and what stands between them is read as if they were not there."""
    good = SAMPLES[name]
    messages: list[Message] = []
    offsets = []
    for message in good:
        messages.extend(data.draw(st.lists(broken(name), max_size=2)))
        offsets.append(100 + len(messages))
        messages.append(message)
    mixed = batch(messages)
    decoded = open_format(name, {}).decode(mixed)
    check_law(mixed, decoded)
    alone = open_format(name, {}).decode(batch(good))
    assert Counter(_contents(decoded, offsets)) == Counter(_contents(alone, range(100, 100 + len(good))))


def _contents(decoded: Decoded, offsets: Any) -> list[str]:
    """The rows at some offsets as texts, apart from the place itself."""
    return [
        repr(
            (model, list(offsets).index(row.offset), row.row, row.has_features, row.segment, sorted(row.cells.items()))
        )
        for model, rows in rows_of(decoded).items()
        for row in rows
        if row.offset in offsets
    ]


@every_format
@quick
@given(data=st.data())
def test_cutting_a_batch_changes_nothing(name: str, data: st.DataObject) -> None:
    """However messages are cut into batches, the rows of each model, their order and the rejects are the same."""
    messages = batch(data.draw(st.lists(st.sampled_from(SAMPLES[name]) | broken(name), max_size=10)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(messages)), max_size=4)))
    reader = open_format(name, {})
    whole = reader.decode(messages)
    pieces = [
        reader.decode(part_of(messages, start, stop))
        for start, stop in zip([0, *cuts], [*cuts, len(messages)], strict=True)
    ]
    assert rows_of(pieces) == rows_of(whole)
    assert [reject for piece in pieces for reject in piece.rejects] == list(whole.rejects)
    assert sum(piece.accepted for piece in pieces) == whole.accepted
    assert sum(piece.ignored for piece in pieces) == whole.ignored


@every_format
def test_no_headers_at_all(name: str) -> None:
    """A batch without any headers, and messages whose headers are None, are read like messages with empty ones."""
    values = [value for value, _ in SAMPLES[name]]
    reader = open_format(name, {})
    empty = reader.decode(batch_of(*values, headers=[()] * len(values)))
    assert rows_of(reader.decode(batch_of(*values))) == rows_of(empty)


def test_reasons_are_explained() -> None:
    """Every reason is a name with a sentence for the documentation."""
    for reason, explanation in REASONS.items():
        assert reason.isidentifier()
        assert explanation.endswith(".")
