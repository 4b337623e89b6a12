"""Snapshots: a model's state as bytes, canonical, versioned and sealed.

     head       {"version": 2, "checksum", "state"}    what is the model's own, and the first of its streams
     pieces     {"version": 2, "checksum", "state"}    of a model with many streams, so many of them each
     references                                        named by their contents, written once, shared by all pieces

A store keeps the three apart, so that a checkpoint writes what changed and nothing has to be copied in one go that is
larger than a piece; `join` makes one run of bytes of them, which is what `dump` gives and `load` takes.

The version is read before anything else, so that a snapshot of another release is refused by its name; the checksum
tells damage from data, for a flipped bit inside an array would still look like one; the head names the checksums of the
pieces, so that those of two moments never pass for one.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from monitor.domain.errors import StateError
from monitor.domain.keys import Kind, ModelKey
from monitor.reference import packing
from monitor.reference.reference import StreamReference

VERSION = 2  #: of the state; any other is refused
PIECE_STREAMS = 64  #: streams a piece: some 350 KB, which is encoded and handed over in well under a millisecond


class Encodable(Protocol):
    """Something frozen whose bytes are asked for when they are needed, on any thread."""

    def encode(self) -> bytes: ...


class Parted(Protocol):
    """A model's state as a store keeps it.  parts: what never changes, by the digest of its bytes."""

    @property
    def pieces(self) -> Sequence[bytes]: ...
    @property
    def parts(self) -> Mapping[bytes, Encodable]: ...


class StreamEntry(msgspec.Struct, array_like=True):
    """A stream as its model knows it.  home: its topic.  seen: the model's clock at its newest value."""

    kind: Kind
    feature: str
    home: str | None
    seen: float | None
    has_been_seen: bool
    state: msgspec.Raw


class BequestEntry(msgspec.Struct, array_like=True):
    """What a stream that has not come yet is to inherit; reference: its digest."""

    kind: Kind
    feature: str
    reference: bytes
    per_week: float | None
    streams: int
    reference_id: str


class Head(msgspec.Struct):
    """What is the model's own.  pieces: checksums of those that follow."""

    clock: float | None
    events: int
    births: list[int]
    feature_topics: list[str]
    refused: dict[str, int]
    refused_names: list[tuple[Kind, str]]
    bequests: list[BequestEntry]
    joint: dict[str, Any]
    pieces: list[int]
    streams: list[StreamEntry]


class _Sealed(msgspec.Struct):
    version: Any
    checksum: int = 0
    state: bytes = b""


class _AnyVersion(msgspec.Struct):
    version: Any


class _Either(msgspec.Struct):
    """A sealed piece by itself, or several joined."""

    version: Any
    state: bytes | None = None
    pieces: list[bytes] | None = None
    references: list[bytes] = []


_ENCODER = msgspec.msgpack.Encoder(order="deterministic")


def seal(state: object) -> tuple[bytes, int]:
    """Bytes of plain data, and their checksum; equal data gives equal bytes."""
    body = _ENCODER.encode(state)
    checksum = zlib.crc32(body)
    return _ENCODER.encode({"version": VERSION, "checksum": checksum, "state": body}), checksum


def unseal(key: ModelKey, sealed: bytes, kind: Any) -> tuple[Any, int]:
    """The data of that kind, and their checksum.  Raises StateError if it is another version's, cut off or damaged."""
    outer = _versioned(key, sealed, _Sealed)
    if zlib.crc32(outer.state) != outer.checksum:
        raise StateError(f"state of {key}: expected a whole snapshot, found one whose checksum is another")
    try:
        return msgspec.msgpack.decode(outer.state, type=kind), outer.checksum
    except msgspec.DecodeError as error:
        raise StateError(f"state of {key}: damaged snapshot ({error})") from error


def _versioned(key: ModelKey, data: bytes, kind: Any) -> Any:
    """A container of the present version."""
    try:
        version = msgspec.msgpack.decode(data, type=_AnyVersion).version
        if type(version) is not int or version != VERSION:
            raise StateError(f"state of {key}: expected version {VERSION}, found {version!r}; it is left as it is")
        return msgspec.msgpack.decode(data, type=kind)
    except (msgspec.DecodeError, ValueError) as error:
        raise StateError(f"state of {key}: expected a snapshot of version {VERSION}, found unreadable data") from error


def join(pieces: Sequence[bytes], references: Mapping[bytes, bytes]) -> bytes:
    """The pieces of a state and the references they name, as one; equal ones give equal bytes."""
    if len(pieces) == 1 and not references:
        return pieces[0]
    named = [references[name] for name in sorted(references)]
    return _ENCODER.encode({"version": VERSION, "pieces": list(pieces), "references": named})


def split(key: ModelKey, joined: bytes) -> tuple[Sequence[bytes], Mapping[bytes, bytes]]:
    """What was joined.  Raises StateError if that is another version's, or unreadable."""
    found = _versioned(key, joined, _Either)
    if found.pieces is None:
        return [joined], {}
    if found.state is not None or not found.pieces:
        raise StateError(f"state of {key}: expected a snapshot of version {VERSION}, found unreadable data")
    return found.pieces, {packing.digest(reference): reference for reference in found.references}


class Known:
    """The references that come with a state, each read once, when it is first asked for."""

    def __init__(self, packed: Mapping[bytes, bytes]) -> None:
        self._packed = packed
        self._read: dict[bytes, StreamReference] = {}

    def reference(self, digest: bytes) -> StreamReference:
        """The reference of that name.  Raises LookupError, or ValueError or ProfileError if it is damaged."""
        found = self._read.get(digest)
        if found is None:
            if digest not in self._packed:
                raise LookupError(f"reference: expected one named {digest.hex()}, found none")
            found = self._read[digest] = packing.unpack(self._packed[digest])
        return found
