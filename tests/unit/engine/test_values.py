"""What a stream makes of the cells it is given: absent, null, wrong, unusable, numbers, texts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from monitor.domain.facts import Finding
from monitor.engine.model import ModelMonitor
from monitor.engine.policy import Limits, Override
from monitor.engine.views import StreamView
from tests.unit.engine.events import ABSENT, Value, episodes, feed, findings, frame, monitor


def gauss(number: int, seed: int = 0) -> list[Value]:
    return list(map(float, np.random.default_rng(seed).normal(size=number)))


def letters(number: int, alphabet: str = "abc", seed: int = 0) -> list[Value]:
    return [str(letter) for letter in np.random.default_rng(seed).choice(list(alphabet), number)]


def watch(values: list[Value], warmup: int = 200, **policy: object) -> tuple[StreamView, list[Finding], ModelMonitor]:
    """The only stream of a model as it stands after some events, and what was found."""
    watcher = monitor(warmup, **policy)
    found = findings(feed(watcher, frame({"x": values, "beside": [1.0] * len(values)})))
    (view,) = [view for view in watcher.view().streams if view.key.feature == "x"]
    return view, [finding for finding in found if finding.stream.feature == "x"], watcher


def test_null_is_a_missing_value() -> None:
    """The key was there."""
    view, _, _ = watch([*gauss(300), None, None])
    assert view.observations == 302
    assert view.invalid["missing"] == 2


def test_a_required_key_that_is_absent_is_a_missing_value() -> None:
    """It was there in the warm-up, so it is expected."""
    view, _, _ = watch([*gauss(300), ABSENT, ABSENT])
    assert view.observations == 302
    assert view.invalid["missing"] == 2


def test_an_optional_key_that_is_absent_is_no_observation() -> None:
    """It was in fewer than half of the events; its stream counts only the others.

    x . . x . . x . .      one event in three
    """
    sparse = [value if i % 3 == 0 else ABSENT for i, value in enumerate(gauss(1500))]
    view, found, _ = watch(sparse)
    assert view.observations == 500
    assert view.invalid["missing"] == 0
    assert found == []


def test_an_optional_key_that_stays_away_is_no_alarm() -> None:
    """And does not make the stream go on."""
    sparse = [value if i % 3 == 0 and i < 900 else ABSENT for i, value in enumerate(gauss(3000))]
    view, found, _ = watch(sparse)
    assert view.observations == 300
    assert found == []


def test_absence_counts_only_in_events_that_carry_features() -> None:
    """A prediction that comes by itself says nothing of features.

    feature     x x x x - - - -
    prediction  - - - - p p p p
    """
    watcher = monitor(100)
    feed(watcher, frame({"x": gauss(300) + [ABSENT] * 900}, {"score": [ABSENT] * 300 + gauss(900)}))
    by_name = {view.key.feature: view for view in watcher.view().streams}
    assert by_name["x"].observations == 300
    assert by_name["score"].observations == 900


def test_a_feature_of_one_topic_is_not_missing_in_another() -> None:
    """Each topic is expected to bring the features it brought before."""
    watcher = monitor(100)
    for start in range(0, 1000, 100):
        feed(watcher, frame({"a": gauss(100, seed=start)}, start=start, topic="left"))
        feed(watcher, frame({"b": gauss(100, seed=start + 1)}, start=start, topic="right"))
    assert {view.key.feature: view.observations for view in watcher.view().streams} == {"a": 1000, "b": 1000}


def test_a_feature_that_appears_late_begins_with_its_first_event() -> None:
    """What was before its birth is not held against it."""
    view, found, _ = watch([ABSENT] * 500 + gauss(400))
    assert view.observations == 400
    assert view.reference_observations == 200
    assert view.invalid["missing"] == 0
    assert found == []


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), -float("inf"), 1.0000001e300, -1e308, 10**400],
    ids=["nan", "inf", "-inf", "beyond", "-beyond", "integer"],
)
def test_numbers_that_cannot_be_used_are_counted_and_count_as_missing(value: float) -> None:
    """Neither do they reach any other channel."""
    view, found, _ = watch([*gauss(300), *[value] * 300])
    assert view.invalid == {"missing": 0, "non_finite": 300, "wrong_type": 0}
    assert {finding.channel for finding in found} == {"missing"}
    assert view.effects == {"missing": 1.0}


def test_numbers_up_to_the_bound_can_be_used() -> None:
    """A level so far beyond the reference is found within a few events, and nothing overflows."""
    view, found, _ = watch([*gauss(1200), *[1e300, -1e300] * 20], warmup=1000)
    assert view.invalid == {"missing": 0, "non_finite": 0, "wrong_type": 0}
    assert {"far", "spread"} & {finding.channel for finding in found}
    assert all(np.isfinite(finding.effect) and np.isfinite(finding.score) for finding in found)


def test_texts_and_lists_in_a_numeric_stream_are_of_the_wrong_type() -> None:
    """Those of the warm-up too, although its type was known only at its end."""
    view, _, _ = watch([*gauss(100), "n/a", *gauss(99), *gauss(100), "n/a", [1, 2], True])
    assert view.invalid == {"missing": 0, "non_finite": 0, "wrong_type": 4}


def test_numbers_in_a_category_are_categories() -> None:
    """1 and "1" are the same; a number never seen is unseen."""
    view, found, _ = watch([*letters(300, "123"), *[1, 2, 3] * 100])
    assert view.invalid == {"missing": 0, "non_finite": 0, "wrong_type": 0}
    assert found == []
    _, found, _ = watch([*letters(300, "123"), *[4] * 60])
    assert "unseen" in {finding.channel for finding in found}


def test_booleans_are_categories() -> None:
    """A flag that is suddenly always true is found."""
    flags: list[Value] = [bool(x) for x in np.random.default_rng(3).integers(0, 2, 1500)]
    view, found, _ = watch([*flags, *[True] * 200], warmup=1000)
    assert {finding.channel for finding in found} == {"category", "stuck"}
    assert "'true'" in found[0].explanation or "'false'" in found[0].explanation
    assert abs(view.effects["category"]) == pytest.approx(0.5, abs=0.15)


def test_integers_are_numbers_unless_told_otherwise() -> None:
    """A code of three values may be declared a category."""
    codes: list[Value] = list(map(int, np.random.default_rng(4).integers(1, 4, 400)))
    plain, _, _ = watch(codes)
    told, _, _ = watch(codes, overrides=(Override(feature="x", type="category"),))
    assert "level" in plain.effects
    assert set(told.effects) == {"category", "unseen", "missing"}


def test_the_type_is_frozen_with_the_warm_up() -> None:
    """A numeric stream that turns into texts does not become a category."""
    view, found, _ = watch([*gauss(300), *letters(300)])
    assert view.invalid["wrong_type"] == 300
    assert {finding.channel for finding in found} == {"missing"}


def test_labels_beyond_the_top_are_other_and_new_ones_unseen() -> None:
    """More of the rarer ones is a change of a category, new ones are one of unseen."""
    reference: list[Value] = [f"c{i % 10}" if i % 7 else f"rare{i % 5}" for i in range(1000)]
    limits = Limits(categories=10)
    _, rarer, _ = watch([*reference, *[f"rare{i % 5}" for i in range(100)]], 1000, limits=limits)
    _, newer, _ = watch([*reference, *[f"new{i % 5}" for i in range(100)]], 1000, limits=limits)
    assert any("the rarer categories" in finding.explanation for finding in rarer)
    assert "unseen" not in {finding.channel for finding in rarer}
    assert "unseen" in {finding.channel for finding in newer}


def test_identifiers_are_watched_for_missing_ones_only() -> None:
    """New values are what an identifier is made of."""
    view, found, _ = watch([f"user{i}" for i in range(2000)])
    assert found == []
    assert set(view.effects) == {"missing"}
    _, found, _ = watch([f"user{i}" if i < 1000 else None for i in range(1200)])
    assert {finding.channel for finding in found} == {"missing"}


def test_streams_of_a_model_do_not_disturb_each_other() -> None:
    """The drift of one is not found in the other, and both are found as if alone."""
    calm, moved = gauss(3000, seed=1), gauss(3000, seed=2)
    moved = [x + 3 if i >= 2000 else x for i, x in enumerate(moved)]  # type: ignore[operator]
    both, alone = monitor(1000), monitor(1000)
    together = feed(both, frame({"calm": calm, "moved": moved}))
    single = feed(alone, frame({"moved": moved}))
    assert episodes(together) == episodes(single)
    assert [f.observation for f in findings(together)] == [f.observation for f in findings(single)]


def test_features_and_predictions_of_one_name_are_two_streams() -> None:
    """The kind is part of the key."""
    watcher = monitor(100)
    feed(watcher, frame({"score": gauss(150)}, {"score": gauss(150, seed=1)}))
    assert {(v.key.kind, v.key.feature) for v in watcher.view().streams} == {
        ("feature", "score"),
        ("prediction", "score"),
    }


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"a": [1.0], "b": [None]}, {"a": 1, "b": 1}),
        ({"a": [1.0], "b": [ABSENT]}, {"a": 1}),
    ],
    ids=["null", "absent"],
)
def test_a_key_with_null_is_a_stream_and_an_absent_one_is_not(
    values: Mapping[str, list[Value]], expected: dict[str, int]
) -> None:
    """A stream is born with the first event that has its key."""
    watcher = monitor()
    feed(watcher, frame(values))
    assert {view.key.feature: view.observations for view in watcher.view().streams} == expected
