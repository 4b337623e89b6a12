"""All streams of one model version: frames in, facts out.  The unit of state, checkpoint, expiry and distribution."""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from monitor.detectors.adwin import AdwinBank
from monitor.detectors.page_hinkley import PageHinkleyBank
from monitor.domain.errors import StateError
from monitor.domain.facts import Fact, Place
from monitor.domain.frame import Cell, Column, Frame
from monitor.domain.keys import Kind, ModelKey, StreamKey
from monitor.engine.budget import BudgetInputs
from monitor.engine.channel import Banks
from monitor.engine.observations import Observations
from monitor.engine.policy import Policy
from monitor.engine.rollup import roll_up
from monitor.engine.show import view_stream
from monitor.engine.stream import StreamMonitor, StreamSettings
from monitor.engine.views import ModelView
from monitor.reference.profile import Profile

VERSION = 1  #: of the state; another one is refused


class ModelMonitor:
    """Watches one model version.  Its state depends on the policy and the order of its events alone."""

    def __init__(self, key: ModelKey, policy: Policy) -> None:
        self.key = key
        self.policy = policy
        self.streams: dict[tuple[Kind, str], StreamMonitor] = {}
        self.refused: dict[str, int] = {"too_many": 0, "label_too_long": 0}
        self.clock = float("nan")
        self.events = 0
        self._banks = Banks(AdwinBank(), PageHinkleyBank())
        self._births: list[int] = []  # ascending: event at which each stream was first seen
        self._homes: dict[tuple[Kind, str], str] = {}  # topic that a stream was first present in
        self._feature_topics: set[str] = set()
        self._refused_names: set[tuple[Kind, str]] = set()
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

    def _settings(self, key: StreamKey) -> StreamSettings:
        policy = self.policy
        chosen = [override for override in policy.overrides if override.matches(key)]
        share = next((o.budget_share for o in chosen if o.budget_share is not None), 1.0)
        return StreamSettings(
            wanted=next((o.type for o in chosen if o.type is not None), None),
            warmup_observations=policy.warmup.observations,
            warmup_seconds=policy.warmup.duration_seconds,
            relearn_seconds=policy.relearn_after_seconds,
            false_alarms=policy.false_alarms_per_week * share,
            min_effect=next((o.min_effect for o in chosen if o.min_effect is not None), policy.min_effect),
            categories=policy.limits.categories,
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
        self._meet(frame, columns)

        def place(row: int) -> Place:
            at = int(frame.partition[row]), int(frame.offset[row]), int(frame.row[row])
            return Place(frame.topic, *at, frame.event_id[row], float(frame.event_time[row]))

        facts: list[tuple[int, Fact]] = []
        for name in sorted(self.streams):
            stream, column = self.streams[name], columns.get(name)
            rows = self._rows(frame, name, stream, column)
            if len(rows):
                facts += stream.observe(_observations(column, rows, clock, ordinal, place), self._births)
        self.clock = float(clock[-1])
        self.events += len(frame)
        facts.sort(key=lambda located: located[0])  # stable: within a row, streams stay in order
        return [fact for _, fact in facts]

    def _meet(self, frame: Frame, columns: Mapping[tuple[Kind, str], Column]) -> None:
        """Create the streams that a frame brings, in the order of their first event, within the limits."""
        first = {
            name: int(column.present.argmax()) for name, column in columns.items() if name not in self._homes and column.present.any()
        }
        for name in sorted(first, key=lambda name: (first[name], name)):
            if name not in self.streams:
                reason = self._refusal(name)
                if reason is not None:
                    if name not in self._refused_names and len(self._refused_names) < self.policy.limits.streams:
                        self._refused_names.add(name)
                        self.refused[reason] += 1
                    continue
                self._create(*name, birth=self.events + first[name])
            self._homes[name] = frame.topic

    def _refusal(self, name: tuple[Kind, str]) -> str | None:
        if len(name[1].encode()) > self.policy.limits.label_bytes:
            return "label_too_long"
        return "too_many" if len(self.streams) >= self.policy.limits.streams else None

    def _rows(
        self, frame: Frame, name: tuple[Kind, str], stream: StreamMonitor, column: Column | None
    ) -> "np.ndarray[Any, np.dtype[np.int64]]":
        """Rows of a frame that are observations of a stream: the key is there, or its absence means something."""
        present = np.zeros(len(frame), dtype=bool) if column is None else column.present
        home = self._homes.get(name)
        if home is None:  # of a profile, and never present so far: its topic is known if only one carries features
            is_home = name[0] == "feature" and self._feature_topics == {frame.topic}
        else:
            is_home = home == frame.topic
        if not is_home:
            return np.flatnonzero(present)
        candidates = present | frame.has_features
        if stream.observations == 0 and stream.warmup is not None:
            candidates[: int(present.argmax()) if present.any() else len(candidates)] = False  # not born yet
        if stream.warmup is None and not stream.required:
            return np.flatnonzero(present)
        return np.flatnonzero(candidates)

    def tick(self, watermark: float) -> list[Fact]:
        """Let event time pass: nothing expires yet, so no facts."""
        del watermark
        return []

    def view(self) -> ModelView:
        """The model version as it stands."""
        streams = {stream: view_stream(stream) for _, stream in sorted(self.streams.items())}
        status, share = roll_up((view.status, self._weight(stream)) for stream, view in streams.items())
        return ModelView(self.key, tuple(streams.values()), status, share, self.clock, dict(self.refused))

    def _weight(self, stream: StreamMonitor) -> float:
        """Weight of a stream in the roll-up."""
        weights = (o.weight for o in self.policy.overrides if o.weight is not None and o.matches(stream.key))
        return next(weights, 1.0)

    def dump(self) -> bytes:
        """The whole state, canonical: the same events give the same bytes however they were cut into frames."""
        banks = {"adwin": self._banks.adwin, "page_hinkley": self._banks.page_hinkley}
        state = {
            "version": VERSION,
            "clock": None if self.clock != self.clock else self.clock,
            "events": self.events,
            "births": self._births,
            "homes": [[*name, topic] for name, topic in sorted(self._homes.items())],
            "feature_topics": sorted(self._feature_topics),
            "refused": self.refused,
            "refused_names": sorted(self._refused_names),
            "streams": [[*name, stream.dump()] for name, stream in sorted(self.streams.items())],
            "banks": {name: _pack(bank.dump()) for name, bank in banks.items()},
        }
        return msgspec.msgpack.encode(state, order="deterministic")

    @classmethod
    def load(cls, key: ModelKey, policy: Policy, state: bytes) -> "ModelMonitor":
        """A monitor that goes on where the dumped one stood.  Raises StateError if the state is not one of ours."""
        try:
            plain = msgspec.msgpack.decode(state, strict=True)
            version = plain["version"]
        except (msgspec.DecodeError, KeyError, TypeError) as error:
            raise StateError(f"state of {key}: expected a snapshot of version {VERSION}, found unreadable data") from error
        if version != VERSION:
            raise StateError(f"state of {key}: expected version {VERSION}, found {version!r}; it is left as it is")
        monitor = cls(key, policy)
        try:
            monitor._restore(plain)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise StateError(f"state of {key}: damaged snapshot ({error})") from error
        return monitor

    def _restore(self, plain: Mapping[str, Any]) -> None:
        self.clock = float("nan") if plain["clock"] is None else plain["clock"]
        self.events, self._births = plain["events"], list(plain["births"])
        self._homes = {(kind, feature): topic for kind, feature, topic in plain["homes"]}
        self._feature_topics = set(plain["feature_topics"])
        self.refused = dict(plain["refused"])
        self._refused_names = {(kind, feature) for kind, feature in plain["refused_names"]}
        self._banks = Banks(AdwinBank(), PageHinkleyBank())
        self._banks.adwin.load(_unpack(plain["banks"]["adwin"]))
        self._banks.page_hinkley.load(_unpack(plain["banks"]["page_hinkley"]))
        self.streams = {}
        for kind, feature, state in plain["streams"]:
            key = StreamKey(self.key.model, self.key.model_version, feature, kind)
            stream = StreamMonitor(key, self._settings(key), self._banks)
            stream.restore(state)
            self.streams[(kind, feature)] = stream


def _observations(
    column: Column | None, rows: Any, clock: Any, ordinal: Any, place: Any
) -> Observations:
    """The chosen rows of a column; of a column that is not there at all, every cell is absent."""
    if column is None:
        cells, numbers = np.full(len(rows), Cell.ABSENT, dtype=np.uint8), np.full(len(rows), np.nan)
        return Observations(cells, numbers, None, (), rows, clock[rows], ordinal[rows], place)
    texts = None if column.texts is None else column.texts[rows]
    cells, numbers = column.cells[rows], column.numbers[rows]
    return Observations(cells, numbers, texts, column.labels, rows, clock[rows], ordinal[rows], place)


def _pack(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays as (type, shape, bytes)."""
    return {name: [array.dtype.str, list(array.shape), array.tobytes()] for name, array in arrays.items()}


def _unpack(packed: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: np.frombuffer(data, dtype=np.dtype(kind)).reshape(shape).copy() for name, (kind, shape, data) in packed.items()
    }
