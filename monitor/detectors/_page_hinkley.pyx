# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The compiled bank of Page-Hinkley detectors; `monitor.detectors.page_hinkley` holds its documentation.

Every expression below is written in the order in which the oracle (river's PageHinkley with alpha 1) evaluates it:
the promise is the same bits, so nothing here may be regrouped.
"""

from libc.math cimport INFINITY, isfinite
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

import numpy as np

from monitor.detectors.state import expect_names, take

cdef enum:
    BLOCK = 64  # values fed at once where nothing can fire: their sums stay in the first-level cache
    BLOCK_LEAST = 8

cdef int64_t FED_LIMIT = <int64_t>1 << 52

cdef extern from *:
    """
    #include <string.h>
    /* Two recursions of one direction in a vector of two: the compilers of every machine know it, and round each lane
       as they round a scalar.  The mean's own chain of operations is what takes the time; the rest runs beside it. */
    typedef double pair __attribute__((vector_size(16)));
    typedef long long pair_mask __attribute__((vector_size(16)));

    static inline pair chosen(pair_mask mask, pair yes, pair no)
    {
        return (pair)((mask & (pair_mask)yes) | (~mask & (pair_mask)no));
    }

    /* The recursions of m values; every sum on the way, both up and then both down, and the extremes of each. */
    static inline double run_pairs(
        const double *values, const double *weights, Py_ssize_t m, double mean, const double *begin,
        const double *slack, double *sums, double *low, double *high)
    {
        pair up = {begin[0], begin[2]}, down = {begin[1], begin[3]};
        pair up_slack = {slack[0], slack[2]}, down_slack = {slack[1], slack[3]};
        pair up_low = {INFINITY, INFINITY}, down_low = up_low, up_high = -up_low, down_high = -up_low;
        for (Py_ssize_t i = 0; i < m; i++) {
            mean += weights[i] * (values[i] - mean);
            double apart = values[i] - mean;
            pair deviation = {apart, apart};
            up = (up + deviation) - up_slack;
            down = (down + deviation) + down_slack;
            up_low = chosen(up < up_low, up, up_low);
            up_high = chosen(up > up_high, up, up_high);
            down_low = chosen(down < down_low, down, down_low);
            down_high = chosen(down > down_high, down, down_high);
            memcpy(sums + 4 * i, &up, sizeof up);
            memcpy(sums + 4 * i + 2, &down, sizeof down);
        }
        low[0] = up_low[0], low[1] = down_low[0], low[2] = up_low[1], low[3] = down_low[1];
        high[0] = up_high[0], high[1] = down_high[0], high[2] = up_high[1], high[3] = down_high[1];
        return mean;
    }
    """
    double run_pairs(
        const double* values, const double* weights, Py_ssize_t m, double mean, const double* begin,
        const double* slack, double* sums, double* low, double* high
    ) noexcept nogil


cdef void rewind(Row* row) noexcept nogil:
    """The primed state: sums and extremes level, as after primed_n values of the mean; or the oracle's fresh one."""
    cdef int r
    row.n = row.primed_n
    row.mean = row.primed_mean
    row.fed = 0
    for r in range(RECURSIONS):
        row.sums[r] = 0.0
        row.sat[r] = 0
        if row.primed_n > 0.0:
            row.extremes[r] = 0.0
        else:
            row.extremes[r] = INFINITY if r % 2 == 0 else -1.0


cdef double statistic_of(Row* row, int r) noexcept nogil:
    if row.fed == 0:
        return 0.0
    if r % 2 == 0:
        return row.sums[r] - row.extremes[r]
    return row.extremes[r] - row.sums[r]


cdef Py_ssize_t feed(Row* row, const double* values, Py_ssize_t start, Py_ssize_t stop, int64_t least) noexcept nogil:
    """Feed values block by block; those in which something may fire are gone through value by value."""
    cdef Py_ssize_t i = start, m, found
    while i < stop:
        m = min(stop - i, <Py_ssize_t>BLOCK)
        if m < BLOCK_LEAST or not feed_quiet_block(row, values + i, m):
            found = feed_by_value(row, values, i, i + m, least)
            if found >= 0:
                return found
        i += m
    return -1


cdef bint feed_quiet_block(Row* row, const double* values, Py_ssize_t m) noexcept nogil:
    """Feed m values if surely none of them fires; otherwise leave the row alone and return False.

    No statistic within the block is above its largest sum less its smallest extreme (or the other way round): where
    that stays below the threshold, nothing fired, and the extremes at the end are all that has to be known.  Not so
    with NaN or a zero extreme, whose sign the oracle keeps: those blocks go value by value.
    """
    cdef double weights[BLOCK]
    cdef double sums[RECURSIONS * BLOCK]
    cdef double low[RECURSIONS]
    cdef double high[RECURSIONS]
    cdef double n = row.n, mean = row.mean
    cdef Py_ssize_t i
    cdef int r
    if not (n < <double>FED_LIMIT and n == <double><int64_t>n):
        return False  # only whole numbers are the same however 1 is added again and again
    for i in range(m):
        weights[i] = 1.0 / (n + <double>(i + 1))
    mean = run_pairs(values, weights, m, mean, row.sums, row.slack, sums, low, high)
    for r in range(0, RECURSIONS, 2):
        if not (high[r] - min(low[r], row.extremes[r]) <= row.threshold[r] and low[r] != 0.0):
            return False
        if not (max(high[r + 1], row.extremes[r + 1]) - low[r + 1] <= row.threshold[r + 1] and high[r + 1] != 0.0):
            return False
    for r in range(RECURSIONS):
        if sums[RECURSIONS * (m - 1) + r] != sums[RECURSIONS * (m - 1) + r]:
            return False  # once NaN, always NaN
    for r in range(0, RECURSIONS, 2):
        settle(row, r, sums, m, low[r], low[r] <= row.extremes[r])
        settle(row, r + 1, sums, m, high[r + 1], high[r + 1] >= row.extremes[r + 1])
    row.n = n + <double>m
    row.mean = mean
    row.fed += m
    return True


cdef inline void settle(Row* row, int which, const double* sums, Py_ssize_t m, double extreme, bint moved) noexcept nogil:
    """Write down where a recursion stands after a block; moved: has its extreme been reached (again) within it?"""
    cdef Py_ssize_t last = m - 1
    cdef int lane = which // 2 + which % 2 * 2
    row.sums[which] = sums[RECURSIONS * last + lane]
    if moved:
        while sums[RECURSIONS * last + lane] != extreme:
            last -= 1
        row.sat[which] = row.fed + last + 1
        row.extremes[which] = extreme


cdef Py_ssize_t feed_by_value(
    Row* row, const double* values, Py_ssize_t start, Py_ssize_t stop, int64_t least
) noexcept nogil:
    cdef double n = row.n, mean = row.mean, x, dev
    cdef double s0 = row.sums[0], s1 = row.sums[1], s2 = row.sums[2], s3 = row.sums[3]
    cdef double e0 = row.extremes[0], e1 = row.extremes[1], e2 = row.extremes[2], e3 = row.extremes[3]
    cdef double d0 = row.slack[0], d1 = row.slack[1], d2 = row.slack[2], d3 = row.slack[3]
    cdef double l0 = row.threshold[0], l1 = row.threshold[1], l2 = row.threshold[2], l3 = row.threshold[3]
    cdef int64_t a0 = row.sat[0], a1 = row.sat[1], a2 = row.sat[2], a3 = row.sat[3], fed = row.fed
    cdef Py_ssize_t i, found = -1
    for i in range(start, stop):
        x = values[i]
        fed += 1
        n += 1.0
        mean += (1.0 / n) * (x - mean)
        dev = x - mean
        s0 = (s0 + dev) - d0
        s1 = (s1 + dev) + d1
        s2 = (s2 + dev) - d2
        s3 = (s3 + dev) + d3
        # a tie moves the onset but not the extreme, whose sign of zero is the oracle's
        a0 = fed if s0 <= e0 else a0
        a1 = fed if s1 >= e1 else a1
        a2 = fed if s2 <= e2 else a2
        a3 = fed if s3 >= e3 else a3
        e0 = s0 if s0 < e0 else e0
        e1 = s1 if s1 > e1 else e1
        e2 = s2 if s2 < e2 else e2
        e3 = s3 if s3 > e3 else e3
        if (s0 - e0 > l0 or e1 - s1 > l1 or s2 - e2 > l2 or e3 - s3 > l3) and fed >= least:
            found = i
            break
    row.n = n
    row.mean = mean
    row.fed = fed
    row.sums[0] = s0
    row.sums[1] = s1
    row.sums[2] = s2
    row.sums[3] = s3
    row.extremes[0] = e0
    row.extremes[1] = e1
    row.extremes[2] = e2
    row.extremes[3] = e3
    row.sat[0] = a0
    row.sat[1] = a1
    row.sat[2] = a2
    row.sat[3] = a3
    return found


cdef int fired_of(Row* row, int64_t least) noexcept nogil:
    """Of the recursions above their threshold the one furthest above, -1 if none is."""
    cdef double best = -1.0, ratio
    cdef int r, which = -1
    if row.fed < least:
        return -1
    for r in range(RECURSIONS):
        ratio = statistic_of(row, r) / row.threshold[r]
        if statistic_of(row, r) > row.threshold[r] and ratio > best:
            best = ratio
            which = r
    return which


cdef str fault_of(Row* row):
    """What is wrong with a row read from a dump, or None; its running sums can be any number."""
    cdef int r
    if row.live > 1:
        return f"live: expected 0 or 1, found {row.live}"
    if not row.live:
        return None
    if not (row.primed_n >= 0.0 and isfinite(row.primed_n) and isfinite(row.primed_mean)):
        return f"priming: expected finite numbers, found {row.primed_n} and {row.primed_mean}"
    if not 0 <= row.fed <= FED_LIMIT:
        return f"fed: expected 0 to 2**52, found {row.fed}"
    if not row.n >= row.primed_n:
        return f"n: expected at least the primed {row.primed_n}, found {row.n}"
    for r in range(RECURSIONS):
        if not (isfinite(row.slack[r]) and row.slack[r] >= 0.0):
            return f"slack: expected finite numbers of at least 0, found {row.slack[r]}"
        if not row.threshold[r] > 0.0:
            return f"threshold: expected numbers above 0, found {row.threshold[r]}"
        if not 0 <= row.sat[r] <= row.fed:
            return f"sat: expected 0 to {row.fed}, found {row.sat[r]}"
    return None


cdef void fill_packed(Row* row, Packed* packed) noexcept nogil:
    """What has come of a row's values, without its parameters."""
    packed.n, packed.mean, packed.fed = row.n, row.mean, row.fed
    memcpy(packed.sums, row.sums, sizeof(packed.sums))
    memcpy(packed.extremes, row.extremes, sizeof(packed.extremes))
    memcpy(packed.sat, row.sat, sizeof(packed.sat))


SCALARS = (
    ("live", np.uint8), ("n", np.float64), ("mean", np.float64), ("primed_n", np.float64),
    ("primed_mean", np.float64), ("fed", np.int64),
)
FOURS = (
    ("slack", np.float64), ("threshold", np.float64), ("sums", np.float64), ("extremes", np.float64),
    ("sat", np.int64),
)


cdef class PageHinkleyBank:
    """Many Page-Hinkley detectors, two speeds by two directions a row; see `monitor.detectors.page_hinkley`."""

    def __cinit__(self, *, int64_t min_instances=1):
        if min_instances < 1:
            raise ValueError(f"min_instances: expected at least 1, found {min_instances}")
        self.min_instances = min_instances
        self.rows = NULL
        self.capacity = self.live = self.lowest_free = 0

    def __dealloc__(self):
        free(self.rows)

    def __len__(self):
        return self.live

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

    cdef Row* _row(self, Py_ssize_t row) except NULL:
        if row < 0 or row >= self.capacity or not self.rows[row].live:
            raise IndexError(f"row: expected one that was added, found {row}")
        return &self.rows[row]

    def add(self, slack, threshold):
        slacks = [float(value) for value in slack]
        thresholds = [float(value) for value in threshold]
        if len(slacks) != RECURSIONS or not all(isfinite(value) and value >= 0.0 for value in slacks):
            raise ValueError(f"slack: expected {RECURSIONS} finite numbers of at least 0, found {slacks}")
        if len(thresholds) != RECURSIONS or not all(value > 0.0 for value in thresholds):
            raise ValueError(f"threshold: expected {RECURSIONS} numbers above 0 (inf for never), found {thresholds}")
        cdef Py_ssize_t at = self.lowest_free
        cdef int r
        while at < self.capacity and self.rows[at].live:
            at += 1
        if at == self.capacity:
            self._grow(max(8, 2 * self.capacity))
        for r in range(RECURSIONS):
            self.rows[at].slack[r] = slacks[r]
            self.rows[at].threshold[r] = thresholds[r]
        self.rows[at].live = 1
        rewind(&self.rows[at])
        self.live += 1
        self.lowest_free = at + 1
        return at

    def remove(self, Py_ssize_t row):
        memset(self._row(row), 0, sizeof(Row))
        self.live -= 1
        self.lowest_free = min(self.lowest_free, row)

    def prime(self, Py_ssize_t row, double n, double mean):
        cdef Row* target = self._row(row)
        if not (n > 0.0 and isfinite(n)):
            raise ValueError(f"n: expected a finite number above 0, found {n}")
        if not isfinite(mean):
            raise ValueError(f"mean: expected a finite number, found {mean}")
        target.primed_n = n
        target.primed_mean = mean
        rewind(target)

    def update(self, Py_ssize_t row, const double[::1] values, Py_ssize_t start=0):
        cdef Row* target = self._row(row)
        cdef Py_ssize_t found
        if start < 0:
            raise ValueError(f"start: expected at least 0, found {start}")
        if start >= values.shape[0]:
            return -1
        if target.fed + (values.shape[0] - start) > FED_LIMIT:
            raise OverflowError(f"row {row}: expected at most 2**52 values between resets")
        with nogil:
            found = feed(target, &values[0], start, values.shape[0], self.min_instances)
        return found

    def reset(self, Py_ssize_t row):
        rewind(self._row(row))

    def fired(self, Py_ssize_t row):
        return fired_of(self._row(row), self.min_instances)

    def statistic(self, Py_ssize_t row, int which):
        return statistic_of(self._row(row), self._which(which))

    cdef int _which(self, int which) except -1:
        if not 0 <= which < RECURSIONS:
            raise IndexError(f"which: expected 0 to {RECURSIONS - 1}, found {which}")
        return which

    def score(self, Py_ssize_t row):
        cdef Row* target = self._row(row)
        cdef double best = 0.0, ratio
        cdef int r
        for r in range(RECURSIONS):
            ratio = statistic_of(target, r) / target.threshold[r]
            if ratio > best:
                best = ratio
        return best

    def since(self, Py_ssize_t row, int which):
        cdef Row* target = self._row(row)
        return target.fed - target.sat[self._which(which)]

    def mean(self, Py_ssize_t row):
        return self._row(row).mean

    def fed(self, Py_ssize_t row):
        return self._row(row).fed

    def pack(self, Py_ssize_t row):
        cdef Packed packed
        fill_packed(self._row(row), &packed)
        return (<char*>&packed)[: sizeof(Packed)]

    def unpack(self, Py_ssize_t row, const uint8_t[::1] packed):
        cdef Row* target = self._row(row)
        if packed.shape[0] != sizeof(Packed):
            raise ValueError(f"row {row}: expected {sizeof(Packed)} bytes, found {packed.shape[0]}")
        self._unpack(target, &packed[0])

    cdef int _unpack(self, Row* row, const uint8_t* data) except -1:
        """Let a row go on from what was packed; raises ValueError and rewinds it if that is none."""
        cdef Packed packed
        memcpy(&packed, data, sizeof(Packed))
        row.n, row.mean, row.fed = packed.n, packed.mean, packed.fed
        memcpy(row.sums, packed.sums, sizeof(packed.sums))
        memcpy(row.extremes, packed.extremes, sizeof(packed.extremes))
        memcpy(row.sat, packed.sat, sizeof(packed.sat))
        fault = fault_of(row)
        if fault is not None:
            rewind(row)
            raise ValueError(fault)
        return 0

    def dump(self):
        cdef Py_ssize_t size = self.capacity, i
        cdef int r
        cdef Row* row
        while size and not self.rows[size - 1].live:
            size -= 1
        state = {name: np.zeros(size, dtype) for name, dtype in SCALARS}
        state.update({name: np.zeros((size, RECURSIONS), dtype) for name, dtype in FOURS})
        state["parameters"] = np.array([self.min_instances], np.int64)
        cdef uint8_t[::1] live = state["live"]
        cdef double[::1] n = state["n"], mean = state["mean"]
        cdef double[::1] primed_n = state["primed_n"], primed_mean = state["primed_mean"]
        cdef int64_t[::1] fed = state["fed"]
        cdef int64_t[:, ::1] sat = state["sat"]
        cdef double[:, ::1] slack = state["slack"], threshold = state["threshold"]
        cdef double[:, ::1] sums = state["sums"], extremes = state["extremes"]
        for i in range(size):
            row = &self.rows[i]
            live[i] = row.live
            n[i] = row.n
            mean[i] = row.mean
            primed_n[i] = row.primed_n
            primed_mean[i] = row.primed_mean
            fed[i] = row.fed
            for r in range(RECURSIONS):
                slack[i, r] = row.slack[r]
                threshold[i, r] = row.threshold[r]
                sums[i, r] = row.sums[r]
                extremes[i, r] = row.extremes[r]
                sat[i, r] = row.sat[r]
        return state

    def load(self, state):
        expect_names(state, ["parameters"] + [name for name, _ in SCALARS + FOURS])
        parameters = take(state, "parameters", np.int64, (1,))
        if parameters[0] != self.min_instances:
            raise ValueError(f"parameters: expected {[self.min_instances]}, found {parameters.tolist()}")
        size = len(take(state, "live", np.uint8, (-1,)))
        arrays = {name: take(state, name, dtype, (size,)) for name, dtype in SCALARS}
        arrays.update({name: take(state, name, dtype, (size, RECURSIONS)) for name, dtype in FOURS})
        if size and not arrays["live"][size - 1]:
            raise ValueError("live: expected the last row to be live, found a free one")
        for name, array in arrays.items():
            if array[arrays["live"] == 0].any():
                raise ValueError(f"{name}: expected zero in free rows, found values")
        # filled aside and exchanged at the end: a refusal leaves this bank as it was
        cdef PageHinkleyBank loaded = PageHinkleyBank(min_instances=self.min_instances)
        loaded._fill(arrays, size)
        self.rows, loaded.rows = loaded.rows, self.rows
        self.capacity, loaded.capacity = loaded.capacity, self.capacity
        self.live = loaded.live
        self.lowest_free = 0

    cdef int _fill(self, dict arrays, Py_ssize_t size) except -1:
        cdef const uint8_t[::1] live = arrays["live"]
        cdef const double[::1] n = arrays["n"], mean = arrays["mean"]
        cdef const double[::1] primed_n = arrays["primed_n"], primed_mean = arrays["primed_mean"]
        cdef const int64_t[::1] fed = arrays["fed"]
        cdef const int64_t[:, ::1] sat = arrays["sat"]
        cdef const double[:, ::1] slack = arrays["slack"], threshold = arrays["threshold"]
        cdef const double[:, ::1] sums = arrays["sums"], extremes = arrays["extremes"]
        cdef Py_ssize_t i
        cdef int r
        cdef Row* row
        self._grow(size)
        for i in range(size):
            row = &self.rows[i]
            row.live = live[i]
            row.n = n[i]
            row.mean = mean[i]
            row.primed_n = primed_n[i]
            row.primed_mean = primed_mean[i]
            row.fed = fed[i]
            for r in range(RECURSIONS):
                row.slack[r] = slack[i, r]
                row.threshold[r] = threshold[i, r]
                row.sums[r] = sums[i, r]
                row.extremes[r] = extremes[i, r]
                row.sat[r] = sat[i, r]
            fault = fault_of(row)
            if fault is not None:
                raise ValueError(f"row {i}: {fault}")
            self.live += row.live
        return 0
