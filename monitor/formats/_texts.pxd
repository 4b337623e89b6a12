"""A table of distinct byte strings, usable without the interpreter's lock."""

from libc.stdint cimport int32_t, uint8_t, uint64_t


cdef class TextTable:
    cdef char* arena
    cdef Py_ssize_t used, room
    cdef Py_ssize_t* starts
    cdef uint64_t* hashes
    cdef Py_ssize_t count, most
    cdef int32_t* slots
    cdef uint64_t mask

    cdef int32_t find(self, const uint8_t* text, Py_ssize_t length) noexcept nogil
    cdef bint _grow(self) noexcept nogil
