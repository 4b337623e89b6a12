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
    usable: npt.NDArray[np.uint8],
    limits: npt.NDArray[np.int64],
    previous: float,
    run: int,
) -> tuple[int, float, int]:
    """The first value at which the run of equal usable values has reached the limit given for that value.

    usable, limits: as long as values; values whose usable is 0 are passed over as if they had never come.
    previous, run: the newest usable value so far and how often it came in a row (NaN and 0 to begin with).
    Returns (index, previous, run) after the value found, which is consumed; index is -1 if the end was reached.
    A NaN equals nothing.  Raises ValueError if the lengths differ.
    """

def first_run_end(
    values: npt.NDArray[np.float64], usable: npt.NDArray[np.uint8], previous: float, start: int = 0
) -> int:
    """Index of the first usable value from `start` on that differs from `previous`, or -1.

    Raises ValueError if the lengths differ or start is negative.
    """

def cells(values: npt.NDArray[np.float64], edges: npt.NDArray[np.float64]) -> npt.NDArray[np.uint16]:
    """Cell of each value among K rising edges: 2i + 1 on edge i, 2i between the edges i - 1 and i, 2K above all.

    NaN has the cell 2K + 1.  K is 1 to 520.  Raises ValueError unless the edges rise strictly.
    """
