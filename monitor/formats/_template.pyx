# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Messages that match a learned template, from their bytes into columns; `_template.pyi` documents it.

A template is the text of one event with its scalars left open:

    {"event_id":▢,"model":▢,"features":{"amount":▢,"country":▢}}

A message matches when the text between the scalars is the same byte for byte and every ▢ holds one JSON scalar: then it
is the same JSON but for these scalars, whatever they are.  Whatever this file does not read to the letter as the
ordinary decoder does, ends the attempt and leaves the message unread.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.math cimport NAN
from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy

import numpy as np

from monitor.formats._scan cimport Number, Text, moment, number_time, past_number, past_string, past_word
from monitor.formats._texts cimport TextTable

cdef enum:
    # what a scalar is to the event: `monitor.formats.templates.Role`
    IGNORED, VALUE, KEY, ID, TIME, NULL_ONLY

cdef enum:
    # `monitor.domain.frame.Cell`
    CELL_ABSENT, CELL_NULL, CELL_NUMBER, CELL_TEXT

cdef enum:
    KEY_BYTES = 1024
    MOST_BYTES = 1 << 24  # json_text.MAX_MESSAGE_BYTES
    AHEAD_SECONDS = 3600  # scalars.MAX_AHEAD_SECONDS

cdef struct Slot:
    const uint8_t* literal
    Py_ssize_t length
    int role
    int lane


cdef class Template:
    """literals: the texts before each scalar, and the one after the last; roles, lanes: of each scalar."""

    cdef Slot* slots
    cdef readonly Py_ssize_t size
    cdef object literals
    cdef const uint8_t* tail
    cdef Py_ssize_t tail_length
    cdef bint needs_value
    cdef readonly object note
    cdef public long hits

    def __cinit__(self, list literals, list roles, list lanes, bint needs_value, object note):
        cdef Py_ssize_t i
        self.size = len(roles)
        if len(literals) != self.size + 1 or len(lanes) != self.size:
            raise ValueError(f"literals, lanes: expected {self.size + 1} and {self.size} entries")
        self.slots = <Slot*>calloc(max(1, self.size), sizeof(Slot))
        if self.slots == NULL:
            raise MemoryError
        self.literals = literals  # keeps the bytes that the slots point into
        for i in range(self.size):
            self.slots[i].literal = <const uint8_t*>PyBytes_AS_STRING(<bytes?>literals[i])
            self.slots[i].length = PyBytes_GET_SIZE(literals[i])
            self.slots[i].role = roles[i]
            self.slots[i].lane = lanes[i]
        self.tail = <const uint8_t*>PyBytes_AS_STRING(<bytes?>literals[self.size])
        self.tail_length = PyBytes_GET_SIZE(literals[self.size])
        self.needs_value = needs_value
        self.note = note
        self.hits = 0

    def __dealloc__(self):
        free(self.slots)


cdef struct Lanes:
    # arrays of lanes × messages; rows: of the lane's texts in `codes`, −1 if it has none
    uint8_t* cells
    double* numbers
    int32_t* codes
    int32_t* text_row
    Py_ssize_t length


cdef bint _read(
    Template template, const Lanes* lanes, Py_ssize_t row, Text at, Text end, double recorded,
    double* time, int32_t* id_span, uint8_t* key, Py_ssize_t* key_length, void** table_of,
) noexcept nogil:
    """Read one message into its row; False if it does not match, with rubbish in the row."""
    cdef Slot* slot
    cdef Number number
    cdef Text start, begin = at
    cdef Py_ssize_t i, cell
    cdef bint any_value = False
    cdef int32_t code
    cdef uint8_t kind
    time[0] = recorded
    id_span[0] = id_span[1] = 0
    for i in range(template.size):
        slot = &template.slots[i]
        if end - at <= slot.length or memcmp(at, slot.literal, slot.length) != 0:
            return False
        at += slot.length
        start = at
        kind = at[0]
        if kind == c'"':
            at = past_string(at + 1, end)
            if at == NULL:
                return False
            at += 1
        elif kind == c'n' or kind == c't' or kind == c'f':
            at = past_word(at, end)
        else:
            at = past_number(at, end, &number)
        if at == NULL:
            return False
        if slot.role == VALUE:
            cell = slot.lane * lanes.length + row
            if kind == c'n':
                lanes.cells[cell] = CELL_NULL
                continue
            any_value = True
            if kind != c'"' and kind != c't' and kind != c'f':
                lanes.cells[cell] = CELL_NUMBER
                lanes.numbers[cell] = number.value
                continue
            if lanes.text_row[slot.lane] < 0:
                return False
            if kind == c'"':
                code = (<TextTable>table_of[lanes.text_row[slot.lane]]).find(start + 1, at - start - 2)
            else:
                code = (<TextTable>table_of[lanes.text_row[slot.lane]]).find(start, at - start)
            if code < 0:
                return False
            lanes.cells[cell] = CELL_TEXT
            lanes.codes[lanes.text_row[slot.lane] * lanes.length + row] = code
        elif slot.role == KEY:
            if key_length[0] + (at - start) + 1 > KEY_BYTES:
                return False
            memcpy(key + key_length[0], start, at - start)
            key[key_length[0] + (at - start)] = c','
            key_length[0] += at - start + 1
        elif slot.role == ID:
            id_span[0], id_span[1] = <int32_t>(start - begin), <int32_t>(at - begin)
        elif slot.role == TIME:
            if kind == c'"':
                if not moment(start + 1, at - start - 2, time):
                    return False
            elif kind == c't' or kind == c'f':
                return False
            elif kind != c'n' and not number_time(&number, time):
                return False
            if time[0] > recorded + AHEAD_SECONDS:
                return False
        elif slot.role == NULL_ONLY and kind != c'n':
            return False
    if end - at != template.tail_length or memcmp(at, template.tail, template.tail_length) != 0:
        return False
    return any_value or not template.needs_value


cdef void _wipe(Template template, const Lanes* lanes, Py_ssize_t row) noexcept nogil:
    """Undo what an attempt may have left in a row."""
    cdef Py_ssize_t i, cell
    for i in range(template.size):
        if template.slots[i].role == VALUE:
            cell = template.slots[i].lane * lanes.length + row
            lanes.cells[cell] = CELL_ABSENT
            lanes.numbers[cell] = NAN
            if lanes.text_row[template.slots[i].lane] >= 0:
                lanes.codes[lanes.text_row[template.slots[i].lane] * lanes.length + row] = -1


def scan(list values, const double[::1] recorded, list templates, TextTable keys, list tables, dict into):
    cdef Py_ssize_t n = len(values), count = len(templates), i, attempt, which, newest = 0, matched = 0
    cdef uint8_t[:, ::1] cells = into["cells"]
    cdef double[:, ::1] numbers = into["numbers"]
    cdef int32_t[:, ::1] codes = into["codes"]
    cdef int32_t[::1] text_row = into["text_row"]
    cdef double[::1] time = into["time"]
    cdef int32_t[:, ::1] spans = into["spans"]
    cdef int32_t[::1] key_code = into["keys"]
    cdef Py_ssize_t lanes_count = cells.shape[0]
    _check(n, recorded.shape[0], into, templates, tables)
    cdef Lanes lanes
    lanes.cells = &cells[0, 0] if lanes_count and n else NULL
    lanes.numbers = &numbers[0, 0] if lanes_count and n else NULL
    lanes.codes = &codes[0, 0] if codes.shape[0] and n else NULL
    lanes.text_row = &text_row[0] if lanes_count else NULL
    lanes.length = n
    cdef uint8_t key[KEY_BYTES]
    cdef Py_ssize_t key_length
    cdef void** table_of = <void**>malloc(max(1, len(tables)) * sizeof(void*))
    cdef void** plans = <void**>malloc(max(1, count) * sizeof(void*))
    cdef const uint8_t** texts = <const uint8_t**>malloc(max(1, n) * sizeof(void*))
    cdef Py_ssize_t* lengths = <Py_ssize_t*>malloc(max(1, n) * sizeof(Py_ssize_t))
    cdef long* hits = <long*>calloc(max(1, count), sizeof(long))
    cdef object value
    try:
        if table_of == NULL or plans == NULL or texts == NULL or lengths == NULL or hits == NULL:
            raise MemoryError
        for i in range(len(tables)):
            table_of[i] = <void*>tables[i]
        for i in range(count):
            plans[i] = <void*>templates[i]
        for i in range(n):
            value = values[i]
            texts[i] = NULL
            if value is not None:
                texts[i] = <const uint8_t*>PyBytes_AS_STRING(<bytes?>value)
                lengths[i] = PyBytes_GET_SIZE(value)
        with nogil:
            for i in range(n):
                key_code[i] = -1
                if texts[i] == NULL or lengths[i] > MOST_BYTES:
                    continue
                for attempt in range(count):
                    # producers come in runs, so the template that matched last is tried first
                    which = newest if attempt == 0 else attempt - 1 if attempt <= newest else attempt
                    key[0] = <uint8_t>which
                    key_length = 1
                    if _read(
                        <Template>plans[which], &lanes, i, texts[i], texts[i] + lengths[i], recorded[i],
                        &time[i], &spans[i, 0], key, &key_length, table_of,
                    ):
                        key_code[i] = keys.find(key, key_length)
                        if key_code[i] >= 0:
                            newest = which
                            hits[which] += 1
                            matched += 1
                            break
                    _wipe(<Template>plans[which], &lanes, i)
        for i in range(count):
            (<Template>templates[i]).hits += hits[i]
    finally:
        free(table_of)
        free(plans)
        free(texts)
        free(lengths)
        free(hits)
    return matched


def _check(n, recorded, into, templates, tables):
    """What the loop relies on to stay inside its arrays."""
    lanes, text_lanes = into["cells"].shape[0], into["codes"].shape[0]
    if recorded != n or into["time"].shape != (n,) or into["keys"].shape != (n,) or into["spans"].shape != (n, 2):
        raise ValueError(f"recorded, time, keys, spans: expected {n} entries as values has")
    if into["cells"].shape != (lanes, n) or into["numbers"].shape != (lanes, n) or into["codes"].shape[1] != n:
        raise ValueError(f"cells, numbers, codes: expected arrays of lanes by {n} messages")
    if into["text_row"].shape != (lanes,) or text_lanes != len(tables):
        raise ValueError(f"text_row, tables: expected {lanes} and {text_lanes} entries")
    if lanes and not -1 <= into["text_row"].min() <= into["text_row"].max() < text_lanes:
        raise ValueError(f"text_row: expected entries from -1 to {text_lanes - 1}")
    if len(templates) > 255:
        raise ValueError(f"templates: expected at most 255, found {len(templates)}")
    for table in tables:
        if not isinstance(table, TextTable):
            raise TypeError("tables: expected tables of texts")
    cdef Py_ssize_t i
    cdef Template template
    for template in templates:
        for i in range(template.size):
            if template.slots[i].role == VALUE and not 0 <= template.slots[i].lane < lanes:
                raise ValueError(f"templates: expected lanes from 0 to {lanes - 1}, found {template.slots[i].lane}")


def kinds(const uint8_t[:, ::1] cells, const int64_t[::1] bounds):
    cdef Py_ssize_t groups = bounds.shape[0] - 1, lanes = cells.shape[0], g, lane, i
    found = np.zeros((max(0, groups), lanes), np.uint8)
    cdef uint8_t[:, ::1] out = found
    cdef uint8_t seen
    if groups < 1 or bounds[0] < 0 or bounds[groups] > cells.shape[1]:
        raise ValueError(f"bounds: expected ends of groups within 0 to {cells.shape[1]}")
    for g in range(groups):
        if bounds[g] > bounds[g + 1]:
            raise ValueError("bounds: expected ends of groups in ascending order")
    with nogil:
        for lane in range(lanes):
            for g in range(groups):
                seen = 0
                for i in range(bounds[g], bounds[g + 1]):
                    seen |= <uint8_t>1 << (cells[lane, i] & 7)
                out[g, lane] = seen
    return found


def renumber(int32_t[::1] codes, Py_ssize_t known):
    cdef int32_t* own = <int32_t*>malloc(max(1, known) * sizeof(int32_t))
    cdef Py_ssize_t i
    cdef int32_t code, met = 0
    if own == NULL:
        raise MemoryError
    used = []
    try:
        for i in range(known):
            own[i] = -1
        for i in range(codes.shape[0]):
            code = codes[i]
            if code < 0:
                continue
            if code >= known:
                raise ValueError(f"codes: expected less than {known}, found {code}")
            if own[code] < 0:
                own[code] = met
                met += 1
                used.append(code)
            codes[i] = own[code]
    finally:
        free(own)
    return used
