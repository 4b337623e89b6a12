"""The bank of ADWIN detectors as other compiled code sees it."""

from libc.stdint cimport int64_t, uint8_t

from monitor.detectors._adwin_window cimport Cut, Row


cdef class AdwinBank:
    cdef Row* rows
    cdef Py_ssize_t capacity
    cdef Py_ssize_t live
    cdef Py_ssize_t lowest_free
    cdef Cut found  # of the newest update that found a change
    cdef readonly int max_buckets
    cdef readonly int64_t min_window_length
    cdef readonly int64_t grace_period

    cdef void _release(self) noexcept
    cdef int _grow(self, Py_ssize_t capacity) except -1
    cdef int _reserve(self, Row* row, int64_t width) except -1
    cdef Row* _row(self, Py_ssize_t row) except NULL
    cdef Row* _row_for(self, Py_ssize_t row, Py_ssize_t length, Py_ssize_t start) except NULL
    cdef int _fill(self, dict arrays, Py_ssize_t size) except -1
    cdef Py_ssize_t _unpack(self, Row* row, const uint8_t* data, Py_ssize_t size) except -1
