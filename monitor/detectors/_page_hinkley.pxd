"""Page-Hinkley rows as plain C data, and what can be done with them without the interpreter."""

from libc.stdint cimport int64_t, uint8_t

cdef enum:
    RECURSIONS = 4  # up-slow, down-slow, up-fast, down-fast: the even ones watch for an increase

cdef struct Row:
    double n  # values behind the mean, the primed ones included
    double mean
    double primed_n  # 0: never primed
    double primed_mean
    int64_t fed  # values since the last reset
    double slack[RECURSIONS]
    double threshold[RECURSIONS]
    double sums[RECURSIONS]
    double extremes[RECURSIONS]
    int64_t sat[RECURSIONS]  # the value of `fed` at which the recursion last sat at its extreme
    uint8_t live

cdef struct Packed:
    double n
    double mean
    int64_t fed
    double sums[RECURSIONS]
    double extremes[RECURSIONS]
    int64_t sat[RECURSIONS]

cdef void fill_packed(Row* row, Packed* packed) noexcept nogil
cdef void rewind(Row* row) noexcept nogil
cdef double statistic_of(Row* row, int r) noexcept nogil
cdef int fired_of(Row* row, int64_t least) noexcept nogil
cdef Py_ssize_t feed(Row* row, const double* values, Py_ssize_t start, Py_ssize_t stop, int64_t least) noexcept nogil


cdef class PageHinkleyBank:
    cdef Row* rows
    cdef Py_ssize_t capacity
    cdef Py_ssize_t live
    cdef Py_ssize_t lowest_free
    cdef readonly int64_t min_instances

    cdef int _grow(self, Py_ssize_t capacity) except -1
    cdef Row* _row(self, Py_ssize_t row) except NULL
    cdef int _which(self, int which) except -1
    cdef int _fill(self, dict arrays, Py_ssize_t size) except -1
    cdef int _unpack(self, Row* row, const uint8_t* data) except -1
