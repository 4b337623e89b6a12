# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Loops over a stream's values that cannot be said in whole-array operations; `_kernels.pyi` documents them."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t

import numpy as np

cdef enum:
    EDGE_LIMIT = 520
    SLOTS = 1024  # of the table that finds a value's few edges: two for each edge
    TABLE_LEAST = 256  # values for which that table pays
    CODES = 6  # of `monitor.domain.frame.Cell`

cdef uint8_t[CODES] ORDER = [2, 3, 0, 1, 4, 5]  # the most frequent first: counting ends with the last code there is


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
    const double[::1] values, const uint16_t[::1] codes, const int64_t[:] limits, double previous, int64_t run,
    Py_ssize_t start=0,
):
    cdef Py_ssize_t n = values.shape[0], size = limits.shape[0], i, found = -1
    cdef double x
    if codes.shape[0] != n:
        raise ValueError(f"codes: expected {n} entries as values has, found {codes.shape[0]}")
    if start < 0:
        raise ValueError(f"start: expected at least 0, found {start}")
    with nogil:
        for i in range(start, n):
            x = values[i]
            if x == previous:
                run += 1
            elif x == x:
                previous = x
                run = 1
            else:
                continue
            if codes[i] >= size:
                found = -2
                break
            if run >= limits[codes[i]]:
                found = i
                break
    if found == -2:
        raise IndexError(f"limits: expected one for every code, found {size} for code {codes[i]}")
    return found, previous, run


def first_run_end(const double[::1] values, double previous, Py_ssize_t start=0):
    cdef Py_ssize_t n = values.shape[0], i, found = -1
    if start < 0:
        raise ValueError(f"start: expected at least 0, found {start}")
    with nogil:
        for i in range(start, n):
            if values[i] == values[i] and values[i] != previous:
                found = i
                break
    return found


def tally(const uint8_t[::1] codes):
    cdef Py_ssize_t n = codes.shape[0], i, block, stop
    cdef int64_t counts[CODES]
    cdef uint8_t fewer, code
    cdef int64_t left = n
    for code in range(CODES):
        counts[code] = 0
    with nogil:
        for code in range(CODES - 1):
            if left == 0:
                break
            block = 0
            while block < n:
                stop = min(block + 255, n)  # so many fit into a byte: a vector of bytes is counted at once
                fewer = 0
                for i in range(block, stop):
                    fewer += codes[i] == ORDER[code]
                counts[ORDER[code]] += fewer
                block = stop
            left -= counts[ORDER[code]]
        counts[ORDER[CODES - 1]] = left
    return counts[0], counts[1], counts[2], counts[3], counts[4], counts[5]


def first_flagged(const uint16_t[::1] codes, const uint8_t[::1] flags, Py_ssize_t start=0):
    cdef Py_ssize_t n = codes.shape[0], size = flags.shape[0], i, found = -1
    if start < 0:
        raise ValueError(f"start: expected at least 0, found {start}")
    with nogil:
        for i in range(start, n):
            if codes[i] >= size:
                found = -2
                break
            if flags[codes[i]]:
                found = i
                break
    if found == -2:
        raise IndexError(f"flags: expected one for every code, found {size} for code {codes[i]}")
    return found


cdef inline uint16_t cell_between(
    double x, const double* edges, Py_ssize_t base, Py_ssize_t length, Py_ssize_t k
) noexcept nogil:
    """The cell of x among k edges, of which `base` are known to lie below it and those from base + length on above.

    A range is halved without a branch on the data: the jumps would not be predictable.
    """
    cdef Py_ssize_t half
    while length > 1:
        half = length >> 1
        base += half if edges[base + half - 1] < x else 0
        length -= half
    if length:
        base += edges[base] < x
    return <uint16_t>(2 * base + (1 if base < k and edges[base] == x else 0))


cdef inline int slot_of(double x, double low, double scale) noexcept nogil:
    """Place of x in a table of SLOTS entries; it never falls as x rises, since no step of its arithmetic does."""
    cdef double at = (x - low) * scale
    return 0 if at < 0.0 else SLOTS - 1 if at >= SLOTS else <int>at


def cells(const double[::1] values, const double[::1] edges):
    cdef Py_ssize_t n = values.shape[0], k = edges.shape[0], i, at
    cdef double x, low, scale
    cdef int slot
    cdef uint16_t below[SLOTS + 1]  # edges in earlier slots: all of them lie below, and those in later slots above
    if not 1 <= k <= EDGE_LIMIT:
        raise ValueError(f"edges: expected 1 to {EDGE_LIMIT}, found {k}")
    for i in range(1, k):
        if not edges[i - 1] < edges[i]:
            raise ValueError(f"edges: expected them to rise, found {edges[i - 1]} before {edges[i]}")
    if edges[0] != edges[0]:
        raise ValueError("edges: expected numbers, found nan")
    codes = np.empty(n, np.uint16)
    cdef uint16_t[::1] out = codes
    # the outermost edges lie far away from the others, and would leave these few slots
    low = edges[1 if k > 3 else 0]
    scale = SLOTS / (edges[k - 2 if k > 3 else k - 1] - low)
    if n < TABLE_LEAST or k < 4 or not 0.0 < scale < 1e300:
        with nogil:
            for i in range(n):
                x = values[i]
                out[i] = cell_between(x, &edges[0], 0, k, k) if x == x else <uint16_t>(2 * k + 1)
        return codes
    with nogil:
        at = 0
        for slot in range(SLOTS):
            below[slot] = <uint16_t>at
            while at < k and slot_of(edges[at], low, scale) <= slot:
                at += 1
        below[SLOTS] = <uint16_t>k
        for i in range(n):
            x = values[i]
            if x != x:
                out[i] = <uint16_t>(2 * k + 1)
                continue
            slot = slot_of(x, low, scale)
            out[i] = cell_between(x, &edges[0], below[slot], below[slot + 1] - below[slot], k)
    return codes


def packed(const uint16_t[::1] cells, int size):
    cdef int bits = bits_of(size), held = 0, byte
    cdef Py_ssize_t n = cells.shape[0], i, at = 0
    cdef uint64_t word = 0
    data = PyBytes_FromStringAndSize(NULL, (n * bits + 7) // 8)
    cdef uint8_t* out = <uint8_t*>PyBytes_AS_STRING(data)
    for i in range(n):
        word |= <uint64_t>cells[i] << held
        held += bits
        if held >= 32:
            for byte in range(4):  # which compiles to one store
                out[at + byte] = <uint8_t>(word >> (8 * byte))
            at += 4
            word >>= 32
            held -= 32
    while held > 0:
        out[at] = <uint8_t>word
        at += 1
        word >>= 8
        held -= 8
    return data


def unpacked(const uint8_t[::1] data, Py_ssize_t n, int size):
    cdef int bits = bits_of(size), held = 0
    cdef Py_ssize_t i, at = 0
    cdef uint64_t word = 0, mask = (<uint64_t>1 << bits) - 1
    if not 0 <= n <= (<Py_ssize_t>1 << 48) or data.shape[0] != (n * bits + 7) // 8:
        raise ValueError(f"cells: expected {n} of {bits} bits, found {data.shape[0]} bytes")
    cells = np.empty(n, np.uint16)
    cdef uint16_t[::1] out = cells
    for i in range(n):
        while held < bits:  # never beyond the end: the length was checked
            word |= <uint64_t>data[at] << held
            at += 1
            held += 8
        out[i] = <uint16_t>(word & mask)
        word >>= bits
        held -= bits
        if out[i] >= size:
            raise ValueError(f"cells: expected less than {size}, found {out[i]}")
    return cells


cdef int bits_of(int size) except -1:
    """What a number below size takes."""
    cdef int bits = 1
    if not 1 <= size <= 65536:
        raise ValueError(f"size: expected 1 to 65536, found {size}")
    while (1 << bits) < size:
        bits += 1
    return bits
