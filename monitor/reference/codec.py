"""References as plain data and back: what snapshots store and profiles are written from.  Never a pickle.

Whole numbers and floats only, in lists; a float survives msgpack and JSON bit for bit.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from monitor.channels.dependence import Dependence
from monitor.channels.partition import EDGES_MOST, CategoryPartition, NumberPartition, Partition, narrow
from monitor.channels.runs import RunStatistics
from monitor.channels.scores import ScoreReference
from monitor.detectors.wald import Units
from monitor.domain.errors import ProfileError
from monitor.reference.reference import StreamReference


def reference_to_plain(reference: StreamReference) -> dict[str, Any]:
    """Plain data of a reference."""
    scores, runs = reference.scores, reference.runs
    return {
        "type": reference.type,
        "partition": partition_to_plain(reference.partition),
        "dependence": {key: _fields(d) for key, d in reference.dependence.items()},
        "units": {
            key: {"slack": list(u.slack), "units": [_open(x) for x in u.units]} for key, u in reference.units.items()
        },
        "runs": None
        if runs is None
        else {
            "overall": runs.overall,
            "own": [[cell, rate] for cell, rate in runs.own.items()],
            "longest": runs.longest,
        },
        "scores": None
        if scores is None
        else {
            "differences": scores.differences,
            "partition": partition_to_plain(scores.partition),
            "season": list(scores.season),
            "begin": scores.begin,
            "mean": scores.mean,
            "window_sds": list(scores.window_sds),
            "independent": scores.independent,
        },
        "observations": reference.observations,
        "kept": reference.kept,
        "required": reference.required,
    }


def _fields(dependence: Dependence) -> dict[str, float]:
    return {name: getattr(dependence, name) for name in Dependence.__slots__}


def _open(number: float) -> float | None:
    """A threshold that is switched off reads null: JSON has no infinity."""
    return None if math.isinf(number) else number


def partition_to_plain(partition: Partition) -> dict[str, Any]:
    """Plain data of a partition; numbers by edges, texts by labels."""
    counts = partition.counts.tolist()
    if isinstance(partition, NumberPartition):
        return {"edges": partition.edges.tolist(), "counts": counts, "low": partition.low, "high": partition.high}
    rare = sorted(partition.rare)
    return {"labels": list(partition.labels), "rare": rare, "counts": counts, "singletons": partition.singletons}


def partition_from_plain(plain: Mapping[str, Any]) -> Partition:
    """The partition of plain data."""
    counts = np.array(plain["counts"], dtype=np.int64)
    if "edges" in plain:
        edges = np.array(plain["edges"], dtype=np.float64)
        if not 1 <= len(edges) <= EDGES_MOST:
            raise ProfileError(f"edges: expected 1 to {EDGES_MOST}, found {len(edges)}")
        if len(counts) != 2 * len(edges) + 2 or not (np.diff(edges) > 0).all():
            raise ProfileError(f"counts: expected 2 × {len(edges)} rising edges + 2 of them, found {len(counts)}")
        return NumberPartition(edges, narrow(counts), plain["low"], plain["high"])
    if len(counts) != len(plain["labels"]) + 3:
        raise ProfileError(f"counts: expected {len(plain['labels'])} labels + 3 of them, found {len(counts)}")
    return CategoryPartition(tuple(plain["labels"]), frozenset(plain["rare"]), counts, plain["singletons"])


def reference_from_plain(plain: Mapping[str, Any]) -> StreamReference:
    """The reference of plain data.  Raises ProfileError, KeyError or TypeError if it is not such data."""
    scores, runs = plain["scores"], plain["runs"]
    score_partition = None if scores is None else partition_from_plain(scores["partition"])
    return StreamReference(
        type=plain["type"],
        partition=partition_from_plain(plain["partition"]),
        dependence={key: Dependence(**fields) for key, fields in plain["dependence"].items()},
        units={key: Units(tuple(u["slack"]), _closed(u["units"])) for key, u in plain["units"].items()},
        runs=None if runs is None else RunStatistics(runs["overall"], dict(runs["own"]), runs["longest"]),
        scores=None
        if not isinstance(score_partition, NumberPartition)
        else ScoreReference(
            scores["differences"],
            score_partition,
            tuple(scores["season"]),
            scores["begin"],
            scores["mean"],
            tuple(scores["window_sds"]),
            scores["independent"],
        ),
        observations=plain["observations"],
        kept=plain["kept"],
        required=plain["required"],
    )


def _closed(numbers: list[float | None]) -> tuple[float, float, float, float]:
    a, b, c, d = (math.inf if x is None else x for x in numbers)
    return a, b, c, d


def fingerprint(plain: Mapping[str, Any]) -> str:
    """SHA-256 of plain data in a canonical encoding, hexadecimal."""
    return hashlib.sha256(msgspec.json.encode(plain, order="deterministic")).hexdigest()
