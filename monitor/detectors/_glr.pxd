"""Likelihood ratios of rare events as plain C data, and what can be done with them without the interpreter."""

from libc.stdint cimport int64_t

cdef enum:
    MEMORY = 32  # events that may begin the newer part

cdef struct Row:
    int64_t number  # of the reference: observations, and events among them
    int64_t events
    double level
    int64_t seen  # since the reset
    int64_t counted
    int64_t newest[MEMORY]  # 1-based observation of each of the newest events, ascending
    int held
    int64_t since
    double statistic
    double threshold

cdef bint count(Row* row, int64_t now) noexcept nogil
cdef void clear(Row* row) noexcept nogil


cdef class Glr:
    cdef Row row
