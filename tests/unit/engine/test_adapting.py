"""A restored model under a changed configuration: it keeps what still holds, and starts anew only what does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from monitor.engine.adapting import adapt
from monitor.engine.model import ModelMonitor
from monitor.engine.policy import MinEffect, Override, Policy, Warmup
from tests.unit.engine.events import MODEL, feed, frame

POLICY = Policy(warmup=Warmup(100, 0.0), relearn_after_seconds=0.0)


@pytest.fixture(scope="module")
def state() -> bytes:
    """Streams a, b and c, past their warm-up."""
    values = np.random.default_rng(0).normal(size=(3, 300))
    watcher = ModelMonitor(MODEL, POLICY)
    feed(watcher, frame({name: list(map(float, own)) for name, own in zip("abc", values, strict=True)}))
    return watcher.dump()


def restored(state: bytes, policy: Policy, *topics: str) -> tuple[ModelMonitor, list[tuple[str, str]]]:
    """The adapted monitor, and (stream, why) of what it had to reset."""
    monitor, resets = adapt(ModelMonitor.load(MODEL, policy, state), topics)
    return monitor, [(reset.stream.feature, reset.why) for reset in resets]


@pytest.mark.parametrize(
    "changed",
    [
        {"false_alarms_per_week": 0.1},
        {"min_effect": MinEffect(0.2, 0.2, 0.1)},
        {"overrides": (Override(feature="a", weight=3.0),)},
        {"warmup": Warmup(5000, 0.0)},
    ],
)
def test_a_changed_budget_effect_or_weight_keeps_everything(state: bytes, changed: dict[str, object]) -> None:
    """Reference and statistics go on; the state itself is the same."""
    monitor, resets = restored(state, replace(POLICY, **changed))  # type: ignore[arg-type]
    assert resets == []
    assert monitor.dump() == state


def test_a_changed_type_resets_that_stream_only(state: bytes) -> None:
    """Numbers that are categories now have no reference; their neighbours keep theirs."""
    policy = replace(POLICY, overrides=(Override(feature="b", type="category"),))
    monitor, resets = restored(state, policy)
    assert resets == [("b", "its type is category now")]
    assert {feature for _, feature in monitor.streams} == {"a", "c"}
    assert all(stream.observations == 300 for stream in monitor.streams.values())


def test_a_topic_that_is_read_in_another_way_resets_its_streams(state: bytes) -> None:
    """The same name may mean another value now."""
    _, resets = restored(state, POLICY, "events")
    assert [feature for feature, _ in resets] == ["a", "b", "c"]
    _, resets = restored(state, POLICY, "elsewhere")
    assert resets == []


def test_an_adapted_monitor_is_whole(state: bytes) -> None:
    """It can be saved, loaded and go on, with the rows of the reset streams given up."""
    policy = replace(POLICY, overrides=(Override(feature="b", type="category"),))
    monitor, _ = restored(state, policy)
    assert ModelMonitor.load(MODEL, policy, monitor.dump()).dump() == monitor.dump()
    feed(monitor, frame({"a": [0.0] * 10, "b": [1.0] * 10}, start=300))
    assert monitor.streams["feature", "a"].observations == 310
