"""All streams of one model version: frames in, facts out.  The unit of state, checkpoint, expiry and distribution."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from monitor.channels.kernels import tally
from monitor.detectors.adwin import AdwinBank
from monitor.detectors.page_hinkley import PageHinkleyBank
from monitor.domain.errors import ProfileError, StateError
from monitor.domain.facts import Fact, Place, Status
from monitor.domain.frame import Cell, Column, Frame
from monitor.domain.keys import Kind, ModelKey, StreamKey
from monitor.engine import inheriting
from monitor.engine.budget import BudgetInputs
from monitor.engine.channel import Banks
from monitor.engine.copying import ModelSnapshot
from monitor.engine.expiry import last_words, unseen
from monitor.engine.joint import Joint, Moment
from monitor.engine.observations import Observations
from monitor.engine.policy import Policy
from monitor.engine.pulse import BLOCK
from monitor.engine.regime import Terms
from monitor.engine.rollup import roll_up
from monitor.engine.show import Views
from monitor.engine.snapshot import Head, Known, StreamEntry, split, unseal
from monitor.engine.stream import StreamMonitor, StreamSettings
from monitor.engine.views import JointView, ModelView
from monitor.reference.profile import Profile


class ModelMonitor:
    """Watches one model version.  Its state depends on the policy and the order of its events alone."""

    def __init__(self, key: ModelKey, policy: Policy) -> None:
        self.key = key
        self.policy = policy
        self.room = policy.limits.streams  #: streams it may have; less, when other models have taken theirs
        self.streams: dict[tuple[Kind, str], StreamMonitor] = {}
        self.refused: dict[str, int] = {"too_many": 0, "label_too_long": 0}
        self.clock = float("nan")
        self.events = 0
        self._banks = Banks(AdwinBank(), PageHinkleyBank())
        self._views = Views()
        self.joint = Joint(key, policy.min_effect.level, policy.relearn_after_seconds)
        self._births: list[int] = []  # ascending: event at which each stream was first seen
        self._seen: dict[tuple[Kind, str], float] = {}  # the clock at each stream's newest value
        self._homes: dict[tuple[Kind, str], str] = {}  # topic that a stream was first present in
        self._feature_topics: set[str] = set()
        self._refused_names: set[tuple[Kind, str]] = set()
        self._bequests: dict[tuple[Kind, str], inheriting.Bequest] = {}  # of streams that have not come yet
        self._copying: ModelSnapshot | None = None  # not complete yet
        profile = policy.profile_for(key)
        if profile is not None:
            self._approve(profile)

    def _approve(self, profile: Profile) -> None:
        """Create every stream of an approved profile, so that one that never comes is seen to be missing."""
        inputs = BudgetInputs(profile.events_per_week, len(profile.streams))
        for (kind, feature), reference in sorted(profile.streams.items(), key=lambda item: item[0]):
            self._create(kind, feature, birth=0).approve(reference, profile.identity, inputs)

    def _create(self, kind: Kind, feature: str, birth: int) -> StreamMonitor:
        key = StreamKey(self.key.model, self.key.model_version, feature, kind)
        stream = StreamMonitor(key, self._settings(key), self._banks)
        self.streams[(kind, feature)] = stream
        insort(self._births, birth)
        return stream

    def inherit(self, will: inheriting.Will) -> None:
        """Let each stream start from an older version's reference, if that had one; before the first event."""
        self._bequests = dict(will.bequests)

    def disinherit(self, feature: str | None) -> None:
        """Streams of that name (all of them: None) that have not come yet are to learn their own."""
        self._bequests = {name: left for name, left in self._bequests.items() if feature not in (None, name[1])}

    def forget(self, kind: Kind, feature: str) -> None:
        """Drop a stream with all it has learned; it starts anew, from its profile or with its next event.

        For a monitor that is dumped next: the detectors' rows are given up with the dump.
        """
        self.streams.pop((kind, feature), None)
        self._homes.pop((kind, feature), None)
        self._seen.pop((kind, feature), None)
        self._bequests.pop((kind, feature), None)
        profile = self.policy.profile_for(self.key)
        reference = None if profile is None else profile.streams.get((kind, feature))
        if profile is not None and reference is not None:
            inputs = BudgetInputs(profile.events_per_week, len(profile.streams))
            self._create(kind, feature, birth=0).approve(reference, profile.identity, inputs)

    def home(self, kind: Kind, feature: str) -> str | None:
        """The topic that a stream was first present in; None if it never was."""
        return self._homes.get((kind, feature))

    def _settings(self, key: StreamKey) -> StreamSettings:
        policy = self.policy
        chosen = [override for override in policy.overrides if override.matches(key)]

        def first(field: str, otherwise: Any = None) -> Any:
            """The field of the first override that says something of it."""
            said = (getattr(override, field) for override in chosen)
            return next((value for value in said if value is not None), otherwise)

        return StreamSettings(
            wanted=first("type"),
            warmup_observations=policy.warmup.observations,
            warmup_seconds=policy.warmup.duration_seconds,
            relearn_seconds=policy.relearn_after_seconds,
            terms=Terms(policy.false_alarms_per_week * first("budget_share", 1.0), first("channels"), policy.floor),
            min_effect=first("min_effect", policy.min_effect),
            categories=policy.limits.categories,
            direction=first("direction"),
            mute_until=first("mute_until"),
        )

    def observe(self, frame: Frame) -> list[Fact]:
        """Take a frame; findings and episode changes in the order of the events (then of kind and feature)."""
        if not len(frame):
            return []
        clock = np.fmax.accumulate(np.concatenate([[self.clock], frame.event_time]))[1:]
        ordinal = self.events + np.arange(len(frame), dtype=np.int64)
        columns = {(column.kind, column.feature): column for column in frame.columns}
        if frame.has_features.any():
            self._feature_topics.add(frame.topic)
        met = self._meet(frame, columns)

        def place(row: int) -> Place:
            at = int(frame.partition[row]), int(frame.offset[row]), int(frame.row[row])
            return Place(frame.topic, *at, frame.event_id[row], float(frame.event_time[row]))

        facts: list[tuple[int, Fact]] = []
        every, newest = np.arange(len(frame)), float(clock[-1])
        for name in sorted(self.streams):
            stream, column = self.streams[name], columns.get(name)
            if (
                column is not None and tally(column.cells)[Cell.ABSENT] == 0
            ):  # as most are: nothing to choose, or to copy
                seen = Observations(
                    column.cells, column.numbers, column.texts, column.labels, every, clock, ordinal, place
                )
                self._before_change(name)
                facts += stream.observe(seen, self._births)
                self._seen[name] = newest
                continue
            rows = _rows(frame, stream, column, self._at_home(name, frame, met.get(name)))
            if len(rows) or column is not None:
                self._before_change(name)
            if len(rows):
                facts += stream.observe(_observations(column, rows, clock, ordinal, place), self._births)
            if column is not None and column.present.any():
                self._seen[name] = float(clock[len(frame) - 1 - int(column.present[::-1].argmax())])
        self.clock = newest
        self.events += len(frame)
        facts += self._advance_joint(ordinal, clock, place)
        facts.sort(key=lambda located: located[0])  # stable: within a row, streams stay in order
        return [fact for _, fact in facts]

    def _advance_joint(
        self, ordinal: npt.NDArray[np.int64], clock: npt.NDArray[np.float64], place: Callable[[int], Place]
    ) -> list[tuple[int, Fact]]:
        """Let the test of all features together see the blocks of events that a frame completes."""
        if int(ordinal[0]) // BLOCK == self.events // BLOCK:
            return []
        self.finish_snapshot()  # each stream is going to hand its pulses over
        pulses = {feature: stream.pulse for (kind, feature), stream in self.streams.items() if kind == "feature"}

        def row_of(block: int) -> int:
            return (block + 1) * BLOCK - 1 - int(ordinal[0])

        def moment(block: int) -> Moment:
            return Moment(place(row_of(block)), float(clock[row_of(block)]))

        found = self.joint.advance(pulses, self.events // BLOCK, moment)
        return [(row_of(block), change) for block, change in found]

    def _meet(self, frame: Frame, columns: Mapping[tuple[Kind, str], Column]) -> dict[tuple[Kind, str], int]:
        """Create the streams that a frame brings, in the order of their first event, within the limits.

        Returns the row of that first event, by stream.
        """
        first = {
            name: int(column.present.argmax())
            for name, column in columns.items()
            if name not in self._homes and column.present.any()
        }
        for name in sorted(first, key=lambda name: (first[name], name)):
            if name not in self.streams:
                reason = self._refusal(name)
                if reason is not None:
                    if name not in self._refused_names and len(self._refused_names) < self.policy.limits.streams:
                        self._refused_names.add(name)
                        self.refused[reason] += 1
                    continue
                stream = self._create(*name, birth=self.events + first[name])
                bequest = self._bequests.pop(name, None)
                if bequest is not None:
                    stream.inherit(bequest.reference, bequest.reference_id, bequest.inputs)
            self._before_change(name)
            self._homes[name] = frame.topic
        return first

    def _before_change(self, name: tuple[Kind, str]) -> None:
        """A stream is about to change: a snapshot that is being taken must have it as it is."""
        if self._copying is not None:
            self._copying.take(name)
            if not self._copying.left:
                self._copying = None

    def _refusal(self, name: tuple[Kind, str]) -> str | None:
        if len(name[1].encode()) > self.policy.limits.label_bytes:
            return "label_too_long"
        return "too_many" if len(self.streams) >= self.room else None

    def _at_home(self, name: tuple[Kind, str], frame: Frame, first: int | None) -> tuple[int, bool]:
        """Row from which a frame's topic is known to be a stream's, and whether it passes for it in earlier rows too.

        first: the row with the stream's first event ever, None if that is not in this frame.  Up to there the topic of
        a stream of a profile is known only if just one topic carries features.
        """
        home = self._homes.get(name)
        begin = len(frame) if home != frame.topic else first or 0
        is_only = name[0] == "feature" and self._feature_topics == {frame.topic}
        return begin, is_only and (home is None or first is not None)

    def tick(self, watermark: float) -> list[Fact]:
        """Forget the streams that were not seen for long, as of an event time; the ends of their episodes."""
        self.finish_snapshot()
        facts: list[Fact] = []
        for name in unseen(self.streams, self._seen, watermark, self.policy.limits.forget_seconds):
            facts += self._expire(name)
        return facts

    def expire(self) -> list[Fact]:
        """Forget every stream: the model version itself was not seen for long."""
        self.finish_snapshot()
        return [fact for name in sorted(self.streams) for fact in self._expire(name)]

    def _expire(self, name: tuple[Kind, str]) -> list[Fact]:
        stream = self.streams.pop(name)
        for regime in stream.regimes():
            regime.release()
        self._homes.pop(name, None)
        self._seen.pop(name, None)
        self._refused_names.clear()  # there is room again, for those that were refused too
        del self._births[:1]  # all are in the past, where only their number counts
        return list(last_words(stream))

    def view(self) -> ModelView:
        """The model version as it stands."""
        streams = {stream: self._views.of(stream) for _, stream in sorted(self.streams.items())}
        status, share = roll_up((view.status, self._weight(stream)) for stream, view in streams.items())
        if self.joint.told:
            status = max(status, Status.WARNING)
        joint = JointView(self.joint.score, self.joint.told)
        return ModelView(self.key, tuple(streams.values()), status, share, self.clock, dict(self.refused), joint)

    def _weight(self, stream: StreamMonitor) -> float:
        """Weight of a stream in the roll-up."""
        weights = (o.weight for o in self.policy.overrides if o.weight is not None and o.matches(stream.key))
        return next(weights, 1.0)

    def snapshot(self) -> ModelSnapshot:
        """The state as it stands, of which streams are copied when that is asked for, or before they change."""
        self._copying = self._snapshot()
        return self._copying

    def finish_snapshot(self) -> None:
        """Copy at once what is left of the newest snapshot: something else than events is going to change streams."""
        if self._copying is not None:
            self._copying.copy(len(self.streams))
            self._copying = None

    def _snapshot(self) -> ModelSnapshot:
        head = Head(
            clock=None if self.clock != self.clock else self.clock,
            events=self.events,
            births=self._births.copy(),
            feature_topics=sorted(self._feature_topics),
            refused=dict(self.refused),
            refused_names=sorted(self._refused_names),
            bequests=inheriting.dump(self._bequests),
            joint=self.joint.dump(),
            pieces=[],
            streams=[],
        )
        snapshot = ModelSnapshot(self.key, head, self.streams, self._homes, self._seen)
        snapshot.refer((left.digest, left.reference) for left in self._bequests.values())
        return snapshot

    def dump(self) -> bytes:
        """The whole state, canonical: the same events give the same bytes however they were cut into frames."""
        snapshot = self._snapshot()
        snapshot.copy(len(self.streams))
        return snapshot.encode().joined()

    @classmethod
    def load(cls, key: ModelKey, policy: Policy, state: bytes) -> ModelMonitor:
        """A monitor that goes on where the dumped one stood.  Raises StateError if the state is not one of ours."""
        pieces, references = split(key, state)
        head, _ = unseal(key, pieces[0], Head)
        monitor, known = cls(key, policy), Known(references)
        try:
            monitor._restore(head, known)
            for sealed, checksum in zip(pieces[1:], head.pieces, strict=True):
                streams, found = unseal(key, sealed, list[StreamEntry])
                if found != checksum:
                    raise ValueError("pieces: expected those of one moment, found one of another")
                monitor._restore_streams(streams, known)
        except (
            ProfileError,
            msgspec.MsgspecError,
            LookupError,
            TypeError,
            ValueError,
            ArithmeticError,
            AttributeError,
        ) as error:
            raise StateError(f"state of {key}: damaged snapshot ({error})") from error
        return monitor

    def _restore(self, head: Head, known: Known) -> None:
        self.clock = math.nan if head.clock is None else head.clock
        self.events, self._births = head.events, head.births
        self._feature_topics = set(head.feature_topics)
        self.refused = head.refused
        self._refused_names = set(head.refused_names)
        self._bequests = inheriting.load(head.bequests, known.reference)
        self.joint.restore(head.joint)
        self._banks = Banks(AdwinBank(), PageHinkleyBank())
        self.streams, self._homes, self._seen = {}, {}, {}
        self._restore_streams(head.streams, known)

    def _restore_streams(self, entries: Sequence[StreamEntry], known: Known) -> None:
        for entry in entries:
            name = (entry.kind, entry.feature)
            key = StreamKey(self.key.model, self.key.model_version, entry.feature, entry.kind)
            stream = StreamMonitor(key, self._settings(key), self._banks)
            stream.restore(entry.state, known.reference)
            self.streams[name] = stream
            if entry.home is not None:
                self._homes[name] = entry.home
            if entry.has_been_seen:
                self._seen[name] = math.nan if entry.seen is None else entry.seen


def _rows(
    frame: Frame, stream: StreamMonitor, column: Column | None, home: tuple[int, bool]
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Rows of a frame that are observations of a stream: the key is there, or its absence means something."""
    present = np.zeros(len(frame), dtype=bool) if column is None else column.present
    if stream.warmup is None and not stream.required:
        return np.flatnonzero(present)
    begin, passes_before = home
    is_home = np.arange(len(frame)) >= begin
    if passes_before and stream.approved:  # any other is born with its first event
        is_home[:begin] = True
    return np.flatnonzero(present | (frame.expects(stream.key.kind) & is_home))


def _observations(column: Column | None, rows: Any, clock: Any, ordinal: Any, place: Any) -> Observations:
    """The chosen rows of a column; of a column that is not there at all, every cell is absent."""
    if column is None:
        cells, numbers = np.full(len(rows), Cell.ABSENT, dtype=np.uint8), np.full(len(rows), np.nan)
        return Observations(cells, numbers, None, (), rows, clock[rows], ordinal[rows], place)
    texts = None if column.texts is None else column.texts[rows]
    cells, numbers = column.cells[rows], column.numbers[rows]
    return Observations(cells, numbers, texts, column.labels, rows, clock[rows], ordinal[rows], place)
