"""Rows of a dumped bank in another order.

A bank gives its rows out as they are asked for; a snapshot lists them by what they watch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Arrays = Mapping[str, npt.NDArray[np.generic]]
Places = npt.NDArray[np.int64]
PARAMETERS = "parameters"  #: of the whole bank
BUCKETS = ("bucket_totals", "bucket_variances")


def in_order(dump: Arrays, rows: Sequence[int]) -> dict[str, npt.NDArray[np.generic]]:
    """The dump of a bank in which the given live rows are the only ones, numbered 0, 1, … as they are given.

    >>> from monitor.detectors.page_hinkley import PageHinkleyBank
    >>> bank = PageHinkleyBank()
    >>> for slack in (0.1, 0.2, 0.3):
    ...     _ = bank.add((slack,) * 4, (9.0,) * 4)
    >>> in_order(bank.dump(), [2, 0])["slack"][:, 0].tolist()
    [0.3, 0.1]
    """
    chosen = np.array(rows, dtype=np.int64)
    if "levels" not in dump:
        return {name: array if name == PARAMETERS else array[chosen] for name, array in dump.items()}
    levels = dump["levels"].astype(np.int64)
    level_ends = np.cumsum(levels)
    bucket_ends = np.concatenate([[0], np.cumsum(dump["counts"], dtype=np.int64)])
    of_levels = _spans(level_ends - levels, levels, chosen)
    before = bucket_ends[level_ends - levels]
    of_buckets = _spans(before, bucket_ends[level_ends] - before, chosen)
    found = {}
    for name, array in dump.items():
        ragged = of_levels if name == "counts" else of_buckets if name in BUCKETS else chosen
        found[name] = array if name == PARAMETERS else array[ragged]
    return found


def _spans(starts: Places, lengths: Places, chosen: Places) -> Places:
    """Indices of the chosen spans, one after the other."""
    starts, lengths = starts[chosen], lengths[chosen]
    shift = starts - (np.cumsum(lengths) - lengths)
    return np.repeat(shift, lengths) + np.arange(lengths.sum())
