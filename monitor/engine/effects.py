"""Effects: how far a stretch of a stream is from the reference, in units people can judge.

level and body: P(live > reference) − ½; spread: the same for distance from the centre; indicators: difference of rates.
All are read off counts of cells, so they are exact and do not depend on how the stream was cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from monitor.channels.table import ChannelTable, mean_over
from monitor.engine.policy import MinEffect


@dataclass(frozen=True, slots=True)
class Effect:
    """Signed effect of one channel, with its recent and reference means behind it; values: how many were counted."""

    table: ChannelTable
    effect: float
    recent: float
    reference: float
    values: int

    def relative(self, least: MinEffect) -> float:
        """Size in multiples of the smallest effect that matters."""
        smallest: float = getattr(least, self.table.unit)
        return abs(self.effect) / max(smallest, 1e-12)


def means(tables: Sequence[ChannelTable], counts: npt.NDArray[np.int64]) -> list[float]:
    """Mean of every channel over counts of cells, NaN where it has no value."""
    return [mean_over(table, counts)[0] for table in tables]


def effects(
    tables: Sequence[ChannelTable], reference: Sequence[float], recent: npt.NDArray[np.int64]
) -> dict[str, Effect]:
    """Effects by channel key, of counts of cells; a channel without a value on either side is left out.

    reference: the channels' means over the reference.
    """
    found = {}
    for table, before in zip(tables, reference, strict=True):
        now, values = mean_over(table, recent)
        if values and before == before:
            found[table.key] = Effect(table, now - before, now, before, values)
    return found


def worst_by_name(found: Mapping[str, Effect]) -> dict[str, float]:
    """The effect of each channel name; of several categories the largest in size."""
    worst: dict[str, float] = {}
    for effect in found.values():
        name = effect.table.name
        if name not in worst or abs(effect.effect) > abs(worst[name]):
            worst[name] = effect.effect
    return worst


def matters(found: Mapping[str, Effect], least: MinEffect, direction: Literal["up", "down"] | None = None) -> bool:
    """Is any channel's effect at least the smallest that matters?

    direction: the only one in which a change of level does; a change of spread that comes with one in the other
    direction is part of that and does not matter either.
    """
    sign = {"up": 1, "down": -1, None: 0}[direction]
    large = [effect for effect in found.values() if effect.relative(least) >= 1]
    is_against = any(effect.table.unit == "level" and effect.effect * sign < 0 for effect in large)

    def counts(effect: Effect) -> bool:
        match effect.table.unit:
            case "level":
                return effect.effect * sign >= 0
            case "spread":
                return not is_against
            case _:
                return True

    return any(counts(effect) for effect in large)
