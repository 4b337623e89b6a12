r"""Rank channels of a number: level, spread, body.

Level is the mid-rank of a value x in the reference x₁ … x_n,

    u(x) = (#{xᵢ < x} + #{xᵢ ≤ x} + 1) / (2 (n + 1)),

so a reference value exceeds another in half of all comparisons whatever the feature's unit, scale, tails or ties.
Spread, |2u − 1|, is the distance from the centre and sees changes of variance and shape that leave the level alone.
Body is the level among the values that are not the mode, for zero-inflated streams: where one value holds at least
half of the reference, a change among the others hardly moves u.

Trade-off: ranks saturate beyond the reference's range; `out_of_range` and `far` look there.
Source: mid-ranks as in Lehmann, "Nonparametrics" (1975), §1.4; the probability transform of Rosenblatt (1952).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from monitor.channels.partition import NumberPartition, narrow
from monitor.channels.table import ABSENT, ChannelTable

MODE_SHARE = 0.5  #: a value with at least this share of the reference is the mode that `body` leaves out
BODY_LEAST = 50  #: reference values beside the mode that `body` needs


def _mid_ranks(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """2 (n+1) u of every cell, given how many reference values each holds."""
    upto = np.cumsum(counts)
    return 2 * upto - counts + 1


def level(partition: NumberPartition) -> ChannelTable:
    """Mid-rank u.

    >>> from monitor.channels.partition import number_partition
    >>> partition = number_partition(np.array([1.0, 2.0, 2.0, 5.0]), 0, (1.0, 5.0))
    >>> level(partition).values[partition.encode(np.array([0.0, 2.0, 3.0, 9.0]))].tolist()
    [0.1, 0.5, 0.7, 0.9]
    """
    counts = partition.counts[:-1]
    return ChannelTable(
        "level", "level", "level", narrow(np.append(_mid_ranks(counts), ABSENT)), 2 * (int(counts.sum()) + 1)
    )


def spread(partition: NumberPartition) -> ChannelTable:
    """|2u − 1|.

    >>> from monitor.channels.partition import number_partition
    >>> partition = number_partition(np.array([1.0, 2.0, 3.0]), 0, (1.0, 3.0))
    >>> spread(partition).values[partition.encode(np.array([0.0, 2.0, 3.0]))].tolist()
    [0.75, 0.0, 0.5]
    """
    counts = partition.counts[:-1]
    number = int(counts.sum())
    return ChannelTable(
        "spread", "spread", "spread", narrow(np.append(abs(_mid_ranks(counts) - (number + 1)), ABSENT)), number + 1
    )


def mode(partition: NumberPartition) -> int | None:
    """The cell of the one value that holds at least half of the reference, if `body` can do without it."""
    counts = partition.counts[:-1]
    top, number = int(counts.argmax()), int(counts.sum())
    is_point = top % 2 == 1
    if is_point and counts[top] >= MODE_SHARE * number and number - counts[top] >= BODY_LEAST:
        return top
    return None


def body(partition: NumberPartition) -> ChannelTable | None:
    """Mid-rank among the values that are not the mode; None where no value is that frequent."""
    left_out = mode(partition)
    if left_out is None:
        return None
    counts = partition.counts[:-1].copy()
    counts[left_out] = 0
    ranks = np.append(_mid_ranks(counts), ABSENT)
    ranks[left_out] = ABSENT
    return ChannelTable("body", "body", "level", narrow(ranks), 2 * (int(counts.sum()) + 1))
