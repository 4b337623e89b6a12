# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""JSON scalars and times, read from bytes without making an object.

Each `past_…` function answers where the scalar ends that begins at `at`, or NULL for whatever it does not read to the
letter as the ordinary parsers do; then nothing may be concluded from the text.  The caller checks `at < end` first.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcmp, memcpy

cdef extern from *:
    """
    typedef unsigned __int128 driftgauge_u128;
    #define DRIFTGAUGE_CLZ(x) __builtin_clzll(x)
    static inline unsigned long long driftgauge_product(
        unsigned long long a, unsigned long long b, unsigned long long* low)
    {
        driftgauge_u128 product = (driftgauge_u128)a * b;
        *low = (unsigned long long)product;
        return (unsigned long long)(product >> 64);
    }
    """
    int clz "DRIFTGAUGE_CLZ" (uint64_t) noexcept nogil
    uint64_t product "driftgauge_product" (uint64_t, uint64_t, uint64_t*) noexcept nogil

cdef enum:
    DIGITS = 19  # the most that fit 64 bits whatever they are
    POWERS = 60  # decimal exponents beyond ±60 are left to the ordinary parsers

cdef uint64_t EVERY = 0x0101010101010101
cdef uint64_t HIGHEST = 0x8080808080808080
cdef double EXACT_POWER[23]
cdef uint64_t FIVE[2 * POWERS + 1][2]


cdef void _fill_powers():
    """The first 128 bits of 5^q, rounded down, for negative q up: what Lemire's algorithm multiplies with."""
    cdef object q, power, bits
    for q in range(23):
        EXACT_POWER[q] = float(10**q)
    for q in range(-POWERS, POWERS + 1):
        power = pow(5, abs(q))
        if q < 0:
            bits = (power - 1).bit_length()
            power = (1 << (bits + 127 if q >= -27 else 2 * bits + 128)) // power + 1
        bits = power.bit_length()
        power = power << (128 - bits) if bits <= 128 else power >> (bits - 128)
        FIVE[q + POWERS][0] = power >> 64
        FIVE[q + POWERS][1] = power & 0xFFFFFFFFFFFFFFFF


_fill_powers()


cdef inline double _nearest(uint64_t digits, int exponent) noexcept nogil:
    """digits · 10^exponent, rounded once: D. Lemire, Number parsing at a gigabyte per second (2021).  digits > 0."""
    cdef int zeros = clz(digits)
    cdef uint64_t low, second_low, high, second, mantissa
    cdef uint64_t bits
    cdef double value
    digits <<= zeros
    high = product(digits, FIVE[exponent + POWERS][0], &low)
    if (high & 0x1FF) == 0x1FF:
        second = product(digits, FIVE[exponent + POWERS][1], &second_low)
        low += second
        if second > low:
            high += 1
    cdef int upper = <int>(high >> 63)
    cdef int shift = upper + 9
    mantissa = high >> shift
    cdef int power = (((152170 + 65536) * exponent) >> 16) + 63 + upper - zeros + 1023
    if low <= 1 and -4 <= exponent <= 23 and (mantissa & 3) == 1 and (mantissa << shift) == high:
        mantissa &= ~<uint64_t>1  # exactly between two doubles: to the even one
    mantissa = (mantissa + (mantissa & 1)) >> 1
    if mantissa >= (<uint64_t>2 << 52):
        mantissa = <uint64_t>1 << 52
        power += 1
    bits = (mantissa & ~(<uint64_t>1 << 52)) | (<uint64_t>power << 52)
    memcpy(&value, &bits, 8)
    return value


cdef Text past_number(Text at, Text end, Number* found) noexcept nogil:
    cdef uint64_t digits = 0
    cdef int count = 0, exponent = 0, given = 0
    cdef bint below = False
    cdef Text mark
    found.negative = at[0] == c'-'
    found.whole = True
    if found.negative:
        at += 1
    if at == end:
        return NULL
    if at[0] == c'0':
        at += 1
    elif c'1' <= at[0] <= c'9':
        while at < end and c'0' <= at[0] <= c'9':
            digits = digits * 10 + (at[0] - c'0')
            count += 1
            at += 1
        if count > DIGITS:
            return NULL
    else:
        return NULL
    if at < end and at[0] == c'.':
        found.whole = False
        at += 1
        mark = at
        while at < end and c'0' <= at[0] <= c'9':
            digits = digits * 10 + (at[0] - c'0')
            if digits:
                count += 1
            at += 1
        if at == mark or count > DIGITS or at - mark > 2 * POWERS:
            return NULL
        exponent = -<int>(at - mark)
    if at < end and (at[0] == c'e' or at[0] == c'E'):
        found.whole = False
        at += 1
        if at < end and (at[0] == c'-' or at[0] == c'+'):
            below = at[0] == c'-'
            at += 1
        mark = at
        while at < end and c'0' <= at[0] <= c'9':
            if at - mark > 4:
                return NULL
            given = given * 10 + (at[0] - c'0')
            at += 1
        if at == mark:
            return NULL
        exponent += -given if below else given
    found.magnitude = digits
    if digits == 0:
        found.value = 0.0
    elif digits <= <uint64_t>1 << 53 and -22 <= exponent <= 22:
        # both are exact, so one operation rounds once (W. Clinger, How to read floating point numbers, 1990)
        found.value = <double>digits / EXACT_POWER[-exponent] if exponent < 0 else <double>digits * EXACT_POWER[exponent]
    elif -POWERS <= exponent <= POWERS:
        found.value = _nearest(digits, exponent)
    else:
        return NULL
    if found.negative and not (digits == 0 and found.whole):  # the integer −0 is 0
        found.value = -found.value
    return at


cdef Text past_string(Text at, Text end) noexcept nogil:
    """`at` is behind the opening quote; the answer is at the closing one.  No escapes; valid UTF-8 or NULL."""
    cdef uint64_t eight, quote, escape
    cdef bint plain = True
    cdef Text start = at
    while end - at >= 8:
        memcpy(&eight, at, 8)
        quote = eight ^ (EVERY * 0x22)
        escape = eight ^ (EVERY * 0x5C)
        # a bit is set if any byte is a quote, a backslash, a control character, or not ASCII
        if (((quote - EVERY) & ~quote) | ((escape - EVERY) & ~escape) | (eight - EVERY * 0x20) | eight) & HIGHEST:
            break
        at += 8
    while at < end:
        if at[0] == 0x22:
            return at if plain or _is_utf8(start, at) else NULL
        if at[0] == 0x5C or at[0] < 0x20:
            return NULL
        if at[0] >= 0x80:
            plain = False
        at += 1
    return NULL


cdef bint _is_utf8(Text at, Text end) noexcept nogil:
    cdef int more
    cdef uint8_t first
    while at < end:
        first = at[0]
        at += 1
        if first < 0x80:
            continue
        more = 1 if 0xC2 <= first <= 0xDF else 2 if 0xE0 <= first <= 0xEF else 3 if 0xF0 <= first <= 0xF4 else 0
        if more == 0 or end - at < more:
            return False
        # no longer form than needed, no half of a surrogate pair, nothing beyond U+10FFFF
        if first == 0xE0 and at[0] < 0xA0 or first == 0xED and at[0] > 0x9F:
            return False
        if first == 0xF0 and at[0] < 0x90 or first == 0xF4 and at[0] > 0x8F:
            return False
        while more:
            if at[0] & 0xC0 != 0x80:
                return False
            at += 1
            more -= 1
    return True


cdef Text past_word(Text at, Text end) noexcept nogil:
    """null, true or false; told apart by their first letter."""
    if end - at >= 4 and (memcmp(at, b"null", 4) == 0 or memcmp(at, b"true", 4) == 0):
        return at + 4
    if end - at >= 5 and memcmp(at, b"false", 5) == 0:
        return at + 5
    return NULL


cdef bint number_time(const Number* number, double* seconds) noexcept nogil:
    """Seconds since the epoch of a number in seconds, milliseconds, microseconds or nanoseconds."""
    cdef double size = -number.value if number.value < 0 else number.value
    cdef int unit
    if number.whole:  # whole numbers are compared as such: a double could step over the limit
        unit = <int>(number.magnitude >= <uint64_t>100000000000)
        unit += <int>(number.magnitude >= <uint64_t>100000000000000)
        unit += <int>(number.magnitude >= <uint64_t>100000000000000000)
    else:
        unit = <int>(size >= 1e11) + <int>(size >= 1e14) + <int>(size >= 1e17)
        if size >= 1e20:
            return False
    seconds[0] = number.value / EXACT_POWER[3 * unit]
    return True


cdef inline int _digits(Text at, int count) noexcept nogil:
    cdef int value = 0, i
    for i in range(count):
        if not c'0' <= at[i] <= c'9':
            return -1000000
        value = value * 10 + (at[i] - c'0')
    return value


cdef bint moment(Text at, Py_ssize_t length, double* seconds) noexcept nogil:
    """`2026-01-01T00:00:00[.ffffff][Z|±hh:mm]` as seconds since the epoch; False for any other form."""
    cdef int64_t days, micros
    cdef int year, month, day, hour, minute, second, fraction = 0, ahead = 0, i, months
    cdef int last
    if length < 19 or at[4] != c'-' or at[7] != c'-' or at[13] != c':' or at[16] != c':':
        return False
    if at[10] != c'T' and at[10] != c' ':
        return False
    year, month, day = _digits(at, 4), _digits(at + 5, 2), _digits(at + 8, 2)
    hour, minute, second = _digits(at + 11, 2), _digits(at + 14, 2), _digits(at + 17, 2)
    if not 1700 <= year <= 2200 or not 1 <= month <= 12 or not 0 <= hour <= 23:
        return False
    if not 0 <= minute <= 59 or not 0 <= second <= 59:
        return False
    last = 30 + ((month + (month >> 3)) & 1)
    if month == 2:
        last = 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    if not 1 <= day <= last:
        return False
    at += 19
    length -= 19
    if length and at[0] == c'.':
        i = 1
        while i < length and c'0' <= at[i] <= c'9':
            if i <= 6:
                fraction = fraction * 10 + (at[i] - c'0')
            i += 1
        if i == 1 or i > 7:
            return False
        for last in range(7 - i):
            fraction *= 10
        at += i
        length -= i
    if length == 6 and (at[0] == c'+' or at[0] == c'-') and at[3] == c':':
        i, last = _digits(at + 1, 2), _digits(at + 4, 2)
        if not 0 <= i <= 23 or not 0 <= last <= 59:
            return False
        ahead = (i * 60 + last) * (1 if at[0] == c'+' else -1)
    elif length and not (length == 1 and at[0] == c'Z'):
        return False
    # days since 1970 in the proleptic Gregorian calendar, counted from a year that begins in March
    months = (month + 9) % 12
    if month <= 2:
        year -= 1
    days = 365 * <int64_t>year + year // 4 - year // 100 + year // 400 + (months * 306 + 5) // 10 + day - 1 - 719468
    micros = (((days * 24 + hour) * 60 + minute - ahead) * 60 + second) * 1000000 + fraction
    seconds[0] = <double>micros / 1e6  # below 2^53, so this rounds once, as dividing the integers does
    return True


def read_number(bytes text):
    """The double a text is read as, None if it is left to the ordinary parser: for tests."""
    cdef Number number
    cdef Text start = <Text><char*>text
    cdef Text end = start + len(text)
    if start == end or past_number(start, end, &number) != end:
        return None
    return number.value


def read_moment(bytes text):
    """Seconds since the epoch of an ISO 8601 text, None if it is left to the ordinary parser: for tests."""
    cdef double seconds
    return seconds if moment(<Text><char*>text, len(text), &seconds) else None


def read_string(bytes text):
    """The text between quotes, None if it is left to the ordinary parser: for tests."""
    cdef Text start = <Text><char*>text
    cdef Text end = start + len(text)
    if len(text) < 2 or start[0] != 0x22 or past_string(start + 1, end) != end - 1:
        return None
    return text[1 : len(text) - 1].decode()
