"""Learning from a stream in bounded memory."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.frame import Cell
from monitor.reference.learner import LABELS, OVERFLOW, RUN, Learner, Sample

Floats = npt.NDArray[np.float64]


def add(learner: Learner, values: Floats) -> None:
    """Numbers, NaN standing for null."""
    cells = np.where(np.isnan(values), Cell.NULL, Cell.NUMBER).astype(np.uint8)
    learner.add(cells, values, None, ())


def same(first: Sample, second: Sample) -> bool:
    """Do two samples hold the same observations?"""
    return (
        first.numbers.tobytes() == second.numbers.tobytes()
        and first.cells.tobytes() == second.cells.tobytes()
        and first.texts.tobytes() == second.texts.tobytes()
        and (first.labels, list(first.starts)) == (second.labels, list(second.starts))
        and (first.stride, first.seen, first.low, first.high) == (second.stride, second.seen, second.low, second.high)
    )


def test_a_short_stream_is_kept_whole_and_in_order() -> None:
    """Nothing is thinned before the memory is full."""
    learner = Learner(most=4 * RUN)
    values = np.arange(3.0 * RUN + 7)
    add(learner, values)
    sample = learner.sample()
    assert sample.numbers.tolist() == values.tolist()
    assert (sample.stride, list(sample.starts), sample.seen) == (1, [0], len(values))


def test_a_long_stream_is_kept_in_evenly_spread_runs() -> None:
    """Every second run, then every fourth; inside a run order is preserved.

    runs   0 · 2 · 4 · 6 ·      stride 2: the even ones
    """
    learner = Learner(most=4 * RUN)
    values = np.arange(6.0 * RUN)
    add(learner, values)
    sample = learner.sample()
    assert sample.stride == 2
    assert [int(sample.numbers[start] // RUN) for start in sample.starts] == [0, 2, 4]
    assert (np.diff(sample.numbers.reshape(-1, RUN)) == 1).all()


@given(length=st.integers(0, 200 * RUN))
def test_memory_stays_bounded_whatever_the_stream(length: int) -> None:
    """Never more than was asked for, never less than half of it once thinned, and always from the whole stretch."""
    learner = Learner(most=4 * RUN)
    add(learner, np.arange(float(length)))
    sample = learner.sample()
    assert len(sample.numbers) <= 4 * RUN
    assert sample.seen == length
    if sample.stride > 1:
        assert len(sample.numbers) >= 2 * RUN
        assert sample.numbers[-1] >= length - 2 * RUN * sample.stride


@given(
    length=st.integers(1, 30 * RUN),
    cuts=st.lists(st.integers(0, 30 * RUN), max_size=12),
    reload_at=st.integers(0, 12),
)
def test_what_is_kept_depends_neither_on_cuts_nor_on_restarts(length: int, cuts: list[int], reload_at: int) -> None:
    """One call or many, through a snapshot or not: the same sample."""
    values = np.random.default_rng(length).normal(size=length)
    values[::17] = np.nan
    whole = Learner(most=4 * RUN)
    add(whole, values)
    pieces = Learner(most=4 * RUN)
    for i, part in enumerate(np.split(values, sorted(min(cut, length) for cut in cuts))):
        if i == reload_at:
            pieces = Learner.load(msgspec.msgpack.decode(msgspec.msgpack.encode(pieces.dump())))
        add(pieces, part)
    assert same(whole.sample(), pieces.sample())
    assert whole.dump() == pieces.dump()


def test_extremes_are_remembered_from_values_that_were_not_kept() -> None:
    """The range of the reference is that of everything seen."""
    learner = Learner(most=2 * RUN)
    values = np.zeros(8 * RUN)
    values[RUN + 3], values[3 * RUN + 5] = -70.0, 90.0  # in runs that are thinned away
    add(learner, values)
    sample = learner.sample()
    assert sample.numbers.min() == sample.numbers.max() == 0
    assert (sample.low, sample.high) == (-70.0, 90.0)


def test_labels_are_told_apart_up_to_a_limit() -> None:
    """Beyond it a text is just another text, and memory stays bounded."""
    learner = Learner()
    labels = [f"id{i}" for i in range(LABELS + 10)]
    cells = np.full(len(labels), Cell.TEXT, np.uint8)
    learner.add(cells, np.full(len(labels), np.nan), np.arange(len(labels), dtype=np.int32), labels)
    sample = learner.sample()
    assert len(sample.labels) == LABELS
    assert (sample.texts[-10:] == OVERFLOW).all()
    assert (sample.texts[:-10] == np.arange(LABELS)).all()


def test_texts_are_numbered_by_their_first_occurrence_however_frames_number_them() -> None:
    """A frame's own label numbers mean nothing to the next frame."""
    one, two = Learner(), Learner()
    cells, nothing = np.full(4, Cell.TEXT, np.uint8), np.full(4, np.nan)
    one.add(cells, nothing, np.array([0, 1, 1, 0], np.int32), ["red", "blue"])
    two.add(cells[:3], nothing[:3], np.array([1, 0, 0], np.int32), ["blue", "red"])
    two.add(cells[:1], nothing[:1], np.array([2], np.int32), ["green", "grey", "red"])
    assert same(one.sample(), two.sample())
    assert one.sample().labels == ("red", "blue")


def test_a_mask_over_a_thinned_sample_keeps_runs_apart() -> None:
    """Runs shrink by what is left out of them, and do not join."""
    learner = Learner(most=2 * RUN)
    add(learner, np.arange(3.0 * RUN - 6))
    sample = learner.sample()
    keep = np.ones(len(sample.numbers), bool)
    keep[:10] = False
    lengths = [run.stop - run.start for run in sample.runs(keep)]
    assert lengths == [RUN - 10, RUN - 6]


def test_an_unused_learner_has_an_empty_sample() -> None:
    """Nothing seen is no error."""
    sample = Learner().sample()
    assert (len(sample.numbers), sample.seen, sample.stride) == (0, 0, 1)


def test_sampling_does_not_disturb_the_learner() -> None:
    """What is taken half-way is a copy."""
    learner = Learner(most=2 * RUN)
    add(learner, np.arange(100.0))
    first = learner.sample()
    add(learner, np.arange(100.0, 5000.0))
    assert first.numbers.tolist() == list(map(float, range(100)))
