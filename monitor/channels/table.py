"""A channel as a table: what each cell of a partition means on one scale-free series."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitor.domain.facts import ChannelName

#: as narrow as the numbers allow: a stream keeps them for every cell of every channel
Numerators = npt.NDArray[np.int8] | npt.NDArray[np.int16] | npt.NDArray[np.int32] | npt.NDArray[np.int64]
ABSENT = -1  #: numerator of a cell in which the channel has no value


@dataclass(frozen=True, slots=True, eq=False)
class ChannelTable:
    """The value of a channel at cell c is numerators[c] / denominator, a number in [0, 1].

    key: unique within a stream ("category:FR"); name: what users see, categories share one.
    unit: which of the smallest effects that matter it is judged by.
    """

    key: str
    name: ChannelName
    unit: str  #: "level", "spread" or "rate"
    numerators: Numerators
    denominator: int

    @property
    def applies(self) -> npt.NDArray[np.bool_]:
        return np.not_equal(self.numerators, ABSENT)

    @property
    def values(self) -> npt.NDArray[np.float64]:
        """Channel value a cell, NaN where the channel has none."""
        # as floats first: the denominator may be too large for the numerators' own type
        return np.where(self.applies, self.numerators.astype(np.float64) / self.denominator, np.nan)


def mean_over(table: ChannelTable, counts: npt.NDArray[np.int64]) -> tuple[float, int]:
    """Mean of the channel over counted cells, and how many values that is (mean NaN if none).

    >>> table = ChannelTable("missing", "missing", "rate", np.array([0, 0, 1]), 1)
    >>> mean_over(table, np.array([5, 3, 2]))
    (0.2, 10)
    """
    # cells without a value hold ABSENT, −1: what they add to the sum is known without leaving them out first
    left_out = int(counts[np.equal(table.numerators, ABSENT)].sum())
    number = int(counts.sum()) - left_out
    if number == 0:
        return float("nan"), 0
    return (int(np.dot(table.numerators, counts)) - ABSENT * left_out) / (table.denominator * number), number
