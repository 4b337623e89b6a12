"""Profiles: learned from training data, written as JSON, read back, or refused with a reason."""

from __future__ import annotations

import contextlib
import copy
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.errors import ProfileError
from monitor.domain.frame import Frame
from monitor.reference import profile
from monitor.reference.codec import reference_to_plain
from monitor.reference.profile import learn_profile, parse
from tests.unit.engine.events import ABSENT, frame, pieces
from tests.unit.reference.samples import reference


def training(rows: int = 400) -> Frame:
    """Two features and a prediction, the second feature rarely there."""
    generator = np.random.default_rng(0)
    amount = list(map(float, generator.lognormal(size=rows)))
    country = [str(x) for x in generator.choice(["FR", "DE", "IS"], rows)]
    discount = [1.0 if i % 10 == 0 else ABSENT for i in range(rows)]
    return frame(
        {"amount": amount, "country": country, "discount": discount},
        {"score": list(map(float, generator.random(rows)))},
    )


def document(**more: Any) -> dict[str, Any]:
    """A profile through JSON text, as it is read from a file."""
    made = learn_profile([training()], model="fraud", source={"file": "train.csv"}, **more)
    found: dict[str, Any] = json.loads(json.dumps(made, allow_nan=False))
    return found


DOCUMENT = document(events_per_week=5000.0)


def test_what_was_learned_is_what_is_read() -> None:
    """All streams with their references, the rate and the identity."""
    found = parse(DOCUMENT)
    assert set(found.streams) == {
        ("feature", "amount"),
        ("feature", "country"),
        ("feature", "discount"),
        ("prediction", "score"),
    }
    assert (found.model, found.events_per_week, found.identity) == ("fraud", 5000.0, DOCUMENT["identity"])
    alone = reference([float(x) for x in training().columns[0].numbers])
    assert reference_to_plain(found.streams[("feature", "amount")]) == reference_to_plain(alone)


def test_a_profile_does_not_depend_on_how_the_file_was_read() -> None:
    """One batch or fifty: the same identity."""
    parts = pieces(training(), range(0, 400, 8))
    assert learn_profile(parts, model=None, source={})["identity"] == DOCUMENT["identity"]


def test_a_feature_that_comes_late_was_absent_before() -> None:
    """Rows ahead of its first one count, so that a rare key is not required."""
    late = [ABSENT] * 300 + [1.0] * 100
    whole = frame({"x": [0.5] * 400, "late": late})
    for parts in ([whole], pieces(whole, [100, 350])):
        made = parse(json.loads(json.dumps(learn_profile(parts, model=None, source={}))))
        assert not made.streams[("feature", "late")].required
        assert made.streams[("feature", "x")].required


def test_a_rare_key_is_not_required_and_a_constant_one_is() -> None:
    """Its absence must not be an alarm later."""
    found = parse(DOCUMENT)
    assert not found.streams[("feature", "discount")].required
    assert found.streams[("feature", "amount")].required


def test_the_summary_is_for_people_and_does_not_count() -> None:
    """Rounding or translating it changes nothing."""
    edited = copy.deepcopy(DOCUMENT)
    edited["streams"][0]["summary"] = {"note": "approved by Anna"}
    assert parse(edited).identity == DOCUMENT["identity"]
    summary = DOCUMENT["streams"][0]["summary"]
    assert summary["observations"] == 400
    assert summary["quantiles"]["0%"] < summary["quantiles"]["50%"] < summary["quantiles"]["100%"]


def test_no_training_data_make_no_profile() -> None:
    """There is nothing to hold a stream against."""
    with pytest.raises(ProfileError, match="at least one event"):
        learn_profile([], model=None, source={})


def test_an_edited_reference_is_refused() -> None:
    """The message says what happened and what to do."""
    edited = copy.deepcopy(DOCUMENT)
    edited["streams"][0]["reference"]["observations"] += 1
    with pytest.raises(ProfileError, match="was changed after it was made") as caught:
        parse(edited)
    assert "driftgauge profile" in str(caught.value)


def test_a_removed_stream_is_refused() -> None:
    """Cut off by hand or by a full disk, it is no longer what was approved."""
    edited = copy.deepcopy(DOCUMENT)
    del edited["streams"][1]
    with pytest.raises(ProfileError, match="identity"):
        parse(edited)


@pytest.mark.parametrize("version", [None, 0, 2, "1", [1]])
def test_another_format_is_refused_by_its_number(version: object) -> None:
    """Before anything inside is looked at."""
    with pytest.raises(ProfileError, match="expected format 1, found"):
        parse({**DOCUMENT, "driftgauge_profile": version, "streams": "anything"})


@pytest.mark.parametrize("garbage", [None, 3, "profile", [], [DOCUMENT], {}])
def test_what_is_no_profile_at_all_is_refused(garbage: object) -> None:
    """A list, a number, an empty object."""
    with pytest.raises(ProfileError, match="expected"):
        parse(garbage)


@pytest.mark.parametrize("rate", [0, -1, "many", True, float("inf"), [1]])
def test_a_rate_has_to_be_a_positive_number(rate: object) -> None:
    """Thresholds follow from it."""
    with pytest.raises(ProfileError, match="events_per_week: expected a positive number or null"):
        parse({**DOCUMENT, "events_per_week": rate})


def test_a_model_is_a_name() -> None:
    """Or it was not said."""
    assert parse({**DOCUMENT, "model": None}).model is None
    with pytest.raises(ProfileError, match="model: expected a name or null, found 7"):
        parse({**DOCUMENT, "model": 7})


def sealed(streams: list[Any]) -> dict[str, Any]:
    """A document whose identity fits its streams, so that only its content is wrong."""
    return {**DOCUMENT, "streams": streams, "identity": profile._identity(streams)}


def test_a_stream_listed_twice_is_refused() -> None:
    """It would not be clear which of the two holds."""
    twice = copy.deepcopy([DOCUMENT["streams"][0], DOCUMENT["streams"][0]])
    with pytest.raises(ProfileError, match=r"streams\[1\].*found 'amount' again"):
        parse(sealed(twice))


def test_an_unknown_kind_is_refused_with_its_place() -> None:
    """Features and predictions are what is watched."""
    streams = copy.deepcopy(DOCUMENT["streams"])
    streams[2]["kind"] = "label"
    with pytest.raises(ProfileError, match=r"streams\[2\].*'label'"):
        parse(sealed(streams))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """The document with a few of its values, anywhere inside, replaced, removed or doubled."""
    found = copy.deepcopy(DOCUMENT)
    for _ in range(draw(st.integers(1, 3))):
        inside: Any = found
        for _ in range(draw(st.integers(0, 8))):
            keys = list(inside) if isinstance(inside, dict) else range(len(inside))
            inner = [key for key in keys if isinstance(inside[key], dict | list) and inside[key]]
            if not inner:
                break
            inside = inside[draw(st.sampled_from(inner))]
        if not inside:
            continue
        key = draw(st.sampled_from(list(inside) if isinstance(inside, dict) else list(range(len(inside)))))
        match draw(st.sampled_from(["replace", "remove", "double"])):
            case "replace":
                inside[key] = draw(json_values)
            case "remove":
                del inside[key]
            case _ if isinstance(inside, list):
                inside.append(inside[key])
    return found


@given(mutated(), st.booleans())
def test_a_damaged_document_raises_a_profile_error_and_nothing_else(damaged: Any, resealed: bool) -> None:
    """Wherever it was damaged, and even if somebody worked out the identity anew."""
    if resealed and isinstance(damaged.get("streams"), list):
        try:
            damaged["identity"] = profile._identity(damaged["streams"])
        except Exception:  # then the damage shows before the identity does
            damaged["identity"] = None
    with contextlib.suppress(ProfileError):
        assert parse(damaged).streams
