"""One ADWIN window as plain C data, and what can be done with it without the interpreter."""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy

cdef enum:
    LEVEL_LIMIT = 53  # 2^52 values never fill more, whatever max_buckets is

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
    uint8_t untouched  # every bucket, the total and the variance are +0.0: only zeros came since the reset
    # every bucket of level l has total constant * 2^l, exactly, and variance 0: only one value, not 0, came so far
    uint8_t uniform
    double constant
    uint8_t counts[LEVEL_LIMIT]

cdef struct Cut:
    int64_t newer  # values on the newer side, 0 before any cut was found
    double mean  # of the newer side
    double difference  # mean of the newer side less that of the older
    double epsilon

cdef inline double* totals_of(Row* row, int level, int most) noexcept nogil:
    return row.buckets + <size_t>level * 2 * most


cdef inline double* variances_of(Row* row, int level, int most) noexcept nogil:
    return row.buckets + <size_t>level * 2 * most + most


cdef inline bint is_plain_zero(double x) noexcept nogil:
    cdef int64_t bits  # -0.0 is another number here: its sign would be lost
    memcpy(&bits, &x, sizeof(double))
    return bits == 0


cdef inline bint can_be_uniform(double x) noexcept nogil:
    # neither 0, whose sign would be lost, nor so large that a bucket could overflow, nor so small that one is inexact
    return 1e-250 < x < 1e250 or -1e250 < x < -1e-250


cdef void clear(Row* row) noexcept nogil
cdef double scan(Row* row, int most, double shortest, Cut* best) noexcept nogil
cdef Py_ssize_t feed(
    Row* row, const double* x, Py_ssize_t i, Py_ssize_t stop, int most, double shortest, int64_t grace, Cut* found
) noexcept nogil
cdef Py_ssize_t feed_stepwise(
    Row* row, const double* x, Py_ssize_t i, Py_ssize_t stop, int most, double shortest, int64_t grace, Cut* found
) noexcept nogil
