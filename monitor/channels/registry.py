"""All channels of a stream, in the order in which everything else lists them."""

from __future__ import annotations

from monitor.channels import indicators, rank
from monitor.channels.partition import NumberPartition, Partition
from monitor.channels.table import ChannelTable


def tested_channels(partition: Partition) -> list[ChannelTable]:
    """The channels that change detectors watch; `far` and `stuck` have detectors of their own.

    >>> from monitor.channels.partition import category_partition
    >>> [table.key for table in tested_channels(category_partition({"a": 9, "b": 6, "c": 1}, 0, 20))]
    ['category:a', 'category:b', 'unseen', 'missing']
    """
    if isinstance(partition, NumberPartition):
        if not partition.counts[:-1].any():
            return [indicators.missing(partition)]
        found = [
            rank.level(partition),
            rank.spread(partition),
            rank.body(partition),
            indicators.mode(partition),
            indicators.out_of_range(partition),
        ]
        return [*(table for table in found if table is not None), indicators.missing(partition)]
    known = indicators.categories(partition) if partition.labels else []  # none in a near-unique stream
    return [*known, indicators.missing(partition)]
