"""A board as one shard of several sees it: the same board, with the shard in the names of models and streams.

Without it two shards that hold the same model (its events are not keyed by model) would overwrite each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from monitor.domain.keys import ModelKey, StreamKey
from monitor.engine.views import ModelView
from monitor.exposition.board import Board
from monitor.exposition.gallery import Draw


@dataclass(frozen=True, slots=True, order=True)
class ShardModelKey(ModelKey):
    """A model version in one shard."""

    shard: str = ""


@dataclass(frozen=True, slots=True, order=True)
class ShardStreamKey(StreamKey):
    """A stream in one shard."""

    shard: str = ""

    @property
    def model_key(self) -> ModelKey:
        return ShardModelKey(self.model, self.model_version, self.shard)


class ShardBoard(Board):
    """What a shard publishes to.  Everything is kept in the whole board: numbers add up, names get the shard."""

    __slots__ = ("_lags", "_shard")

    def __init__(self, whole: Board, shard: int, lags: dict[str, Mapping[tuple[str, int], int]]) -> None:
        """lags: of all shards of this process, shared between their boards."""
        self.__dict__ = whole.__dict__  # one lock, one set of numbers
        self._shard = str(shard)
        self._lags = lags

    def publish_live(self, views: Mapping[ModelKey, ModelView]) -> None:
        super().publish_live(self._placed(views))

    def publish_committed(self, views: Mapping[ModelKey, ModelView]) -> None:
        super().publish_committed(self._placed(views))

    def forget(self, model: ModelKey) -> None:
        super().forget(self._model(model))

    def forget_streams(self, streams: Iterable[StreamKey]) -> None:
        super().forget_streams([self._stream(key) for key in streams])

    def late(self, model: ModelKey, late: bool) -> None:
        super().late(self._model(model), late)

    def last_observation(self, stream: StreamKey, wall: float) -> None:
        super().last_observation(self._stream(stream), wall)

    def last_observations(self, times: Mapping[StreamKey, float]) -> None:
        super().last_observations({self._stream(key): wall for key, wall in times.items()})

    def last_drift(self, stream: StreamKey, wall: float) -> None:
        super().last_drift(self._stream(stream), wall)

    def draw(self, draw: Draw) -> None:
        """The shard's own streams, by the names it has for them."""
        self.gallery.draw(
            lambda key: draw(StreamKey(key.model, key.model_version, key.feature, key.kind, key.segment)),
            own=lambda key: isinstance(key, ShardStreamKey) and key.shard == self._shard,
        )

    def set_lag(self, lag: Mapping[tuple[str, int], int]) -> None:
        """The shards' partitions are different ones: together they are the process's."""
        self._lags[self._shard] = lag
        super().set_lag({place: messages for own in self._lags.values() for place, messages in own.items()})

    def _model(self, key: ModelKey) -> ModelKey:
        return ShardModelKey(key.model, key.model_version, self._shard)

    def _stream(self, key: StreamKey) -> StreamKey:
        return ShardStreamKey(key.model, key.model_version, key.feature, key.kind, key.segment, self._shard)

    def _placed(self, views: Mapping[ModelKey, ModelView]) -> dict[ModelKey, ModelView]:
        placed = {}
        for key, view in views.items():
            streams = tuple(replace(stream, key=self._stream(stream.key)) for stream in view.streams)
            placed[self._model(key)] = replace(view, key=self._model(key), streams=streams)
        return placed
