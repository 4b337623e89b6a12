"""Shapes: a stream's recent values against its reference, in few enough bars for the eye.

Numbers: bars of equal width over the middle 98 % of the reference, and one on each side for what lies beyond.

    below │ a … b │ b … c │ … │ above

Texts: a bar for each of the largest categories, one for all others, one for what the reference never saw.  Read off
counts of cells on demand, so that looking costs the stream nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from monitor.channels.partition import CategoryPartition, NumberPartition, Partition
from monitor.distances.counts import Counts
from monitor.domain.keys import StreamKey
from monitor.engine.model import ModelMonitor
from monitor.engine.stream import StreamMonitor

BARS = 16  #: at most, the ones at the ends included
TAIL = 0.01  #: share of the reference that lies beyond the bars of equal width, on each side
QUARTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True, slots=True)
class Shape:
    """Shares of the usable values by bar; both sum to 1 unless nothing usable was counted (then all are 0).

    edges: of numbers, the limits between bars, one less than there are bars; empty for texts.  labels: of texts, one a
    bar; empty for numbers.  missing: share of missing values, reference and recent.  values: how many recent ones.
    """

    type: Literal["number", "category"]
    edges: tuple[float, ...]
    labels: tuple[str, ...]
    reference: tuple[float, ...]
    recent: tuple[float, ...]
    missing: tuple[float, float]
    values: int


def shape_in(model: ModelMonitor, key: StreamKey) -> Shape | None:
    """How one stream of a model version lies against its reference; None if there is no such stream."""
    stream = model.streams.get((key.kind, key.feature))
    return None if stream is None else shape_of(stream)


def shape_of(stream: StreamMonitor) -> Shape | None:
    """How the recent window lies against the reference; None while the stream is learning."""
    regime = stream.regime
    if regime is None:
        return None
    return shape(regime.reference.partition, regime.counts(regime.recent, regime.window))


def quartiles(partition: NumberPartition, counts: Counts) -> tuple[float, float, float] | None:
    """The quartiles of what is counted; None where nothing is usable."""
    cumulative = np.cumsum(counts[:-1])
    if cumulative[-1] == 0:
        return None
    cells = np.searchsorted(cumulative, np.array(QUARTILES) * cumulative[-1])
    low, middle, high = partition.positions[cells].tolist()
    return low, middle, high


def shape(partition: Partition, recent: Counts) -> Shape:
    """The shape of counts of a partition's cells beside the partition's own."""
    missing = missing_share(partition.counts), missing_share(recent)
    values = int(recent.sum())
    before, now = partition.counts[:-1], recent[:-1]
    if isinstance(partition, CategoryPartition):
        labels, rows = _largest(partition, before, now)
        bars = _shares(before, rows, len(labels)), _shares(now, rows, len(labels))
        return Shape("category", (), labels, *bars, missing, values)
    edges = _edges(partition)
    rows = _bars(partition, edges)
    bars = _shares(before, rows, len(edges) + 1), _shares(now, rows, len(edges) + 1)
    return Shape("number", tuple(edges.tolist()), (), *bars, missing, values)


def missing_share(counts: Counts) -> float:
    """Share of missing values among all that are counted; 0 where nothing is."""
    total = int(counts.sum())
    return int(counts[-1]) / total if total else 0.0


def _shares(counts: Counts, rows: npt.NDArray[np.intp], bars: int) -> tuple[float, ...]:
    sums = np.bincount(rows, weights=counts, minlength=bars)
    total = float(sums.sum())
    return tuple((sums / total if total else sums).tolist())


def _edges(partition: NumberPartition) -> npt.NDArray[np.float64]:
    """Limits between bars; a reference without a width has two, its one value between them."""
    low, high = (partition.quantile(partition.counts, share) for share in (TAIL, 1 - TAIL))
    if not low < high:
        low, high = float(partition.edges[partition.low]), float(partition.edges[partition.high])
    return np.unique(np.linspace(low, high, BARS - 1)) if low < high else np.array([low, low])


def _bars(partition: NumberPartition, edges: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """The bar of each cell but missing: first is below the lowest limit, last above the highest."""
    found = np.searchsorted(edges, partition.positions, side="right")
    # the highest limit belongs to the bar below it, as the lowest does to the bar above
    found[partition.positions == edges[-1]] = max(1, len(edges) - 1)
    # beyond the reference a cell's position is the end of the range, and its values are further out
    found[: 2 * partition.low + 1] = 0
    found[2 * partition.high + 2 :] = len(edges)
    return found


def _largest(partition: CategoryPartition, before: Counts, now: Counts) -> tuple[tuple[str, ...], npt.NDArray[np.intp]]:
    """Names of the bars, and the bar of each cell but missing; the others share one, as do unseen texts."""
    size = max(before.sum(), 1), max(now.sum(), 1)
    weight = np.maximum(before / size[0], now / size[1])[: partition.other]
    chosen = np.sort(np.argsort(-weight, kind="stable")[: BARS - 2])
    rows = np.full(len(before), len(chosen), dtype=np.intp)
    rows[chosen] = np.arange(len(chosen))
    rows[partition.unseen] = len(chosen) + 1
    return (*(partition.labels[at] for at in chosen), "other", "unseen"), rows
