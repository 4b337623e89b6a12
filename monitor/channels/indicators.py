"""Indicator channels: 1 where something is so, else 0.  Mode, out of range, far, missing, each category, unseen.

An indicator's mean is a rate, its effect a difference of rates.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from monitor.channels.partition import CategoryPartition, NumberPartition, Partition
from monitor.channels.table import ABSENT, ChannelTable
from monitor.domain.facts import ChannelName

MODE_SHARE = 0.1  #: of the reference, that the most frequent value needs for a channel, and either side of it
CATEGORY_LEAST = 5  #: reference occurrences below which a category has no channel of its own


@lru_cache(maxsize=512)
def _indicator(key: str, name: ChannelName, size: int, ones: tuple[tuple[int, int], ...]) -> ChannelTable:
    """1 in the given spans of cells; the last cell is that of missing values.

    Most streams of a process have partitions of one size: they share their tables, which nobody can write to.
    """
    numerators = np.zeros(size, dtype=np.int8)
    numerators[-1] = ABSENT
    for start, stop in ones:
        numerators[start:stop] = 1
    numerators.flags.writeable = False
    return ChannelTable(key, name, "rate", numerators, 1)


def _one(cell: int) -> tuple[tuple[int, int], ...]:
    return ((cell, cell + 1),)


@lru_cache(maxsize=64)
def marks(table: ChannelTable) -> npt.NDArray[np.uint8]:
    """Where an indicator is 1, by cell; shared like the table."""
    found: npt.NDArray[np.uint8] = np.equal(table.numerators, 1).view(np.uint8)
    found.flags.writeable = False
    return found


def missing(partition: Partition) -> ChannelTable:
    """1 for an event without a usable value; every event has a value here.

    >>> from monitor.channels.partition import category_partition
    >>> missing(category_partition({"a": 3}, missing=1, top=20)).numerators.tolist()
    [0, 0, 0, 1]
    """
    return _indicator("missing", "missing", partition.size, _one(partition.missing))


def out_of_range(partition: NumberPartition) -> ChannelTable:
    """1 for a value below the smallest or above the largest reference value."""
    outside = (0, 2 * partition.low + 1), (2 * partition.high + 2, partition.missing)
    return _indicator("out_of_range", "out_of_range", partition.size, outside)


def mode(partition: NumberPartition) -> ChannelTable | None:
    """1 for the most frequent value; None unless it, the values below and those above it are `MODE_SHARE` each.

    A usual value in the middle (a default, a rounded price) can come twice as often or stay away without moving level
    or spread much; at an end, the level moves with it.
    """
    counts = partition.counts[:-1]
    top, number = int(counts.argmax()), int(counts.sum())
    least = min(counts[top], counts[:top].sum(), counts[top + 1 :].sum())
    if top % 2 == 0 or least < MODE_SHARE * number:
        return None
    return _indicator("mode", "mode", partition.size, _one(top))


def far(partition: NumberPartition) -> ChannelTable | None:
    """1 for a value `FAR` times as distant from the median as any reference value; None if all of those are equal."""
    last = len(partition.edges) - 1
    if partition.low == 0 and partition.high == last:
        return None
    below, above = _one(0) if partition.low > 0 else (), _one(2 * last + 2) if partition.high < last else ()
    return _indicator("far", "far", partition.size, below + above)


def categories(partition: CategoryPartition) -> list[ChannelTable]:
    """One indicator for each frequent category (and for `other`), then `unseen`."""
    tables = [
        _indicator(f"category:{label}", "category", partition.size, _one(cell))
        for cell, label in enumerate(partition.labels)
        if partition.counts[cell] >= CATEGORY_LEAST
    ]
    if partition.counts[partition.other] >= CATEGORY_LEAST:
        tables.append(_indicator("other", "category", partition.size, _one(partition.other)))
    return [*tables, _indicator("unseen", "unseen", partition.size, _one(partition.unseen))]
