"""ADWIN rows as bytes, for the bank that owns them."""

from libc.stdint cimport uint8_t

from monitor.detectors._adwin_window cimport Row


cdef bytes pack(Row* row, int most)
cdef bint measure(Row* row, const uint8_t* data, Py_ssize_t size) noexcept nogil
cdef Py_ssize_t fill_buckets(Row* row, const uint8_t* data, int most) noexcept nogil
cdef void recognise(Row* row, int most) noexcept nogil
