"""Learned templates: which messages they take, and that nobody could tell from the outcome."""

from __future__ import annotations

import json
from typing import Any

import pytest

from monitor.domain.frame import Cell, Decoded, MessageBatch
from monitor.formats import scanning
from monitor.formats.flat_json import FlatJson
from monitor.formats.templates import NoTemplate, mark
from tests.unit.formats.events import RECORDED, batch_of, flat, reasons, rows_of


def layout(decoded: Decoded) -> list[Any]:
    """Everything a frame holds, down to the bits of its arrays."""
    return [
        (
            frame.model,
            frame.event_time.tobytes(),
            frame.has_features.tobytes(),
            list(frame.event_id),
            frame.offset.tolist(),
            frame.segments,
            [
                (
                    column.kind,
                    column.feature,
                    column.cells.tobytes(),
                    column.numbers.tobytes(),
                    None if column.texts is None else column.texts.tobytes(),
                    tuple(column.labels),
                )
                for column in frame.columns
            ],
        )
        for frame in decoded.frames
    ]


def check_same(format_: FlatJson, batch: MessageBatch) -> Decoded:
    """Decode, and hold the outcome against the ordinary decoder's."""
    found, expected = format_.decode(batch), format_.decode_one_by_one(batch)
    assert layout(found) == layout(expected)
    assert list(found.rejects) == list(expected.rejects)
    assert (found.accepted, found.ignored) == (expected.accepted, expected.ignored)
    return found


def event(number: int, **parts: Any) -> bytes:
    features = {"x": number / 7, "country": ["FR", "DE"][number % 2]}
    return flat(**{"event_id": f"e{number}", "ts": RECORDED + number, "features": features, **parts})


EVENTS = [event(number) for number in range(40)]


@pytest.fixture
def read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The messages that reach the ordinary decoder from now on."""
    seen: list[bytes] = []
    ordinary = FlatJson._read

    def spy(self: FlatJson, raw: bytes, *rest: Any) -> Any:
        seen.append(raw)
        return ordinary(self, raw, *rest)

    monkeypatch.setattr(FlatJson, "_read", spy)
    return seen


def test_events_of_one_producer_are_read_without_the_ordinary_decoder(read_one_by_one: list[bytes]) -> None:
    """Only the first event of a model is shown to it, to learn what its name amounts to."""
    FlatJson({}).decode(batch_of(*EVENTS))
    assert read_one_by_one == EVENTS[:1]


def test_a_message_that_does_not_match_costs_only_itself(read_one_by_one: list[bytes]) -> None:
    """White space, escapes, another order, a broken one: each alone goes to the ordinary decoder."""
    odd = [
        EVENTS[2].replace(b"FR", b"F\\u0052"),
        b" " + EVENTS[4],
        json.dumps(dict(reversed(json.loads(EVENTS[5]).items()))).encode(),
        EVENTS[6][:-1],
        EVENTS[7].replace(b"fraud", b"fr\xff"),
    ]
    format_ = FlatJson({})
    format_.decode(batch_of(*EVENTS))
    read_one_by_one.clear()
    found = format_.decode(batch_of(*EVENTS[:10], *odd, *EVENTS[10:]))
    assert read_one_by_one == odd
    assert sorted(reasons(found)) == ["not_json", "not_utf8"]
    assert len(found.frames) == 1
    check_same(format_, batch_of(*EVENTS[:10], *odd, *EVENTS[10:]))


def test_several_producers_have_a_template_each(read_one_by_one: list[bytes]) -> None:
    """Interleaved, from the second batch on."""
    other = [flat(features={"y": number, "x": None}, prediction=0.5) for number in range(40)]
    both = [raw for pair in zip(EVENTS, other, strict=True) for raw in pair]
    format_ = FlatJson({})
    format_.decode(batch_of(*both))
    format_.decode(batch_of(*both))
    read_one_by_one.clear()
    check_same_count = format_.decode(batch_of(*both)).accepted
    assert (check_same_count, read_one_by_one) == (80, [])
    check_same(format_, batch_of(*both))


def test_the_number_of_templates_is_bounded() -> None:
    """Events that all look different leave no more behind than a topic may have."""
    format_ = FlatJson({})
    for shape in range(100):
        events = [flat(features={f"x{shape}": number}) for number in range(20)]
        check_same(format_, batch_of(*events))
    assert len(format_._scanner._templates) <= scanning.MAX_TEMPLATES


def test_tables_of_texts_begin_anew_when_they_are_full() -> None:
    """A feature of ids must not fill the memory."""
    format_ = FlatJson({})
    for round_ in range(4):
        events = [flat(features={"id": f"{round_}-{number}", "x": 1}) for number in range(scanning.MAX_TEXTS)]
        check_same(format_, batch_of(*events))
    assert all(len(texts.table) <= 2 * scanning.MAX_TEXTS for texts in format_._scanner._texts)


def test_batches_that_match_nothing_are_soon_read_without_trying() -> None:
    """Every event with other keys: after a few batches most go to the ordinary decoder at once."""
    format_ = FlatJson({})
    tried = 0
    for round_ in range(20):
        tried += format_._scanner.takes(20)
        format_.decode(batch_of(*(flat(features={f"x{round_}_{number}": 1}) for number in range(20))))
    assert tried < 8


def test_a_value_of_another_type_changes_its_cell_alone() -> None:
    """Number, text, boolean, null, list: as the ordinary decoder classifies them."""
    values = [1.5, "FR", True, None, [1], {"a": 1}, -0.0, 10**30, "x" * 600]
    events = [flat(features={"x": value, "y": 1}) for value in values] * 3
    found = check_same(FlatJson({}), batch_of(*events))
    cells = [row.features["x"] for row in rows_of(found).popitem()[1][:6]]
    assert cells == [1.5, "FR", "true", Cell.NULL, Cell.WRONG_TYPE, Cell.WRONG_TYPE]


def test_times_that_are_refused_are_refused_here_too() -> None:
    """An hour ahead of the record is too far; nonsense is no time."""
    events = [event(number, ts=RECORDED + 3601 if number % 5 == 0 else "soon") for number in range(20)]
    assert set(reasons(check_same(FlatJson({}), batch_of(*EVENTS, *events)))) == {"bad_time", "future_time"}


def test_every_mapping_of_fields_has_its_templates(read_one_by_one: list[bytes]) -> None:
    """Constants, deep paths, picked features, the message as a whole."""
    events = [
        json.dumps({"meta": {"at": RECORDED + number}, "a": number, "deep": {"b": [1, str(number)]}}).encode()
        for number in range(40)
    ]
    fields = {"model": {"const": "m"}, "ts": "meta.at"}
    for features in (["a", "deep.b.1"], {"first": "deep.b.0"}, "."):
        format_ = FlatJson({**fields, "features": features})
        check_same(format_, batch_of(*events))
        if features != ".":
            read_one_by_one.clear()
            format_.decode(batch_of(*events))
            assert read_one_by_one == []


def test_a_segment_belongs_to_its_event() -> None:
    """Also when the model is the same."""
    events = [event(number, segment={"channel": "web" if number % 3 else "app"}) for number in range(40)]
    rows = rows_of(check_same(FlatJson({}), batch_of(*events))).popitem()[1]
    assert [row.segment for row in rows[:2]] == [{"channel": "app"}, {"channel": "web"}]


def test_a_label_is_no_event() -> None:
    """Labels among events are ignored, and an event that could carry one is looked at."""
    labels = [flat(event_id=f"e{number}", label=number % 2) for number in range(20)]
    assert check_same(FlatJson({}), batch_of(*EVENTS, *labels)).ignored == 20


@pytest.mark.parametrize("raw", [b'{"a":1,"a":2}', b'{"a":1}x', b'{"a":[1,]}', b'{"a"}', b"", b'{"a":1'])
def test_no_template_is_learned_from_what_may_be_read_in_two_ways(raw: bytes) -> None:
    """A key that comes twice, or text that is no JSON."""
    with pytest.raises(NoTemplate):
        mark(raw)
