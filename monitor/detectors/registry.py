"""The detector banks by the name findings, metrics and settings call them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from monitor.detectors.adwin import AdwinBank
from monitor.detectors.page_hinkley import PageHinkleyBank


class DetectorBank(Protocol):
    """What every bank can do, once its rows were added with the parameters of its own algorithm."""

    def __len__(self) -> int: ...

    def remove(self, row: int) -> None: ...

    def update(self, row: int, values: npt.NDArray[np.float64], start: int = 0) -> int:
        """Feed values[start:] up to the first change; its index (that value is consumed), or -1 without a change."""

    def reset(self, row: int) -> None: ...

    def mean(self, row: int) -> float: ...

    def score(self, row: int) -> float:
        """Statistic / threshold at this moment: above 1 is a change, 0 is as far from one as can be."""

    def dump(self) -> dict[str, npt.NDArray[np.generic]]: ...

    def load(self, state: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Replace every row by the dumped ones; ValueError, and nothing replaced, if the arrays do not fit."""


BANKS: Mapping[str, type[DetectorBank]] = {"adwin": AdwinBank, "page_hinkley": PageHinkleyBank}
