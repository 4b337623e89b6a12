r"""Generalised likelihood ratio for rare events: has the rate of a rare indicator gone up, from whatever it was before?

After N observations with k events, every split into an older part (n₀, k₀) and a newer part (n₁, k₁) with a higher rate
is weighed by

    statistic = n₁ kl(k₁/n₁, k/N) + n₀ kl(k₀/n₀, k/N),      kl(p, q) = p ln(p/q) + (1−p) ln((1−p)/(1−q)),

and a change is found when the largest exceeds A + ln 3 + ½ ln N.  Because the older part is whatever the stream itself
has shown (the reference first of all), nothing need be assumed about a rate that was never seen: five missing values
within a hundred observations are telling after ten thousand without any, long before their mean is.

Only the newest `MEMORY` events can begin the newer part, so the state is small and nothing is done between events: a
channel at rest costs nothing.  Events closer than `GAP` observations to the last one counted are one burst, and a burst
is one event: a hiccup of a few records is no drift, and a feed that stays dead is Page-Hinkley's to find.

Parameters
----------
number, events : of the reference, the first older part.
level : A; e^−A bounds the rate of false alarms per observation of independent values.

Trade-offs
----------
Upward only, and for independent events only: a falling rate and bursts in bulk are left to the other detectors.

>>> detector = Glr(number=10_000, events=0, level=18.0)
>>> detector.update([40, 50, 60, 70], length=80)
-1
>>> detector.update([0, 20], length=40)         # the fifth within forty-one observations
0
>>> detector.since, detector.statistic > detector.threshold
(41, True)

References
----------
T. L. Lai and H. Xing.  Sequential change-point detection when the pre- and post-change parameters are unknown.
Sequential Analysis 29 (2010), 162-175.  L. Besson, E. Kaufmann, O.-A. Maillard and J. Seznec.  Efficient change-point
detection for tackling piecewise-stationary bandits.  JMLR 23 (2022): its threshold ln(3 N √N / δ), with δ = N e^−A.
Bursts are declustered by runs as in M. R. Leadbetter, Stochastic Processes and their Applications 12 (1982).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

MEMORY = 32  #: events that may begin the newer part
GAP = 8  #: observations; closer events are one burst
LEAST = 3  #: events of the newer part
RATE_MOST = 0.2  #: reference rate up to which an indicator counts as rare


class Glr:
    """One rare indicator; `since`, `statistic` and `threshold` tell of the change that `update` found."""

    def __init__(self, number: int, events: int, level: float) -> None:
        self._number, self._events, self._level = number, events, level
        self.reset()

    def reset(self) -> None:
        """Forget everything but the reference."""
        self._seen = 0
        self._counted = 0
        self._newest: list[int] = []  # 1-based observation of each of the newest events
        self.since, self.statistic, self.threshold = 0, 0.0, 1.0

    def update(self, positions: Sequence[int], length: int) -> int:
        """Take `length` observations with events at ascending `positions`; the one that revealed a change, or −1.

        Observations after that one are not taken.
        """
        for position in positions:
            now = self._seen + position + 1
            if self._newest and now - self._newest[-1] < GAP:
                continue
            self._newest = [*self._newest[1 - MEMORY :], now]
            self._counted += 1
            self.statistic, self.since = self._largest(now)
            self.threshold = self._level + math.log(3.0) + 0.5 * math.log(self._number + now)
            if self.statistic > self.threshold:
                self._seen = now
                return position
        self._seen += length
        return -1

    @property
    def score(self) -> float:
        """Statistic over threshold as of the newest event."""
        return self.statistic / self.threshold if self._newest else 0.0

    def _largest(self, now: int) -> tuple[float, int]:
        """The largest statistic over the splits before each of the newest events, and the length of its newer part."""
        number, events = self._number + now, self._events + self._counted
        pooled = events / number
        best, since = 0.0, 0
        for newer_events, begin in enumerate(reversed(self._newest), start=1):
            newer = now - begin + 1
            older, older_events = number - newer, events - newer_events
            if newer_events < LEAST or newer_events * older <= older_events * newer:
                continue
            ratio = newer * _kl(newer_events / newer, pooled) + older * _kl(older_events / older, pooled)
            if ratio > best:
                best, since = ratio, newer
        return best, since

    def dump(self) -> dict[str, Any]:
        """Plain data."""
        newest = [self.since, self.statistic, self.threshold]
        return {"seen": self._seen, "counted": self._counted, "newest": self._newest, "verdict": newest}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where the dumped detector stood."""
        self._seen, self._counted, self._newest = state["seen"], state["counted"], list(state["newest"])
        self.since, self.statistic, self.threshold = state["verdict"]


def _kl(p: float, q: float) -> float:
    """Kullback-Leibler divergence of two Bernoulli distributions; q is in (0, 1) wherever an event was counted."""
    found = p * math.log(p / q) if p > 0 else 0.0
    return found + ((1 - p) * math.log((1 - p) / (1 - q)) if p < 1 and q < 1 else 0.0)
