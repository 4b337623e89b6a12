# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The compiled bank of ADWIN detectors; `monitor.detectors.adwin` holds its documentation."""

from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

from monitor.detectors._adwin_packed cimport fill_buckets, measure, pack, recognise

from monitor.detectors._adwin_window cimport (
    LEVEL_LIMIT, Cut, Row, clear, feed, feed_stepwise, scan, totals_of, variances_of,
)

import numpy as np

from monitor.detectors.state import expect_names, take

# beyond 2^52 the counts stop being exact in float64, which the statistics divide by
cdef int64_t WIDTH_LIMIT = <int64_t>1 << 52

cdef str fault_of(Row* row, int most):
    """What is wrong with a row read from a dump, or None; its buckets' contents can be any number."""
    cdef int64_t width = 0
    cdef int level
    if row.live > 1:
        return f"live: expected 0 or 1, found {row.live}"
    if not row.live:
        used = row.levels or row.clock or row.tick or row.width or row.last_cut
        used = used or row.delta != 0.0 or row.total != 0.0 or row.variance != 0.0
        return "expected a free row to be all zero, found it used" if used else None
    if not 0.0 < row.delta < 1.0:
        return f"delta: expected more than 0 and less than 1, found {row.delta}"
    if row.clock < 1:
        return f"clock: expected at least 1, found {row.clock}"
    if not 0 <= row.width <= row.tick <= WIDTH_LIMIT or not 0 <= row.last_cut <= row.tick:
        return f"expected width and last_cut within tick, found {row.width}, {row.last_cut} and {row.tick}"
    if row.width == 0 and (row.tick or row.total != 0.0 or row.variance != 0.0):
        return "expected an empty window to be all zero, found it used"
    if row.levels > LEVEL_LIMIT:
        return f"levels: expected at most {LEVEL_LIMIT}, found {row.levels}"
    for level in range(row.levels):
        # a level that has spilled keeps max_buckets or one less; only the top one may be emptier
        if not (1 if level == row.levels - 1 else most - 1) <= row.counts[level] <= most:
            return f"counts: expected a full level {level}, found {row.counts[level]} buckets"
        width += <int64_t>row.counts[level] << level
    if width != row.width:
        return f"counts: expected buckets for {row.width} values, found them for {width}"
    return None


ROW_ARRAYS = (
    ("live", np.uint8), ("levels", np.uint8), ("clock", np.int64), ("tick", np.int64), ("width", np.int64),
    ("last_cut", np.int64), ("delta", np.float64), ("total", np.float64), ("variance", np.float64),
)
BUCKET_ARRAYS = ("counts", "bucket_totals", "bucket_variances")


cdef class AdwinBank:
    """Many ADWIN detectors of common bucket parameters; see `monitor.detectors.adwin`."""

    def __cinit__(self, *, int max_buckets=5, int64_t min_window_length=5, int64_t grace_period=10):
        if not 2 <= max_buckets <= 31:
            raise ValueError(f"max_buckets: expected 2 to 31, found {max_buckets}")
        if min_window_length < 1:
            raise ValueError(f"min_window_length: expected at least 1, found {min_window_length}")
        if grace_period < 0:
            raise ValueError(f"grace_period: expected at least 0, found {grace_period}")
        self.max_buckets = max_buckets
        self.min_window_length = min_window_length
        self.grace_period = grace_period
        memset(&self.found, 0, sizeof(Cut))
        self.rows = NULL
        self.capacity = self.live = self.lowest_free = 0

    def __dealloc__(self):
        self._release()

    def __len__(self):
        return self.live

    cdef void _release(self) noexcept:
        cdef Py_ssize_t i
        for i in range(self.capacity):
            free(self.rows[i].buckets)
        free(self.rows)
        self.rows = NULL
        self.capacity = self.live = self.lowest_free = 0

    cdef int _grow(self, Py_ssize_t capacity) except -1:
        cdef Row* rows
        if capacity <= self.capacity:
            return 0
        rows = <Row*>realloc(self.rows, capacity * sizeof(Row))
        if rows == NULL:
            raise MemoryError()
        memset(rows + self.capacity, 0, (capacity - self.capacity) * sizeof(Row))
        self.rows = rows
        self.capacity = capacity
        return 0

    cdef int _reserve(self, Row* row, int64_t width) except -1:
        """Room for every level a window of `width` values can have: level l needs max_buckets * (2^l - 1) + 1."""
        cdef int levels = 1
        cdef double* buckets
        while levels < LEVEL_LIMIT and self.max_buckets * ((<int64_t>1 << levels) - 1) < width:
            levels += 1
        if levels <= row.reserved:
            return 0
        buckets = <double*>realloc(row.buckets, <size_t>levels * 2 * self.max_buckets * sizeof(double))
        if buckets == NULL:
            raise MemoryError()
        row.buckets = buckets
        row.reserved = levels
        return 0

    cdef Row* _row(self, Py_ssize_t row) except NULL:
        if row < 0 or row >= self.capacity or not self.rows[row].live:
            raise IndexError(f"row: expected one that was added, found {row}")
        return &self.rows[row]

    def add(self, double delta, int64_t clock):
        if not 0.0 < delta < 1.0:
            raise ValueError(f"delta: expected more than 0 and less than 1, found {delta}")
        if clock < 1:
            raise ValueError(f"clock: expected at least 1, found {clock}")
        cdef Py_ssize_t at = self.lowest_free
        while at < self.capacity and self.rows[at].live:
            at += 1
        if at == self.capacity:
            self._grow(max(8, 2 * self.capacity))
        self.rows[at].live = 1
        self.rows[at].untouched = 1
        self.rows[at].delta = delta
        self.rows[at].clock = clock
        self.live += 1
        self.lowest_free = at + 1
        return at

    def remove(self, Py_ssize_t row):
        cdef Row* target = self._row(row)
        free(target.buckets)
        memset(target, 0, sizeof(Row))
        self.live -= 1
        self.lowest_free = min(self.lowest_free, row)

    cdef Row* _row_for(self, Py_ssize_t row, Py_ssize_t length, Py_ssize_t start) except NULL:
        """The row, with room for all the values about to come, so that the loops need no memory."""
        cdef Row* target = self._row(row)
        if start < 0:
            raise ValueError(f"start: expected at least 0, found {start}")
        if start < length:
            if target.tick + (length - start) > WIDTH_LIMIT:
                raise OverflowError(f"row {row}: expected at most 2**52 values between resets")
            self._reserve(target, target.width + (length - start))
        return target

    def update(self, Py_ssize_t row, const double[::1] values, Py_ssize_t start=0):
        cdef Row* target = self._row_for(row, values.shape[0], start)
        cdef Py_ssize_t found = -1
        if start < values.shape[0]:
            with nogil:
                found = feed(
                    target, &values[0], start, values.shape[0],
                    self.max_buckets, <double>self.min_window_length, self.grace_period, &self.found,
                )
        return found

    def update_stepwise(self, Py_ssize_t row, const double[::1] values, Py_ssize_t start=0):
        cdef Row* target = self._row_for(row, values.shape[0], start)
        cdef Py_ssize_t found = -1
        if start < values.shape[0]:
            with nogil:
                found = feed_stepwise(
                    target, &values[0], start, values.shape[0],
                    self.max_buckets, <double>self.min_window_length, self.grace_period, &self.found,
                )
        return found

    def reset(self, Py_ssize_t row):
        clear(self._row(row))

    def width(self, Py_ssize_t row):
        return self._row(row).width

    def mean(self, Py_ssize_t row):
        cdef Row* target = self._row(row)
        return target.total / <double>target.width if target.width else 0.0

    def total(self, Py_ssize_t row):
        return self._row(row).total

    def variance(self, Py_ssize_t row):
        return self._row(row).variance

    def last_cut(self, Py_ssize_t row):
        return self._row(row).last_cut

    def newest_cut(self):
        return self.found.newer, self.found.mean, self.found.difference, self.found.epsilon

    def score(self, Py_ssize_t row):
        cdef Row* target = self._row(row)
        cdef Cut best
        if target.width <= self.grace_period or target.width < 2:
            return 0.0
        return scan(target, self.max_buckets, <double>self.min_window_length, &best)

    def pack(self, Py_ssize_t row):
        return pack(self._row(row), self.max_buckets)

    def unpack(self, Py_ssize_t row, const uint8_t[::1] packed):
        cdef Row* target = self._row(row)
        cdef Py_ssize_t size = packed.shape[0]
        if target.width or target.tick:
            raise ValueError(f"row {row}: expected a fresh one, found it used")
        if size == 0 or self._unpack(target, &packed[0], size) != size:
            clear(target)
            raise ValueError(f"row {row}: expected one row, found more or less than that")

    cdef Py_ssize_t _unpack(self, Row* row, const uint8_t* data, Py_ssize_t size) except -1:
        """Fill a fresh row; how many bytes were its own.  Raises ValueError and leaves it fresh if they are no row."""
        cdef Py_ssize_t taken = 0
        cdef str fault = None
        if not measure(row, data, size):
            fault = "expected a whole row, found it cut off"
        else:
            fault = fault_of(row, self.max_buckets)
        if fault is None and row.width:
            self._reserve(row, row.width)
        if fault is not None:
            row.levels = 0
            row.total = row.variance = 0.0
            row.tick = row.width = row.last_cut = 0
            raise ValueError(fault)
        taken = fill_buckets(row, data, self.max_buckets)
        recognise(row, self.max_buckets)
        return taken

    def dump(self):
        cdef Py_ssize_t size = self.capacity, i, level_at = 0, bucket_at = 0
        cdef int level, count, most = self.max_buckets
        cdef Row* row
        while size and not self.rows[size - 1].live:
            size -= 1
        state = {name: np.zeros(size, dtype) for name, dtype in ROW_ARRAYS}
        cdef uint8_t[::1] live = state["live"], levels = state["levels"]
        cdef int64_t[::1] clock = state["clock"], tick = state["tick"]
        cdef int64_t[::1] width = state["width"], last_cut = state["last_cut"]
        cdef double[::1] delta = state["delta"], total = state["total"], variance = state["variance"]
        for i in range(size):
            row = &self.rows[i]
            live[i] = row.live
            levels[i] = <uint8_t>row.levels
            clock[i] = row.clock
            tick[i] = row.tick
            width[i] = row.width
            last_cut[i] = row.last_cut
            delta[i] = row.delta
            total[i] = row.total
            variance[i] = row.variance
            level_at += row.levels
            for level in range(row.levels):
                bucket_at += row.counts[level]
        state["parameters"] = self._parameters()
        state["counts"] = np.empty(level_at, np.uint8)
        state["bucket_totals"] = np.empty(bucket_at, np.float64)
        state["bucket_variances"] = np.empty(bucket_at, np.float64)
        cdef uint8_t[::1] counts = state["counts"]
        cdef double[::1] totals = state["bucket_totals"], variances = state["bucket_variances"]
        level_at = bucket_at = 0
        for i in range(size):
            row = &self.rows[i]
            for level in range(row.levels):
                count = row.counts[level]
                counts[level_at] = <uint8_t>count
                memcpy(&totals[bucket_at], totals_of(row, level, most), count * sizeof(double))
                memcpy(&variances[bucket_at], variances_of(row, level, most), count * sizeof(double))
                level_at += 1
                bucket_at += count
        return state

    def _parameters(self):
        return np.array([self.max_buckets, self.min_window_length, self.grace_period], np.int64)

    def load(self, state):
        expect_names(state, [name for name, _ in ROW_ARRAYS] + ["parameters", *BUCKET_ARRAYS])
        parameters = take(state, "parameters", np.int64, (3,))
        if not np.array_equal(parameters, self._parameters()):
            raise ValueError(f"parameters: expected {self._parameters().tolist()}, found {parameters.tolist()}")
        size = len(take(state, "live", np.uint8, (-1,)))
        arrays = {name: take(state, name, dtype, (size,)) for name, dtype in ROW_ARRAYS}
        levels = int(arrays["levels"].sum(dtype=np.int64))
        arrays["counts"] = take(state, "counts", np.uint8, (levels,))
        buckets = int(arrays["counts"].sum(dtype=np.int64))
        for name in ("bucket_totals", "bucket_variances"):
            arrays[name] = take(state, name, np.float64, (buckets,))
        if size and not arrays["live"][size - 1]:
            raise ValueError("live: expected the last row to be live, found a free one")
        # filled aside and exchanged at the end: a refusal leaves this bank as it was
        cdef AdwinBank loaded = AdwinBank(
            max_buckets=self.max_buckets, min_window_length=self.min_window_length, grace_period=self.grace_period
        )
        loaded._fill(arrays, size)
        self.rows, loaded.rows = loaded.rows, self.rows
        self.capacity, loaded.capacity = loaded.capacity, self.capacity
        self.live = loaded.live
        self.lowest_free = 0

    cdef int _fill(self, dict arrays, Py_ssize_t size) except -1:
        cdef const uint8_t[::1] live = arrays["live"], levels = arrays["levels"], counts = arrays["counts"]
        cdef const int64_t[::1] clock = arrays["clock"], tick = arrays["tick"]
        cdef const int64_t[::1] width = arrays["width"], last_cut = arrays["last_cut"]
        cdef const double[::1] delta = arrays["delta"], total = arrays["total"], variance = arrays["variance"]
        cdef const double[::1] totals = arrays["bucket_totals"], variances = arrays["bucket_variances"]
        cdef Py_ssize_t i, level_at = 0, bucket_at = 0
        cdef int level, count, most = self.max_buckets
        cdef Row* row
        self._grow(size)
        for i in range(size):
            row = &self.rows[i]
            row.live = live[i]
            row.levels = levels[i]
            row.clock = clock[i]
            row.tick = tick[i]
            row.width = width[i]
            row.last_cut = last_cut[i]
            row.delta = delta[i]
            row.total = total[i]
            row.variance = variance[i]
            if row.levels <= LEVEL_LIMIT:
                for level in range(row.levels):
                    row.counts[level] = counts[level_at + level]
            fault = fault_of(row, most)
            if fault is not None:
                raise ValueError(f"row {i}: {fault}")
            self.live += row.live
            if row.width:
                self._reserve(row, row.width)
            for level in range(row.levels):
                count = row.counts[level]
                memcpy(totals_of(row, level, most), &totals[bucket_at], count * sizeof(double))
                memcpy(variances_of(row, level, most), &variances[bucket_at], count * sizeof(double))
                bucket_at += count
            level_at += row.levels
            recognise(row, most)
        return 0
