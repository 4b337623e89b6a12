"""Learning a reference from a stream in bounded memory, whatever the stream's rate.

The first `KEPT` observations are kept as they are.  Beyond that the stream is thinned evenly: it is divided into runs
of `RUN` contiguous observations, of which every second, fourth, … is kept, so that the sample spans the whole warm-up
(a day, a week) while order is preserved inside runs.  Which observations are kept depends on their position alone,
hence not on how the stream is cut into frames.

    observation   0 ··· 255 │ 256 ··· 511 │ 512 ··· 767 │ 768 ···      stride 1: all runs
    kept          ▇▇▇▇▇▇▇▇▇ │             │ ▇▇▇▇▇▇▇▇▇▇▇ │              stride 2: every second run
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from monitor.domain.frame import Bytes, Cell, Codes, Floats

RUN = 256
KEPT = 32 * RUN
LABELS = 4096  #: distinct texts that are told apart; more than that is a near-unique stream in any case
OVERFLOW = -2  #: code of a text beyond `LABELS`


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A learned stretch of a stream: parallel arrays over the kept observations, in order.

    starts: where each run of contiguous observations begins; each stands for `stride` times its length.
    seen: observations in all (kept or not), absent ones included.  low, high: extremes over all numbers seen.
    """

    cells: Bytes
    numbers: Floats
    texts: Codes
    labels: Sequence[str]
    starts: Sequence[int]
    stride: int
    seen: int
    low: float
    high: float

    def runs(self, keep: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> list[slice]:
        """The runs as slices into the observations that a mask keeps."""
        before = np.concatenate([[0], np.cumsum(keep)])
        ends = [*self.starts[1:], len(self.cells)]
        return [slice(int(before[a]), int(before[b])) for a, b in zip(self.starts, ends, strict=True)]


class Learner:
    """Takes a stream's observations as they come; `sample()` is what a reference is made from."""

    def __init__(self, most: int = KEPT) -> None:
        """most: observations kept before thinning begins, rounded up to an even number of runs."""
        self._most = -(-most // (2 * RUN)) * 2 * RUN
        self._cells: list[Bytes] = []
        self._numbers: list[Floats] = []
        self._texts: list[Codes] = []
        self._labels: dict[str, int] = {}
        self._kept = 0
        self._low, self._high = np.inf, -np.inf
        self.seen = 0
        self.stride = 1

    def add(self, cells: Bytes, numbers: Floats, texts: Codes | None, labels: Sequence[str]) -> None:
        """Take observations: parallel arrays as in a Column; texts index into `labels`."""
        own = self._own_codes(texts, labels, len(cells))
        is_number = cells == Cell.NUMBER
        if is_number.any():
            # 0.0 is added so that −0.0, which equals it, does not show which of the two came first
            self._low = min(self._low, float(numbers[is_number].min()) + 0.0)
            self._high = max(self._high, float(numbers[is_number].max()) + 0.0)
        start = 0
        while start < len(cells):
            stop = min(len(cells), start + RUN - self.seen % RUN)
            if self.seen // RUN % self.stride == 0:
                self._cells.append(cells[start:stop].copy())
                self._numbers.append(numbers[start:stop].copy())
                self._texts.append(own[start:stop])
                self._kept += stop - start
            self.seen += stop - start
            start = stop
            if self._kept >= self._most and self.seen % RUN == 0:
                self._thin()

    def _own_codes(self, texts: Codes | None, labels: Sequence[str], length: int) -> Codes:
        """Texts in the learner's own, bounded numbering, given in the order in which they first come up."""
        if texts is None:
            return np.full(length, -1, dtype=np.int32)
        used, first = np.unique(texts[texts >= 0], return_index=True)
        renumber = np.full(len(labels) + 1, -1, dtype=np.int32)
        for code in used[np.argsort(first)]:
            label = labels[code]
            if label not in self._labels and len(self._labels) < LABELS:
                self._labels[label] = len(self._labels)
            renumber[code] = self._labels.get(label, OVERFLOW)
        return renumber[texts]

    def _thin(self) -> None:
        """Keep every second of the kept runs and twice the distance between them."""
        whole = self._joined()
        kept = [np.concatenate([part[i : i + RUN] for i in range(0, len(part), 2 * RUN)]) for part in whole]
        self._cells, self._numbers, self._texts = [kept[0]], [kept[1]], [kept[2]]
        self._kept = len(kept[0])
        self.stride *= 2

    def _joined(self) -> tuple[Bytes, Floats, Codes]:
        if not self._cells:
            return np.zeros(0, np.uint8), np.zeros(0), np.zeros(0, np.int32)
        return np.concatenate(self._cells), np.concatenate(self._numbers), np.concatenate(self._texts)

    def sample(self) -> Sample:
        """What has been learned so far; the learner goes on unharmed."""
        cells, numbers, texts = self._joined()
        starts = [0] if self.stride == 1 else list(range(0, len(cells), RUN))
        return Sample(
            cells, numbers, texts, tuple(self._labels), starts or [0], self.stride, self.seen, self._low, self._high
        )

    def dump(self) -> dict[str, Any]:
        """Plain data that `load` resumes from."""
        cells, numbers, texts = self._joined()
        return {
            "cells": cells.tobytes(),
            "numbers": numbers.tobytes(),
            "texts": texts.tobytes(),
            "labels": list(self._labels),
            "extremes": [self._low, self._high],
            "seen": self.seen,
            "stride": self.stride,
            "most": self._most,
        }

    @classmethod
    def load(cls, state: dict[str, Any]) -> Learner:
        """A learner that goes on where the dumped one stood."""
        learner = cls(state["most"])
        learner._cells = [np.frombuffer(state["cells"], np.uint8)]
        learner._numbers = [np.frombuffer(state["numbers"], np.float64)]
        learner._texts = [np.frombuffer(state["texts"], np.int32)]
        learner._labels = {label: i for i, label in enumerate(state["labels"])}
        learner._kept = len(learner._cells[0])
        learner._low, learner._high = state["extremes"]
        learner.seen, learner.stride = state["seen"], state["stride"]
        return learner
