"""Bad input: each kind is counted under its reason and costs no neighbour."""

from __future__ import annotations

import json

import pytest

from monitor.domain.frame import Cell, Decoded
from monitor.formats import REASONS, open_format
from monitor.formats.columns import EMPTY_NAME, MAX_FEATURES_PER_EVENT
from monitor.formats.flat_json import MAX_SEGMENT_LABELS
from monitor.formats.json_text import MAX_DEPTH, MAX_MESSAGE_BYTES
from monitor.formats.rejects import FOUND_CHARACTERS
from monitor.formats.scalars import MAX_TEXT_BYTES
from tests.unit.formats.events import Read, batch_of, flat, only_rows, reasons, rows_of

FLAT = open_format("flat_json", {})
GOOD = flat(features={"a": 1.0}, prediction=0.5)


def between_good_ones(raw: bytes | None) -> Decoded:
    """The message between two good ones, which are sure to survive."""
    decoded = FLAT.decode(batch_of(GOOD, raw, GOOD))
    offsets = [row.offset for frame in [only_rows(decoded)] for row in frame]
    assert offsets[0] == 100
    assert offsets[-1] == 102
    return decoded


def rejected(raw: bytes | None, reason: str) -> str:
    """Assert that the message is rejected for this reason; what was found."""
    decoded = between_good_ones(raw)
    assert (decoded.accepted, decoded.ignored, reasons(decoded)) == (2, 0, [reason])
    (reject,) = decoded.rejects
    assert (reject.topic, reject.partition, reject.offset) == ("t", 1, 101)
    assert reason in REASONS
    assert len(reject.found) <= FOUND_CHARACTERS
    assert reject.expected
    return reject.found


def survivor(raw: bytes) -> Read:
    """Assert that the message is accepted; its row."""
    decoded = FLAT.decode(batch_of(raw))
    assert (decoded.accepted, list(decoded.rejects)) == (1, [])
    return only_rows(decoded)[0]


@pytest.mark.parametrize("raw", [b"", b"   ", b"hello", b'{"model":', b'{"a":1}{"a":2}', b"{'a': 1}", b"\x00" * 10])
def test_not_json(raw: bytes) -> None:
    """What is not JSON is rejected as such."""
    rejected(raw, "not_json")


@pytest.mark.parametrize("raw", [b'{"model":"\xff","prediction":1}', b"\xff\xfe{\x00}\x00", b'"\xed\xa0\x80"'])
def test_invalid_utf8(raw: bytes) -> None:
    """Bytes that are no UTF-8 are rejected, with the first of them named."""
    assert "position" in rejected(raw, "not_utf8")


@pytest.mark.parametrize("raw", [None, b"null", b" null "])
def test_null_messages(raw: bytes | None) -> None:
    """A tombstone and a JSON null are rejected under one reason."""
    rejected(raw, "null_message")


@pytest.mark.parametrize(
    ("raw", "found"), [(b"[]", "a list"), (b"1", "a number"), (b'"x"', "a text"), (b"true", "true or false")]
)
def test_top_level_is_no_object(raw: bytes, found: str) -> None:
    """A top level that is no object is rejected, and what it is is said."""
    assert rejected(raw, "wrong_shape") == found


@pytest.mark.parametrize("features", [[1, 2], "a=1", 3, True])
def test_features_are_no_object(features: object) -> None:
    """Features that are no object are a wrong shape."""
    rejected(flat(features=features), "wrong_shape")


def test_nothing_to_watch() -> None:
    """An event without features, prediction and label is rejected, and its keys are named."""
    assert "amount" in rejected(flat(amount=1), "wrong_shape")


@pytest.mark.parametrize("model", [None, ""])
def test_no_model(model: object) -> None:
    """An event of no model is rejected."""
    rejected(json.dumps({"model": model, "prediction": 1}).encode(), "no_model")


@pytest.mark.parametrize("part", [{"model": ["m"]}, {"model_version": {}}, {"event_id": [1]}, {"model": 10**400}])
def test_names_of_a_wrong_type(part: dict[str, object]) -> None:
    """A name that is no scalar, or no number a name could be, is a wrong shape."""
    rejected(flat(**{"prediction": 1, **part}), "wrong_shape")


@pytest.mark.parametrize("opening", [b"{", b"[", b'{"a":', b'[{"a":'])
def test_a_megabyte_of_nesting(opening: bytes) -> None:
    """A megabyte of opening brackets is rejected as too deep, whatever the stack at hand."""
    rejected(opening * (1_000_000 // len(opening)), "too_deep")


@pytest.mark.parametrize("where", [lambda nest: b'{"model":"m","prediction":1,"x":' + nest + b"}", lambda nest: nest])
def test_balanced_nesting(where: object) -> None:
    """Valid JSON that is too deep is rejected, also where nobody would have looked."""
    rejected(where(b"[" * 200_000 + b"]" * 200_000), "too_deep")  # type: ignore[operator]


def test_nesting_at_the_limit() -> None:
    """The limit on depth is exact, and brackets in texts are not counted."""
    nest = b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1)
    template = b'{"model":"m","prediction":1,"s":"%s\\"[","x":%s}'
    assert survivor(template % (b"[{" * 1000, nest)).predictions == {"prediction": 1.0}
    rejected(template % (b"[{" * 1000, b"[" + nest + b"]"), "too_deep")


def test_wide_is_not_deep() -> None:
    """Many brackets side by side are no depth."""
    assert survivor(flat(prediction=1, x=[[]] * 1000)).predictions == {"prediction": 1.0}


def test_unterminated_text_of_escapes_is_cheap() -> None:
    """A megabyte of escaped quotes that never ends is looked at once, not once for every quote."""
    rejected(b"[" * 100 + b'"' + b'\\"' * 500_000, "too_deep")


@pytest.mark.parametrize("written", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", str(10**400), "1" + "0" * 5000])
def test_numbers_that_are_not_finite(written: str) -> None:
    """NaN and infinities as Python writes them, and numbers beyond the floats, cost their own cell alone."""
    raw = b'{"model":"m","features":{"bad":%s,"good":2.5},"prediction":0.5}' % written.encode()
    row = survivor(raw)
    assert row.features == {"bad": Cell.NON_FINITE, "good": 2.5}
    assert row.predictions == {"prediction": 0.5}


def test_python_dumps_nan() -> None:
    """What json.dumps makes of a NaN is read, among nulls and numbers of the same column."""
    values = [float("nan"), None, 1, float("inf")]
    decoded = FLAT.decode(batch_of(*(flat(features={"f": value}) for value in values)))
    cells = [row.features["f"] for row in only_rows(decoded)]
    assert cells == [Cell.NON_FINITE, Cell.NULL, 1.0, Cell.NON_FINITE]


@pytest.mark.parametrize("beside", [b"NaN", b"1"])
def test_integers_beyond_64_bits(beside: bytes) -> None:
    """Integers beyond 2^63 are the nearest float, by either parser."""
    row = survivor(b'{"model":"m","features":{"f":123456789012345678901,"g":9223372036854775809,"h":%s}}' % beside)
    assert (row.features["f"], row.features["g"]) == (123456789012345678901.0, 9223372036854775809.0)


def test_strings_where_numbers_were() -> None:
    """A text among numbers is a text; the numbers beside it stay numbers."""
    decoded = FLAT.decode(batch_of(*(flat(features={"f": value}) for value in (1, "2", 3.5))))
    assert [row.features["f"] for row in only_rows(decoded)] == [1.0, "2", 3.5]


def test_duplicate_keys() -> None:
    """Of a key that comes twice the last one counts, by either parser."""
    twice = b'{"model":"a","model":"m","features":{"f":1,"f":2%s},"prediction":1}'
    assert survivor(twice % b"").features == {"f": 2.0}
    assert survivor(twice % b',"g":NaN').features["f"] == 2.0


def test_lone_surrogates() -> None:
    """Half a character is written out as an escape wherever it stands, and the event survives."""
    raw = (
        b'{"model":"m\\ud800","model_version":"\\udfff","event_id":"e\\ud800","features":{"k\\ud83d":"v\\ud800"},'
        b'"segment":{"s\\ud800":"t\\ud800"}}'
    )
    decoded = FLAT.decode(batch_of(raw))
    (frame,) = decoded.frames
    row = only_rows(decoded)[0]
    assert str(frame.model) == "m\\ud800/\\udfff"
    assert (row.event_id, row.features) == ("e\\ud800", {"k\\ud83d": "v\\ud800"})
    assert row.segment == {"s\\ud800": "t\\ud800"}


def test_surrogates_in_a_reject_are_encodable() -> None:
    """What a reject quotes can always be logged."""
    rejected(b'{"model":"m","prediction":1,"ts":"\\ud800"}', "bad_time").encode("utf-8")


def test_pairs_of_surrogates_are_characters() -> None:
    """A proper pair of escapes is the character it means, also beside a NaN."""
    row = survivor(b'{"model":"m","features":{"f":"\\ud83d\\ude00","g":NaN}}')
    assert row.features["f"] == "\N{GRINNING FACE}"


def test_quotes_and_newlines() -> None:
    """Names and labels keep quotes, newlines and zero bytes: escaping is the business of who writes them out."""
    row = survivor(flat(features={'a"b\n': 'c"\\\n\x00'}))
    assert row.features == {'a"b\n': 'c"\\\n\x00'}


def test_empty_feature_name() -> None:
    """A feature without a name gets one that can be seen, and its neighbours stay."""
    assert survivor(flat(features={"": 1, "b": 2})).features == {EMPTY_NAME: 1.0, "b": 2.0}


def test_names_that_become_equal() -> None:
    """Where two keys of an event end up with one name, the later one counts."""
    assert survivor(flat(features={"": 1, EMPTY_NAME: 2})).features == {EMPTY_NAME: 2.0}


def test_enormous_texts() -> None:
    """Texts beyond the limit are cut, keep their beginning, and stay different where they were."""
    texts = ["é" * 100_000, "é" * 100_001, "é" * 100_000]
    decoded = FLAT.decode(batch_of(*(flat(features={"f": text, text: 1}, model=text) for text in texts)))
    labels = [row.features["f"] for rows in rows_of(decoded).values() for row in rows]
    assert labels[0] == labels[1] != labels[2]  # rows are grouped by model: the equal ones come first
    assert all(len(label.encode()) <= MAX_TEXT_BYTES and label.startswith("é" * 200) for label in labels)
    assert all(len(frame.model.model.encode()) <= MAX_TEXT_BYTES for frame in decoded.frames)
    assert all(len(column.feature.encode()) <= MAX_TEXT_BYTES for frame in decoded.frames for column in frame.columns)


@pytest.mark.parametrize("place", ["features", "prediction"])
def test_too_many_keys(place: str) -> None:
    """The number of keys in an event is limited, exactly."""
    keys = {f"k{i}": 1 for i in range(MAX_FEATURES_PER_EVENT)}
    assert len(survivor(flat(**{place: keys})).cells) == MAX_FEATURES_PER_EVENT
    rejected(flat(**{place: {**keys, "one more": 1}}), "too_large")


def test_too_many_segment_labels() -> None:
    """The number of labels in a segment is limited, exactly."""
    labels = {f"k{i}": "x" for i in range(MAX_SEGMENT_LABELS)}
    assert survivor(flat(prediction=1, segment=labels)).segment == labels
    rejected(flat(prediction=1, segment={**labels, "one more": "x"}), "too_large")


def test_message_beyond_the_limit() -> None:
    """A message beyond the limit is refused unread."""
    rejected(b" " * (MAX_MESSAGE_BYTES + 1), "too_large")


def test_byte_order_mark() -> None:
    """A byte order mark before the JSON is read over."""
    assert survivor(b"\xef\xbb\xbf" + GOOD).features == {"a": 1.0}


def test_found_is_bounded_and_in_words() -> None:
    """However large the value that is quoted, what is found is short."""
    assert rejected(flat(prediction=1, ts="x" * 10_000), "bad_time").startswith("'xxx")
    assert len(rejected(flat(**{"k" * 10_000: 1}), "wrong_shape")) == FOUND_CHARACTERS
