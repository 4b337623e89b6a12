"""References as plain data and back."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.errors import ProfileError
from monitor.reference.codec import fingerprint, reference_from_plain, reference_to_plain
from tests.unit.engine.events import ABSENT, Value
from tests.unit.reference.samples import reference

values: st.SearchStrategy[Value] = st.one_of(
    st.floats(-1e300, 1e300),
    st.integers(-5, 5),
    st.sampled_from(["red", "blue", "grün", "", True, False, None, ABSENT, float("nan")]),
)


@given(st.lists(values, min_size=1, max_size=200), st.sampled_from([1, 7, 30]))
def test_plain_data_gives_the_same_reference_through_every_encoding(some: list[Value], times: int) -> None:
    """Bit for bit, through JSON and through msgpack."""
    plain = reference_to_plain(reference(some * times))
    for through in (
        json.loads(json.dumps(plain, allow_nan=False)),
        msgspec.msgpack.decode(msgspec.msgpack.encode(plain)),
    ):
        assert through == plain
        again = reference_to_plain(reference_from_plain(through))
        assert msgspec.msgpack.encode(again) == msgspec.msgpack.encode(plain)
        assert fingerprint(again) == fingerprint(plain)


@pytest.mark.parametrize(
    "some",
    [
        list(map(float, np.random.default_rng(0).normal(size=2000))),
        list(map(float, np.sin(np.arange(2000) / 50))),
        [f"c{i % 30}" for i in range(2000)],
        list(map(float, np.random.default_rng(0).normal(size=99))),
    ],
    ids=["independent", "dependent", "category", "short"],
)
def test_a_restored_reference_equals_the_learned_one(some: list[Value]) -> None:
    """In every field that anything is decided by."""
    learned = reference(some)
    restored = reference_from_plain(json.loads(json.dumps(reference_to_plain(learned))))
    assert restored.partition.counts.tolist() == learned.partition.counts.tolist()
    assert restored.dependence == learned.dependence
    assert restored.units == learned.units
    assert restored.runs == learned.runs
    assert (restored.type, restored.kept, restored.observations, restored.required) == (
        learned.type,
        learned.kept,
        learned.observations,
        learned.required,
    )


def test_the_fingerprint_does_not_depend_on_the_order_of_keys() -> None:
    """A file that was re-indented by an editor is still the same reference."""
    assert fingerprint({"a": 1, "b": [1.5]}) == fingerprint({"b": [1.5], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})


@pytest.mark.parametrize(
    ("edges", "counts", "expected"),
    [
        ([1.0, 1.0], [0] * 6, "rising edges"),
        ([1.0, float("nan")], [0] * 6, "rising edges"),
        ([1.0], [0, 1, 0], "rising edges"),
        ([], [0, 0], "edges: expected 1 to 512"),
        ([float(i) for i in range(600)], [0] * 1202, "edges: expected 1 to 512"),
    ],
    ids=["equal", "nan", "counts", "none", "many"],
)
def test_edges_that_are_no_partition_are_refused(edges: list[float], counts: list[int], expected: str) -> None:
    """They would be believed otherwise."""
    plain = reference_to_plain(reference([1.0, 2.0] * 20))
    plain["partition"] = {"edges": edges, "counts": counts, "low": 0, "high": 0}
    with pytest.raises(ProfileError, match=expected):
        reference_from_plain(plain)


def test_labels_without_their_counts_are_refused() -> None:
    """One count a label, and three more."""
    plain = reference_to_plain(reference(["a", "b"] * 20))
    plain["partition"]["labels"].append("c")
    with pytest.raises(ProfileError, match="expected 3 labels"):
        reference_from_plain(plain)
