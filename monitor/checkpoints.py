"""When state is saved, and what becomes of what was not: the loop's side of a commit.

     facts, dirty models ──▶ pending ── begin ──▶ writer ──▶ saved: counters published, group's offsets told
                                ▲                    └─────▶ failed: put back in front, saved by the next commit

A commit is begun only between two polls, when every message handed out has been observed: then the positions and the
models tell the same story.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from monitor.domain.facts import EpisodeChange, Fact
from monitor.domain.keys import ModelKey
from monitor.engine.views import ModelView
from monitor.exposition.board import Board
from monitor.logs import LogLimit
from monitor.state.store import Commit
from monitor.state.writer import Outcome, Writer
from monitor.watch import Clock, Watched

log = structlog.get_logger("driftgauge")

Positions = Mapping[tuple[str, int], int]

#: a change of status is saved at once, but not more often than this
EARLY_SECONDS = 1.0
#: facts waiting for a store that fails; at the limit nothing more is read, so Kafka keeps what is to come
PENDING_FACTS = 100_000


@dataclass(frozen=True, slots=True)
class Sinks:
    """Who hears of a commit that succeeded: the board, and lag tools through the group's offsets."""

    board: Board
    commit_group: Callable[[Positions], None]


class Checkpoints:
    """Saves `models` through `writer` every `interval_seconds`, earlier after a change of status."""

    def __init__(
        self, models: Mapping[ModelKey, Watched], writer: Writer, sinks: Sinks, interval_seconds: float, clock: Clock
    ) -> None:
        self._models = models
        self._writer = writer
        self._sinks = sinks
        self._interval = interval_seconds
        self._clock = clock
        self._limit = LogLimit(clock.monotonic)
        self._pending: list[Fact] = []
        self._views: dict[ModelKey, ModelView] = {}  # of the commit under way
        self._early = False
        self._began = clock.monotonic()

    def add(self, facts: list[Fact]) -> None:
        """Facts to be saved with the state they were concluded from."""
        self._pending.extend(facts)
        self._early = self._early or any(isinstance(fact, EpisodeChange) for fact in facts)

    @property
    def full(self) -> bool:
        """Too much waits for a store that fails: read nothing more for now."""
        return len(self._pending) >= PENDING_FACTS

    def turn(self, positions: Positions) -> None:
        """Take the outcome of the commit under way, if there is one, and begin the next when it is due."""
        outcome = self._writer.outcome()
        if outcome is not None:
            self._settle(outcome)
        since = self._clock.monotonic() - self._began
        due = since >= self._interval or (self._early and since >= min(EARLY_SECONDS, self._interval))
        if due and not self._writer.busy:
            self._begin(positions)

    def finish(self, positions: Positions, timeout: float) -> bool:
        """A last commit, waited for; False when it was not saved within `timeout` seconds."""
        deadline = self._clock.monotonic() + timeout
        if self._writer.busy:
            outcome = self._writer.outcome(timeout)
            if outcome is None:
                return False
            self._settle(outcome)
        self._begin(positions)
        outcome = self._writer.outcome(max(0.1, deadline - self._clock.monotonic()))
        if outcome is None:
            return False
        self._settle(outcome)
        return outcome.error is None

    def _begin(self, positions: Positions) -> None:
        dirty = {key: watched for key, watched in self._models.items() if watched.unsaved}
        commit = Commit(
            models={key: watched.monitor.dump() for key, watched in dirty.items()},
            exposure={key: watched.exposure.dump() for key, watched in dirty.items()},
            offsets=dict(positions),
            facts=tuple(self._pending),
            at=self._clock.wall(),
        )
        self._views = {key: watched.view for key, watched in dirty.items()}
        for watched in dirty.values():
            watched.unsaved = False
        self._pending = []
        self._early = False
        self._began = self._clock.monotonic()
        self._writer.submit(commit)

    def _settle(self, outcome: Outcome) -> None:
        commit, views, self._views = outcome.commit, self._views, {}
        if outcome.error is None:
            self._sinks.board.publish_committed(views)
            self._sinks.board.checkpoint(self._clock.wall(), outcome.duration_seconds, commit.size_bytes)
            self._sinks.commit_group(commit.offsets)
            return
        self._sinks.board.checkpoint_failed()
        self._pending[:0] = commit.facts
        for key in commit.models:
            self._models[key].unsaved = True
        held_back = self._limit.passes("checkpoint_failed")
        if held_back is not None:
            log.error("checkpoint_failed", error=str(outcome.error), not_logged_before=held_back)
