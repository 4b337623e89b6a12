"""Flat JSON: what an event means."""

from __future__ import annotations

import json
import math

import pytest

from monitor.domain.frame import Cell
from monitor.domain.keys import ModelKey
from monitor.formats import open_format
from tests.unit.formats.events import RECORDED, Read, batch_of, flat, only_rows, reasons, rows_of

FLAT = open_format("flat_json", {})


def read(**parts: object) -> Read:
    decoded = FLAT.decode(batch_of(flat(**parts)))
    assert decoded.accepted == 1, decoded.rejects
    return only_rows(decoded)[0]


def test_full_event() -> None:
    """Every part of an event reaches its frame."""
    row = read(
        event_id="e1",
        ts="2026-01-01T00:00:10Z",
        features={"amount": 12.5, "country": "FR"},
        prediction=0.82,
        segment={"channel": "web"},
    )
    assert row == Read(
        partition=0,
        offset=100,
        row=0,
        event_id="e1",
        event_time=RECORDED + 10,
        has_features=True,
        segment={"channel": "web"},
        cells={("feature", "amount"): 12.5, ("feature", "country"): "FR", ("prediction", "prediction"): 0.82},
    )


def test_named_predictions() -> None:
    """An object of predictions gives a stream each."""
    assert read(prediction={"score": 0.2, "class": "ham"}).predictions == {"score": 0.2, "class": "ham"}


def test_prediction_alone_carries_no_features() -> None:
    """A row of a prediction topic says that it has no features, so that none of them counts as missing."""
    row = read(prediction=0.5)
    assert (row.has_features, row.features) == (False, {})


def test_empty_features_are_features() -> None:
    """An empty object of features is an event in which every feature is absent."""
    row = read(features={})
    assert (row.has_features, row.cells) == (True, {})


def test_null_features_are_none() -> None:
    """Features that are null are no features."""
    assert not read(features=None, prediction=1).has_features


def test_null_prediction_is_missing() -> None:
    """A prediction that is null is a missing value of its stream."""
    assert read(prediction=None).predictions == {"prediction": Cell.NULL}


@pytest.mark.parametrize("others", [{}, {"features": None}, {"prediction": None, "features": None}])
def test_label_alone_is_ignored(others: dict[str, object]) -> None:
    """An event with nothing but a label is understood, counted as ignored and gives no row."""
    decoded = FLAT.decode(batch_of(flat(label=1, **others)))
    assert (decoded.accepted, decoded.ignored, list(decoded.frames), list(decoded.rejects)) == (0, 1, [], [])


def test_label_beside_features_is_no_hindrance() -> None:
    """An event that carries a label as well is watched for the rest."""
    assert read(features={"a": 1}, label=0).features == {"a": 1.0}


@pytest.mark.parametrize(
    ("version", "text"), [("7", "7"), (7, "7"), (7.0, "7"), (7.5, "7.5"), (True, "true"), (None, "unversioned")]
)
def test_version_as_text(version: object, text: str) -> None:
    """A version given as a number is its text, a missing one is called unversioned."""
    decoded = FLAT.decode(batch_of(flat(model_version=version, prediction=1)))
    assert [frame.model for frame in decoded.frames] == [ModelKey("fraud", text)]


@pytest.mark.parametrize("absent", [{}, {"model_version": ""}])
def test_version_absent(absent: dict[str, object]) -> None:
    """A version that is absent or empty is called unversioned."""
    decoded = FLAT.decode(batch_of(json.dumps({"model": "m", "prediction": 1, **absent}).encode()))
    assert decoded.frames[0].model == ModelKey("m", "unversioned")


def test_number_and_text_name_one_model() -> None:
    """Producers that write a version as 7 and as "7" mean the same version, and its order is kept."""
    decoded = FLAT.decode(batch_of(flat(model_version=7, prediction=1), flat(model_version="7", prediction=2)))
    assert [row.predictions["prediction"] for row in only_rows(decoded)] == [1.0, 2.0]


def test_true_and_one_are_different_models() -> None:
    """Values that Python takes for equal stay apart: true, 1 and 1.5 are three versions."""
    decoded = FLAT.decode(batch_of(*(flat(model_version=version, prediction=0) for version in (True, 1, 1.5))))
    assert [frame.model.model_version for frame in decoded.frames] == ["true", "1", "1.5"]


@pytest.mark.parametrize("absent", [{}, {"event_id": None}, {"event_id": ""}])
def test_missing_event_id_is_the_place(absent: dict[str, object]) -> None:
    """An event without an id is known by where its message stands."""
    assert read(prediction=1, **absent).event_id == "t/0/100"


def test_large_integer_as_event_id() -> None:
    """64-bit ids lose no digit."""
    assert read(prediction=1, event_id=9_223_372_036_854_775_807).event_id == "9223372036854775807"


def test_time_of_the_record_without_ts() -> None:
    """Without a ts the record's timestamp counts."""
    assert read(prediction=1).event_time == RECORDED


def test_no_time_at_all() -> None:
    """Without a ts and a timestamp the event has no time, and is none the worse for it."""
    decoded = FLAT.decode(batch_of(flat(prediction=1), recorded=math.nan))
    assert only_rows(decoded)[0].event_time is None


def test_ts_an_hour_ahead_is_taken_and_more_is_not() -> None:
    """A ts may be an hour ahead of its record, and not a second more."""
    decoded = FLAT.decode(batch_of(flat(prediction=1, ts=RECORDED + 3600), flat(prediction=1, ts=RECORDED + 3601)))
    assert (decoded.accepted, reasons(decoded)) == (1, ["future_time"])


def test_future_is_not_judged_without_a_record_time() -> None:
    """Where the record has no timestamp, no ts is too far ahead."""
    decoded = FLAT.decode(batch_of(flat(prediction=1, ts="2100-01-01"), recorded=math.nan))
    assert decoded.accepted == 1


@pytest.mark.parametrize("ts", ["yesterday", "", True, [1], {}, "2026-13-01", 1e20, "NaN"])
def test_bad_time(ts: object) -> None:
    """What is no time is rejected, not replaced by the record's."""
    assert reasons(FLAT.decode(batch_of(flat(prediction=1, ts=ts)))) == ["bad_time"]


def test_segment_labels_are_texts() -> None:
    """A segment's labels are scalars as text; others are left out."""
    segment = {"channel": "web", "tier": 1, "new": True, "none": None, "list": [1]}
    assert read(prediction=1, segment=segment).segment == {"channel": "web", "tier": "1", "new": "true"}


def test_scalar_segment() -> None:
    """A segment that is a scalar is named by its key."""
    assert read(prediction=1, segment="web").segment == {"segment": "web"}


def test_no_segments() -> None:
    """A frame without segments says so as a whole."""
    assert FLAT.decode(batch_of(flat(prediction=1))).frames[0].segments is None


def test_segment_only_in_some_rows() -> None:
    """Rows without a segment stand beside rows with one."""
    decoded = FLAT.decode(batch_of(flat(prediction=1), flat(prediction=1, segment={"a": "b"})))
    assert [row.segment for row in only_rows(decoded)] == [None, {"a": "b"}]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (12.5, 12.5),
        (3, 3.0),
        (2**70, float(2**70)),
        (True, "true"),
        (False, "false"),
        ("1.5", "1.5"),
        ("", ""),
        (None, Cell.NULL),
        ([1], Cell.WRONG_TYPE),
        ({"a": 1}, Cell.WRONG_TYPE),
        (1e300, 1e300),
        (-1.1e300, Cell.NON_FINITE),
    ],
)
@pytest.mark.parametrize("neighbour", [1.5, "x", None])
def test_cell_of_a_value(value: object, cell: object, neighbour: object) -> None:
    """A value is classified the same whatever stands in the rows beside it."""
    decoded = FLAT.decode(batch_of(flat(features={"f": neighbour}), flat(features={"f": value})))
    assert only_rows(decoded)[1].features == {"f": cell}


def test_models_are_grouped_in_the_order_they_appear() -> None:
    """One frame a model version; the order of events inside it is the order of the batch."""
    values = [json.dumps({"model": model, "prediction": i}).encode() for i, model in enumerate("abbac")]
    decoded = FLAT.decode(batch_of(*values))
    assert [frame.model.model for frame in decoded.frames] == ["a", "b", "c"]
    rows = rows_of(decoded)
    assert [row.offset for row in rows[ModelKey("a", "unversioned")]] == [100, 103]
    assert [row.partition for row in rows[ModelKey("b", "unversioned")]] == [1, 2]


def test_unknown_keys_are_ignored() -> None:
    """Keys nobody asked for do no harm."""
    assert read(prediction=1, trace={"deep": [1, 2]}, host="h").cells == {("prediction", "prediction"): 1.0}
