"""Chunks of events through the engine: a monitor for each model version, changes in the order of the events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from monitor.cli.event_files.chunk import Chunk, Unreadable
from monitor.domain.facts import EpisodeChange, Fact
from monitor.domain.keys import ModelKey, StreamKey

if TYPE_CHECKING:
    from monitor.domain.frame import Frame
    from monitor.engine.inheriting import Will
    from monitor.engine.model import ModelMonitor
    from monitor.engine.policy import Policy
    from monitor.engine.views import ModelView

_KEPT_UNREADABLE = 5


class Recorder(Protocol):
    """Looks at monitors along the way, as often as it likes: what they find does not depend on how frames are cut."""

    def parts(self, frame: Frame) -> Iterable[Frame]: ...
    def observed(self, monitor: ModelMonitor, frame: Frame) -> None: ...
    def changed(self, changes: Sequence[EpisodeChange]) -> None: ...


class Replay:
    """Takes chunks one after the other; counts what it has seen, and keeps the first of what it could not read.

    budgets: other alarm budgets (false alarms a week) to try beside the policy's own, each with detectors of its own.
    recorder: shown the monitors on the way, for a report.
    """

    def __init__(
        self, policy: Callable[[], Policy], budgets: Sequence[float] = (), recorder: Recorder | None = None
    ) -> None:
        self._policy = policy  # asked for with the first event, because an empty input needs none
        self._recorder = recorder
        self.alarms: Mapping[float, Counter[StreamKey]] = {budget: Counter() for budget in budgets}
        self._others: dict[tuple[float, ModelKey], ModelMonitor] = {}
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
        wills = self._wills(chunk)
        for frame in chunk.frames:
            monitor = self._monitors.get(frame.model)
            if monitor is None:
                monitor = self._monitors[frame.model] = ModelMonitor(frame.model, self._policy())
                if frame.model in wills:
                    monitor.inherit(wills[frame.model])
            facts += self._shown(monitor, frame)
            for budget, alarms in self.alarms.items():
                self._try(budget, alarms, frame, wills)
        changes = [fact for fact in facts if isinstance(fact, EpisodeChange)]
        # stable, so that only several models are put into one order
        changes.sort(key=lambda change: (change.place.offset, change.place.row))
        if self._recorder is not None:
            self._recorder.changed(changes)
        return changes

    def _shown(self, monitor: ModelMonitor, frame: Frame) -> list[Fact]:
        """What a monitor finds in a frame, which a recorder may have it look at piece by piece."""
        if self._recorder is None:
            return monitor.observe(frame)
        facts: list[Fact] = []
        for part in self._recorder.parts(frame):
            facts += monitor.observe(part)
            self._recorder.observed(monitor, part)
        return facts

    def _wills(self, chunk: Chunk) -> Mapping[ModelKey, Will]:
        """What the versions that a chunk brings start from, as the others stand before it."""
        from monitor.engine.inheriting import wills

        new = {frame.model for frame in chunk.frames} - self._monitors.keys()
        if not new or self._policy().new_version == "learn":
            return {}
        return wills([key for key in sorted(new) if self._policy().profile_for(key) is None], self._monitors)

    def _try(self, budget: float, alarms: Counter[StreamKey], frame: Frame, wills: Mapping[ModelKey, Will]) -> None:
        """Count the alarms that another budget would have raised."""
        from monitor.engine.model import ModelMonitor

        monitor = self._others.get((budget, frame.model))
        if monitor is None:
            policy = replace(self._policy(), false_alarms_per_week=budget)
            monitor = self._others[(budget, frame.model)] = ModelMonitor(frame.model, policy)
            if frame.model in wills:
                monitor.inherit(wills[frame.model])
        for fact in monitor.observe(frame):
            if isinstance(fact, EpisodeChange) and fact.state == "firing":
                alarms[fact.stream] += 1

    def monitors(self) -> Sequence[ModelMonitor]:
        """The monitor of every model version, in order."""
        return [monitor for _, monitor in sorted(self._monitors.items())]

    def models(self) -> Sequence[ModelKey]:
        """The model versions that events came of."""
        return sorted(self._monitors)

    def views(self) -> Sequence[ModelView]:
        """Every model version as it stands."""
        return [monitor.view() for monitor in self.monitors()]
