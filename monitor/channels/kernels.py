"""The compiled loops of this package, under names that say what they do."""

from __future__ import annotations

from monitor.channels._kernels import block_sums, first_flagged, first_long_run, first_run_end, tally
from monitor.channels._kernels import cells as cells_of
from monitor.channels._kernels import packed as packed_cells
from monitor.channels._kernels import unpacked as unpacked_cells

__all__ = [
    "block_sums",
    "cells_of",
    "first_flagged",
    "first_long_run",
    "first_run_end",
    "packed_cells",
    "tally",
    "unpacked_cells",
]
