"""When state is saved, and what becomes of what was not: the loop's side of a commit.

     facts, dirty models ──▶ pending ── begin ──▶ writer ──▶ saved: counters published, group's offsets told
                                ▲                    └─────▶ failed: put back in front, saved by the next commit

A commit is begun only between two polls, when every message handed out has been observed: then the positions and the
models tell the same story.  Whatever changes models beside their events does so here, at those positions, and is
recorded with them.  The models' streams are then copied a few a turn, each before it changes again, so that the loop
stands still for a few of them and not for all, nor for all of the largest model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import structlog

from monitor.domain.errors import StateError
from monitor.domain.facts import EpisodeChange, Fact, JointChange
from monitor.domain.keys import ModelKey
from monitor.engine.views import ModelView
from monitor.exposition.board import Board
from monitor.exposure import Exposure
from monitor.findings.events import Provenance, encode_facts, encode_interventions
from monitor.logs import LogLimit
from monitor.state.store import Commit, Intervention, Record, Snapshot
from monitor.state.writer import Outcome, Writer
from monitor.watch import Clock, Frozen, Watched

log = structlog.get_logger("driftgauge")

Positions = Mapping[tuple[str, int], int]

#: a change of status is saved at once, but not more often than this
EARLY_SECONDS = 1.0
#: of one turn of the loop, for copying streams
CAPTURE_SECONDS = 0.005
#: streams copied between two looks at the clock
CAPTURE_STREAMS = 32
#: with more streams than this to copy nothing is read for some turns: events would have to wait for the copies anyway,
#: and all of them in one turn
READ_ON_STREAMS = 500
#: facts waiting for a store that fails; at the limit nothing more is read, so Kafka keeps what is to come
PENDING_FACTS = 100_000


@dataclass(frozen=True, slots=True)
class Sinks:
    """Who hears of a commit that succeeded: the board, and lag tools through the group's offsets."""

    board: Board
    commit_group: Callable[[Positions], None]


@dataclass(frozen=True, slots=True)
class Intervened:
    """What was done to models beside their events, before the commit under way.

    offsets: how far its causes have been read (the control topic).  removed: models that are no longer watched.
    """

    interventions: Sequence[Intervention] = ()
    facts: Sequence[Fact] = ()
    removed: Collection[ModelKey] = ()
    offsets: Positions = field(default_factory=dict)


#: called between two polls with the positions of the commit that is about to begin
Intervene = Callable[[Positions], Intervened]


@dataclass(slots=True)
class _Pending:
    """What the next commit has to carry beside the models and positions; put back in front when one fails."""

    facts: list[Fact] = field(default_factory=list)
    interventions: list[Intervention] = field(default_factory=list)
    dead_letters: list[Record] = field(default_factory=list)
    removed: set[ModelKey] = field(default_factory=set)
    offsets: dict[tuple[str, int], int] = field(default_factory=dict)
    topic_ids: dict[str, str] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)
    configuration: bytes | None = None

    def after(self, earlier: _Pending) -> _Pending:
        """Both as one, `earlier` first."""
        return _Pending(
            earlier.facts + self.facts,
            earlier.interventions + self.interventions,
            earlier.dead_letters + self.dead_letters,
            earlier.removed | self.removed,
            {**earlier.offsets, **self.offsets},
            {**earlier.topic_ids, **self.topic_ids},
            earlier.forgotten | self.forgotten,
            earlier.configuration if self.configuration is None else self.configuration,
        )


@dataclass(slots=True)
class _Capture:
    """A commit in the making: every model as it was at `offsets`, copied at leisure, but before it changes."""

    pending: _Pending
    offsets: Positions
    at: float
    provenance: Provenance
    incarnation: int | None
    removed: frozenset[ModelKey]
    waiting: dict[ModelKey, Watched]  #: whose copy has not begun
    begun: dict[ModelKey, Frozen] = field(default_factory=dict)
    states: dict[ModelKey, Frozen] = field(default_factory=dict)  #: that are complete
    exposure: dict[ModelKey, Exposure] = field(default_factory=dict)
    views: dict[ModelKey, ModelView] = field(default_factory=dict)  #: what they had counted, by the writer

    def begin(self, key: ModelKey) -> None:
        """Begin to copy a model, if that has not been done yet: it is about to change."""
        watched = self.waiting.pop(key, None)
        if watched is not None:
            watched.before_change = None
            self.begun[key] = watched.monitor.snapshot()
            self.exposure[key] = watched.exposure.copy()

    def go_on(self) -> None:
        """Copy a few further streams of one model."""
        if not self.begun:
            self.begin(next(iter(self.waiting)))
        key, state = next(iter(self.begun.items()))
        state.copy(CAPTURE_STREAMS)
        if not state.left:
            self.states[key] = self.begun.pop(key)

    @property
    def complete(self) -> bool:
        return not self.waiting and not self.begun

    @property
    def left(self) -> int:
        """Streams that are still to be copied."""
        return sum(state.left for state in self.begun.values()) + sum(own.streams for own in self.waiting.values())

    def prepare(self) -> Commit:
        """Encode it; on the writer's thread, when all is copied."""
        pending = self.pending
        records = encode_facts(pending.facts, self.provenance)
        records += encode_interventions(pending.interventions, self.provenance, self.at)
        self.views = {key: state.counts for key, state in self.states.items()}
        return Commit(
            models={key: state.encode() for key, state in self.states.items()},
            exposure={key: exposure.dump() for key, exposure in self.exposure.items()},
            offsets=self.offsets,
            records=records,
            at=self.at,
            removed=self.removed,
            dead_letters=tuple(pending.dead_letters),
            interventions=tuple(pending.interventions),
            topic_ids=pending.topic_ids,
            forgotten=frozenset(pending.forgotten),
            configuration=pending.configuration,
            incarnation=self.incarnation,
        )


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
        self._pending = _Pending()
        self._capture: _Capture | None = None
        self._under_way: _Capture | None = None  # complete, and with the writer
        self._provenance = Provenance("/driftgauge", 1, "0", "")
        self._incarnation: int | None = None  # to be written with the next commit
        self._early = False
        self._began = clock.monotonic()
        #: asked at each commit what else changed the models
        self.interveners: list[Intervene] = []

    def open(self, snapshot: Snapshot, provenance: Provenance) -> None:
        """Go on from what was loaded."""
        self._provenance = replace(provenance, incarnation=snapshot.incarnation)

    @property
    def provenance(self) -> Provenance:
        """What the records of the next commit have in common."""
        return self._provenance

    def add(self, facts: Sequence[Fact]) -> None:
        """Facts to be saved with the state they were concluded from."""
        self._pending.facts.extend(facts)
        self._early = self._early or any(isinstance(fact, EpisodeChange | JointChange) for fact in facts)

    def add_dead_letters(self, letters: Sequence[Record]) -> None:
        """Messages that could not be read, to be published with the commit that passes over them."""
        self._pending.dead_letters.extend(letters)

    def intervened(self, done: Intervened) -> None:
        """Something that was done to the models since the last commit (see `interveners` for what is done at one)."""
        self._pending.interventions.extend(done.interventions)
        self._pending.removed.update(done.removed)
        self._pending.offsets.update(done.offsets)
        self.add(done.facts)

    def configured(self, configuration: bytes) -> None:
        """How events are read and judged from now on, for the next start to compare with."""
        self._pending.configuration = configuration

    def topics_known(self, topic_ids: Mapping[str, str], recreated: Collection[str] = ()) -> None:
        """What the broker calls the topics; of those made anew the stored offsets go, and their new ones mean others:
        what is concluded from now on belongs to another incarnation."""
        self._pending.topic_ids.update(topic_ids)
        if recreated:
            self._pending.forgotten.update(recreated)
            self._incarnation = self._provenance.incarnation + 1
            self._provenance = replace(self._provenance, incarnation=self._incarnation)

    @property
    def full(self) -> bool:
        """Too much waits for a store that fails: read nothing more for now."""
        return len(self._pending.facts) + len(self._pending.dead_letters) >= PENDING_FACTS

    @property
    def copying(self) -> bool:
        """Are so many streams still to be copied that nothing should be read for the rest of this turn?"""
        return self._capture is not None and self._capture.left > READ_ON_STREAMS

    def turn(self, positions: Positions) -> None:
        """Take the outcome of the commit under way, if there is one, and begin the next when it is due.

        Raises StateError when the state must not be written any more.
        """
        outcome = self._writer.outcome()
        if outcome is not None:
            self._settle(outcome)
        if self._capture is not None:
            self._go_on(CAPTURE_SECONDS)
            return
        since = self._clock.monotonic() - self._began
        due = since >= self._interval or (self._early and since >= min(EARLY_SECONDS, self._interval))
        if due and not self._writer.busy:
            self._begin(positions)

    def finish(self, positions: Positions, timeout: float) -> bool:
        """A last commit, waited for; False when it was not saved within `timeout` seconds."""
        deadline = self._clock.monotonic() + timeout
        if self._capture is not None:
            self._go_on(math.inf)
        if self._writer.busy:
            outcome = self._writer.outcome(timeout)
            if outcome is None:
                return False
            self._settle(outcome)
        self._begin(positions)
        if self._capture is not None:
            self._go_on(math.inf)
        outcome = self._writer.outcome(max(0.1, deadline - self._clock.monotonic()))
        if outcome is None:
            return False
        self._settle(outcome)
        return outcome.error is None

    def _begin(self, positions: Positions) -> None:
        """Fix what the commit is of; its streams are copied over the next turns, or before they change."""
        for intervene in self.interveners:
            self.intervened(intervene(positions))
        pending, self._pending = self._pending, _Pending()
        dirty = {key: watched for key, watched in self._models.items() if watched.unsaved}
        self._capture = _Capture(
            pending,
            {**positions, **pending.offsets},
            self._clock.wall(),
            self._provenance,
            self._incarnation,
            frozenset(pending.removed - self._models.keys()),  # one that came back is a model like any other
            dict(dirty),
        )
        for key, watched in dirty.items():
            watched.unsaved = False
            watched.before_change = partial(self._capture.begin, key)
        self._early = False
        self._began = self._clock.monotonic()
        self._go_on(CAPTURE_SECONDS)

    def _go_on(self, seconds: float) -> None:
        """Copy streams for about this long; with the last one the commit goes to the writer."""
        capture = self._capture
        assert capture is not None
        until = self._clock.monotonic() + seconds
        while not capture.complete:
            capture.go_on()
            if self._clock.monotonic() > until:
                break
        if capture.complete:
            self._capture, self._under_way = None, capture
            self._writer.submit(capture.prepare)

    def _settle(self, outcome: Outcome) -> None:
        under_way, self._under_way = self._under_way, None
        assert under_way is not None  # the writer writes what was begun here
        commit = outcome.commit
        if commit is not None and outcome.error is None:
            self._sinks.board.publish_committed(under_way.views)
            self._sinks.board.checkpoint(self._clock.wall(), outcome.duration_seconds, commit.size_bytes)
            self._sinks.commit_group(commit.offsets)
            if commit.incarnation == self._incarnation:
                self._incarnation = None
            return
        if isinstance(outcome.error, StateError):
            raise outcome.error
        self._sinks.board.checkpoint_failed()
        self._pending = self._pending.after(under_way.pending)
        for key in under_way.states:
            if key in self._models:
                self._models[key].unsaved = True
        held_back = self._limit.passes("checkpoint_failed")
        if held_back is not None:
            log.error("checkpoint_failed", error=str(outcome.error), not_logged_before=held_back)
