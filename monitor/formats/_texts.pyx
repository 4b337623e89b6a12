# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""A table of distinct byte strings: text to number, in the order in which they were first met."""

from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset


cdef inline uint64_t _hash(const uint8_t* text, Py_ssize_t length) noexcept nogil:
    cdef uint64_t value = <uint64_t>length * <uint64_t>0x9E3779B97F4A7C15, eight
    while length >= 8:
        memcpy(&eight, text, 8)
        value = (value ^ eight) * <uint64_t>0xFF51AFD7ED558CCD
        value ^= value >> 32
        text += 8
        length -= 8
    if length:
        eight = 0
        memcpy(&eight, text, length)
        value = (value ^ eight) * <uint64_t>0xFF51AFD7ED558CCD
        value ^= value >> 32
    return value


cdef class TextTable:
    def __cinit__(self):
        self.room, self.most = 1024, 64
        self.arena = <char*>malloc(self.room)
        self.starts = <Py_ssize_t*>malloc((self.most + 1) * sizeof(Py_ssize_t))
        self.hashes = <uint64_t*>malloc(self.most * sizeof(uint64_t))
        self.slots = <int32_t*>calloc(2 * self.most, sizeof(int32_t))
        if self.arena == NULL or self.starts == NULL or self.hashes == NULL or self.slots == NULL:
            raise MemoryError
        self.mask = 2 * self.most - 1
        self.starts[0] = 0

    def __dealloc__(self):
        free(self.arena)
        free(self.starts)
        free(self.hashes)
        free(self.slots)

    def __len__(self):
        return self.count

    @property
    def size_bytes(self):
        return self.used

    def text(self, Py_ssize_t code):
        if not 0 <= code < self.count:
            raise IndexError(f"code: expected 0 to {self.count - 1}, found {code}")
        return self.arena[self.starts[code] : self.starts[code + 1]]

    def code(self, bytes text):
        cdef int32_t found = self.find(<const uint8_t*><char*>text, len(text))
        if found < 0:
            raise MemoryError
        return found

    cdef int32_t find(self, const uint8_t* text, Py_ssize_t length) noexcept nogil:
        """The number of a text, a new one if it has none yet; −1 when memory ends."""
        cdef uint64_t hashed = _hash(text, length), at = hashed & self.mask
        cdef int32_t code
        cdef Py_ssize_t start
        while self.slots[at]:
            code = self.slots[at] - 1
            start = self.starts[code]
            if self.hashes[code] == hashed and self.starts[code + 1] - start == length:
                if memcmp(self.arena + start, text, length) == 0:
                    return code
            at = (at + 1) & self.mask
        cdef Py_ssize_t room = self.room
        cdef char* arena
        if self.used + length > room:
            while self.used + length > room:
                room *= 2
            arena = <char*>realloc(self.arena, room)
            if arena == NULL:
                return -1
            self.arena, self.room = arena, room
        if self.count == self.most:
            if not self._grow():
                return -1
            at = hashed & self.mask
            while self.slots[at]:
                at = (at + 1) & self.mask
        memcpy(self.arena + self.used, text, length)
        self.used += length
        code = <int32_t>self.count
        self.hashes[code] = hashed
        self.count += 1
        self.starts[self.count] = self.used
        self.slots[at] = code + 1
        return code

    cdef bint _grow(self) noexcept nogil:
        cdef Py_ssize_t most = 2 * self.most, i
        cdef uint64_t at, mask = 2 * most - 1
        cdef Py_ssize_t* starts = <Py_ssize_t*>realloc(self.starts, (most + 1) * sizeof(Py_ssize_t))
        if starts == NULL:
            return False
        self.starts = starts
        cdef uint64_t* hashes = <uint64_t*>realloc(self.hashes, most * sizeof(uint64_t))
        if hashes == NULL:
            return False
        self.hashes = hashes
        cdef int32_t* slots = <int32_t*>realloc(self.slots, 2 * most * sizeof(int32_t))
        if slots == NULL:
            return False
        memset(slots, 0, 2 * most * sizeof(int32_t))
        for i in range(self.count):
            at = hashes[i] & mask
            while slots[at]:
                at = (at + 1) & mask
            slots[at] = <int32_t>i + 1
        self.slots, self.most, self.mask = slots, most, mask
        return True
