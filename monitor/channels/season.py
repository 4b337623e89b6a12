r"""Seasons: a cycle in a short reference, found by its autocorrelation, and what is left of a series without it.

A period p counts if the autocorrelation has a peak there (above .3, after it first fell below .1), if `CYCLES` whole
cycles are in the reference, and if taking each phase's mean away leaves less than 40 % of the variance.  The mean that
is taken from a reference value leaves that value out, so that what is left varies as much as it will on live values.

Trade-off: observations must come regularly (a period is a number of observations), and live ones must follow on the
reference without a gap in the count; where they do not, as with a profile, no season is used.
Source: Box and Jenkins, "Time Series Analysis" (1970), chapter 9; leave-one-out residuals as in Allen (1974).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

CYCLES = 3  #: whole cycles a reference must hold
SHORTEST = 6  #: observations of the shortest period
PEAK = 0.3  #: autocorrelation at the period
FALLEN = 0.1  #: autocorrelation below which the first fall is over
NEARLY = 0.05  #: correlation that a peak may lie below the highest to be tried
GAIN = 0.4  #: share of the variance that may be left

Series = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


def season(series: Series, places: Places) -> Series:
    """Mean of each phase of the season in a series observed at ascending `places`; empty if there is none.

    >>> places = np.arange(240)
    >>> len(season(np.sin(2 * np.pi * places / 24), places))
    24
    >>> len(season(np.random.default_rng(0).normal(size=240), places))
    0
    """
    best, left = 0, GAIN * float(series.var())
    for period in _candidates(series, places):
        variance = float(without(series, places, period).var())
        if variance < left:
            best, left = period, variance
    if best == 0:
        return np.zeros(0)
    return _phase_sums(series, places, best) / _phase_sums(np.ones(len(series)), places, best)


def without(series: Series, places: Places, period: int) -> Series:
    """The series less its phases' means, each mean without the value it is taken from."""
    phases = places % period
    number = _phase_sums(np.ones(len(series)), places, period)[phases]
    others = _phase_sums(series, places, period)[phases] - series
    return series - others / np.maximum(number - 1, 1)


def _phase_sums(series: Series, places: Places, period: int) -> Series:
    return np.bincount(places % period, weights=series, minlength=period).astype(np.float64)


def _candidates(series: Series, places: Places) -> list[int]:
    """Lags at and next to the highest peaks of the autocorrelation, ascending; empty if none is high enough."""
    length = int(places[-1]) + 1 if len(places) else 0
    longest = length // CYCLES
    if longest <= SHORTEST or float(series.var()) <= 0:
        return []
    centred, present = np.zeros(length), np.zeros(length)
    centred[places], present[places] = series - series.mean(), 1.0
    pairs = np.maximum(_lag_products(present, longest + 2).round(), 1)
    correlation = _lag_products(centred, longest + 2) / pairs / float(series.var())
    fallen = np.flatnonzero(correlation[1:] <= FALLEN)
    if not len(fallen):
        return []
    candidates = np.arange(max(SHORTEST, int(fallen[0]) + 1), longest + 1)
    is_peak = (correlation[candidates] >= correlation[candidates - 1]) & (
        correlation[candidates] >= correlation[candidates + 1]
    )
    peaks = candidates[is_peak & (correlation[candidates] > PEAK)]
    highest = correlation[peaks].max() if len(peaks) else 0.0
    # noise can put a peak one lag off; multiples of a period are as high, but hold fewer cycles
    near = {int(peak) + off for peak in peaks[correlation[peaks] >= highest - NEARLY] for off in (-1, 0, 1)}
    ones = np.ones(len(series))
    return [lag for lag in sorted(near) if lag <= longest and _phase_sums(ones, places, lag).min() >= 2]


def _lag_products(series: Series, lags: int) -> Series:
    """Sums of x[t] x[t + lag] for the first lags, by way of the spectrum."""
    spectrum = np.fft.rfft(series, 2 * len(series))
    return np.asarray(np.fft.irfft(spectrum * np.conj(spectrum), 2 * len(series))[:lags], dtype=np.float64)
