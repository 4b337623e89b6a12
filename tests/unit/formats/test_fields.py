"""The mapping of fields: somebody else's JSON is read without a change of code, and mistakes are explained."""

from __future__ import annotations

import json
from typing import Any

import pytest

from monitor.domain.errors import ConfigurationError
from monitor.domain.frame import Cell
from monitor.domain.keys import ModelKey
from monitor.formats import open_format
from tests.unit.formats.events import RECORDED, Read, batch_of, only_rows, reasons


def read(fields: dict[str, Any], event: dict[str, Any]) -> tuple[ModelKey, Read]:
    decoded = open_format("flat_json", fields).decode(batch_of(json.dumps(event).encode()))
    assert decoded.accepted == 1, decoded.rejects
    return decoded.frames[0].model, only_rows(decoded)[0]


def mistakes(fields: dict[str, Any], name: str = "flat_json") -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        open_format(name, fields)
    return caught.value.mistakes


NESTED = {
    "meta": {"time": "2026-01-01T00:00:01Z", "release": 3},
    "ids": {"request": "r1"},
    "payload": {"amount": 1, "country": "FR"},
    "out": {"score": 0.2, "probabilities": [0.3, 0.7]},
}
CONST = {"model": {"const": "fraud"}}


def test_nested_company_json() -> None:
    """Every field may come from a path, the model from a constant."""
    model, row = read(
        {
            **CONST,
            "model_version": "meta.release",
            "ts": "meta.time",
            "event_id": "ids.request",
            "features": "payload",
            "prediction": "out.score",
            "segment": "payload.country",
        },
        NESTED,
    )
    assert model == ModelKey("fraud", "3")
    assert (row.event_id, row.event_time, row.segment) == ("r1", RECORDED + 1, {"country": "FR"})
    assert row.predictions == {"prediction": 0.2}


def test_constant_number_is_a_name() -> None:
    """A constant may be a number."""
    model, _ = read({**CONST, "model_version": {"const": 12}}, {"prediction": 1})
    assert model == ModelKey("fraud", "12")


def test_flat_event_as_a_whole() -> None:
    """The message itself as features leaves out what other fields read."""
    fields = {**CONST, "ts": "t", "features": ".", "prediction": "score", "model_version": "deploy.version"}
    event = {"amount": 1, "country": "FR", "score": 0.2, "t": RECORDED, "deploy": {"version": "7"}, "event_id": "e"}
    _, row = read(fields, event)
    assert row.features == {"amount": 1.0, "country": "FR"}
    assert row.predictions == {"prediction": 0.2}


def test_flat_event_without_features() -> None:
    """Where the message itself is the features, one without further keys carries none: a label stays a label."""
    decoded = open_format("flat_json", {**CONST, "features": "."}).decode(batch_of(b'{"event_id":"e","label":1}'))
    assert (decoded.accepted, decoded.ignored) == (0, 1)


def test_object_leaves_out_what_others_read() -> None:
    """A key of the features' object that is the prediction is not a feature."""
    event = {"payload": {"amount": 1, "score": 0.2}}
    _, row = read({**CONST, "features": "payload", "prediction": "payload.score"}, event)
    assert (row.features, row.predictions) == ({"amount": 1.0}, {"prediction": 0.2})


def test_features_as_a_list_of_paths() -> None:
    """Listed features are called by their last key."""
    _, row = read({**CONST, "features": ["payload.amount", "meta.release"]}, NESTED)
    assert row.features == {"amount": 1.0, "release": 3.0}


def test_features_by_name() -> None:
    """Named features are found at their paths, also inside lists; one that is absent stays absent."""
    features = {"euros": "payload.amount", "p": "out.probabilities.1", "q": "out.probabilities.2", "gone": "a.b"}
    _, row = read({**CONST, "features": features}, NESTED)
    assert row.features == {"euros": 1.0, "p": 0.7}


def test_listed_features_none_there() -> None:
    """An event with none of the listed features carries no features."""
    _, row = read({**CONST, "features": ["a", "b"]}, {"prediction": 1})
    assert not row.has_features


def test_listed_feature_null() -> None:
    """A listed feature that is null is there, and missing."""
    _, row = read({**CONST, "features": ["a", "b"]}, {"a": None})
    assert (row.has_features, row.features) == (True, {"a": Cell.NULL})


def test_named_predictions_and_segments() -> None:
    """Predictions and segments may be named one by one."""
    fields = {**CONST, "prediction": {"ham": "out.probabilities.0"}, "segment": {"land": "payload.country"}}
    _, row = read(fields, NESTED)
    assert (row.predictions, row.segment) == ({"ham": 0.3}, {"land": "FR"})


def test_escaped_dots_and_backslashes() -> None:
    """Keys with dots and backslashes can be named."""
    event = {"a.b": {"c\\d": 1}, "features": {"x.y": 2}}
    _, row = read({**CONST, "prediction": r"a\.b.c\\d"}, event)
    assert row.predictions == {"prediction": 1.0}
    assert row.features == {"x.y": 2.0}


def test_field_that_is_not_read() -> None:
    """A field set to null is not looked for under its usual name either."""
    model, row = read(
        {**CONST, "ts": None, "model_version": None, "prediction": None, "segment": None, "event_id": None},
        {"ts": "not a time", "model_version": "7", "prediction": 1, "segment": "s", "event_id": "e", "features": {}},
    )
    assert model == ModelKey("fraud", "unversioned")
    assert (row.event_time, row.cells, row.segment, row.event_id) == (RECORDED, {}, None, "t/0/100")


def test_path_through_a_scalar() -> None:
    """A path that leads through a scalar finds nothing, and the event is judged without it."""
    decoded = open_format("flat_json", {"model": "a.b"}).decode(batch_of(b'{"a":1,"prediction":1}'))
    assert reasons(decoded) == ["no_model"]


def test_unknown_format() -> None:
    """An unknown format is refused with those that exist and the nearest of them."""
    assert mistakes({}, "flat-jsn") == [
        'format: expected one of flat_json, kserve, got "flat-jsn"; did you mean "flat_json"?'
    ]


def test_unknown_field() -> None:
    """An unknown field is refused with the nearest one."""
    (mistake,) = mistakes({"modle": "m"})
    assert mistake.startswith("fields.modle: expected one of model, model_version, ")
    assert mistake.endswith('got "modle"; did you mean "model"?')


def test_field_of_another_format() -> None:
    """Fields belong to their format."""
    assert len(mistakes({"feature_names": ["a"]})) == 1
    assert len(mistakes({"features": "a"}, "kserve")) == 1


@pytest.mark.parametrize("path", ["", ".", "a..b", ".a", "a.", "a\\", 3, True, ["a"], {"a": "b"}])
def test_bad_path(path: object) -> None:
    """What is no path is refused at its place."""
    (mistake,) = mistakes({"ts": path})
    assert mistake.startswith('fields.ts: expected a path such as "meta.time", or null, got ')


@pytest.mark.parametrize("constant", [True, None, "", ["a"], {"b": 1}])
def test_bad_constant(constant: object) -> None:
    """A constant is a text or a number."""
    (mistake,) = mistakes({"model": {"const": constant}})
    assert mistake.startswith("fields.model.const: expected a text (in quotes) or a number, got ")


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"model": None}, "fields.model"),
        ({"model": {"constant": "x"}}, "fields.model"),
        ({"event_id": {"const": "x"}}, "fields.event_id"),
        ({"features": 3}, "fields.features"),
        ({"features": []}, "fields.features"),
        ({"features": {}}, "fields.features"),
        ({"features": {"a": 3}}, "fields.features.a"),
        ({"features": ["a", "b..c"]}, "fields.features.1"),
        ({"features": ["a.x", "b.x"]}, "fields.features.1"),
        ({"prediction": "."}, "fields.prediction"),
    ],
)
def test_place_of_a_mistake(fields: dict[str, Any], place: str) -> None:
    """A mistake is named with the place it is at."""
    assert [mistake.split(":")[0] for mistake in mistakes(fields)] == [place]


def test_all_mistakes_at_once() -> None:
    """Every mistake of a mapping is told in one go."""
    assert len(mistakes({"modle": "x", "ts": 3, "features": [1, 2], "event_id": ""})) == 5
