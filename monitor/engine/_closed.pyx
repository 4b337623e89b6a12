# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The closed channels of a regime, run over a stretch of cells in one call; `_closed.pyi` documents it.

Values are standardised chunk by chunk where they are used, in the order of operations of `plan`: (y - mean) / sd.
"""

from libc.math cimport fabs
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

from monitor.detectors._adwin cimport AdwinBank
from monitor.detectors._adwin_packed cimport pack as pack_adwin
from monitor.detectors._adwin_window cimport Cut, Row as AdwinRow, clear, feed as feed_adwin
from monitor.detectors._glr cimport Glr, Row as GlrRow, clear as clear_glr, count as count_event
from monitor.detectors._page_hinkley cimport (
    Packed, PageHinkleyBank, Row as PageHinkleyRow, feed as feed_page_hinkley, fill_packed, fired_of, rewind,
    statistic_of,
)

cdef enum:
    CHUNK = 256  # values standardised at once: the buffers stay in the first-level cache
    ADWIN = 1
    PAGE_HINKLEY = 2
    GLR = 3

DETECTORS = {ADWIN: "adwin", PAGE_HINKLEY: "page_hinkley", GLR: "glr"}

cdef struct Channel:
    const int8_t* tiny  # numerators by cell, -1 where the channel has no value; all but one of the four are NULL
    const int16_t* short_
    const int32_t* narrow
    const int64_t* wide
    double denominator
    double mean
    double sd
    double scale  # times a standardised value: what ADWIN is fed
    double gate
    int64_t block
    int64_t carry  # sum of the numerators of the unfinished block, or of the window while the channel is open
    int64_t filled
    Py_ssize_t adwin
    Py_ssize_t page_hinkley
    GlrRow* glr  # of a rare indicator, else NULL
    bint closed

cdef struct Own:
    int64_t carry
    int64_t filled
    Packed page_hinkley

cdef struct Verdict:
    int detector  # 0: none fired
    bint up
    double statistic
    double threshold
    int64_t length
    Py_ssize_t place  # among the cells


cdef int64_t numerator_of(const Channel* channel, uint16_t cell) noexcept nogil:
    if channel.tiny != NULL:
        return channel.tiny[cell]
    if channel.short_ != NULL:
        return channel.short_[cell]
    return channel.narrow[cell] if channel.narrow != NULL else channel.wide[cell]


cdef Py_ssize_t gather(
    Channel* channel, const uint16_t* cells, Py_ssize_t* at, Py_ssize_t stop, double* y, Py_ssize_t* places, bint* any_one
) noexcept nogil:
    """Fill y with the numerators of the next values (sums of them, for blocks); how many, at most CHUNK."""
    cdef Py_ssize_t i = at[0], m = 0
    cdef int64_t number, carry = channel.carry, filled = channel.filled
    if channel.block == 1:
        while i < stop and m < CHUNK:
            number = numerator_of(channel, cells[i])
            y[m] = <double>number
            places[m] = i
            any_one[0] |= number > 0
            m += number >= 0
            i += 1
    else:
        while i < stop and m < CHUNK:
            number = numerator_of(channel, cells[i])
            if number >= 0:
                carry += number
                filled += 1
                if filled == channel.block:
                    y[m] = <double>carry
                    places[m] = i
                    m += 1
                    carry = filled = 0
            i += 1
        channel.carry = carry
        channel.filled = filled
    at[0] = i
    return m


cdef Py_ssize_t cut_that_matters(
    Channel* channel, AdwinRow* row, const double* fed, Py_ssize_t m, AdwinBank bank, Cut* cut
) noexcept nogil:
    """The first cut whose newer side is further from the reference than the gate; its index, or -1."""
    cdef Py_ssize_t at = feed_adwin(
        row, fed, 0, m, bank.max_buckets, <double>bank.min_window_length, bank.grace_period, cut
    )
    while at >= 0:
        if not fabs(cut.mean) / channel.scale <= channel.gate:
            return at
        if at + 1 >= m:
            return -1
        at = feed_adwin(
            row, fed, at + 1, m, bank.max_buckets, <double>bank.min_window_length, bank.grace_period, cut
        )
    return -1


cdef void watch(
    Channel* channel, AdwinBank adwin, PageHinkleyBank bank, const uint16_t* cells, Py_ssize_t n, Verdict* verdict
) noexcept nogil:
    """Feed a channel's detectors until one fires: the earliest, and at one value Page-Hinkley before GLR before ADWIN.

    Each goes only as far as those before it came.  Which of them was ahead does not show: opening resets them all.
    """
    cdef double y[CHUNK]
    cdef double z[CHUNK]
    cdef double fed[CHUNK]
    cdef Py_ssize_t places[CHUNK]
    cdef double denominator = channel.denominator * <double>channel.block
    cdef double mean = channel.mean, sd = channel.sd, scale = channel.scale
    cdef AdwinRow* row = &adwin.rows[channel.adwin]
    cdef PageHinkleyRow* recursions = &bank.rows[channel.page_hinkley]
    cdef Cut cut
    cdef Py_ssize_t at = 0, m, found, i
    cdef int which
    cdef bint any_one
    verdict.detector = 0
    while at < n:
        any_one = False
        m = gather(channel, cells, &at, n, y, places, &any_one)
        if m == 0:
            continue
        for i in range(m):
            z[i] = (y[i] / denominator - mean) / sd
        for i in range(m):
            fed[i] = z[i] * scale
        found = cut_that_matters(channel, row, fed, m, adwin, &cut)
        if found >= 0:
            verdict.detector = ADWIN
            verdict.place = places[found]
            verdict.up = cut.difference > 0
            verdict.statistic = fabs(cut.difference)
            verdict.threshold = cut.epsilon
            verdict.length = cut.newer * channel.block
            m = found + 1
        found = feed_page_hinkley(recursions, z, 0, m, bank.min_instances)
        if found >= 0:
            which = fired_of(recursions, bank.min_instances)
            verdict.detector = PAGE_HINKLEY
            verdict.place = places[found]
            verdict.up = which % 2 == 0
            verdict.statistic = statistic_of(recursions, which)
            verdict.threshold = recursions.threshold[which]
            verdict.length = max(1, recursions.fed - recursions.sat[which]) * channel.block
            m = found + 1
        if channel.glr != NULL:
            found = events_that_tell(channel.glr, y, m if any_one else 0)
            channel.glr.seen += m if found < 0 else found + 1
            if found >= 0 and (verdict.detector != PAGE_HINKLEY or found < m - 1):
                verdict.detector = GLR
                verdict.place = places[found]
                verdict.up = True
                verdict.statistic = channel.glr.statistic
                verdict.threshold = channel.glr.threshold
                verdict.length = channel.glr.since
        if verdict.detector:
            return


cdef Py_ssize_t events_that_tell(GlrRow* glr, const double* y, Py_ssize_t m) noexcept nogil:
    """Count the ones among m values of an indicator; index of the one that reveals a change, or -1."""
    cdef Py_ssize_t i
    for i in range(m):
        if y[i] == 1.0 and count_event(glr, glr.seen + i + 1):
            return i
    return -1


cdef class ClosedChannels:
    """The channels of a regime as plain data over its banks; see `_closed.pyi`."""

    cdef AdwinBank adwin
    cdef PageHinkleyBank page_hinkley
    cdef Channel* channels
    cdef Py_ssize_t count
    cdef list kept  # what is behind the pointers
    cdef readonly Py_ssize_t resting  # channels that are not closed
    cdef Py_ssize_t size

    def __cinit__(self, AdwinBank adwin not None, PageHinkleyBank page_hinkley not None):
        self.adwin = adwin
        self.page_hinkley = page_hinkley
        self.channels = NULL
        self.count = 0
        self.size = 0
        self.kept = []
        self.resting = 0

    def __dealloc__(self):
        free(self.channels)

    def __len__(self):
        return self.count

    cdef Channel* _at(self, Py_ssize_t index) except NULL:
        if not 0 <= index < self.count:
            raise IndexError(f"index: expected 0 to {self.count - 1}, found {index}")
        return &self.channels[index]

    def add(self, numerators, plan, Py_ssize_t adwin, Py_ssize_t page_hinkley, Glr glr=None):
        cdef const int8_t[::1] tiny
        cdef const int16_t[::1] short_
        cdef const int32_t[::1] narrow
        cdef const int64_t[::1] wide
        cdef Channel channel
        channel.tiny = NULL
        channel.short_ = NULL
        channel.narrow = NULL
        channel.wide = NULL
        if numerators.dtype == "int8":
            tiny = numerators
            channel.tiny = &tiny[0]
        elif numerators.dtype == "int16":
            short_ = numerators
            channel.short_ = &short_[0]
        elif numerators.dtype == "int32":
            narrow = numerators
            channel.narrow = &narrow[0]
        else:
            wide = numerators
            channel.wide = &wide[0]
        if self.count and len(numerators) != self.size:
            raise ValueError(f"numerators: expected {self.size}, found {len(numerators)}")
        self.adwin._row(adwin)
        self.page_hinkley._row(page_hinkley)
        channel.denominator = plan.table.denominator
        channel.mean, channel.sd = plan.mean, plan.sd
        channel.scale, channel.gate = plan.adwin_scale, plan.gate
        channel.block = plan.block
        channel.carry = channel.filled = 0
        channel.adwin, channel.page_hinkley = adwin, page_hinkley
        channel.glr = NULL if glr is None else &glr.row
        channel.closed = True
        cdef Channel* channels = <Channel*>realloc(self.channels, (self.count + 1) * sizeof(Channel))
        if channels == NULL:
            raise MemoryError()
        self.channels = channels
        self.size = len(numerators)
        self.channels[self.count] = channel
        self.kept.append((numerators, glr))
        self.count += 1
        return self.count - 1

    def window(self, Py_ssize_t index):
        cdef Channel* channel = self._at(index)
        return channel.carry, channel.filled

    def set_window(self, Py_ssize_t index, int64_t carry, int64_t filled):
        cdef Channel* channel = self._at(index)
        channel.carry = carry
        channel.filled = filled

    def pack(self, Py_ssize_t index):
        cdef Channel* channel = self._at(index)
        cdef Own own
        own.carry, own.filled = channel.carry, channel.filled
        fill_packed(self.page_hinkley._row(channel.page_hinkley), &own.page_hinkley)
        return (<char*>&own)[: sizeof(Own)] + pack_adwin(self.adwin._row(channel.adwin), self.adwin.max_buckets)

    def unpack(self, Py_ssize_t index, const uint8_t[::1] packed):
        cdef Channel* channel = self._at(index)
        cdef Own own
        cdef Py_ssize_t size = packed.shape[0] - <Py_ssize_t>sizeof(Own)
        if size <= 0:
            raise ValueError(f"channel {index}: expected more than {sizeof(Own)} bytes, found {packed.shape[0]}")
        memcpy(&own, &packed[0], sizeof(Own))
        self.page_hinkley._unpack(self.page_hinkley._row(channel.page_hinkley), <const uint8_t*>&own.page_hinkley)
        if self.adwin._unpack(self.adwin._row(channel.adwin), &packed[sizeof(Own)], size) != size:
            raise ValueError(f"channel {index}: expected one row of each detector, found more")
        channel.carry, channel.filled = own.carry, own.filled

    def open(self, Py_ssize_t index):
        cdef Channel* channel = self._at(index)
        clear(self.adwin._row(channel.adwin))
        rewind(self.page_hinkley._row(channel.page_hinkley))
        if channel.glr != NULL:
            clear_glr(channel.glr)
        channel.carry = channel.filled = 0
        self.rest(index)

    def close(self, Py_ssize_t index):
        cdef Channel* channel = self._at(index)
        channel.carry = channel.filled = 0
        self.resting -= not channel.closed
        channel.closed = True

    def rest(self, Py_ssize_t index):
        cdef Channel* channel = self._at(index)
        self.resting += channel.closed
        channel.closed = False

    def advance(self, const uint16_t[::1] cells):
        found = []
        cdef Py_ssize_t index
        for index in range(self.count):
            if self.channels[index].closed:
                told = self._advance(index, cells)
                if told is not None:
                    found.append(told)
        return found

    def advance_one(self, Py_ssize_t index, const uint16_t[::1] cells):
        self._at(index)
        return self._advance(index, cells)

    cdef object _advance(self, Py_ssize_t index, const uint16_t[::1] cells):
        cdef Channel* channel = &self.channels[index]
        cdef Verdict verdict
        cdef Py_ssize_t n = cells.shape[0]
        if n == 0:
            return None
        self.adwin._row_for(channel.adwin, n, 0)
        self.page_hinkley._row(channel.page_hinkley)
        with nogil:
            watch(channel, self.adwin, self.page_hinkley, &cells[0], n, &verdict)
        if not verdict.detector:
            return None
        direction = "up" if verdict.up else "down"
        detail = DETECTORS[verdict.detector], direction, verdict.statistic, verdict.threshold, verdict.length
        return index, verdict.place, detail
