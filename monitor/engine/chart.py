r"""The chart for short references: window means of normal scores, on all scales at once.

Windows of w = 1, 2, 4 … n/4 of the newest values; it fires if for one of them

    |mean of the window − μ| / sd_w  >  √((4.5 + 450/n)² + 2 ln K)      (twice that if the reference looks independent,
                                                                          n ≥ 100),

K being the streams known with the reference: a Gaussian tail of that height is K times less likely, so that a model's
alarms do not grow with its streams.  After firing it pauses for max(8, n/2) values.  If the last quarter of them is
back within three sd_w of the reference's mean, so is μ; else their mean is the new μ: a change that lasts is the new
normal.

Trade-off: where the reference is too short for tails and dependence to be known, the empirical spread of window means
carries both; the price is sensitivity to small shifts.
Source: multi-scale moving averages as in Roberts (1959); the scales double as in the moving-sum charts of Chu, Hornik
and Kuan (1995).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from monitor.channels.scores import ScoreReference, scores, tail_index
from monitor.engine.signals import Detection, Signal
from monitor.engine.stored import ChartState, opened_state

BASE, SMALL = 4.5, 450.0
INDEPENDENT_FACTOR = 2.0
PAUSE_LEAST = 8
BACK = 3.0  #: standard deviations within which the end of a pause counts as a return
BACK_SHARE = 4  #: of the pause; its last quarter decides


def pause_after(number: int) -> int:
    """Observations between two alarms of a stream with a short reference of `number` observations."""
    return max(PAUSE_LEAST, number // 2)


class ChartWitness:
    """Runs the chart over a stream's usable values; opens when it fires and closes when its pause is over."""

    def __init__(self, reference: ScoreReference, number: int, streams: int) -> None:
        self._reference = reference
        self._windows = [2**i for i in range(len(reference.window_sds))]
        limit = math.sqrt((BASE + SMALL / number) ** 2 + 2 * math.log(streams))
        self._limit = limit * (INDEPENDENT_FACTOR if reference.independent else 1.0)
        self._heavy = tail_index(reference.partition) if reference.independent else 0.0
        self._mean = reference.mean
        self._pause = pause_after(number)
        self._left = 0  # values of the pause still to come
        self._pause_sum = 0.0
        late = [i for i, window in enumerate(self._windows) if window <= max(1, self._pause // BACK_SHARE)]
        self._late_scale = late[-1]  # index of the longest window that fits into the pause's last quarter
        self._late_sum = 0.0
        self._season = np.array(reference.season)
        self._seen = 0  # observations, of which the phases of the season are counted
        self._sums = np.zeros(1)  # running sums since the last change of mean, as many as the longest window needs
        self._last = float("nan")  # last value, for differences
        self.opened_by: Detection | None = None
        self.detections = 0

    def advance(self, values: npt.NDArray[np.float64]) -> list[Signal]:
        """Take the next observations (NaN where missing); what opened and closed on the way."""
        places = np.flatnonzero(~np.isnan(values))
        series = self._series(values[places], places)
        self._seen += len(values)
        signals: list[Signal] = []
        start = 0
        while start < len(series):
            start = (
                self._rest(series, start, places, signals) if self._left else self._look(series, start, places, signals)
            )
        return signals

    def _series(self, usable: npt.NDArray[np.float64], places: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        if self._reference.differences and len(usable):
            first = self._last if self._last == self._last else usable[0]
            steps = np.diff(usable, prepend=first)
            self._last = float(usable[-1])
            usable = steps
        series = scores(self._reference.partition, usable, self._heavy)
        if not len(self._season):
            return series
        expected: npt.NDArray[np.float64] = self._season[
            (self._reference.begin + self._seen + places) % len(self._season)
        ]
        return series - expected

    def _look(
        self, series: npt.NDArray[np.float64], start: int, places: npt.NDArray[np.int64], signals: list[Signal]
    ) -> int:
        """Chart series[start:] up to its next alarm; where to go on."""
        held = len(self._sums) - 1
        sums = np.cumsum(np.concatenate([self._sums[-1:], series[start:]]))
        sums = np.concatenate([self._sums[:-1], sums])
        best, ratio, width = len(series), 0.0, 0
        for window, sd in zip(self._windows, self._reference.window_sds, strict=True):
            first = max(held + 1, window)  # the first sum index at which the newest window is complete
            if first >= len(sums):
                break
            means = (sums[first:] - sums[first - window : len(sums) - window]) / window
            ratios = np.abs(means - self._mean) / sd
            hits = np.flatnonzero(ratios > self._limit)
            if len(hits) and start + first - held - 1 + int(hits[0]) < best:
                best, ratio, width = start + first - held - 1 + int(hits[0]), float(ratios[hits[0]]), window
        if best == len(series):
            self._sums = sums[-(self._windows[-1] + 1) :]
            return best
        self.opened_by = Detection("chart", "both", ratio, self._limit, width)
        self.detections += 1
        signals.append(Signal(int(places[best]), "chart", "level", self.opened_by, pulse=True))
        self._left, self._pause_sum, self._late_sum = self._pause - 1, float(series[best]), 0.0
        self._sums = np.zeros(1)  # at once: what came before the alarm must not tell where the input was cut
        return best + 1

    def _rest(
        self, series: npt.NDArray[np.float64], start: int, places: npt.NDArray[np.int64], signals: list[Signal]
    ) -> int:
        """Spend the pause on series[start:]; where to go on."""
        stop = min(len(series), start + self._left)
        late = self._windows[self._late_scale]
        for value in series[start:stop].tolist():
            self._pause_sum += value
            self._late_sum += value if self._left <= late else 0.0
            self._left -= 1
        if self._left == 0:
            reference = self._reference
            apart = abs(self._late_sum / late - reference.mean)
            is_back = apart <= BACK * reference.window_sds[self._late_scale]
            self._mean = reference.mean if is_back else self._pause_sum / self._pause
            self.opened_by = None
            signals.append(
                Signal(int(places[stop - 1]), "chart", "level", None, reason="returned" if is_back else "relearned")
            )
        return stop

    def dump(self) -> ChartState:
        pause = (self._left, self._pause_sum, self._late_sum)
        last = None if self._last != self._last else self._last
        return self._mean, pause, self._seen, self._sums.tolist(), last, opened_state(self.opened_by), self.detections

    def restore(self, state: ChartState) -> None:
        """Go on where the dumped witness stood."""
        self._mean, pause, self._seen, sums, last, opened, self.detections = state
        self._left, self._pause_sum, self._late_sum = pause
        self._sums = np.array(sums)
        self._last = float("nan") if last is None else last
        self.opened_by = None if opened is None else Detection(*opened)
