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

import msgspec

from monitor.domain.errors import StateError

#: raised with every change of what is written here; an unknown one is refused, never wiped
FORMAT_VERSION = 1
#: far below the smallest message limit that brokers come with (1 MiB), so that batches have room for company
CHUNK_BYTES = 512 * 1024

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


def join(records: Mapping[bytes, bytes], place: str) -> Iterator[tuple[Name, bytes, int]]:
    """Every blob among the newest records of a partition: name, contents, number of chunks.

    place: the topic and partition, for messages.  Raises StateError for anything that is not exactly what was written.
    """
    found: dict[Name, dict[int, _Chunk]] = {}
    for key, value in records.items():
        name, index = _name(key, place)
        chunk = _read(value, name, place)
        if chunk.index != index:
            raise StateError(f"{place}: the record {key!r} holds chunk {chunk.index}, expected {index}; it is damaged")
        found.setdefault(name, {})[index] = chunk
    for name, chunks in found.items():
        first = next(iter(chunks.values()))
        blob = b"".join(chunks[index].content for index in sorted(chunks))
        if sorted(chunks) != list(range(first.count)) or first.digest != _digest(name, blob):
            raise StateError(f"{place}: the state under {'/'.join(name)} is damaged: its digest does not fit")
        yield name, blob, len(chunks)


def _name(key: bytes, place: str) -> tuple[Name, int]:
    try:
        *name, index = msgspec.json.decode(key, type=list[str | int])
    except (msgspec.DecodeError, ValueError) as error:
        raise StateError(f"{place}: expected only driftgauge's own records, found one with the key {key!r}") from error
    if not isinstance(index, int) or not all(isinstance(part, str) for part in name):
        raise StateError(f"{place}: expected only driftgauge's own records, found one with the key {key!r}")
    return tuple(map(str, name)), index


def _read(value: bytes, name: Name, place: str) -> _Chunk:
    try:
        found = msgspec.msgpack.decode(value, type=_Format).format
        if found != FORMAT_VERSION:
            raise StateError(
                f"{place}: expected state format {FORMAT_VERSION}, found {found}: it was written by another version of "
                "driftgauge; run that one, or name another topic in `state.topic` to start anew"
            )
        return msgspec.msgpack.decode(value, type=_Chunk)
    except msgspec.DecodeError as error:
        raise StateError(f"{place}: the state under {'/'.join(name)} is damaged: {error}") from error


def _digest(name: Name, blob: bytes) -> bytes:
    digest = hashlib.blake2b(msgspec.json.encode(name), digest_size=16)
    digest.update(b"\x00")
    digest.update(blob)
    return digest.digest()
