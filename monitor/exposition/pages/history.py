"""Scores of a few streams over wall-clock time, in memory that never grows: what the sparklines show.

A matrix of `POINTS` columns with one row a stream.  It begins with a point a second; when it is full, neighbours are
merged (the larger score stays) and points come half as often, until one a minute: then the oldest goes.

    ▁▂▇▃▁▁▂▁  full  →  ▂▇▁▂  twice as far apart   …   one a minute: the last hour and a half

Nothing of this is state: a restart begins anew, and no decision reads it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from threading import Lock

import numpy as np

from monitor.domain.keys import StreamKey

POINTS = 96  #: 384 bytes a stream
FIRST_SECONDS, LONGEST_SECONDS = 1.0, 64.0


class History:
    """Keeps scores of at most `rows` streams; those that were not sampled for longest make room.  Thread-safe."""

    def __init__(self, rows: int) -> None:
        self._lock = Lock()
        self._rows = rows
        self._scores = np.full((rows, POINTS), np.nan, dtype=np.float32)
        self._times = np.zeros(POINTS)
        self._length = 0
        self._place: dict[StreamKey, int] = {}  # the least recently sampled first
        self._interval = FIRST_SECONDS

    def due(self, now: float) -> bool:
        """Is it time for a sample?"""
        with self._lock:
            return self._length == 0 or now - self._times[self._length - 1] >= self._interval

    @property
    def times(self) -> list[float]:
        """When samples were taken, seconds since the epoch, the oldest first."""
        with self._lock:
            return [float(time) for time in self._times[: self._length]]

    def sample(self, now: float, scores: Mapping[StreamKey, float]) -> None:
        """Keep these scores; the caller asks `due` first."""
        with self._lock:
            if self._length == POINTS:
                self._make_room()
            self._times[self._length] = now
            for key, score in scores.items():
                self._scores[self._row(key), self._length] = score
            self._length += 1

    def of(self, key: StreamKey) -> list[float | None]:
        """The stream's scores at `times`; None where none was kept."""
        with self._lock:
            row = self._place.get(key)
            if row is None:
                return [None] * self._length
            return [
                None if math.isnan(score) else round(score, 3) for score in self._scores[row, : self._length].tolist()
            ]

    def _row(self, key: StreamKey) -> int:
        row = self._place.pop(key, None)
        if row is None and len(self._place) < self._rows:
            row = len(self._place)
        elif row is None:
            row = self._place.pop(next(iter(self._place)))
            self._scores[row] = np.nan
        self._place[key] = row  # last: the newest
        return row

    def _make_room(self) -> None:
        if self._interval >= LONGEST_SECONDS:
            self._scores[:, :-1] = self._scores[:, 1:]
            self._times[:-1] = self._times[1:]
            self._length -= 1
        else:
            self._interval *= 2
            self._length = POINTS // 2
            self._scores[:, : self._length] = np.fmax(self._scores[:, ::2], self._scores[:, 1::2])
            self._times[: self._length] = self._times[1::2]
        self._scores[:, self._length :] = np.nan
