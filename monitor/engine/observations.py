"""A stretch of one stream's observations, and its reading against a partition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from monitor.channels.kernels import tally
from monitor.channels.partition import Cells, NumberPartition, Partition
from monitor.domain.facts import Place
from monitor.domain.frame import Bytes, Cell, Codes, Floats, Mask, Offsets
from monitor.domain.text import number_text


@dataclass(slots=True, eq=False)
class Observations:
    """Parallel arrays over consecutive observations of a stream; nobody changes them.

    Not frozen, because one is made for every stream of every frame, and freezing takes longer than all the rest of it.

    cells, numbers, texts, labels as in a Column.  rows: of the frame, of which `place` tells the event; clock: the
    model's clock at each, NaN if it has none; ordinal: 0-based count of the model's events at each.
    """

    cells: Bytes
    numbers: Floats
    texts: Codes | None
    labels: Sequence[str]
    rows: Offsets
    clock: Floats
    ordinal: Offsets
    place: Callable[[int], Place]

    def __len__(self) -> int:
        return len(self.cells)

    def tally(self) -> tuple[int, int, int, int, int, int]:
        """How many cells of each kind, in the order of `Cell`."""
        return tally(self.cells)

    def part(self, start: int, stop: int) -> Observations:
        """The observations from start to before stop."""
        return self if start == 0 and stop == len(self) else self._only(slice(start, stop))

    def present(self) -> Observations:
        """The observations whose key was there."""
        return self._only(self.cells != Cell.ABSENT)

    def _only(self, span: slice | Mask) -> Observations:
        return Observations(
            self.cells[span],
            self.numbers[span],
            None if self.texts is None else self.texts[span],
            self.labels,
            self.rows[span],
            self.clock[span],
            self.ordinal[span],
            self.place,
        )

    def encode(self, partition: Partition) -> tuple[Cells, Floats]:
        """Cells of a partition, and the values by which repetitions are told (NaN where missing)."""
        if isinstance(partition, NumberPartition):
            # other cells than numbers hold NaN already, which is the missing cell
            return partition.encode(self.numbers), self.numbers
        cells = np.full(len(self), partition.missing, dtype=np.uint16)
        if self.texts is not None:
            is_text = self.texts >= 0
            used, back = np.unique(self.texts[is_text], return_inverse=True)
            cells[is_text] = partition.index([self.labels[code] for code in used])[back]
        for at in np.flatnonzero(self.cells == Cell.NUMBER).tolist():
            cells[at] = partition.index([number_text(float(self.numbers[at]))])[0]
        return cells, np.where(cells == partition.missing, np.nan, cells.astype(np.float64))
