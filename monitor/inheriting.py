"""What a new model version starts from with `reference.new_version: inherit`, recorded with the positions it holds at.

     batch ──▶ unknown versions in it? ──▶ each gets the references of its model's newest version, as they were before
                                           the batch ──▶ the batch is observed ──▶ recorded with the next commit

That is settled before any event of the batch, so positions say exactly what the older version had seen; a crash before
the commit settles it anew with the events that are read again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec
import structlog

from monitor.domain.frame import MessageBatch
from monitor.domain.keys import ModelKey
from monitor.engine.inheriting import Will, wills
from monitor.engine.model import ModelMonitor
from monitor.engine.policy import Policy
from monitor.state.store import Intervention, Offsets

log = structlog.get_logger("driftgauge")


class Inheriting:
    """Beside a watch: asked with every batch, and for what was done with every turn."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._done: list[Intervention] = []

    def wills(self, new: Collection[ModelKey], monitors: Mapping[ModelKey, Any]) -> dict[ModelKey, Will]:
        """What versions that nothing is known of yet start from, as the others stand now."""
        without_profile = [key for key in sorted(new) if self._policy.profile_for(key) is None]
        known = {key: monitor for key, monitor in monitors.items() if isinstance(monitor, ModelMonitor)}
        return wills(without_profile, known) if without_profile else {}

    def begin(self, monitor: Any, will: Will, positions: Offsets) -> None:
        """Let a new version start from its will; positions: what the older one had seen."""
        monitor.inherit(will)
        detail = {"from_version": will.old.model_version, "streams": len(will.bequests), "learning": will.learning}
        key: ModelKey = monitor.key
        log.info("reference_inherited", model=key.model, model_version=key.model_version, **detail)
        self._done.append(Intervention("inherited", key, dict(positions), msgspec.json.encode(detail)))

    def take(self) -> list[Intervention]:
        """What was done since the last time."""
        done, self._done = self._done, []
        return done


#: asked only when it matters
Positions = Callable[[], Offsets]


def positions_before(start: Offsets, seen: Sequence[MessageBatch], batch: MessageBatch) -> Offsets:
    """Next offsets at the moment before a batch, from those before the poll that brought it and the batches it follows.

    A partition that was never read before stands at its first message.
    """
    found = dict(start)
    for earlier in seen:
        found.update({(earlier.topic, p): o + 1 for p, o in zip(earlier.partitions, earlier.offsets, strict=True)})
    for partition, offset in zip(batch.partitions, batch.offsets, strict=True):
        found.setdefault((batch.topic, partition), offset)
    return found
