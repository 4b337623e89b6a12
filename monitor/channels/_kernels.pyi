import numpy as np
import numpy.typing as npt

def block_sums(
    values: npt.NDArray[np.int64], block: int, carry: int, filled: int
) -> tuple[npt.NDArray[np.int64], int, int]:
    """Sums of consecutive blocks of `block` values, across calls: integer, so no split into calls changes them.

    carry and filled are the sum and the number of the values of the unfinished block, 0 and 0 to begin with.
    Returns the sums of the blocks completed by `values`, and the new carry and filled.
    Raises ValueError unless 1 <= block and 0 <= filled < block.
    """

def first_long_run(
    values: npt.NDArray[np.float64],
    codes: npt.NDArray[np.uint16],
    limits: npt.NDArray[np.int64],
    previous: float,
    run: int,
    start: int = 0,
) -> tuple[int, float, int]:
    """The first value from `start` on at which the run of equal values has reached the limit of that value's code.

    codes: as long as values; limits: by code, one for each there is.  NaN is passed over as if it had never come.
    previous, run: the newest value so far and how often it came in a row (NaN and 0 to begin with).
    Returns (index, previous, run) after the value found, which is consumed; index is -1 if the end was reached.
    Raises ValueError if the lengths differ or start is negative, IndexError for a code without a limit.
    """

def first_run_end(values: npt.NDArray[np.float64], previous: float, start: int = 0) -> int:
    """Index of the first value from `start` on that differs from `previous`, or -1; NaN is passed over.

    Raises ValueError if start is negative.
    """

def tally(codes: npt.NDArray[np.uint8]) -> tuple[int, int, int, int, int, int]:
    """How often each code of `monitor.domain.frame.Cell` comes; there must be no others."""

def first_flagged(codes: npt.NDArray[np.uint16], flags: npt.NDArray[np.uint8], start: int = 0) -> int:
    """Index of the first code from `start` on whose flag is set, or -1; flags: by code, one for each there is.

    Raises ValueError if start is negative, IndexError for a code without a flag.
    """

def cells(values: npt.NDArray[np.float64], edges: npt.NDArray[np.float64]) -> npt.NDArray[np.uint16]:
    """Cell of each value among K rising edges: 2i + 1 on edge i, 2i between the edges i - 1 and i, 2K above all.

    NaN has the cell 2K + 1.  K is 1 to 520.  Raises ValueError unless the edges rise strictly.
    """

def packed(cells: npt.NDArray[np.uint16], size: int) -> bytes:
    """Cells of a partition of `size` in as few bits as tell them apart; the bits that are left over are 0."""

def unpacked(data: bytes, count: int, size: int) -> npt.NDArray[np.uint16]:
    """The `count` cells that were packed.  Raises ValueError unless they are so many, all below size."""
