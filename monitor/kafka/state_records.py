"""State as records of a compacted topic: named blobs, cut into chunks that a broker takes, sealed by a digest.

     ("model", "fraud", "3")  ──▶  key ["model","fraud","3",0]  value [format, 0, 2, digest, bytes…]
                                   key ["model","fraud","3",1]  value [format, 1, 2, digest, bytes…]

The digest is over the name and the whole blob, and every chunk carries it: chunks of two commits never pass for one.
A key is written again by every commit that changes its blob, so compaction keeps the newest; a blob that got shorter,
or is gone, leaves tombstones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from monitor.domain.errors import StateError

#: raised with every change of what is written here; an unknown one is refused, never wiped
FORMAT_VERSION = 1
#: far below the smallest message limit that brokers come with (1 MiB), so that batches have room for company
CHUNK_BYTES = 512 * 1024

#: what helps when a topic's records cannot be read: they are never repaired, and nothing but them is lost
HELP = "stop all members and name another topic in `state.topic` to start anew"

Name = tuple[str, ...]
#: key and value of a record; None is a tombstone
KeyValue = tuple[bytes, bytes | None]


class _Chunk(msgspec.Struct, array_like=True):
    format: int
    index: int
    count: int
    digest: bytes
    content: bytes


class _Format(msgspec.Struct, array_like=True):
    """What every chunk begins with, whatever its format."""

    format: int


def cut(name: Name, blob: bytes, chunk_bytes: int = CHUNK_BYTES) -> list[KeyValue]:
    """The records of a blob; at least one."""
    digest = _digest(name, blob)
    pieces = [blob[start : start + chunk_bytes] for start in range(0, len(blob), chunk_bytes)] or [b""]
    return [
        (key_of(name, index), msgspec.msgpack.encode(_Chunk(FORMAT_VERSION, index, len(pieces), digest, piece)))
        for index, piece in enumerate(pieces)
    ]


def drop(name: Name, indices: Iterable[int]) -> list[KeyValue]:
    """Tombstones for these chunks of a blob."""
    return [(key_of(name, index), None) for index in indices]


def key_of(name: Name, index: int) -> bytes:
    """The key of a chunk."""
    return msgspec.json.encode([*name, index])


@dataclass(frozen=True, slots=True)
class Blob:
    """What a partition holds under one name.  content: None if it is damaged, `damage` says how then; chunks: keys."""

    name: Name
    content: bytes | None
    damage: str
    chunks: int


def join(records: Mapping[bytes, bytes], place: str) -> Iterator[Blob]:
    """Every blob among the newest records of a partition, the damaged ones too.

    place: the topic and partition, for messages.  Raises StateError for records that were never ours, or of a format
    that this version does not know.
    """
    found: dict[Name, dict[int, bytes]] = {}
    for key, value in records.items():
        name, index = _name(key, place)
        _refuse_other_formats(value, place)
        found.setdefault(name, {})[index] = value
    for name, chunks in found.items():
        yield _joined(name, chunks)


def _joined(name: Name, values: Mapping[int, bytes]) -> Blob:
    count = max(values) + 1
    try:
        chunks = {index: msgspec.msgpack.decode(value, type=_Chunk) for index, value in values.items()}
    except msgspec.DecodeError as error:
        return Blob(name, None, str(error), count)
    first = next(iter(chunks.values()))
    content = b"".join(chunks[index].content for index in sorted(chunks))
    whole = sorted(chunks) == list(range(first.count)) and all(chunk.index == at for at, chunk in chunks.items())
    if not whole or first.digest != _digest(name, content):
        return Blob(name, None, "its digest does not fit", count)
    return Blob(name, content, "", count)


def _name(key: bytes, place: str) -> tuple[Name, int]:
    try:
        *name, index = msgspec.json.decode(key, type=list[str | int])
    except (msgspec.DecodeError, ValueError) as error:
        raise StateError(_alien(place, key)) from error
    if not isinstance(index, int) or not all(isinstance(part, str) for part in name):
        raise StateError(_alien(place, key))
    return tuple(map(str, name)), index


def _alien(place: str, key: bytes) -> str:
    return f"{place}: expected only driftgauge's own records, found one with the key {key!r}; {HELP}"


def _refuse_other_formats(value: bytes, place: str) -> None:
    try:
        found = msgspec.msgpack.decode(value, type=_Format).format
    except msgspec.DecodeError:
        return  # damage of one blob, which is its own matter
    if found != FORMAT_VERSION:
        raise StateError(
            f"{place}: expected state format {FORMAT_VERSION}, found {found}: it was written by another version of "
            "driftgauge; run that one, or name another topic in `state.topic` to start anew"
        )


def _digest(name: Name, blob: bytes) -> bytes:
    digest = hashlib.blake2b(msgspec.json.encode(name), digest_size=16)
    digest.update(b"\x00")
    digest.update(blob)
    return digest.digest()
