# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""One ADWIN window: the oracle's steps, and the shortcuts that give the same bits.

Every expression below is written in the order in which the oracle (river's ADWIN) evaluates it: the promise is the
same bits, so nothing here may be regrouped, not even where real arithmetic would allow it.
"""

from libc.math cimport fabs, log, sqrt
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy, memmove, memset

cdef enum:
    CHUNK = 64  # values inserted at once; the stack buffers hold a chunk and a full level (31) more
    QUEUE = 96

cdef inline void add_to_moments(Row* row, double x) noexcept nogil:
    cdef double d, before = <double>row.width
    row.width += 1
    if row.width > 1:
        d = x - row.total / before
        row.variance += ((before * d) * d) / <double>row.width
    row.total += x


cdef void insert(Row* row, double x, int most) noexcept nogil:
    """Append one value; a full level first gives its two oldest buckets, merged, to the level above."""
    cdef double total = x, variance = 0.0, up_total, up_variance, gap, size = 1.0
    cdef double* t
    cdef double* v
    cdef int level = 0, count
    add_to_moments(row, x)
    while True:
        if level == row.levels:
            row.counts[level] = 0
            row.levels += 1
        t = totals_of(row, level, most)
        v = variances_of(row, level, most)
        count = row.counts[level]
        if count < most:
            t[count] = total
            v[count] = variance
            row.counts[level] = <uint8_t>(count + 1)
            return
        gap = t[0] / size - t[1] / size
        up_total = t[0] + t[1]
        up_variance = (v[0] + v[1]) + ((size * 0.5) * gap) * gap
        memmove(t, t + 2, (most - 2) * sizeof(double))
        memmove(v, v + 2, (most - 2) * sizeof(double))
        t[most - 2] = total
        v[most - 2] = variance
        row.counts[level] = <uint8_t>(most - 1)
        total = up_total
        variance = up_variance
        size *= 2.0
        level += 1


cdef void add_block_to_moments(Row* row, const double* x, int m) noexcept nogil:
    """The moments of m values after the first: same operations in the same order, the divisions in parallel."""
    cdef double totals[CHUNK]
    cdef double added[CHUNK]
    cdef double total = row.total, variance = row.variance, width = <double>row.width, d, before
    cdef int i
    for i in range(m):
        totals[i] = total
        total += x[i]
    for i in range(m):
        before = width + <double>i
        d = x[i] - totals[i] / before
        added[i] = ((before * d) * d) / (before + 1.0)
    for i in range(m):
        variance += added[i]
    row.total = total
    row.variance = variance
    row.width += m


cdef void insert_block(Row* row, const double* x, int m, int most) noexcept nogil:
    """Append m values, 1 <= m <= CHUNK, level by level.

    A level always merges its two oldest buckets, first in, first out: which buckets meet does not depend on when, so
    the merges of a whole block can be done one level at a time.
    """
    cdef double queues[4 * QUEUE]
    cdef double* t = queues
    cdef double* v = queues + QUEUE
    cdef double* next_t = queues + 2 * QUEUE
    cdef double* next_v = queues + 3 * QUEUE
    cdef double* swap
    cdef double gap, per = 1.0, half = 0.5
    cdef int level = 0, waiting, merges, count, above, i
    if row.levels == 0:
        row.counts[0] = 0
        row.levels = 1
    waiting = row.counts[0]
    memcpy(t, totals_of(row, 0, most), waiting * sizeof(double))
    memcpy(t + waiting, x, m * sizeof(double))
    waiting += m
    memset(v, 0, waiting * sizeof(double))
    while True:
        merges = (waiting - most + 1) // 2 if waiting > most else 0
        count = waiting - 2 * merges
        memcpy(totals_of(row, level, most), t + 2 * merges, count * sizeof(double))
        memcpy(variances_of(row, level, most), v + 2 * merges, count * sizeof(double))
        row.counts[level] = <uint8_t>count
        if merges == 0:
            return
        level += 1
        if level == row.levels:
            row.counts[level] = 0
            row.levels += 1
        above = row.counts[level]
        memcpy(next_t, totals_of(row, level, most), above * sizeof(double))
        memcpy(next_v, variances_of(row, level, most), above * sizeof(double))
        for i in range(merges):
            gap = t[2 * i] * per - t[2 * i + 1] * per  # a power of two: as exact as the oracle's division
            next_t[above + i] = t[2 * i] + t[2 * i + 1]
            next_v[above + i] = (v[2 * i] + v[2 * i + 1]) + (half * gap) * gap
        per *= 0.5
        half *= 2.0
        waiting = above + merges
        swap = t
        t = next_t
        next_t = swap
        swap = v
        v = next_v
        next_v = swap


cdef void insert_zeros(Row* row, int64_t m, int most) noexcept nogil:
    """Append m zeros to an untouched row: only the counts move, in time logarithmic in m.

    No check in between can cut: every difference is 0 and every epsilon above 0.
    """
    cdef int level = 0, old, new
    cdef int64_t waiting, merges
    row.width += m
    row.tick += m
    while m > 0:
        if level == row.levels:
            row.counts[level] = 0
            row.levels += 1
        old = row.counts[level]
        waiting = old + m
        merges = (waiting - most + 1) // 2 if waiting > most else 0
        new = <int>(waiting - 2 * merges)
        if new > old:
            memset(totals_of(row, level, most) + old, 0, (new - old) * sizeof(double))
            memset(variances_of(row, level, most) + old, 0, (new - old) * sizeof(double))
        row.counts[level] = <uint8_t>new
        m = merges
        level += 1


cdef bint surely_quiet(Row* row, int most) noexcept nogil:
    """Whether no cut can be significant, told without a division or a root a cut, and never wrongly.

    With s = u0 - n0 total / width, mean0 - mean1 = s width / (n0 n1), and m >= width / (n0 n1).  So a cut needs both
    s^2 > 2 variance d n0 n1 / width and |s| > 2/3 d.  `error` bounds what rounding can have done to either side
    (2.3e-13 is a thousand units in the last place; a window has fewer buckets than that), 1e-9 and 0.6666 the rest.
    """
    cdef double n0 = 0.0, u0 = 0.0, width = <double>row.width, mean = row.total / width
    cdef double d = log((2.0 * log(width)) / row.delta)
    cdef double flat = 0.6666 * d
    cdef double slope = (1.0 - 1e-9) * ((2.0 * (row.variance / width)) * d / width)
    cdef double error = 2.3e-13 * fabs(row.total), size, s
    cdef double* t
    cdef int level, k, count
    for level in range(row.levels - 1, -1, -1):
        size = <double>(<int64_t>1 << level)
        t = totals_of(row, level, most)
        count = row.counts[level]
        if level == 0:
            count -= 1
        for k in range(count):
            n0 += size
            u0 += t[k]
            error += 2.3e-13 * fabs(t[k])
            s = fabs(u0 - n0 * mean) + error
            if not (s <= flat or s * s <= slope * n0 * (width - n0)):
                return False
    return True


cdef double scan(Row* row, int most, double shortest, Cut* best) noexcept nogil:
    """Largest |mean0 - mean1| / epsilon over the admissible cuts, told in `best`; without it, 1 at the first cut found.

    Significance is decided by `difference > epsilon` and never by the quotient, which rounds.
    """
    cdef double n0 = 0.0, n1 = <double>row.width, u0 = 0.0, u1 = row.total
    cdef double per_value = row.variance / n1
    cdef double d = log((2.0 * log(n1)) / row.delta)
    cdef double size, m, epsilon, difference, most_telling = 0.0
    cdef double* t
    cdef int level, k, count
    for level in range(row.levels - 1, -1, -1):
        size = <double>(<int64_t>1 << level)
        t = totals_of(row, level, most)
        count = row.counts[level]
        for k in range(count):
            if level == 0 and k == count - 1:
                break  # the newest value alone is never a side
            n0 += size
            n1 -= size
            u0 += t[k]
            u1 -= t[k]
            if n1 < shortest or n0 < shortest:
                continue
            m = 1.0 / (n0 - shortest + 1.0) + 1.0 / (n1 - shortest + 1.0)
            epsilon = sqrt(((2.0 * m) * per_value) * d) + ((2.0 / 3.0) * d) * m
            difference = fabs(u0 / n0 - u1 / n1)
            if best == NULL:
                if difference > epsilon:
                    return 1.0
            elif difference / epsilon > most_telling:
                most_telling = difference / epsilon
                best.newer = <int64_t>n1
                best.mean = u1 / n1
                best.difference = u1 / n1 - u0 / n0
                best.epsilon = epsilon
    return most_telling


cdef void drop_oldest(Row* row, int most) noexcept nogil:
    """Forget the oldest bucket.  A cut leaves at least one value on each side, so the width stays positive."""
    cdef int level = row.levels - 1
    cdef double* t = totals_of(row, level, most)
    cdef double* v = variances_of(row, level, most)
    cdef double n = <double>(<int64_t>1 << level), rest, apart
    row.width -= <int64_t>1 << level
    rest = <double>row.width
    row.total -= t[0]
    apart = t[0] / n - row.total / rest
    row.variance -= v[0] + (((n * rest) * apart) * apart) / (n + rest)
    row.counts[level] -= 1
    if row.counts[level] == 0:
        row.levels -= 1
        return
    memmove(t, t + 1, row.counts[level] * sizeof(double))
    memmove(v, v + 1, row.counts[level] * sizeof(double))


cdef bint shrink(Row* row, int most, double shortest, bint screened, Cut* found) noexcept nogil:
    """Drop buckets until no cut is significant; whether any was, and if so the most telling one in `found`."""
    cdef bint changed = False
    while not (screened and surely_quiet(row, most)) and scan(row, most, shortest, NULL) > 0.0:
        if not changed:
            scan(row, most, shortest, found)
        drop_oldest(row, most)
        changed = True
    if changed:
        row.last_cut = row.width
    return changed


cdef void clear(Row* row) noexcept nogil:
    row.total = 0.0
    row.variance = 0.0
    row.tick = 0
    row.width = 0
    row.last_cut = 0
    row.levels = 0
    row.untouched = 1
    row.uniform = 0


cdef void insert_equal(Row* row, int64_t m, int most) noexcept nogil:
    """Append m further values to the buckets of a uniform row, in time logarithmic in m; the moments have them.

    Two buckets of equal totals merge into one of exactly twice the total, and the gap between their means is 0.
    """
    cdef int level = 0, old, new, k
    cdef int64_t waiting, merges
    cdef double total = row.constant
    while m > 0:
        if level == row.levels:
            row.counts[level] = 0
            row.levels += 1
        old = row.counts[level]
        waiting = old + m
        merges = (waiting - most + 1) // 2 if waiting > most else 0
        new = <int>(waiting - 2 * merges)
        for k in range(old, new):
            totals_of(row, level, most)[k] = total
            variances_of(row, level, most)[k] = 0.0
        row.counts[level] = <uint8_t>new
        m = merges
        level += 1
        total += total


cdef bint is_level(Row* row, double flat) noexcept nogil:
    """Whether no cut of a uniform row can be significant, told without a look at its buckets, and never wrongly.

    As in `surely_quiet`, with |s| <= |total - width constant| and rounding: the buckets' totals are what they should be,
    and only their sum has drifted.  flat: 2/3 of d for this width or a smaller one, a little less for safety.
    """
    cdef double width = <double>row.width, all_of_it = fabs(width * row.constant)
    return fabs(row.total - width * row.constant) + 1e-12 * all_of_it <= flat


cdef Py_ssize_t feed_equal(
    Row* row, const double* x, Py_ssize_t i, Py_ssize_t stop, int most, double shortest, int64_t grace, Cut* found
) noexcept nogil:
    """Insert x[i:stop], all equal to the values of a uniform row: as `feed`, with the buckets brought up to date once."""
    cdef int64_t until_check, waiting = 0
    cdef double flat = -1.0
    cdef int m
    while i < stop:
        until_check = row.clock - row.tick % row.clock
        m = <int>min(until_check, stop - i, <int64_t>CHUNK)
        if row.width == 0:
            m = 1
            add_to_moments(row, x[i])
        else:
            add_block_to_moments(row, x + i, m)
        waiting += m
        row.tick += m
        i += m
        if m == until_check and row.width > grace:
            if flat < 0.0 and row.width > 2:
                flat = 0.6666 * log((2.0 * log(<double>row.width)) / row.delta)
            if not is_level(row, flat):
                insert_equal(row, waiting, most)
                waiting = 0
                if shrink(row, most, shortest, True, found):
                    return i - 1
    insert_equal(row, waiting, most)
    return -1


cdef Py_ssize_t feed(
    Row* row, const double* x, Py_ssize_t i, Py_ssize_t stop, int most, double shortest, int64_t grace, Cut* found
) noexcept nogil:
    """Insert x[i:stop] in blocks that end where a check is due; index of the value whose check cut, or -1."""
    cdef int64_t until_check
    cdef Py_ssize_t last, at
    cdef int m
    while i < stop:
        if row.untouched:
            last = i
            while last < stop and is_plain_zero(x[last]):
                last += 1
            if last > i:
                insert_zeros(row, last - i, most)
                i = last
                continue
            row.untouched = 0
        if row.width == 0 and can_be_uniform(x[i]):
            row.uniform = 1
            row.constant = x[i]
        if row.uniform:
            last = i
            while last < stop and x[last] == row.constant:
                last += 1
            if last > i:
                at = feed_equal(row, x, i, last, most, shortest, grace, found)
                if at >= 0:
                    return at
                i = last
                continue
            row.uniform = 0
        until_check = row.clock - row.tick % row.clock
        m = <int>min(until_check, stop - i, <int64_t>CHUNK)
        if row.width == 0 or m < 4:
            m = 1
            insert(row, x[i], most)
        else:
            add_block_to_moments(row, x + i, m)
            insert_block(row, x + i, m, most)
        row.tick += m
        i += m
        if m == until_check and row.width > grace and shrink(row, most, shortest, True, found):
            return i - 1
    return -1


cdef Py_ssize_t feed_stepwise(
    Row* row, const double* x, Py_ssize_t i, Py_ssize_t stop, int most, double shortest, int64_t grace, Cut* found
) noexcept nogil:
    """The oracle's own steps, one value at a time."""
    row.untouched = row.uniform = 0
    for i in range(i, stop):
        insert(row, x[i], most)
        row.tick += 1
        if row.tick % row.clock == 0 and row.width > grace and shrink(row, most, shortest, False, found):
            return i
    return -1
