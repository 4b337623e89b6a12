"""What is no longer seen is forgotten: at commits, by event time, and told to everybody who showed it.

A model's clock is the newest of its own events; the shard's is the newest of all.  A model that no event names while
others go on is gone after `limits.forget_after`, and so is a stream of a model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec
import structlog

from monitor.checkpoints import Intervened
from monitor.domain.facts import Fact
from monitor.domain.keys import ModelKey
from monitor.state.store import Intervention

if TYPE_CHECKING:
    from monitor.watch import Watch

log = structlog.get_logger("driftgauge")

#: of the time after which is forgotten; looking more often would cost more than it gives
_SHARE = 100.0


class Forgetting:
    """Asked at each commit; looks at the models when the clock of the shard has gone on enough."""

    def __init__(self, watch: Watch, after_seconds: float | None) -> None:
        self._watch = watch
        self._after = after_seconds
        self._looked = -math.inf

    def __call__(self, positions: Mapping[tuple[str, int], int]) -> Intervened:
        """Forget what is due, as of these positions."""
        watermark = self._watch.watermark
        if self._after is None or math.isnan(watermark) or watermark - self._looked < self._after / _SHARE:
            return Intervened()
        self._looked = watermark
        facts: list[Fact] = []
        interventions: list[Intervention] = []
        removed: list[ModelKey] = []
        for key in list(self._watch.models):
            monitor = self._watch.models[key].monitor
            is_gone = watermark - monitor.clock > self._after
            before = set(monitor.streams)
            facts += monitor.expire() if is_gone else monitor.tick(watermark)
            gone = sorted(before - set(monitor.streams))
            if not gone and not is_gone:
                continue
            detail = {"watermark": watermark, "streams": gone, "whole_model": is_gone}
            interventions.append(Intervention("expired", key, dict(positions), msgspec.json.encode(detail)))
            if is_gone:
                self._watch.forget(key)
                removed.append(key)
            else:
                self._watch.lose(key, gone)
            log.info("forgotten", model=key.model, model_version=key.model_version, **detail)
        return Intervened(interventions, facts, removed)
