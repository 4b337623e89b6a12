"""References as bytes and back, for state: made once when a reference is taken up, and written once.

A reference never changes, so what is stored of it has a name that follows from its contents (a digest); state names its
references, and two that are equal are one.  Arrays are raw: a reference is read back in some microseconds, and its
edges stay where they were read.  What people review is a profile, see `codec`.
"""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from monitor.channels.dependence import Dependence
from monitor.channels.partition import EDGES_MOST, CategoryPartition, NumberPartition, Partition, narrow
from monitor.channels.runs import RunStatistics
from monitor.channels.scores import ScoreReference
from monitor.detectors.wald import Units
from monitor.domain.errors import ProfileError
from monitor.domain.keys import StreamType
from monitor.reference.reference import StreamReference

DIGEST_BYTES = 16

_Four = tuple[float, float, float, float]
_ONE, _TWO, _FOUR, _EIGHT = (np.dtype(kind) for kind in ("<u1", "<u2", "<u4", "<i8"))
_WIDTHS = {1: _ONE, 2: _TWO, 4: _FOUR, 8: _EIGHT}


class _Numbers(msgspec.Struct, array_like=True, tag="numbers"):
    """edges: float64.  counts: as wide as the largest needs, `width` bytes each."""

    edges: bytes
    counts: bytes
    width: Literal[1, 2, 4, 8]
    low: int
    high: int


class _Texts(msgspec.Struct, array_like=True, tag="texts"):
    labels: tuple[str, ...]
    rare: list[str]
    counts: list[int]
    singletons: int


class _Scores(msgspec.Struct, array_like=True):
    differences: bool
    partition: _Numbers
    season: tuple[float, ...]
    begin: int
    mean: float
    window_sds: tuple[float, ...]
    independent: bool


class _Reference(msgspec.Struct, array_like=True):
    type: StreamType
    partition: _Numbers | _Texts
    dependence: dict[str, tuple[int, float, float, float, int, float, float]]
    units: dict[str, tuple[_Four, _Four]]
    runs: tuple[float, list[tuple[int, float]], int] | None
    scores: _Scores | None
    observations: int
    kept: int
    required: bool


_ENCODER = msgspec.msgpack.Encoder(order="deterministic")
_DECODER = msgspec.msgpack.Decoder(_Reference)


def pack(reference: StreamReference) -> bytes:
    """Bytes of a reference; equal references give equal bytes."""
    scores, runs = reference.scores, reference.runs
    return _ENCODER.encode(
        _Reference(
            reference.type,
            _pack_partition(reference.partition),
            {
                key: (d.number, d.mean, d.sd, d.correlation, d.block, d.block_sd, d.variance_ratio)
                for key, d in reference.dependence.items()
            },
            {key: (u.slack, u.units) for key, u in reference.units.items()},
            None if runs is None else (runs.overall, sorted(runs.own.items()), runs.longest),
            None if scores is None else _pack_scores(scores),
            reference.observations,
            reference.kept,
            reference.required,
        )
    )


def digest(packed: bytes) -> bytes:
    """The name of a packed reference."""
    return hashlib.blake2b(packed, digest_size=DIGEST_BYTES).digest()


def unpack(packed: bytes) -> StreamReference:
    """The reference that was packed.  Raises ProfileError, ValueError or msgspec's errors if it is none."""
    found = _DECODER.decode(packed)
    scores, runs = found.scores, found.runs
    return StreamReference(
        type=found.type,
        partition=_unpack_numbers(found.partition)
        if isinstance(found.partition, _Numbers)
        else _unpack_texts(found.partition),
        dependence={key: Dependence(*fields) for key, fields in found.dependence.items()},
        units={key: Units(slack, units) for key, (slack, units) in found.units.items()},
        runs=None if runs is None else RunStatistics(runs[0], dict(runs[1]), runs[2]),
        scores=None
        if scores is None
        else ScoreReference(
            scores.differences,
            _unpack_numbers(scores.partition),
            scores.season,
            scores.begin,
            scores.mean,
            scores.window_sds,
            scores.independent,
        ),
        observations=found.observations,
        kept=found.kept,
        required=found.required,
    )


def _pack_scores(scores: ScoreReference) -> _Scores:
    return _Scores(
        scores.differences,
        _pack_numbers(scores.partition),
        scores.season,
        scores.begin,
        scores.mean,
        scores.window_sds,
        scores.independent,
    )


def _pack_partition(partition: Partition) -> _Numbers | _Texts:
    if isinstance(partition, NumberPartition):
        return _pack_numbers(partition)
    return _Texts(partition.labels, sorted(partition.rare), partition.counts.tolist(), partition.singletons)


def _pack_numbers(partition: NumberPartition) -> _Numbers:
    most = int(partition.tally.max())
    width: Literal[1, 2, 4, 8] = 1 if most < 1 << 8 else 2 if most < 1 << 16 else 4 if most < 1 << 32 else 8
    edges = np.asarray(partition.edges, np.dtype("<f8")).tobytes()
    return _Numbers(edges, partition.tally.astype(_WIDTHS[width]).tobytes(), width, partition.low, partition.high)


def _unpack_numbers(packed: _Numbers) -> NumberPartition:
    edges: npt.NDArray[np.float64] = np.frombuffer(packed.edges, np.dtype("<f8"))
    counts = np.frombuffer(packed.counts, _WIDTHS[packed.width])
    if not 1 <= len(edges) <= EDGES_MOST:
        raise ProfileError(f"edges: expected 1 to {EDGES_MOST}, found {len(edges)}")
    if len(counts) != 2 * len(edges) + 2 or not (edges[1:] > edges[:-1]).all():
        raise ProfileError(f"counts: expected 2 × {len(edges)} rising edges + 2 of them, found {len(counts)}")
    if not 0 <= packed.low <= packed.high < len(edges):
        raise ProfileError(f"low, high: expected two of {len(edges)} edges, found {packed.low} and {packed.high}")
    return NumberPartition(edges, narrow(counts), packed.low, packed.high)


def _unpack_texts(packed: _Texts) -> CategoryPartition:
    counts = np.array(packed.counts, dtype=np.int64)
    if len(counts) != len(packed.labels) + 3:
        raise ProfileError(f"counts: expected {len(packed.labels)} labels + 3 of them, found {len(counts)}")
    return CategoryPartition(packed.labels, frozenset(packed.rare), counts, packed.singletons)
