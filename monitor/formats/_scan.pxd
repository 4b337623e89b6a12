"""The parts of a JSON text that a template leaves open, read in place.  Nothing here looks at or beyond `end`."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

ctypedef const uint8_t* Text

#: a number as it was written: magnitude as a whole number if it has neither fraction nor exponent
cdef struct Number:
    double value
    uint64_t magnitude
    bint negative
    bint whole

cdef Text past_string(Text at, Text end) noexcept nogil
cdef Text past_number(Text at, Text end, Number* found) noexcept nogil
cdef Text past_word(Text at, Text end) noexcept nogil
cdef bint moment(Text at, Py_ssize_t length, double* seconds) noexcept nogil
cdef bint number_time(const Number* number, double* seconds) noexcept nogil
