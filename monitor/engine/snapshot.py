"""Snapshots: a model's state as bytes, canonical, versioned and sealed.

    {"version": 2, "checksum": CRC-32 of "state", "state": msgpack of plain data and raw arrays}

The version is read before anything else, so that a snapshot of another release is refused by its name; the checksum
tells damage from data, for a flipped bit inside an array would still look like one.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from monitor.detectors.adwin import AdwinBank
from monitor.detectors.page_hinkley import PageHinkleyBank
from monitor.detectors.rows import in_order
from monitor.domain.errors import StateError
from monitor.domain.keys import ModelKey
from monitor.engine.channel import Banks
from monitor.engine.views import ModelView

VERSION = 2  #: of the state; older ones are taken over, others refused


@dataclass(frozen=True, slots=True)
class ModelSnapshot:
    """A model's state as it was at one moment; nothing that happens to the model later shows in it.

    counts: what it counts, as a view without anything that has to be worked out.
    """

    sealed: bytes
    counts: ModelView

    def encode(self) -> bytes:
        """The bytes of the snapshot; on any thread."""
        return self.sealed


def seal(state: Mapping[str, Any]) -> bytes:
    """Bytes of plain data; equal data gives equal bytes."""
    body = msgspec.msgpack.encode(state, order="deterministic")
    return msgspec.msgpack.encode({"version": VERSION, "checksum": zlib.crc32(body), "state": body})


def unseal(key: ModelKey, sealed: bytes) -> Mapping[str, Any]:
    """The plain data of a model's snapshot.  Raises StateError if it is another version's, cut off or damaged."""
    try:
        outer = msgspec.msgpack.decode(sealed)
        version, body = outer["version"], outer.get("state")
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise StateError(f"state of {key}: expected a snapshot of version {VERSION}, found unreadable data") from error
    if not isinstance(version, int) or (version != VERSION and version not in _MIGRATIONS):
        raise StateError(f"state of {key}: expected version {VERSION}, found {version!r}; it is left as it is")
    if not isinstance(body, bytes) or zlib.crc32(body) != outer.get("checksum"):
        raise StateError(f"state of {key}: expected a whole snapshot, found one whose checksum is another")
    try:
        state = msgspec.msgpack.decode(body)
    except msgspec.DecodeError as error:
        raise StateError(f"state of {key}: damaged snapshot ({error})") from error
    if not isinstance(state, dict):
        raise StateError(f"state of {key}: expected an object, found {type(state).__name__}")
    plain: dict[str, Any] = state
    for older in range(version, VERSION):
        try:
            plain = _MIGRATIONS[older](plain)
        except (LookupError, TypeError, ValueError) as error:
            raise StateError(f"state of {key}: damaged snapshot of version {older} ({error})") from error
    return plain


def _from_1(state: dict[str, Any]) -> dict[str, Any]:
    """Version 1 did not say when a stream was seen last: as of now, so that none is forgotten too early; and nothing
    was inherited."""
    return {**state, "bequests": [], "seen": [[kind, feature, state["clock"]] for kind, feature, _ in state["streams"]]}


#: from each older version to the next
_MIGRATIONS: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _from_1}


def dump_banks(banks: Banks, streams: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The detectors of dumped streams, in the order of the streams, which are told their new rows.

    Which rows a bank gave out depends on which stream asked first, and so on how the input was cut into frames.
    """
    adwin: list[int] = []
    page_hinkley: list[int] = []
    for channel in _channels(streams):
        rows = channel["rows"]
        channel["rows"] = [len(adwin), len(page_hinkley)]
        adwin.append(rows[0])
        page_hinkley.append(rows[1])
    return {
        "adwin": _pack(in_order(banks.adwin.dump(), adwin)),
        "page_hinkley": _pack(in_order(banks.page_hinkley.dump(), page_hinkley)),
    }


def _channels(streams: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for stream in streams:
        for regime in (stream["regime"], stream["relearned"]):
            if regime is not None:
                yield from (channel for _, channel in sorted(regime["channels"].items()))


def load_banks(state: Mapping[str, Any]) -> Banks:
    """The banks of a snapshot.  Raises ValueError, KeyError or TypeError if they do not fit."""
    banks = Banks(AdwinBank(), PageHinkleyBank())
    banks.adwin.load(_unpack(state["adwin"]))
    banks.page_hinkley.load(_unpack(state["page_hinkley"]))
    return banks


def _pack(arrays: Mapping[str, npt.NDArray[np.generic]]) -> dict[str, Any]:
    """Arrays as (type, shape, bytes)."""
    return {name: [array.dtype.str, list(array.shape), array.tobytes()] for name, array in arrays.items()}


def _unpack(packed: Mapping[str, Any]) -> dict[str, npt.NDArray[np.generic]]:
    found = {}
    for name, (kind, shape, data) in packed.items():
        found[name] = np.frombuffer(data, dtype=np.dtype(kind)).reshape(shape).copy()
    return found
