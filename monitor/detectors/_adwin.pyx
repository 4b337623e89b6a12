# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The compiled bank of ADWIN detectors; `monitor.detectors.adwin` holds its documentation.

Every expression below is written in the order in which the oracle (river's ADWIN) evaluates it: the promise is the
same bits, so nothing here may be regrouped, not even where real arithmetic would allow it.
"""

from libc.math cimport fabs, log, sqrt
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, realloc
from libc.string cimport memmove, memset

import numpy as np

cdef enum:
    LEVEL_LIMIT = 56  # 2^52 values fill fewer levels than this whatever max_buckets is

# beyond 2^52 the counts stop being exact in float64, which the statistics divide by
cdef int64_t WIDTH_LIMIT = <int64_t>1 << 52

cdef struct Row:
    double delta
    double total
    double variance  # sum of squared deviations, as in the oracle
    int64_t clock
    int64_t tick
    int64_t width
    int64_t last_cut
    # level l holds up to max_buckets buckets of 2^l values: totals, then variances, oldest first
    double* buckets
    int levels
    int reserved  # levels `buckets` has room for
    uint8_t live
    uint8_t counts[LEVEL_LIMIT]

cdef inline double* totals_of(Row* row, int level, int most) noexcept nogil:
    return row.buckets + <size_t>level * 2 * most


cdef inline double* variances_of(Row* row, int level, int most) noexcept nogil:
    return row.buckets + <size_t>level * 2 * most + most


cdef inline void add_to_moments(Row* row, double x) noexcept nogil:
    cdef double d, before = <double>row.width
    row.width += 1
    if row.width > 1:
        d = x - row.total / before
        row.variance += ((before * d) * d) / <double>row.width
    row.total += x


cdef void insert(Row* row, double x, int most) noexcept nogil:
    """Append one value; a full level first gives its two oldest buckets, merged, to the level above."""
    cdef double total = x, variance = 0.0, up_total, up_variance, gap, size = 1.0
    cdef double* t
    cdef double* v
    cdef int level = 0, count
    add_to_moments(row, x)
    while True:
        if level == row.levels:
            row.counts[level] = 0
            row.levels += 1
        t = totals_of(row, level, most)
        v = variances_of(row, level, most)
        count = row.counts[level]
        if count < most:
            t[count] = total
            v[count] = variance
            row.counts[level] = <uint8_t>(count + 1)
            return
        gap = t[0] / size - t[1] / size
        up_total = t[0] + t[1]
        up_variance = (v[0] + v[1]) + ((size * 0.5) * gap) * gap
        memmove(t, t + 2, (most - 2) * sizeof(double))
        memmove(v, v + 2, (most - 2) * sizeof(double))
        t[most - 2] = total
        v[most - 2] = variance
        row.counts[level] = <uint8_t>(most - 1)
        total = up_total
        variance = up_variance
        size *= 2.0
        level += 1


cdef double scan(Row* row, int most, double shortest, bint stop_at_first) noexcept nogil:
    """Largest |mean0 - mean1| / epsilon over the admissible cuts, or, if told to stop, 1 at the first cut found.

    Significance is decided by `difference > epsilon` and never by the quotient, which rounds.
    """
    cdef double n0 = 0.0, n1 = <double>row.width, u0 = 0.0, u1 = row.total
    cdef double per_value = row.variance / n1
    cdef double d = log((2.0 * log(n1)) / row.delta)
    cdef double size, m, epsilon, difference, best = 0.0
    cdef double* t
    cdef int level, k, count
    for level in range(row.levels - 1, -1, -1):
        size = <double>(<int64_t>1 << level)
        t = totals_of(row, level, most)
        count = row.counts[level]
        for k in range(count):
            if level == 0 and k == count - 1:
                break  # the newest value alone is never a side
            n0 += size
            n1 -= size
            u0 += t[k]
            u1 -= t[k]
            if n1 < shortest or n0 < shortest:
                continue
            m = 1.0 / (n0 - shortest + 1.0) + 1.0 / (n1 - shortest + 1.0)
            epsilon = sqrt(((2.0 * m) * per_value) * d) + ((2.0 / 3.0) * d) * m
            difference = fabs(u0 / n0 - u1 / n1)
            if stop_at_first:
                if difference > epsilon:
                    return 1.0
            elif difference / epsilon > best:
                best = difference / epsilon
    return best


cdef void drop_oldest(Row* row, int most) noexcept nogil:
    """Forget the oldest bucket.  A cut leaves at least one value on each side, so the width stays positive."""
    cdef int level = row.levels - 1
    cdef double* t = totals_of(row, level, most)
    cdef double* v = variances_of(row, level, most)
    cdef double n = <double>(<int64_t>1 << level), rest, apart
    row.width -= <int64_t>1 << level
    rest = <double>row.width
    row.total -= t[0]
    apart = t[0] / n - row.total / rest
    row.variance -= v[0] + (((n * rest) * apart) * apart) / (n + rest)
    row.counts[level] -= 1
    if row.counts[level] == 0:
        row.levels -= 1
        return
    memmove(t, t + 1, row.counts[level] * sizeof(double))
    memmove(v, v + 1, row.counts[level] * sizeof(double))


cdef bint shrink(Row* row, int most, double shortest) noexcept nogil:
    """Drop buckets until no cut is significant; whether any was."""
    cdef bint changed = False
    while scan(row, most, shortest, True) > 0.0:
        drop_oldest(row, most)
        changed = True
    if changed:
        row.last_cut = row.width
    return changed


cdef void clear(Row* row) noexcept nogil:
    row.total = 0.0
    row.variance = 0.0
    row.tick = 0
    row.width = 0
    row.last_cut = 0
    row.levels = 0


cdef class AdwinBank:
    """Many ADWIN detectors of common bucket parameters; see `monitor.detectors.adwin`."""

    cdef Row* rows
    cdef Py_ssize_t capacity
    cdef Py_ssize_t live
    cdef Py_ssize_t lowest_free
    cdef readonly int max_buckets
    cdef readonly int64_t min_window_length
    cdef readonly int64_t grace_period

    def __cinit__(self, *, int max_buckets=5, int64_t min_window_length=5, int64_t grace_period=10):
        if not 2 <= max_buckets <= 31:
            raise ValueError(f"max_buckets: expected 2 to 31, found {max_buckets}")
        if min_window_length < 1:
            raise ValueError(f"min_window_length: expected at least 1, found {min_window_length}")
        if grace_period < 0:
            raise ValueError(f"grace_period: expected at least 0, found {grace_period}")
        self.max_buckets = max_buckets
        self.min_window_length = min_window_length
        self.grace_period = grace_period
        self.rows = NULL
        self.capacity = self.live = self.lowest_free = 0

    def __dealloc__(self):
        self._release()

    def __len__(self):
        return self.live

    cdef void _release(self) noexcept:
        cdef Py_ssize_t i
        for i in range(self.capacity):
            free(self.rows[i].buckets)
        free(self.rows)
        self.rows = NULL
        self.capacity = self.live = self.lowest_free = 0

    cdef int _grow(self, Py_ssize_t capacity) except -1:
        cdef Row* rows
        if capacity <= self.capacity:
            return 0
        rows = <Row*>realloc(self.rows, capacity * sizeof(Row))
        if rows == NULL:
            raise MemoryError()
        memset(rows + self.capacity, 0, (capacity - self.capacity) * sizeof(Row))
        self.rows = rows
        self.capacity = capacity
        return 0

    cdef int _reserve(self, Row* row, int64_t width) except -1:
        """Room for every level a window of `width` values can have: level l needs max_buckets * (2^l - 1) + 1."""
        cdef int levels = 1
        cdef double* buckets
        while levels < LEVEL_LIMIT and self.max_buckets * ((<int64_t>1 << levels) - 1) < width:
            levels += 1
        if levels <= row.reserved:
            return 0
        buckets = <double*>realloc(row.buckets, <size_t>levels * 2 * self.max_buckets * sizeof(double))
        if buckets == NULL:
            raise MemoryError()
        row.buckets = buckets
        row.reserved = levels
        return 0

    cdef Row* _row(self, Py_ssize_t row) except NULL:
        if row < 0 or row >= self.capacity or not self.rows[row].live:
            raise IndexError(f"row: expected one that was added, found {row}")
        return &self.rows[row]

    def add(self, double delta, int64_t clock):
        if not 0.0 < delta < 1.0:
            raise ValueError(f"delta: expected more than 0 and less than 1, found {delta}")
        if clock < 1:
            raise ValueError(f"clock: expected at least 1, found {clock}")
        cdef Py_ssize_t at = self.lowest_free
        while at < self.capacity and self.rows[at].live:
            at += 1
        if at == self.capacity:
            self._grow(max(8, 2 * self.capacity))
        self.rows[at].live = 1
        self.rows[at].delta = delta
        self.rows[at].clock = clock
        self.live += 1
        self.lowest_free = at + 1
        return at

    def remove(self, Py_ssize_t row):
        cdef Row* target = self._row(row)
        free(target.buckets)
        memset(target, 0, sizeof(Row))
        self.live -= 1
        self.lowest_free = min(self.lowest_free, row)

    def update(self, Py_ssize_t row, const double[::1] values, Py_ssize_t start=0):
        cdef Row* target = self._row(row)
        cdef Py_ssize_t i, found = -1
        if start < 0:
            raise ValueError(f"start: expected at least 0, found {start}")
        if start >= values.shape[0]:
            return -1
        if target.tick + (values.shape[0] - start) > WIDTH_LIMIT:
            raise OverflowError(f"row {row}: expected at most 2**52 values between resets")
        self._reserve(target, target.width + (values.shape[0] - start))
        with nogil:
            for i in range(start, values.shape[0]):
                insert(target, values[i], self.max_buckets)
                target.tick += 1
                if target.tick % target.clock == 0 and target.width > self.grace_period:
                    if shrink(target, self.max_buckets, <double>self.min_window_length):
                        found = i
                        break
        return found

    def reset(self, Py_ssize_t row):
        clear(self._row(row))

    def width(self, Py_ssize_t row):
        return self._row(row).width

    def mean(self, Py_ssize_t row):
        cdef Row* target = self._row(row)
        return target.total / <double>target.width if target.width else 0.0

    def total(self, Py_ssize_t row):
        return self._row(row).total

    def variance(self, Py_ssize_t row):
        return self._row(row).variance

    def last_cut(self, Py_ssize_t row):
        return self._row(row).last_cut

    def score(self, Py_ssize_t row):
        cdef Row* target = self._row(row)
        if target.width <= self.grace_period or target.width < 2:
            return 0.0
        return scan(target, self.max_buckets, <double>self.min_window_length, False)
