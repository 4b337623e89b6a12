"""Warm-up: learning a stream's first reference from its live events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from monitor.domain.frame import Cell
from monitor.engine.budget import WEEK, BudgetInputs
from monitor.engine.observations import Observations
from monitor.reference.learner import Learner, Sample


class WarmUp:
    """Complete when its observations and its duration (event time) are both there; a missing time counts as met."""

    def __init__(self, observations: int, seconds: float) -> None:
        self._least, self._seconds = observations, seconds
        self._learner = Learner()
        self._taken = 0  # observations with the key present
        self._begin = float("nan")  # the model's clock at the first observation that had one
        self.texts = 0  # texts among them, which are wrong after all if the stream turns out numeric

    def take(self, seen: Observations) -> tuple[int, bool]:
        """Learn from observations; how many were taken, and whether that completed the warm-up."""
        counted = self._taken + np.cumsum(seen.cells != Cell.ABSENT)
        timed = np.flatnonzero(~np.isnan(seen.clock))
        if self._begin != self._begin and len(timed):
            self._begin = float(seen.clock[timed[0]])
        is_waiting = seen.clock - self._begin < self._seconds
        ready = np.flatnonzero((counted >= self._least) & ~is_waiting)
        stop = int(ready[0]) + 1 if len(ready) else len(seen)
        part = seen.part(0, stop)
        self._learner.add(part.cells, part.numbers, part.texts, part.labels)
        self._taken = int(counted[stop - 1])
        self.texts += int((part.cells == Cell.TEXT).sum())
        return stop, bool(len(ready))

    def sample(self) -> Sample:
        """What was learned."""
        return self._learner.sample()

    def inputs(self, last: Observations, births: Sequence[int]) -> BudgetInputs:
        """What the budget freezes: the stream's rate, and the streams known at the last event taken."""
        known = sum(birth <= int(last.ordinal[-1]) for birth in births)
        waited = float(last.clock[-1]) - self._begin
        return BudgetInputs(self._taken / waited * WEEK if waited > 0 else None, max(1, known))

    def dump(self) -> dict[str, Any]:
        """Plain data."""
        begin = None if self._begin != self._begin else self._begin
        return {"learner": self._learner.dump(), "taken": self._taken, "begin": begin, "texts": self.texts}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where the dumped warm-up stood."""
        self._learner = Learner.load(state["learner"])
        self._taken, self.texts = state["taken"], state["texts"]
        self._begin = float("nan") if state["begin"] is None else state["begin"]
