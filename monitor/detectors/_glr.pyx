# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The compiled likelihood ratio for rare events; `monitor.detectors.glr` holds its documentation."""

from libc.math cimport log
from libc.stdint cimport int64_t
from libc.string cimport memmove

import math

cdef extern from *:
    ctypedef long long wide "__int128"

cdef enum:
    GAP = 8  # observations; closer events are one burst
    LEAST = 3  # events of the newer part

cdef double LOG_3 = math.log(3.0)  # not a constant of the compiler's, which rounds otherwise than the library
cdef int64_t SEEN_LIMIT = <int64_t>1 << 52


cdef void clear(Row* row) noexcept nogil:
    """Forget everything but the reference."""
    row.seen = 0
    row.counted = 0
    row.held = 0
    row.since = 0
    row.statistic = 0.0
    row.threshold = 1.0


cdef bint count(Row* row, int64_t now) noexcept nogil:
    """Take an event at an observation after all that were counted; does it reveal a change?"""
    if row.held and now - row.newest[row.held - 1] < GAP:
        return False
    if row.held == MEMORY:
        memmove(&row.newest[0], &row.newest[1], (MEMORY - 1) * sizeof(int64_t))
        row.held -= 1
    row.newest[row.held] = now
    row.held += 1
    row.counted += 1
    weigh(row, now)
    row.threshold = row.level + LOG_3 + 0.5 * log(<double>(row.number + now))
    return row.statistic > row.threshold


cdef void weigh(Row* row, int64_t now) noexcept nogil:
    """The largest statistic over the splits before each of the newest events, and the length of its newer part."""
    cdef int64_t number = row.number + now, events = row.events + row.counted, newer, older, older_events
    cdef double pooled = <double>events / <double>number, ratio
    cdef int newer_events
    row.statistic = 0.0
    row.since = 0
    for newer_events in range(1, row.held + 1):
        newer = now - row.newest[row.held - newer_events] + 1
        older = number - newer
        older_events = events - newer_events
        if newer_events < LEAST or <wide>newer_events * older <= <wide>older_events * newer:
            continue
        ratio = <double>newer * kl(<double>newer_events / <double>newer, pooled)
        ratio = ratio + <double>older * kl(<double>older_events / <double>older, pooled)
        if ratio > row.statistic:
            row.statistic = ratio
            row.since = newer


cdef double kl(double p, double q) noexcept nogil:
    """Kullback-Leibler divergence of two Bernoulli distributions; q is in (0, 1) wherever an event was counted."""
    cdef double found = p * log(p / q) if p > 0 else 0.0
    return found + ((1 - p) * log((1 - p) / (1 - q)) if p < 1 and q < 1 else 0.0)


cdef class Glr:
    """One rare indicator; see `monitor.detectors.glr`."""

    def __cinit__(self, int64_t number, int64_t events, double level):
        if not 0 <= events <= number <= SEEN_LIMIT:
            raise ValueError(f"number, events: expected 0 <= events <= number, found {number}, {events}")
        self.row.number, self.row.events, self.row.level = number, events, level
        clear(&self.row)

    def reset(self):
        clear(&self.row)

    @property
    def since(self):
        return self.row.since

    @property
    def statistic(self):
        return self.row.statistic

    @property
    def threshold(self):
        return self.row.threshold

    @property
    def score(self):
        return self.row.statistic / self.row.threshold if self.row.held else 0.0

    def update(self, positions, int64_t length):
        cdef int64_t position
        for position in positions:
            if count(&self.row, self.row.seen + position + 1):
                self.row.seen += position + 1
                return position
        self.row.seen += length
        return -1

    def dump(self):
        row = self.row
        newest = [row.newest[i] for i in range(row.held)]
        verdict = [row.since, row.statistic, row.threshold]
        return {"seen": row.seen, "counted": row.counted, "newest": newest, "verdict": verdict}

    def restore(self, state):
        cdef Row row = self.row
        newest = state["newest"]
        if len(newest) > MEMORY:
            raise ValueError(f"newest: expected at most {MEMORY}, found {len(newest)}")
        row.seen, row.counted, row.held = state["seen"], state["counted"], len(newest)
        for i, at in enumerate(newest):
            row.newest[i] = at
        if not 0 <= row.counted <= row.seen <= SEEN_LIMIT:
            raise ValueError(f"seen, counted: expected 0 <= counted <= seen, found {row.seen}, {row.counted}")
        for i in range(row.held):
            if not (row.newest[i - 1] if i else 0) < row.newest[i] <= row.seen:
                raise ValueError(f"newest: expected rising observations of 1 to {row.seen}, found {newest}")
        row.since, row.statistic, row.threshold = state["verdict"]
        self.row = row
