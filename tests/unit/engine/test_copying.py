"""Snapshots taken while the model goes on: of one moment, a few streams at a time, and references once."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.domain.errors import StateError
from monitor.domain.frame import Frame
from monitor.engine.copying import ModelSnapshot
from monitor.engine.model import ModelMonitor
from monitor.engine.snapshot import PIECE_STREAMS, join, split
from tests.unit.engine.events import MODEL, Value, cut, feed, frame, monitor

WARM, LENGTH = 60, 400


def draws(seed: int) -> list[Value]:
    return list(map(float, np.random.default_rng(seed).normal(size=LENGTH)))


def some(*names: str, start: int = 0) -> Frame:
    """Events with these features; later ones are of another topic, where nobody misses the others."""
    values = {name: draws(number + start) for number, name in enumerate(names)}
    return frame(values, start=start, topic="later" if start else "events")


def watched() -> ModelMonitor:
    """Streams a to d, past their warm-up."""
    watcher = monitor(WARM)
    feed(watcher, some("a", "b", "c", "d"))
    return watcher


def finished(snapshot: ModelSnapshot) -> bytes:
    snapshot.copy(10**6)
    return snapshot.encode().joined()


def test_a_stream_is_copied_before_it_changes() -> None:
    """
    begin ── a observes ── copy 1 ── b, e observe, 300 events ── copy the rest      all as they were at `begin`
    """
    watcher = watched()
    before, snapshot = watcher.dump(), watcher.snapshot()
    feed(watcher, cut(some("a", start=LENGTH), 0, 7))
    assert snapshot.left == 3
    snapshot.copy(1)
    assert snapshot.left == 2
    feed(watcher, cut(some("b", "e", start=LENGTH), 0, 300))
    assert finished(snapshot) == before
    assert watcher.dump() != before


def test_no_more_streams_are_copied_at_once_than_asked() -> None:
    """However many there are: so is what the loop waits for bounded."""
    watcher = watched()
    snapshot = watcher.snapshot()
    for left in (3, 2, 1, 0, 0):
        snapshot.copy(1)
        assert snapshot.left == left


def test_what_is_done_beside_events_waits_for_the_rest_of_the_copy() -> None:
    """A stream that a person lets begin anew is in the snapshot as it was before."""
    watcher = watched()
    before, snapshot = watcher.dump(), watcher.snapshot()
    watcher.finish_snapshot()
    watcher.streams["feature", "a"].begin_anew()
    assert finished(snapshot) == before


def test_streams_that_expire_while_the_copy_is_made_are_copied_first() -> None:
    """Their detectors' rows are given up with them, so later there would be nothing to copy."""
    watcher = watched()
    before, snapshot = watcher.dump(), watcher.snapshot()
    watcher.expire()
    assert finished(snapshot) == before


def test_a_stream_that_comes_while_the_copy_is_made_belongs_to_the_next_one() -> None:
    """It has nothing of the moment that the snapshot is of."""
    watcher = watched()
    before, snapshot = watcher.dump(), watcher.snapshot()
    feed(watcher, cut(some("new", start=LENGTH), 0, 5))
    assert finished(snapshot) == before


def test_counts_are_those_of_the_moment_too() -> None:
    """What is shown as committed is what was committed."""
    watcher = watched()
    snapshot = watcher.snapshot()
    feed(watcher, some("a", "b", start=LENGTH))
    snapshot.copy(10)
    assert [view.observations for view in snapshot.counts.streams] == [LENGTH] * 4


def test_a_reference_is_the_same_part_of_every_snapshot_until_it_is_replaced() -> None:
    """Its name follows from its contents, so a store need not be given it twice."""
    watcher = watched()
    first = watcher.snapshot()
    first.copy(10)
    feed(watcher, cut(some("a", "b", "c", "d", start=LENGTH), 0, 50))
    second = watcher.snapshot()
    second.copy(10)
    names, later = set(first.encode().parts), set(second.encode().parts)
    assert names == later
    assert len(names) == 4
    watcher.streams["feature", "a"].begin_anew()
    feed(watcher, cut(some("a", "b", "c", "d", start=LENGTH + 50), 0, 300))
    third = watcher.snapshot()
    third.copy(10)
    assert len(set(third.encode().parts) & names) == 3


def large() -> ModelMonitor:
    """A model of more streams than go into two pieces."""
    watcher = monitor(WARM)
    feed(watcher, frame({f"f{number}": draws(number)[: WARM + 20] for number in range(2 * PIECE_STREAMS + 5)}))
    return watcher


def test_a_model_of_many_streams_comes_in_pieces_and_back() -> None:
    """And goes on as if it had never been written."""
    watcher = large()
    state = watcher.dump()
    assert len(split(MODEL, state)[0]) == 3
    again = ModelMonitor.load(MODEL, watcher.policy, state)
    assert again.dump() == state
    more = frame({f"f{number}": draws(number)[:90] for number in range(2 * PIECE_STREAMS + 5)}, start=WARM + 20)
    assert feed(again, more) == feed(watcher, more)
    assert again.dump() == watcher.dump()


@pytest.mark.parametrize("wrong", ["swapped", "missing", "of another moment", "no reference"])
def test_pieces_that_do_not_belong_together_are_refused(wrong: str) -> None:
    """Each is sound in itself; the head says which it was written with."""
    watcher = large()
    pieces, references = split(MODEL, watcher.dump())
    feed(watcher, frame({"f9": [1.0]}, start=WARM + 20))
    later = split(MODEL, watcher.dump())[0]
    given = {
        "swapped": [pieces[0], pieces[2], pieces[1]],
        "missing": pieces[:2],
        "of another moment": [*pieces[:2], later[2]],
        "no reference": list(pieces),
    }[wrong]
    with pytest.raises(StateError, match="state of"):
        ModelMonitor.load(MODEL, watcher.policy, join(given, {} if wrong == "no reference" else references))
