"""Chunks of events through the engine: a monitor for each model version, changes in the order of the events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from monitor.cli.event_files.chunk import Chunk, Unreadable
from monitor.domain.facts import EpisodeChange
from monitor.domain.keys import ModelKey

if TYPE_CHECKING:
    from monitor.engine.model import ModelMonitor
    from monitor.engine.policy import Policy
    from monitor.engine.views import ModelView

_KEPT_UNREADABLE = 5


class Replay:
    """Takes chunks one after the other; counts what it has seen, and keeps the first of what it could not read."""

    def __init__(self, policy: Callable[[], Policy]) -> None:
        self._policy = policy  # asked for with the first event, because an empty input needs none
        self.events = 0
        self.unreadable = 0
        self.first_unreadable: list[Unreadable] = []
        self._monitors: dict[ModelKey, ModelMonitor] = {}

    def take(self, chunk: Chunk) -> Sequence[EpisodeChange]:
        """The episodes that opened or closed in these events."""
        self.events += chunk.events
        self.unreadable += len(chunk.unreadable)
        self.first_unreadable += chunk.unreadable[: _KEPT_UNREADABLE - len(self.first_unreadable)]
        from monitor.engine.model import ModelMonitor  # with numpy: an empty input need not wait for them

        facts = []
        for frame in chunk.frames:
            monitor = self._monitors.get(frame.model)
            if monitor is None:
                monitor = self._monitors[frame.model] = ModelMonitor(frame.model, self._policy())
            facts += monitor.observe(frame)
        changes = [fact for fact in facts if isinstance(fact, EpisodeChange)]
        # stable, so that only several models are put into one order
        return sorted(changes, key=lambda change: (change.place.offset, change.place.row))

    def models(self) -> Sequence[ModelKey]:
        """The model versions that events came of."""
        return sorted(self._monitors)

    def views(self) -> Sequence[ModelView]:
        """Every model version as it stands."""
        return [monitor.view() for _, monitor in sorted(self._monitors.items())]
