"""Snapshots: whole or refused, and nothing in between."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.errors import StateError
from monitor.engine.model import ModelMonitor
from monitor.engine.policy import ProfileMatch
from monitor.engine.snapshot import VERSION, join, seal, split, unseal
from monitor.reference.profile import learn_profile, parse
from tests.unit.engine.events import MODEL, Value, cut, feed, frame, monitor


def gauss(number: int, seed: int = 0, at: int = 10**9, by: float = 0.0) -> list[Value]:
    values = np.random.default_rng(seed).normal(size=number)
    values[at:] += by
    return list(map(float, values))


def grown() -> ModelMonitor:
    """A monitor with a bit of everything: open episodes, a warm-up, a chart, a category, a relearning."""
    watcher = monitor(1000)
    texts: list[Value] = [str(x) for x in np.random.default_rng(1).choice(["a", "b", "c"], 2600)]
    events = {
        "moved": gauss(2600, 2, at=1200, by=2),
        "stuck": [*gauss(1300, 3), *[0.5] * 1300],
        "text": texts,
        "late": [*[None] * 2000, *gauss(600, 4)],
    }
    feed(watcher, frame(events, {"score": gauss(2600, 5)}))
    return watcher


WATCHER = grown()
STATE = WATCHER.dump()


def load(state: bytes) -> ModelMonitor:
    return ModelMonitor.load(MODEL, WATCHER.policy, state)


def test_a_loaded_monitor_dumps_the_same_bytes_and_shows_the_same() -> None:
    """Nothing is lost and nothing is added."""
    assert load(STATE).dump() == STATE
    assert load(STATE).view() == WATCHER.view()


def test_a_monitor_that_has_seen_nothing_can_be_dumped() -> None:
    """An empty state is a state."""
    empty = monitor()
    assert ModelMonitor.load(MODEL, empty.policy, empty.dump()).dump() == empty.dump()


def test_equal_histories_give_equal_bytes() -> None:
    """In another process, too: nothing in it depends on memory or hashing."""
    assert grown().dump() == STATE


@pytest.mark.parametrize("version", [0, VERSION + 1, 999, "1", None, [1], -1])
def test_another_version_is_refused_by_its_number(version: object) -> None:
    """It is named, and left as it is."""
    other = {**msgspec.msgpack.decode(STATE), "version": version}
    with pytest.raises(StateError, match=f"expected version {VERSION}, found") as caught:
        load(msgspec.msgpack.encode(other))
    assert str(MODEL) in str(caught.value)
    assert "left as it is" in str(caught.value)


@given(st.integers(0, len(STATE) - 1))
def test_a_cut_off_snapshot_is_refused(length: int) -> None:
    """Wherever it was cut."""
    with pytest.raises(StateError):
        load(STATE[:length])


@given(st.integers(0, len(STATE) - 1), st.integers(0, 7))
def test_a_flipped_bit_is_refused(at: int, bit: int) -> None:
    """Wherever it is, inside a raw array too, where it would still look like a number."""
    damaged = bytearray(STATE)
    damaged[at] ^= 1 << bit
    with pytest.raises(StateError):
        load(bytes(damaged))


@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    """Of any kind."""
    with pytest.raises(StateError):
        load(noise)


def test_bytes_behind_a_snapshot_are_refused() -> None:
    """Two files run into each other are not one."""
    with pytest.raises(StateError):
        load(STATE + b"\x00")


def resealed(state: Any) -> bytes:
    """The snapshot with another head whose checksum fits, as of a program that wrote nonsense."""
    head, _ = seal(state)
    return join([head], split(MODEL, STATE)[1])


plain_values = (
    st.none() | st.booleans() | st.integers(-3, 2**40) | st.floats() | st.text(max_size=3) | st.binary(max_size=9)
)


@st.composite
def nonsense(draw: st.DrawFn) -> Any:
    """The state with one of its values, anywhere inside, replaced or removed."""
    state = msgspec.msgpack.decode(msgspec.msgpack.decode(split(MODEL, STATE)[0][0])["state"])
    inside: Any = state
    for _ in range(draw(st.integers(0, 9))):
        keys = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
        inner = [key for key in keys if isinstance(inside[key], dict | list) and inside[key]]
        if not inner:
            break
        inside = inside[draw(st.sampled_from(inner))]
    key = draw(st.sampled_from(list(inside) if isinstance(inside, dict) else list(range(len(inside)))))
    if draw(st.booleans()):
        del inside[key]
    else:
        inside[key] = draw(plain_values)
    return state


@given(nonsense())
def test_nonsense_with_a_fitting_checksum_raises_a_state_error_or_nothing(state: Any) -> None:
    """Never another kind of error, which would end the daemon with a traceback."""
    with contextlib.suppress(StateError):
        assert load(resealed(state)).key == MODEL


def test_state_of_another_shape_is_refused() -> None:
    """An empty object, a list."""
    for state in ({}, [], None, 7):
        with pytest.raises(StateError):
            load(resealed(state))


def test_sealed_data_come_back() -> None:
    """Whatever the order of its keys."""
    sealed, checksum = seal({"b": [1, 2.5, None], "a": b"\x00"})
    assert unseal(MODEL, sealed, dict) == ({"a": b"\x00", "b": [1, 2.5, None]}, checksum)
    assert seal({"a": 1, "b": 2}) == seal({"b": 2, "a": 1})


def test_a_profile_may_stay_the_same_over_a_restart() -> None:
    """The state of its streams goes on."""
    whole = frame({"x": gauss(1500, 6, at=700, by=3)})
    profile = parse(learn_profile([frame({"x": gauss(2000, 7)})], model=None, source={}))
    watcher = monitor(profiles=(ProfileMatch("*", "*", profile),))
    feed(watcher, cut(whole, 0, 900))
    again = ModelMonitor.load(MODEL, watcher.policy, watcher.dump())
    assert feed(again, cut(whole, 900, 1500)) == feed(watcher, cut(whole, 900, 1500))
    assert again.dump() == watcher.dump()


def test_detector_rows_are_given_back() -> None:
    """However often a stream relearned, a row a channel and no more."""
    watcher = monitor(300)
    values = np.random.default_rng(8).normal(size=30_000) + np.repeat(np.arange(6) * 2.0, 5000)
    watcher = monitor(1000)
    feed(watcher, frame({"x": list(map(float, values))}))
    assert watcher.view().streams[0].reference_generation > 4
    channels = watcher.streams[("feature", "x")].regime.channels  # type: ignore[union-attr]
    assert len(watcher._banks.adwin) == len(watcher._banks.page_hinkley) == len(channels)
