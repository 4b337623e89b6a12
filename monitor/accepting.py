"""What people asked for on the control topic, done at a commit, which records where in the input that was."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Mapping

import msgspec
import structlog

from monitor.checkpoints import Intervened
from monitor.domain.facts import Fact, Place
from monitor.domain.keys import ModelKey
from monitor.engine.accepting import accept
from monitor.engine.model import ModelMonitor
from monitor.kafka.control import Accept, Asked, Control
from monitor.state.store import Intervention
from monitor.watch import Watch

log = structlog.get_logger("driftgauge")


class Accepting:
    """Asked at each commit."""

    def __init__(self, watch: Watch, control: Control) -> None:
        self._watch = watch
        self._control = control

    def __call__(self, positions: Mapping[tuple[str, int], int]) -> Intervened:
        """Do what was asked since the last commit, as of these positions."""
        facts: list[Fact] = []
        interventions: list[Intervention] = []
        offsets: dict[tuple[str, int], int] = {}
        for asked in self._control.take():
            if asked.request is not None:
                self._accept(asked, asked.request, positions, facts, interventions)
        if self._control.position is not None:
            offsets[self._control.topic, 0] = self._control.position
        return Intervened(interventions, facts, offsets=offsets)

    def _accept(
        self,
        asked: Asked,
        request: Accept,
        positions: Mapping[tuple[str, int], int],
        facts: list[Fact],
        interventions: list[Intervention],
    ) -> None:
        place = Place(self._control.topic, 0, asked.offset, 0, "", request.at or math.nan)
        done = 0
        for key, watched in sorted(self._watch.models.items()):
            if not _means(request, key) or not isinstance(watched.monitor, ModelMonitor):
                continue
            names, ends = accept(watched.monitor, request.feature, place)
            if not names:
                continue
            watched.changed()
            facts.extend(ends)
            said = {"feature": request.feature, "by": request.by, "why": request.why, "asked_at": request.at}
            detail = {**said, "control_offset": asked.offset, "streams": names}
            interventions.append(Intervention("accepted", key, dict(positions), msgspec.json.encode(detail)))
            log.info("accepted", model=key.model, model_version=key.model_version, **detail)
            done += 1
        if not done:
            log.info("nothing_to_accept", model=request.model, feature=request.feature)


def _means(request: Accept, key: ModelKey) -> bool:
    """Is this model version meant?  Names are compared as they are, or as globs."""
    version = request.model_version
    return fnmatch.fnmatchcase(key.model, request.model) and (
        version is None or fnmatch.fnmatchcase(key.model_version, version)
    )
