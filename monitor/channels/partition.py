"""Partitions: the finite set of cells that a reference divides the value space into.

Numbers.  With K distinct edges e₁ < … < e_K there are 2K+1 cells, and one more for "no usable value":

    cell      0      1      2      3      4     …     2K       2K+1
    holds   v<e₁   v=e₁  e₁<v<e₂  v=e₂  e₂<v<e₃  …   v>e_K    missing

Every edge is a point of its own, so ties and point masses (zeros, defaults, caps) are exact; up to `EDGES` distinct
reference values the partition is the empirical distribution itself, beyond that edges are equally spaced ranks.

Texts.  The most frequent categories have a cell each, then `other` (seen in the reference, but rarer), `unseen`,
missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.channels.kernels import cells_of

EDGES = 510  #: rank edges of a number partition
EDGES_MOST = EDGES + 2  #: with the two of `far`: what a reference keeps at most
FAR = 8.0  #: a value is far when it is this many times as distant from the median as any reference value
Cells = npt.NDArray[np.uint16]
Counts = npt.NDArray[np.int64]
Tally = npt.NDArray[np.int16] | npt.NDArray[np.int32] | npt.NDArray[np.int64]


def narrow(counts: npt.NDArray[np.integer[Any]]) -> Tally:
    """Whole numbers in as few bytes as hold them all."""
    most = int(counts.max())
    if most <= np.iinfo(np.int16).max and int(counts.min()) >= np.iinfo(np.int16).min:
        return counts.astype(np.int16)
    return counts.astype(np.int32) if most <= np.iinfo(np.int32).max else counts.astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class NumberPartition:
    """Cells of a numeric stream.  edges: float64 (K,), ascending; tally: (2K+2,), reference values a cell.

    low and high: index of the edges that are the smallest and largest reference value (edges outside mark `far`).
    """

    edges: npt.NDArray[np.float64]
    tally: Tally
    low: int
    high: int

    @property
    def counts(self) -> Counts:
        """The tally in numbers wide enough to reckon with: it is kept narrow, for every stream has one."""
        return self.tally.astype(np.int64)

    @property
    def size(self) -> int:
        return 2 * len(self.edges) + 2

    @property
    def missing(self) -> int:
        return self.size - 1

    def encode(self, values: npt.NDArray[np.float64]) -> Cells:
        """Cell numbers of values, uint16; NaN is missing."""
        return cells_of(values, self.edges)

    @property
    def positions(self) -> npt.NDArray[np.float64]:
        """A value that stands for each cell but missing: the edge itself, or the middle of two; float64 (2K+1,).

        Outside the reference's range only the end of the range is known of a value, unless it is far.
        """
        found = np.repeat(self.edges, 2)
        found[2::2] = self.edges[:-1] / 2 + self.edges[1:] / 2  # halved first: a sum of edges may overflow
        found = np.append(found, self.edges[-1])
        found[[2 * self.low, 2 * self.high + 2]] = self.edges[[self.low, self.high]]
        return found

    def quantile_cell(self, counts: Counts, share: float) -> int | None:
        """The cell up to which at least `share` of the counted values lie (missing ones left out); None without any."""
        cumulative = np.cumsum(counts[:-1])
        if cumulative[-1] == 0:
            return None
        return int(np.searchsorted(cumulative, share * cumulative[-1]))

    def quantile(self, counts: Counts, share: float) -> float:
        """The value below which `share` of the counted values lie (missing ones left out); NaN if none are counted."""
        cell = self.quantile_cell(counts, share)
        return float("nan") if cell is None else float(self.positions[cell])


def number_partition(values: npt.NDArray[np.float64], missing: int, extremes: tuple[float, float]) -> NumberPartition:
    """Partition of finite reference `values` (at least one); extremes may lie beyond them when values are a sample.

    >>> import numpy as np
    >>> partition = number_partition(np.array([1.0, 2.0, 2.0, 5.0]), 1, (1.0, 5.0))
    >>> partition.edges.tolist()          # the values, and what would be far beyond them
    [-22.0, 1.0, 2.0, 5.0, 26.0]
    >>> partition.counts.tolist()
    [0, 0, 0, 1, 0, 2, 0, 1, 0, 0, 0, 1]
    """
    ordered = np.sort(values)
    inner = np.unique(np.concatenate([ordered, np.array(extremes)]))
    if len(inner) > EDGES:
        beyond = (extremes[0] < ordered[0]) + (extremes[1] > ordered[-1])
        ranks = np.linspace(0, len(ordered) - 1, min(EDGES - beyond, len(ordered))).round().astype(np.int64)
        inner = np.unique(np.concatenate([ordered[ranks], np.array(extremes)]))
    inner = inner + 0.0  # −0.0 becomes 0.0: one zero, one cell
    median = float(ordered[len(ordered) // 2])
    reach = FAR * max(inner[-1] - median, median - inner[0])
    edges = np.unique(np.concatenate([[median - reach], inner, [median + reach]])) if reach > 0 else inner
    low, high = int(np.searchsorted(edges, inner[0])), int(np.searchsorted(edges, inner[-1]))
    counts = np.bincount(cells_of(values, edges), minlength=2 * len(edges) + 2).astype(np.int64)
    counts[-1] = missing
    return NumberPartition(edges, narrow(counts), low, high)


@dataclass(frozen=True, slots=True, eq=False)
class CategoryPartition:
    """Cells of a categorical stream: `labels` (most frequent first), then other, unseen, missing.

    rare: the labels behind `other`.  counts: int64 (len(labels) + 3,).  singletons: labels seen exactly once, from
    which Good and Turing estimate how often unseen labels come up within the reference itself.
    """

    labels: tuple[str, ...]
    rare: frozenset[str]
    counts: Counts
    singletons: int

    @property
    def size(self) -> int:
        return len(self.labels) + 3

    @property
    def other(self) -> int:
        return len(self.labels)

    @property
    def unseen(self) -> int:
        return len(self.labels) + 1

    @property
    def missing(self) -> int:
        return len(self.labels) + 2

    def index(self, labels: Sequence[str]) -> Cells:
        """Cell of each label, uint16."""
        cells = {label: i for i, label in enumerate(self.labels)}
        other, unseen, rare = self.other, self.unseen, self.rare
        return np.array([cells.get(x, other if x in rare else unseen) for x in labels], dtype=np.uint16)


def category_partition(frequencies: Mapping[str, int], missing: int, top: int) -> CategoryPartition:
    """Partition of label frequencies; `top` labels get a cell of their own, ties in alphabetical order.

    >>> category_partition({"FR": 7, "DE": 9, "IS": 1}, missing=2, top=2).counts.tolist()
    [9, 7, 1, 0, 2]
    """
    ranked = sorted(frequencies, key=lambda label: (-frequencies[label], label))
    labels, rare = tuple(ranked[:top]), frozenset(ranked[top:])
    seen = [frequencies[label] for label in labels]
    counts = np.array([*seen, sum(frequencies[label] for label in rare), 0, missing], dtype=np.int64)
    return CategoryPartition(labels, rare, counts, sum(count == 1 for count in frequencies.values()))


Partition = NumberPartition | CategoryPartition
