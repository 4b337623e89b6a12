"""Everything that is watched: one monitor a model version, and what came of the messages it was given.

     batch ──format──▶ frames ──monitor.observe──▶ facts
               └────▶ rejects ──▶ counted, and logged at a bounded rate

Every message of a batch is counted exactly once: good, ignored, or rejected under the reason found first in it.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
import numpy as np
import structlog

from monitor.domain.errors import StateError
from monitor.domain.facts import EpisodeChange, Fact
from monitor.domain.frame import Decoded, Frame, MessageBatch, Reject
from monitor.domain.keys import Kind, ModelKey, StreamKey
from monitor.engine.inheriting import Will
from monitor.engine.policy import Policy
from monitor.engine.shape import Shape, shape_in
from monitor.engine.views import ModelView
from monitor.exposition.board import Board
from monitor.exposure import Exposure
from monitor.inheriting import Inheriting, Positions
from monitor.kafka.dead_letters import DeadLetters
from monitor.logs import LogLimit
from monitor.semantics import changed_topics
from monitor.state.store import Intervention, Parted, Snapshot

log = structlog.get_logger("driftgauge")

#: what a message is counted under that a format fails on, instead of refusing it
_DEFECT = "wrong_shape"
#: of a name that is refused for its length, so much is logged
_SHOWN = 200


class Format(Protocol):
    """Wire format → columns; never raises for bad input."""

    def decode(self, batch: MessageBatch) -> Decoded: ...


class Frozen(Protocol):
    """A monitor's state as it was at one moment, copied a few streams at a time and each before it changes.

    When all are copied, `counts` and then `encode` may take their time, once each, on any thread.
    """

    @property
    def left(self) -> int: ...
    def copy(self, most: int) -> None: ...
    @property
    def counts(self) -> ModelView: ...
    def encode(self) -> bytes | Parted: ...


class Monitor(Protocol):
    """The statistics of one model version."""

    room: int  #: streams it may have
    clock: float  #: newest event time, NaN if none

    @property
    def streams(self) -> Collection[tuple[Kind, str]]: ...
    def observe(self, frame: Frame) -> Sequence[Fact]: ...
    def tick(self, watermark: float) -> Sequence[Fact]: ...
    def expire(self) -> Sequence[Fact]: ...
    def snapshot(self) -> Frozen: ...
    def finish_snapshot(self) -> None: ...
    def view(self) -> ModelView: ...


class MonitorType(Protocol):
    """Makes monitors, new or from what one of them dumped; `load` raises StateError."""

    def __call__(self, key: ModelKey, policy: Policy) -> Monitor: ...
    def load(self, key: ModelKey, policy: Policy, state: bytes) -> Monitor: ...


class Reset(Protocol):
    """A stream that started anew, and why."""

    @property
    def stream(self) -> StreamKey: ...
    @property
    def why(self) -> str: ...


#: a restored monitor and the topics that are read in another way → the monitor as it is to go on
Adapt = Callable[[Any, Collection[str]], tuple[Any, Sequence[Reset]]]


#: a monitor and one of its streams → how its recent values lie against its reference, if there is one yet
Draw = Callable[[Any, StreamKey], Shape | None]


@dataclass(frozen=True, slots=True)
class Clock:
    """The two clocks of a process, in seconds: wall for what people read, monotonic for what is measured."""

    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic


@dataclass(slots=True)
class Watched:
    """A model version and whether it is newer than what is stored, and than what is shown."""

    monitor: Monitor
    exposure: Exposure
    unsaved: bool = True
    unpublished: bool = True
    before_change: Callable[[], None] | None = None  #: called once by the next change, to begin a snapshot of it
    _view: ModelView | None = None
    _stale: bool = True

    @property
    def view(self) -> ModelView:
        """The model as it stands; looked at once between two frames, for showing and saving alike."""
        if self._view is None or self._stale:
            self._view = self.monitor.view()
            self._stale = False
        return self._view

    @property
    def streams(self) -> int:
        """How many streams it takes the room of; a model without any takes that of one."""
        return max(1, len(self.monitor.streams))

    def changed(self) -> None:
        """Something beside events is going to change the monitor: what is stored and shown is older from now on."""
        self._touch()
        self.monitor.finish_snapshot()

    def _touch(self) -> None:
        if self.before_change is not None:
            self.before_change()
        self.unsaved = self.unpublished = self._stale = True

    def observe(self, frame: Frame) -> Sequence[Fact]:
        """Show the monitor a frame."""
        self._touch()
        return self.monitor.observe(frame)


class Watch:
    """Owns the monitors.  formats: by topic; a model that would pass the limit on streams is refused and counted."""

    def __init__(
        self, formats: Mapping[str, Format], monitor_type: MonitorType, policy: Policy, board: Board, clock: Clock
    ) -> None:
        self._formats = formats
        self._monitor_type = monitor_type
        self._policy = policy
        self._board = board
        self._clock = clock
        self._limit = LogLimit(clock.monotonic)
        self._refused: set[ModelKey] = set()
        self.configuration = b""  #: how events are read and judged, in words
        self.dead_letters: DeadLetters | None = None  #: given messages that could not be read, if anybody wants them
        self.inheriting: Inheriting | None = None  #: settles what new versions start from, if not from a warm-up
        self._wills: Mapping[ModelKey, Will] = {}  # of the versions that the batch at hand brings
        self.models: dict[ModelKey, Watched] = {}
        self._streams = 0  # of all models
        self.adapt: Adapt | None = None  #: how restored models come to terms with a changed configuration
        self.draw: Draw = shape_in  #: for who looks at a stream

    def restore(self, snapshot: Snapshot) -> None:
        """Take up the stored models.  Raises StateError when one is damaged or does not fit the configuration."""
        for key, state in snapshot.models.items():
            stored = snapshot.exposure.get(key)
            exposure = Exposure.load(key, stored) if stored else Exposure(key)
            try:
                monitor = self._monitor_type.load(key, self._policy, state)
            except StateError as error:
                raise StateError(
                    f"the stored state of model {key} is refused: {error}; `driftgauge state reset` lets it begin anew"
                ) from error
            self._take_up(key, Watched(monitor, exposure, unsaved=False))

    def adapted(self, snapshot: Snapshot) -> list[Intervention]:
        """Bring restored models to terms with how events are read and judged now; what had to start anew."""
        done: list[Intervention] = []
        if self.adapt is None:
            return done
        topics = changed_topics(snapshot.configuration, self.configuration)
        for key, watched in sorted(self.models.items()):
            monitor, resets = self.adapt(watched.monitor, topics)
            if monitor is watched.monitor:
                continue
            self._streams += len(monitor.streams) - len(watched.monitor.streams)
            watched.monitor = monitor
            watched.changed()
            for reset in resets:
                log.warning("stream_begins_anew", stream=str(reset.stream), why=reset.why)
                detail = {"feature": reset.stream.feature, "kind": reset.stream.kind, "why": reset.why}
                done.append(Intervention("configured", key, snapshot.offsets, msgspec.json.encode(detail)))
        return done

    def _take_up(self, key: ModelKey, watched: Watched) -> None:
        self.models[key] = watched
        self._streams += watched.streams

    @property
    def watermark(self) -> float:
        """The newest event time of all models, NaN if none has one."""
        clocks = (watched.monitor.clock for watched in self.models.values())
        return max((clock for clock in clocks if clock == clock), default=math.nan)

    def forget(self, key: ModelKey) -> None:
        """Watch a model version no more, and show it no more."""
        self._streams -= self.models.pop(key).streams
        self._board.forget(key)

    def lose(self, key: ModelKey, streams: Collection[tuple[Kind, str]]) -> None:
        """These streams of a model are gone."""
        watched = self.models[key]
        watched.changed()
        watched.exposure.forget(streams)
        self._streams -= len(streams)
        self._board.forget_streams([StreamKey(key.model, key.model_version, name, kind) for kind, name in streams])

    def take(self, batch: MessageBatch, positions: Positions = dict) -> list[Fact]:
        """Read a batch and show its events to the monitors; the facts in order, by model.  positions: before it.

        An exception in here is a defect: it is passed on with the place it happened at, and nothing of the model it
        happened in may be saved any more.
        """
        decoded = self._decode(batch)
        self._count(batch.topic, decoded)
        if self.dead_letters is not None:
            self.dead_letters.add(batch, decoded.rejects)
        self._settle(decoded.frames)
        facts: list[Fact] = []
        for frame in decoded.frames:
            facts.extend(self._observe(frame, positions))
        return facts

    def _settle(self, frames: Iterable[Frame]) -> None:
        """What the versions that these frames bring are to start from, before any of the frames is observed."""
        if self.inheriting is not None:
            new = {frame.model for frame in frames} - self.models.keys()
            if new or self._wills:
                monitors = {key: watched.monitor for key, watched in self.models.items()}
                self._wills = self.inheriting.wills(new, monitors)

    def shape(self, stream: StreamKey) -> Shape | None:
        """How a stream's recent values lie against its reference; None where there is nothing to draw."""
        watched = self.models.get(stream.model_key)
        return None if watched is None else self.draw(watched.monitor, stream)

    def is_late(self, key: ModelKey, max_age_seconds: float | None) -> bool:
        """Is the newest event of the model older than this by the wall clock?"""
        return self.models[key].exposure.is_late(self._clock.wall(), max_age_seconds)

    def _decode(self, batch: MessageBatch) -> Decoded:
        """What the format makes of a batch.  Should it fail, which none is meant to, the messages are read one by one:
        a defect that one message brings out must neither stop the loop nor cost its neighbours."""
        decode = self._formats[batch.topic].decode
        try:
            return decode(batch)
        except Exception:
            if (held_back := self._limit.passes(("decode_failed", batch.topic))) is not None:
                place = _span(batch.partitions, batch.offsets)
                log.exception("decode_failed", topic=batch.topic, place=place, not_logged_before=held_back)
        if len(batch) == 1:
            unread = "a message that the format can read", "one that it fails on"
            return Decoded([], [Reject(batch.topic, batch.partitions[0], batch.offsets[0], _DEFECT, *unread)], 0, 0)
        parts = [self._decode(_one(batch, index)) for index in range(len(batch))]
        return Decoded(
            frames=[frame for part in parts for frame in part.frames],
            rejects=[reject for part in parts for reject in part.rejects],
            accepted=sum(part.accepted for part in parts),
            ignored=sum(part.ignored for part in parts),
        )

    def _count(self, topic: str, decoded: Decoded) -> None:
        self._board.count_messages(topic, "ok", decoded.accepted)
        self._board.count_messages(topic, "ignored", decoded.ignored)
        first: dict[tuple[int, int], Reject] = {}
        for reject in decoded.rejects:
            first.setdefault((reject.partition, reject.offset), reject)
        for reason, count in Counter(reject.reason for reject in first.values()).items():
            self._board.count_messages(topic, reason, count)
        self._log_rejects(decoded.rejects)

    def _log_rejects(self, rejects: Iterable[Reject]) -> None:
        for reject in rejects:
            held_back = self._limit.passes((reject.topic, reject.reason))
            if held_back is not None:
                log.warning(
                    "message_rejected",
                    topic=reject.topic,
                    partition=reject.partition,
                    offset=reject.offset,
                    row=reject.row,
                    reason=reject.reason,
                    expected=reject.expected,
                    found=reject.found,
                    not_logged_before=held_back,
                )

    def _observe(self, frame: Frame, positions: Positions) -> Sequence[Fact]:
        watched = self._watched(frame, positions)
        if watched is None or not len(frame):
            return ()
        wall = self._clock.wall()
        delays = wall - frame.event_time
        known = ~np.isnan(delays)
        if known.any():
            self._board.observe_event_delay(float(delays[known].mean()), int(known.sum()))
        watched.exposure.received(frame.columns, float(np.fmax.reduce(frame.event_time)), wall)
        began = self._clock.monotonic()
        before = watched.streams
        watched.monitor.room = self._policy.limits.streams - (self._streams - before)
        try:
            facts = watched.observe(frame)
        except Exception as error:
            span = _span(frame.partition.tolist(), frame.offset.tolist())
            error.add_note(f"while model {frame.model} observed {frame.topic}: {span}")
            raise
        self._streams += watched.streams - before
        self._board.observe_frame_duration(self._clock.monotonic() - began)
        return facts

    def _watched(self, frame: Frame, positions: Positions) -> Watched | None:
        watched = self.models.get(frame.model)
        if watched is not None:
            return watched
        reason = self._refusal(frame.model)
        if reason is not None:
            self._refuse(frame, reason)
            return None
        watched = Watched(self._monitor_type(frame.model, self._policy), Exposure(frame.model))
        self._take_up(frame.model, watched)
        if self.inheriting is not None and frame.model in self._wills:
            self.inheriting.begin(watched.monitor, self._wills[frame.model], positions())
        log.info("model_found", model=frame.model.model, model_version=frame.model.model_version, topic=frame.topic)
        return watched

    def _refusal(self, key: ModelKey) -> str | None:
        """Why a new model version may not be watched: its streams would be too many, or its labels too long."""
        limits = self._policy.limits
        if max(len(key.model.encode()), len(key.model_version.encode())) > limits.label_bytes:
            return "model_label_too_long"
        streams = sum(watched.streams for watched in self.models.values())
        return "model_too_many" if streams >= limits.streams else None

    def _refuse(self, frame: Frame, reason: str) -> None:
        if frame.model not in self._refused and len(self._refused) < self._policy.limits.streams:
            self._refused.add(frame.model)
            self._board.refuse(reason, len(frame.columns))
        held_back = self._limit.passes(("model_refused", reason))
        if held_back is not None:
            log.warning(
                "model_refused",
                reason=reason,
                model=frame.model.model[:_SHOWN],
                model_version=frame.model.model_version[:_SHOWN],
                topic=frame.topic,
                limits={"streams": self._policy.limits.streams, "label_bytes": self._policy.limits.label_bytes},
                not_logged_before=held_back,
            )


def firing(facts: Iterable[Fact]) -> list[EpisodeChange]:
    """The episodes that opened, or fired again."""
    return [fact for fact in facts if isinstance(fact, EpisodeChange) and fact.state == "firing"]


def _one(batch: MessageBatch, index: int) -> MessageBatch:
    """One message of a batch as a batch."""
    here = slice(index, index + 1)
    return MessageBatch(
        topic=batch.topic,
        values=batch.values[here],
        partitions=batch.partitions[here],
        offsets=batch.offsets[here],
        timestamps=batch.timestamps[here],
        headers=None if batch.headers is None else batch.headers[here],
        keys=None if batch.keys is None else batch.keys[here],
    )


def _span(partitions: Sequence[int], offsets: Sequence[int]) -> str:
    """First and last offset of each partition."""
    spans: dict[int, tuple[int, int]] = {}
    for partition, offset in zip(partitions, offsets, strict=True):
        low, high = spans.get(partition, (offset, offset))
        spans[partition] = (min(low, offset), max(high, offset))
    return ", ".join(f"partition {p} offsets {low} to {high}" for p, (low, high) in sorted(spans.items()))
