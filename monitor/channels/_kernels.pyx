# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Loops over a stream's values that cannot be said in whole-array operations; `_kernels.pyi` documents them."""

from libc.stdint cimport int64_t, uint8_t, uint16_t

import numpy as np

cdef enum:
    EDGE_LIMIT = 520


def block_sums(const int64_t[::1] values, int64_t block, int64_t carry, int64_t filled):
    if block < 1:
        raise ValueError(f"block: expected at least 1, found {block}")
    if not 0 <= filled < block:
        raise ValueError(f"filled: expected 0 to {block - 1}, found {filled}")
    cdef Py_ssize_t n = values.shape[0], i, done = 0
    sums = np.empty((n + filled) // block, np.int64)
    cdef int64_t[::1] out = sums
    with nogil:
        for i in range(n):
            carry += values[i]
            filled += 1
            if filled == block:
                out[done] = carry
                done += 1
                carry = 0
                filled = 0
    return sums, carry, filled


def first_long_run(
    const double[::1] values, const uint8_t[::1] usable, const int64_t[::1] limits, double previous, int64_t run
):
    cdef Py_ssize_t n = values.shape[0], i, found = -1
    if usable.shape[0] != n or limits.shape[0] != n:
        raise ValueError(
            f"usable, limits: expected {n} entries as values has, found {usable.shape[0]}, {limits.shape[0]}"
        )
    with nogil:
        for i in range(n):
            if not usable[i]:
                continue
            if values[i] == previous:
                run += 1
            else:
                previous = values[i]
                run = 1
            if run >= limits[i]:
                found = i
                break
    return found, previous, run


def first_run_end(const double[::1] values, const uint8_t[::1] usable, double previous, Py_ssize_t start=0):
    cdef Py_ssize_t n = values.shape[0], i, found = -1
    if usable.shape[0] != n:
        raise ValueError(f"usable: expected {n} entries as values has, found {usable.shape[0]}")
    if start < 0:
        raise ValueError(f"start: expected at least 0, found {start}")
    with nogil:
        for i in range(start, n):
            if usable[i] and values[i] != previous:
                found = i
                break
    return found


def cells(const double[::1] values, const double[::1] edges):
    cdef Py_ssize_t n = values.shape[0], k = edges.shape[0], i, base, length, half
    cdef double x
    if not 1 <= k <= EDGE_LIMIT:
        raise ValueError(f"edges: expected 1 to {EDGE_LIMIT}, found {k}")
    for i in range(1, k):
        if not edges[i - 1] < edges[i]:
            raise ValueError(f"edges: expected them to rise, found {edges[i - 1]} before {edges[i]}")
    if edges[0] != edges[0]:
        raise ValueError("edges: expected numbers, found nan")
    codes = np.empty(n, np.uint16)
    cdef uint16_t[::1] out = codes
    with nogil:
        for i in range(n):
            x = values[i]
            if x != x:
                out[i] = <uint16_t>(2 * k + 1)
                continue
            # edges below x, by halving a range without a branch on the data: the jumps would not be predictable
            base = 0
            length = k
            while length > 1:
                half = length >> 1
                base += half if edges[base + half - 1] < x else 0
                length -= half
            base += edges[base] < x
            out[i] = <uint16_t>(2 * base + (1 if base < k and edges[base] == x else 0))
    return codes
