# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""An ADWIN row as bytes and back: what has come of its values, without its parameters.

     total, variance, tick, width, last cut │ number of levels │ per level: buckets and flags │ totals │ variances

What every bucket of a level has in common is written once or not at all, which makes a channel at rest some sixty bytes
instead of hundreds.  Equal contents give equal bytes: the flags are read off the contents, never off how they came.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memset

from monitor.detectors._adwin_window cimport LEVEL_LIMIT, Row, can_be_uniform, is_plain_zero, totals_of, variances_of

cdef enum:
    # of a packed level's first byte: the number of buckets, and what of them is left out
    COUNT = 0x1F
    ONE_TOTAL = 0x40  # all totals have the same bits: one is there
    NO_VARIANCES = 0x80  # all variances are +0.0


cdef struct Head:
    double total
    double variance
    int64_t tick
    int64_t width
    int64_t last_cut


cdef bint all_equal(const double* x, int count) noexcept nogil:
    cdef int k
    for k in range(1, count):
        if memcmp(x, x + k, sizeof(double)):
            return False
    return True


cdef void recognise(Row* row, int most) noexcept nogil:
    """Is a filled row untouched or uniform?  Only shortcuts depend on it, never what they give."""
    cdef double size_of_bucket = 1.0
    cdef double* totals
    cdef double* variances
    cdef int level, k
    if row.width == 0:
        row.untouched = row.live
        row.uniform = 0
        return
    row.untouched = is_plain_zero(row.total) and is_plain_zero(row.variance)
    row.constant = totals_of(row, 0, most)[row.counts[0] - 1]  # the newest value
    row.uniform = can_be_uniform(row.constant)
    for level in range(row.levels):
        totals = totals_of(row, level, most)
        variances = variances_of(row, level, most)
        for k in range(row.counts[level]):
            if not (is_plain_zero(totals[k]) and is_plain_zero(variances[k])):
                row.untouched = 0
            if totals[k] != row.constant * size_of_bucket or not is_plain_zero(variances[k]):
                row.uniform = 0
        size_of_bucket *= 2.0


cdef bytes pack(Row* row, int most):
    """What has come of a row's values, without its parameters; equal contents give equal bytes."""
    cdef Head head
    cdef size_t size = sizeof(Head) + 1 + <size_t>row.levels * (1 + 2 * most * sizeof(double))
    cdef uint8_t* begin = <uint8_t*>malloc(size)
    cdef uint8_t* at = begin
    cdef double* totals
    cdef double* variances
    cdef int level, count, kept
    if begin == NULL:
        raise MemoryError()
    head.total, head.variance = row.total, row.variance
    head.tick, head.width, head.last_cut = row.tick, row.width, row.last_cut
    memcpy(at, &head, sizeof(Head))
    at += sizeof(Head)
    at[0] = <uint8_t>row.levels
    at += 1
    for level in range(row.levels):
        count = row.counts[level]
        totals = totals_of(row, level, most)
        variances = variances_of(row, level, most)
        at[0] = <uint8_t>count
        kept = count
        if all_equal(totals, count):
            at[0] |= ONE_TOTAL
            kept = 1
        if is_plain_zero(variances[0]) and all_equal(variances, count):
            at[0] |= NO_VARIANCES
        memcpy(at + 1, totals, kept * sizeof(double))
        if at[0] & NO_VARIANCES:
            at += 1 + kept * sizeof(double)
        else:
            memcpy(at + 1 + kept * sizeof(double), variances, count * sizeof(double))
            at += 1 + (kept + count) * sizeof(double)
    packed = begin[: at - begin]
    free(begin)
    return packed


cdef bint measure(Row* row, const uint8_t* data, Py_ssize_t size) noexcept nogil:
    """Read a row's numbers and how many buckets it has; are all its bytes there?"""
    cdef Head head
    cdef Py_ssize_t at = sizeof(Head) + 1
    cdef int level, count
    if size < at:
        return False
    memcpy(&head, data, sizeof(Head))
    row.total, row.variance = head.total, head.variance
    row.tick, row.width, row.last_cut = head.tick, head.width, head.last_cut
    row.levels = data[at - 1]
    if row.levels > LEVEL_LIMIT:
        return True  # which is found to be a fault
    for level in range(row.levels):
        if at >= size:
            return False
        count = data[at] & COUNT
        row.counts[level] = <uint8_t>count
        at += 1 + (1 if data[at] & ONE_TOTAL else count) * <Py_ssize_t>sizeof(double) + (
            0 if data[at] & NO_VARIANCES else count * <Py_ssize_t>sizeof(double)
        )
    return at <= size


cdef Py_ssize_t fill_buckets(Row* row, const uint8_t* data, int most) noexcept nogil:
    """Copy the buckets of a row that was measured and found sound; how many bytes it has in all."""
    cdef Py_ssize_t at = sizeof(Head) + 1
    cdef int level, count, k
    cdef uint8_t flags
    cdef double* totals
    cdef double* variances
    for level in range(row.levels):
        flags = data[at]
        at += 1
        count = flags & COUNT
        totals = totals_of(row, level, most)
        variances = variances_of(row, level, most)
        for k in range(count):
            memcpy(&totals[k], data + at, sizeof(double))
            at += 0 if flags & ONE_TOTAL else sizeof(double)
        at += sizeof(double) if flags & ONE_TOTAL else 0
        if flags & NO_VARIANCES:
            memset(variances, 0, count * sizeof(double))
        else:
            memcpy(variances, data + at, count * sizeof(double))
            at += count * <Py_ssize_t>sizeof(double)
    return at
