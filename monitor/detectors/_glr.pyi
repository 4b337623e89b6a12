from collections.abc import Sequence
from typing import Any

class Glr:
    """One rare indicator; `since`, `statistic` and `threshold` tell of the change that `update` found.

    Raises ValueError unless 0 <= events <= number.
    """

    def __init__(self, number: int, events: int, level: float) -> None: ...
    def reset(self) -> None:
        """Forget everything but the reference."""

    @property
    def since(self) -> int: ...
    @property
    def statistic(self) -> float: ...
    @property
    def threshold(self) -> float: ...
    @property
    def score(self) -> float:
        """Statistic over threshold as of the newest event."""

    def update(self, positions: Sequence[int], length: int) -> int:
        """Take `length` observations with events at ascending `positions`; the one that revealed a change, or −1.

        Observations after that one are not taken.
        """

    def dump(self) -> dict[str, Any]:
        """Plain data."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where the dumped detector stood.  Raises ValueError for a state that none can be in."""
