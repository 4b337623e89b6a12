"""Batches through learned templates; what none of them matches goes through the ordinary decoder, message by message.

    messages ──scan──▶ lanes of cells, by message ──┐
        └──not matched──▶ rows of the decoder ──────┴─▶ sorted by model ──▶ frames

What is remembered between batches (templates, tables of texts) only ever decides how fast a message is read, never how.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from monitor.domain.frame import Codes, Frame, Mask, MessageBatch, Offsets
from monitor.domain.keys import ModelKey
from monitor.formats._template import Template, scan
from monitor.formats._texts import TextTable
from monitor.formats.columns import Positions, Row
from monitor.formats.harvest import Harvest
from monitor.formats.lanes import EventIds, Lanes, Name, Texts
from monitor.formats.rejects import Unusable
from monitor.formats.templates import Learned, NoTemplate

#: templates of a topic; the one that matched least gives way to a new one
MAX_TEMPLATES = 8
#: of a batch, events from which a template is learned
LEARNED_A_BATCH = 2
#: columns that templates may use; beyond it all is learned anew
MAX_LANES = 4_096
#: cells that are scanned at once: 13 bytes each
SCAN_CELLS = 1 << 19
#: fewer messages are quicker read one by one
MIN_MESSAGES = 16
#: distinct texts of a table, and their bytes, beyond which it begins anew with the next batch
MAX_TEXTS, MAX_TEXT_BYTES = 4_096, 1 << 20
#: batches that go without templates after a few that hardly matched any
MAX_REST = 64

#: model, version and row of a message, None for one that is to be ignored; raises Unusable
Read = Callable[[bytes | None, int, Harvest], tuple[str, str, Row] | None]


@dataclass(frozen=True, slots=True)
class _Key:
    """What the scalars of role KEY decide.  group: number of the model version."""

    group: int
    has_features: bool
    segment: dict[str, str] | None


@dataclass(frozen=True, slots=True)
class _Batch:
    """One batch on its way.  group: by message, number of its model version, −1 for none."""

    messages: MessageBatch
    values: list[bytes | None]
    harvest: Harvest
    lanes: Lanes
    group: Codes
    rows: dict[int, Row]


class Scanner:
    """Decodes the batches of one topic.

    read: the ordinary decoder of one message; learn: the template of a message, raises NoTemplate or Unusable;
    event_name: what an event's id amounts to, None if it has none.
    """

    def __init__(self, read: Read, learn: Callable[[bytes], Learned], event_name: Callable[[Any], str | None]) -> None:
        self._read = read
        self._learn = learn
        self._event_name = event_name
        self._rest = self._strikes = 0
        self._forget()

    def _forget(self) -> None:
        self._templates: list[Template] = []
        self._lanes: dict[Name, int] = {}
        self._text_row: list[int] = []  # by lane
        self._texts: list[Texts] = []
        self._forget_keys()

    def _forget_keys(self) -> None:
        self._keys = TextTable()
        self._key_of: list[_Key | None] = []
        self._models: dict[ModelKey, int] = {}

    def takes(self, messages: int) -> bool:
        """Is a batch of this size worth scanning?  Asking counts as one batch."""
        self._rest = max(0, self._rest - 1)
        return not self._rest and messages >= MIN_MESSAGES

    def parts(self, messages: int) -> Iterator[slice]:
        """Parts of a batch whose lanes are not too large."""
        size = max(MIN_MESSAGES, SCAN_CELLS // max(1, len(self._lanes)))
        for start in range(0, messages, size):
            yield slice(start, min(start + size, messages))

    def decode(self, messages: MessageBatch, harvest: Harvest) -> list[Frame]:
        """Frames of a batch in the order in which their models are first met; the harvest takes the rest.

        Raises TooWide, and then the harvest is spoilt.
        """
        values = list(messages.values)
        self._prepare(values)
        lanes = Lanes(list(self._lanes), self._text_row, self._texts, len(values))
        recorded = np.asarray(messages.timestamps, dtype=np.float64)
        tables = [texts.table for texts in self._texts]
        matched = scan(values, recorded, self._templates, self._keys, tables, lanes.arrays)
        batch = _Batch(messages, values, harvest, lanes, self._resolve(values, lanes, harvest), {})
        self._read_others(batch)
        frames = self._frames(batch)
        self._learn_more(batch, matched)
        return frames

    # -- what is remembered ----------------------------------------------------------------------------------------

    def _prepare(self, values: Sequence[bytes | None]) -> None:
        if len(self._lanes) > MAX_LANES:
            self._forget()
        if _is_full(self._keys):
            self._forget_keys()
        self._texts = [Texts() if _is_full(texts.table) else texts for texts in self._texts]
        for template in self._templates:
            template.hits //= 2
        if not self._templates:
            for raw in values[:LEARNED_A_BATCH]:
                self._add_template(raw)

    def _learn_more(self, batch: _Batch, matched: int) -> None:
        """Remember what this batch had that no template knew.

        Scanning what does not match costs a little, so after batches with hardly any match some go without.
        """
        for lane, row in enumerate(batch.lanes.text_row[: len(self._text_row)].tolist()):
            if row >= 0 > self._text_row[lane]:
                self._give_texts(lane)
        for at in list(batch.rows)[:LEARNED_A_BATCH]:
            self._add_template(batch.values[at])
        if matched * 4 >= len(batch.values):
            self._strikes = self._rest = 0
        else:
            self._strikes += 1
            self._rest = min(MAX_REST, 1 << self._strikes)

    def _add_template(self, raw: bytes | None) -> None:
        """Learn from an event, if there is something to be learned."""
        if raw is None:
            return
        try:
            learned = self._learn(raw)
        except (NoTemplate, Unusable):
            return
        if any(template.note == learned for template in self._templates):
            return
        if len(self._templates) == MAX_TEMPLATES:
            least = min(self._templates, key=lambda template: template.hits)
            if least.hits:
                return
            self._templates.remove(least)
            self._forget_keys()  # they name templates by position
        lanes = [-1 if name is None else self._lane(name) for name in learned.names]
        self._templates.append(
            Template(list(learned.literals), list(learned.roles), lanes, learned.needs_value, learned)
        )
        for lane, is_text in zip(lanes, learned.texts, strict=True):
            if lane >= 0 and is_text and self._text_row[lane] < 0:
                self._give_texts(lane)

    def _lane(self, name: Name) -> int:
        lane = self._lanes.setdefault(name, len(self._lanes))
        if lane == len(self._text_row):
            self._text_row.append(-1)
        return lane

    def _give_texts(self, lane: int) -> None:
        self._text_row[lane] = len(self._texts)
        self._texts.append(Texts())

    # -- one batch -------------------------------------------------------------------------------------------------

    def _resolve(self, values: Sequence[bytes | None], lanes: Lanes, harvest: Harvest) -> Codes:
        """Number of each message's model version, −1 for those that are still to be read.

        What the scalars of a key amount to is asked of the ordinary decoder, with the first message that has them.
        """
        known = len(self._key_of)
        if len(self._keys) > known:
            new = np.flatnonzero(lanes.keys >= known)
            codes, first = np.unique(lanes.keys[new], return_index=True)
            at_of = dict(zip(codes.tolist(), new[first].tolist(), strict=True))
            self._key_of += [
                self._ask(values[at_of[code]], at_of[code], harvest) for code in range(known, len(self._keys))
            ]
        groups = np.array([*(-1 if key is None else key.group for key in self._key_of), -1], dtype=np.int32)
        group: Codes = groups[lanes.keys]
        for at in np.flatnonzero((group < 0) & (lanes.keys >= 0)).tolist():
            lanes.wipe(at)
        return group

    def _ask(self, raw: bytes | None, at: int, harvest: Harvest) -> _Key | None:
        try:
            found = self._read(raw, at, harvest)
        except Unusable:
            return None
        if found is None:
            return None
        model, version, row = found
        return _Key(self._group(ModelKey(model, version)), row.features is not None, row.segment)

    def _group(self, model: ModelKey) -> int:
        return self._models.setdefault(model, len(self._models))

    def _read_others(self, batch: _Batch) -> None:
        """Read what matched nothing, message by message, into the lanes."""
        for at in np.flatnonzero(batch.group < 0).tolist():
            try:
                found = self._read(batch.values[at], at, batch.harvest)
            except Unusable as problem:
                batch.harvest.reject(at, problem)
                continue
            if found is None:
                batch.harvest.ignore()
                continue
            model, version, batch.rows[at] = found
            batch.group[at] = self._group(ModelKey(model, version))
        if batch.rows:
            batch.lanes.put(batch.rows)

    def _frames(self, batch: _Batch) -> list[Frame]:
        group, lanes = batch.group, batch.lanes
        order: Offsets = np.argsort(group, kind="stable")
        order = order[np.searchsorted(group[order], 0) :]  # without the messages that gave no row
        if not len(order):
            return []
        has_features, segments = self._by_message(batch)
        lanes.sort(order)
        bounds = np.concatenate([[0], np.flatnonzero(np.diff(group[order])) + 1, [len(order)]]).astype(np.int64)
        positions, models = Positions(batch.messages), list(self._models)
        names = self._event_name, batch.harvest.place_id
        frames: list[tuple[int, Frame]] = []
        edges = bounds.tolist()
        for start, stop, columns in zip(edges, edges[1:], lanes.columns(bounds), strict=False):
            own = order[start:stop]
            frame = Frame(
                model=models[group[own[0]]],
                topic=positions.topic,
                columns=columns,
                event_time=lanes.time[start:stop],
                has_features=has_features[own],
                event_id=EventIds(own, batch.values, lanes.spans, batch.rows, names),
                partition=positions.partitions[own],
                offset=positions.offsets[own],
                row=np.zeros(len(own), dtype=np.int32),
                segments=_segments(segments, own),
            )
            frames.append((int(own[0]), frame))
        return [frame for _, frame in sorted(frames, key=lambda located: located[0])]

    def _by_message(self, batch: _Batch) -> tuple[Mask, list[dict[str, str] | None] | None]:
        """Does each message carry features, and what is its segment?  None where no message has any."""
        keys, known = batch.lanes.keys, self._key_of
        flags = np.array([*(key is not None and key.has_features for key in known), False], dtype=np.bool_)
        has_features = flags[keys]
        for at, row in batch.rows.items():
            has_features[at] = row.features is not None
        own = [*(None if key is None else key.segment for key in known), None]
        if not any(own) and not any(row.segment for row in batch.rows.values()):
            return has_features, None
        segments = list(map(own.__getitem__, keys.tolist()))
        for at, row in batch.rows.items():
            segments[at] = row.segment
        return has_features, segments


def _segments(of_messages: Sequence[dict[str, str] | None] | None, own: Offsets) -> list[dict[str, str] | None] | None:
    """Segments of these messages; None if none of them has any."""
    if of_messages is None:
        return None
    segments = [of_messages[at] for at in own.tolist()]
    return segments if any(segments) else None


def _is_full(table: TextTable) -> bool:
    return len(table) > MAX_TEXTS or table.size_bytes > MAX_TEXT_BYTES
