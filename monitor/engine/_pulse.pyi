import numpy as np
import numpy.typing as npt

from monitor.channels.partition import Cells
from monitor.channels.table import Numerators

def beats(
    numerators: Numerators, cells: Cells, ordinals: npt.NDArray[np.int64], size: int
) -> tuple[int, npt.NDArray[np.int64]]:
    """The first block of `size` ordinals, and from it on: sums of the numerators of the cells, and how many they are.

    Cells whose numerator is negative have no value.  Raises ValueError if there are none, or the ordinals do not fit
    them; IndexError for a cell without a numerator.
    """
