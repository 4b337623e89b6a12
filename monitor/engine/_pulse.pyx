# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Sums of a channel over blocks of the model's events; `_pulse.pyi` documents it."""

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint16_t

import numpy as np

ctypedef fused numerator:
    int8_t
    int16_t
    int32_t
    int64_t


cdef bint add_up(
    const numerator[::1] numerators, const uint16_t[::1] cells, const int64_t[::1] ordinals, int64_t size, int64_t first,
    int64_t[:, ::1] out
) noexcept nogil:
    """Fill in sums and values by block; False if a cell has no numerator, or the ordinals do not rise."""
    cdef Py_ssize_t n = cells.shape[0], cases = numerators.shape[0], i
    cdef int64_t end = (first + 1) * size, block = 0, total = 0, values = 0, found
    for i in range(n):
        if ordinals[i] >= end:
            out[0, block] = total
            out[1, block] = values
            total = values = 0
            block = ordinals[i] // size - first
            if block >= out.shape[1]:
                return False
            end = (first + block + 1) * size
        if cells[i] >= cases:
            return False
        found = numerators[cells[i]]
        if found >= 0:
            total += found
            values += 1
    out[0, block] = total
    out[1, block] = values
    return True


def beats(numerators, const uint16_t[::1] cells, const int64_t[::1] ordinals, int64_t size):
    cdef Py_ssize_t n = cells.shape[0]
    cdef const int8_t[::1] tiny
    cdef const int16_t[::1] small
    cdef const int32_t[::1] narrow
    cdef const int64_t[::1] wide
    if n == 0 or ordinals.shape[0] != n:
        raise ValueError(f"ordinals: expected one for each of some cells, found {ordinals.shape[0]} for {n}")
    if size < 1 or ordinals[0] < 0:
        raise ValueError(f"size, ordinals: expected a size of at least 1 and no negative ordinal, found {size}")
    cdef int64_t first = ordinals[0] // size, number = ordinals[n - 1] // size - first + 1
    cdef int width = numerators.itemsize
    cdef bint fits
    if number < 1:
        raise ValueError("ordinals: expected them to rise")
    found = np.zeros((2, number), np.int64)
    cdef int64_t[:, ::1] out = found
    if width == 1:  # not by its type: finding the right kind among four costs more than the sums
        tiny = numerators
        fits = add_up(tiny, cells, ordinals, size, first, out)
    elif width == 2:
        small = numerators
        fits = add_up(small, cells, ordinals, size, first, out)
    elif width == 4:
        narrow = numerators
        fits = add_up(narrow, cells, ordinals, size, first, out)
    else:
        wide = numerators
        fits = add_up(wide, cells, ordinals, size, first, out)
    if not fits:
        raise IndexError("cells, ordinals: expected cells that have a numerator, and rising ordinals")
    return first, found
