r"""Page-Hinkley: a cumulative sum of deviations from the running mean, measured from the best level it ever had.

With a running mean over all n values so far and the deviation dev = x - mean, an upward and a downward recursion run:

    si = (si + dev) - slack,  mi = min(mi, si),  up   if and only if si - mi > threshold
    sd = (sd + dev) + slack,  md = max(md, sd),  down if and only if md - sd > threshold

A row keeps one mean and four recursions: a slow pair for small lasting changes and a fast pair for large ones, each
with a slack and a threshold of its own, in the order up-slow, down-slow, up-fast, down-fast.

Parameters
----------
slack : four floats, in the channel's unit, >= 0
    Half the smallest change worth finding.  Smaller finds smaller changes and raises more false alarms.
threshold : four floats, channel's unit x values, > 0
    How much has to add up.  A change of size c is found about threshold / (c - slack) values after it began, and the
    false alarms fall exponentially with it.  Infinity switches a recursion off.
min_instances : int, values, >= 1
    How many values have to be fed before a change may be reported; primed ones do not count.

Trade-offs
----------
The statistic has the unit of its channel: standardise first.  The mean never forgets (the oracle's alpha is 1):
forgetting would turn every long quiet stretch into false alarms.  It takes a slow change in, so anchor it:
`prime(row, n, mean)` starts as if n values of that mean had been seen, with all four statistics at zero, and the first
live value counts in full.  Unprimed, the first value defines the mean and cannot be off.  NaN and infinity are the
caller's to remove: one of them would silence the row until its next reset.

The bank
--------
`update(row, values, start)` feeds values[start:] until a change is found and returns the index of the value that
revealed it (that one is consumed), or -1.  The row is left as it is, above its threshold; `reset(row)` takes it back
to its last priming, or to its fresh state.  Unprimed and reset after every change, a row with equal speeds gives, bit
for bit, river's `drift.PageHinkley(alpha=1.0)`.  How values are split into calls never matters.  Rows are independent,
but one bank belongs to one thread at a time.

- `add(slack, threshold) -> row` takes the lowest free row; `remove(row)` frees it.
- `fired(row)`: of the recursions above their threshold now, the one with the largest statistic / threshold, 0 to 3;
  -1 if none is.
- `statistic(row, which)`; `score(row)`: the largest statistic / threshold of the four, 0 for a fresh row.
- `since(row, which)`: values since that recursion last sat at its extreme, the estimate of when the change began.
- `mean(row)`: the running mean; `fed(row)`: values since the last reset.
- `dump()` gives flat arrays, the same for the same history; `load` takes them back or raises ValueError.

Raises ValueError for parameters outside their range, IndexError for a row that was not added, OverflowError beyond
2**52 values between two resets.

>>> import numpy as np
>>> from monitor.detectors.page_hinkley import PageHinkleyBank
>>> generator = np.random.default_rng(7)
>>> values = np.concatenate([generator.normal(0.0, 1.0, 1000), generator.normal(-1.0, 1.0, 1000)])
>>> bank = PageHinkleyBank()
>>> row = bank.add(slack=(0.1, 0.1, 0.5, 0.5), threshold=(60.0, 60.0, 20.0, 20.0))
>>> bank.prime(row, n=2000.0, mean=0.0)
>>> index = bank.update(row, values)
>>> index
1024
>>> ("up-slow", "down-slow", "up-fast", "down-fast")[bank.fired(row)]
'down-fast'
>>> index - bank.since(row, bank.fired(row))
1006

References
----------
E. S. Page.  Continuous Inspection Schemes.  Biometrika 41 (1/2), 1954, 100-115.  https://doi.org/10.2307/2333009
D. V. Hinkley.  Inference about the change-point from cumulative sum tests.  Biometrika 58 (3), 1971, 509-523.
https://doi.org/10.1093/biomet/58.3.509
"""

from monitor.detectors._page_hinkley import PageHinkleyBank

__all__ = ["PageHinkleyBank"]
