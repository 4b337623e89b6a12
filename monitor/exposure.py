"""What is known of a model by the wall clock: exposed, kept with the state, never part of what state is compared by."""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from monitor.domain.errors import StateError
from monitor.domain.frame import Column
from monitor.domain.keys import Kind, ModelKey, StreamKey

_VERSION = 1

_Name = tuple[str, Kind, str]


class _Stored(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    version: int
    newest_event_time: float | None
    streams: list[tuple[str, Kind, str, float, float]]  # feature, kind, segment, last observation, last drift


class Exposure:
    """When each stream of one model version was last heard of and last drifted; seconds since the epoch, 0 = never.

    newest_event_time: of all its events, NaN if none had a time.
    """

    def __init__(self, key: ModelKey) -> None:
        self._key = key
        self._observed: dict[_Name, float] = {}
        self._drifted: dict[_Name, float] = {}
        self.newest_event_time = math.nan

    def received(self, columns: Iterable[Column], event_time: float, wall: float) -> None:
        """These columns arrived now; event_time is the newest of their events, NaN if none has one."""
        for column in columns:
            if column.cells.any():  # at least one key was there; what is absent was not received
                self._observed[column.feature, column.kind, ""] = wall
        self.newest_event_time = max(
            (time for time in (self.newest_event_time, event_time) if not math.isnan(time)), default=math.nan
        )

    def drifted(self, stream: StreamKey, wall: float) -> None:
        """An episode fired on this stream now."""
        self._drifted[stream.feature, stream.kind, stream.segment] = wall

    def forget(self, streams: Iterable[tuple[Kind, str]]) -> None:
        """These streams are no longer watched."""
        for kind, feature in streams:
            self._observed.pop((feature, kind, ""), None)
            self._drifted.pop((feature, kind, ""), None)

    def is_late(self, wall: float, max_age_seconds: float | None) -> bool:
        """Is the newest event too old to page anybody?  Never for models without event times."""
        return max_age_seconds is not None and wall - self.newest_event_time > max_age_seconds

    def last_observations(self) -> dict[StreamKey, float]:
        """When each stream was last received."""
        return {self._stream(name): wall for name, wall in self._observed.items()}

    def last_drifts(self) -> dict[StreamKey, float]:
        """When an episode last fired on each stream that ever had one."""
        return {self._stream(name): wall for name, wall in self._drifted.items()}

    def copy(self) -> Exposure:
        """As it is now, to be dumped later and elsewhere."""
        copied = Exposure(self._key)
        copied._observed, copied._drifted = self._observed.copy(), self._drifted.copy()
        copied.newest_event_time = self.newest_event_time
        return copied

    def dump(self) -> bytes:
        """As msgpack, for `load`."""
        names = sorted(self._observed.keys() | self._drifted.keys())
        streams = [(*name, self._observed.get(name, 0.0), self._drifted.get(name, 0.0)) for name in names]
        newest = None if math.isnan(self.newest_event_time) else self.newest_event_time
        return msgspec.msgpack.encode(_Stored(_VERSION, newest, streams))

    @classmethod
    def load(cls, key: ModelKey, stored: bytes) -> Exposure:
        """The exposure that was dumped.  Raises StateError when this is none, or of another version."""
        try:
            found = msgspec.msgpack.decode(stored, type=_Stored)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise StateError(f"model {key}: expected the times of its streams, found: {error}") from error
        if found.version != _VERSION:
            raise StateError(f"model {key}: expected times of version {_VERSION}, found version {found.version}")
        exposure = cls(key)
        exposure.newest_event_time = math.nan if found.newest_event_time is None else found.newest_event_time
        for feature, kind, segment, observed, drifted in found.streams:
            if observed:
                exposure._observed[feature, kind, segment] = observed
            if drifted:
                exposure._drifted[feature, kind, segment] = drifted
        return exposure

    def _stream(self, name: _Name) -> StreamKey:
        feature, kind, segment = name
        return StreamKey(self._key.model, self._key.model_version, feature, kind, segment)
