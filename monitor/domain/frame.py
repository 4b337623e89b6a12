"""Frames: micro-batches of one model version as columns, the only thing input and statistics share.

A cell of a frame is classified once, by the format that read it, into one of the `Cell` codes; whether a number or
a text is *usable* is the stream's business (it knows its type), so a column keeps both readings side by side:

    cells    [ NUMBER, TEXT, NULL, ABSENT, NON_FINITE ]
    numbers  [  12.5 ,  NaN,  NaN,   NaN ,    NaN     ]
    texts    [   -1  ,   0 ,  -1 ,   -1  ,    -1      ]     labels = ("FR",)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from monitor.domain.keys import Kind, ModelKey

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Offsets = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


class Cell(IntEnum):
    """What a format found at one (row, feature) of its input."""

    ABSENT = 0  #: the key was not there
    NULL = 1  #: the key was there without a value
    NUMBER = 2  #: a finite number of magnitude at most 1e300, in `numbers`
    TEXT = 3  #: a string (or a boolean, as "true"/"false"), in `texts`
    NON_FINITE = 4  #: NaN, an infinity, or a number beyond 1e300
    WRONG_TYPE = 5  #: neither a scalar nor null: a list, an object


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """All cells of one feature (or prediction) in a frame; arrays have one entry a row.

    numbers: float64, NaN unless the cell is `NUMBER`.  texts: int32 index into `labels`, −1 unless the cell is `TEXT`;
    None when the column holds no text at all.
    """

    feature: str
    kind: Kind
    cells: Bytes
    numbers: Floats
    texts: Codes | None = None
    labels: Sequence[str] = ()

    @property
    def present(self) -> Mask:
        """Was the key there?"""
        return np.not_equal(self.cells, 0)  # ABSENT; the member's value would be looked up anew each time


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """Events of one model version from one topic, in the order they were read.

    event_time: float64 seconds since the epoch, NaN where neither the event nor its record has a time.
    has_features: did the event carry features at all?  (An absent key is a missing value only in such a row.)
    row: position inside its message, for messages that hold several events; else 0.
    segments: per row, the event's segment labels as given; None when no event carried any.
    features_only: per row, has such an event no place for predictions?  (A request that is logged apart from its
    response has none, so their absence from it says nothing.)  None when every event has.
    """

    model: ModelKey
    topic: str
    columns: Sequence[Column]
    event_time: Floats
    has_features: Mask
    event_id: Sequence[str]
    partition: Codes
    offset: Offsets
    row: Codes
    segments: Sequence[dict[str, str] | None] | None = None
    features_only: Mask | None = None

    def __len__(self) -> int:
        return len(self.event_time)

    def expects(self, kind: Kind) -> Mask:
        """Rows in which the absence of a key of this kind may mean that its value is missing."""
        if kind == "feature" or self.features_only is None:
            return self.has_features
        return self.has_features & ~self.features_only


@dataclass(frozen=True, slots=True, eq=False)
class MessageBatch:
    """Raw messages of one topic as parallel sequences, in the order they were read.

    values: message bodies, None for a tombstone.  timestamps: record timestamps in seconds, NaN where unknown.
    headers: per message a tuple of (name, bytes) pairs, or None when no message of the batch has headers.
    keys: per message, or None when nobody asked for them.
    """

    topic: str
    values: Sequence[bytes | None]
    partitions: Sequence[int]
    offsets: Sequence[int]
    timestamps: Sequence[float]
    headers: Sequence[tuple[tuple[str, bytes | None], ...]] | None = None
    keys: Sequence[bytes | None] | None = None

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Reject:
    """A message (or one event inside it) that could not be used: where, why, and what was expected and found."""

    topic: str
    partition: int
    offset: int
    reason: str  #: one of `monitor.formats.REASONS`
    expected: str
    found: str  #: bounded to 200 characters
    row: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """What a format made of a batch; messages = accepted + ignored + rejected, where a message counts once.

    accepted: messages that gave at least one event to a frame and were rejected in no part; ignored: messages that
    are understood but hold nothing to watch (a label, for now).  A message rejected in part counts as rejected; its
    good rows are in the frames all the same.
    """

    frames: Sequence[Frame]
    rejects: Sequence[Reject]
    accepted: int
    ignored: int
