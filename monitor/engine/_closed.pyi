import numpy as np
import numpy.typing as npt

from monitor.channels.table import Numerators
from monitor.detectors.adwin import AdwinBank
from monitor.detectors.glr import Glr
from monitor.detectors.page_hinkley import PageHinkleyBank
from monitor.engine.plan import ChannelPlan
from monitor.engine.signals import Told

class ClosedChannels:
    """The channels of a regime, of which those that are closed are run over a stretch of cells in one call.

    Channels have the indices 0, 1, … in the order in which they were added.  An unfinished block (or, of an open
    channel, window) is kept here for all of them.
    """

    def __init__(self, adwin: AdwinBank, page_hinkley: PageHinkleyBank) -> None: ...
    @property
    def resting(self) -> int:
        """Channels that are not closed."""

    def __len__(self) -> int: ...
    def add(
        self,
        numerators: Numerators,
        plan: ChannelPlan,
        adwin: int,
        page_hinkley: int,
        glr: Glr | None = None,
    ) -> int:
        """Add a closed channel over rows of the two banks; its index.  Raises ValueError for another table size.

        glr: for a rare indicator, of which the table's numerators are 1, 0 and none.
        """

    def advance(self, cells: npt.NDArray[np.uint16]) -> list[Told]:
        """Run every closed channel up to where one of its detectors fires; those that fired, in order of the indices.

        Cells must be of the partition behind the tables.
        """

    def advance_one(self, index: int, cells: npt.NDArray[np.uint16]) -> Told | None:
        """The same for one channel, closed or not."""

    def window(self, index: int) -> tuple[int, int]:
        """Sum of the numerators of the unfinished block or window, and how many they are."""

    def set_window(self, index: int, carry: int, filled: int) -> None: ...
    def open(self, index: int) -> None:
        """Let a channel rest: its detectors are reset, and its window is empty."""

    def rest(self, index: int) -> None:
        """Let a channel rest as it is."""

    def close(self, index: int) -> None:
        """Watch a channel again, from an empty window on."""

    def pack(self, index: int) -> bytes:
        """What has come of a channel's values: its window and the rows of both detectors, without their parameters."""

    def unpack(self, index: int, packed: bytes) -> None:
        """Go on where the packed channel stood; it must be new.  Raises ValueError for bytes that are no channel."""
