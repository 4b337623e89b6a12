r"""ADWIN: a window that forgets its older part once the two parts' means differ too much to be one distribution.

The window of `width` values is kept as exponentially growing buckets.  At every `clock`-th value each boundary between
two buckets is tried as a cut into an older part of n0 values with mean0 and a newer part of n1 values with mean1:

    d       = ln(2 ln(width) / delta)
    m       = 1 / (n0 - min_window_length + 1) + 1 / (n1 - min_window_length + 1)
    epsilon = sqrt(2 m variance d) + 2/3 m d
    cut     if and only if |mean0 - mean1| > epsilon

A cut drops the oldest bucket, and the search goes on until no cut is left.

Parameters
----------
delta : float, 0 < delta < 1
    How sure a cut has to be.  Smaller is calmer and slower: the delay grows with ln(1 / delta), the false alarms fall
    about in proportion to delta.
clock : int, values, >= 1
    How many values pass between two checks.  Larger is cheaper and up to `clock` values later; it also divides the
    number of chances for a false alarm.
max_buckets : int, 2 to 31
    Buckets of one size.  More make the cuts finer, at memory and work in proportion.
min_window_length : int, values, >= 1
    The shortest part a cut may leave.
grace_period : int, values, >= 0
    Window widths up to this one are not checked.

Trade-offs
----------
The second term of epsilon assumes values of range about 1.  A channel far wider loses its protection against false
alarms, a far narrower one is never found to change: feed channels scaled to the unit interval.  Values that depend on
their predecessors break the bound; feed means of blocks long enough to be nearly independent.  A change of spread or
shape that leaves the mean alone is invisible: give it a channel of its own.  NaN and infinity are the caller's to
remove: one of them would silence the row until its next reset.

The bank
--------
A bank holds many detectors with common bucket parameters; a row is one detector, its memory grows with the logarithm
of its window.  `update(row, values, start)` feeds values[start:] until a change is found and returns the index of the
value that revealed it (that one is consumed), or -1.  After a change the row keeps its shrunken window; `reset(row)`
empties it, and a bank that is reset after every change gives, bit for bit, river's `drift.ADWIN`.  How values are
split into calls never matters.  Rows are independent, but one bank belongs to one thread at a time.

- `add(delta, clock) -> row` takes the lowest free row; `remove(row)` frees it.
- `width(row)` in values, `mean(row)`, `total(row)`, `variance(row)` (sum of squared deviations) describe the window.
- `score(row)` is the largest |mean0 - mean1| / epsilon over the cuts admissible now, 0 without enough values.
- `newest_cut()` tells of the newest change that `update` found in any row: values since the most telling cut of the
  window as it was then, the mean of those values, its signed difference from the mean of the older ones, and the
  epsilon that exceeded.
- `last_cut(row)` is the width the newest change left, 0 if there was none since the reset.
- `update_stepwise` is `update` without its shortcuts: slower, same results, the reference `update` is tested against.
- `dump()` gives flat arrays, the same for the same history; `load` takes them back or raises ValueError.

Raises ValueError for parameters outside their range, IndexError for a row that was not added, OverflowError beyond
2**52 values between two resets.

>>> import numpy as np
>>> from monitor.detectors.adwin import AdwinBank
>>> generator = np.random.default_rng(7)
>>> values = np.concatenate([generator.uniform(0.0, 0.6, 1000), generator.uniform(0.4, 1.0, 1000)])
>>> bank = AdwinBank()
>>> row = bank.add(delta=0.002, clock=32)
>>> bank.update(row, values)
1055
>>> bank.last_cut(row) == bank.width(row) < 1056
True
>>> values_since, mean, difference, epsilon = bank.newest_cut()
>>> values_since, round(mean, 1), difference > epsilon
(64, 0.6, True)
>>> bank.reset(row)
>>> bank.update(row, values, start=1056)
-1
>>> round(bank.mean(row), 1)
0.7

References
----------
A. Bifet, R. Gavaldà.  Learning from Time-Changing Data with Adaptive Windowing.  SIAM International Conference on
Data Mining, 2007, 443-448.  https://doi.org/10.1137/1.9781611972771.42
"""

from monitor.detectors._adwin import AdwinBank

__all__ = ["AdwinBank"]
