"""When Python looks for cycles: seldom among what stays, for what stays is models, and they are held by no cycle.

A full collection visits every object of every stream.  Where all are watched it would hold the loop up for hundreds of
milliseconds, and find nothing: observing, showing and saving leave no cycles.  Young objects are looked through as
ever, and all of them once in a long while, so that a cycle that does appear costs memory for a time, not for ever.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: collections of the middle generation between two of all; Python's own is 10
SELDOM = 1_000


@contextmanager
def seldom() -> Iterator[None]:
    """Full collections are rare while this lasts; afterwards as they were."""
    before = gc.get_threshold()
    gc.set_threshold(before[0], before[1], SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)
