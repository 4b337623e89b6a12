"""Samples for tests of references, from plain values."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.reference.learner import Learner, Sample
from monitor.reference.reference import StreamReference, learn
from tests.unit.engine.events import Value, column


def sample(values: Sequence[Value], most: int = 10_000) -> Sample:
    """What a learner makes of plain values."""
    learner = Learner(most)
    made = column("x", values)
    learner.add(made.cells, made.numbers, made.texts, made.labels)
    return learner.sample()


def reference(values: Sequence[Value], most: int = 10_000) -> StreamReference:
    """The reference learned from plain values."""
    return learn(sample(values, most))
