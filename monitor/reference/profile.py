"""Profiles: references made from training data, as JSON that a person can read, review and put under version control.

    {"driftgauge_profile": 1, "model": "fraud", "identity": "sha256:…", "events_per_week": null,
     "source": {"file": "train.csv", "sha256": "…", "rows": 50000},
     "streams": [{"feature": "amount", "kind": "feature", "summary": {…}, "reference": {…}}]}

`summary` is for people and recomputed by nobody; `reference` is what the daemon works with; `identity` is the hash of
all references, so that a hand-edited or cut-off file is refused instead of believed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from monitor.channels.partition import CategoryPartition
from monitor.domain.errors import ProfileError
from monitor.domain.frame import Cell, Column, Frame, Mask
from monitor.domain.keys import Kind
from monitor.reference.codec import fingerprint, reference_from_plain, reference_to_plain
from monitor.reference.learner import Learner
from monitor.reference.reference import StreamReference, gaps, learn

FORMAT = 1
KEPT = 1_000_000  #: observations of a stream that are kept as they are; longer training data is thinned evenly
KINDS: tuple[Kind, ...] = ("feature", "prediction")


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """An approved reference of a model version.  model: the one it was made for, None if it was not said."""

    identity: str
    model: str | None
    events_per_week: float | None
    streams: Mapping[tuple[Kind, str], StreamReference]


def learn_profile(
    frames: Iterable[Frame], *, model: str | None, source: Mapping[str, object], events_per_week: float | None = None
) -> dict[str, Any]:
    """The JSON document of a profile, learned from frames in order (the order tells dependence).

    Raises ProfileError if there is nothing to learn from.
    """
    learners: dict[tuple[Kind, str], Learner] = {}
    rows = dict.fromkeys(KINDS, 0)  # in which the absence of a key would have meant something
    for frame in frames:
        columns = {(column.kind, column.feature): column for column in frame.columns}
        for name in sorted(columns.keys() | learners.keys()):
            learner = learners.get(name)
            if learner is None:
                learner = learners[name] = Learner(KEPT)
                _add_absent(learner, rows[name[0]])
            _add(learner, columns.get(name), frame.expects(name[0]))
        rows = {kind: number + int(frame.expects(kind).sum()) for kind, number in rows.items()}
    if not learners:
        raise ProfileError("profile: expected at least one event with a feature or a prediction, found none")
    streams = []
    for (kind, feature), learner in sorted(learners.items()):
        reference = learn(learner.sample(), contiguous=False)
        streams.append(
            {
                "feature": feature,
                "kind": kind,
                "summary": summary(reference),
                "reference": reference_to_plain(reference),
            }
        )
    return {
        "driftgauge_profile": FORMAT,
        "model": model,
        "identity": _identity(streams),
        "events_per_week": events_per_week,
        "source": dict(source),
        "streams": streams,
    }


def _add(learner: Learner, column: Column | None, expected: Mask) -> None:
    """Observations of one frame: present cells, and absent ones of rows that the stream is expected in."""
    if column is None:
        _add_absent(learner, int(expected.sum()))
        return
    keep = column.present | expected
    texts = None if column.texts is None else column.texts[keep]
    learner.add(column.cells[keep], column.numbers[keep], texts, column.labels)


def _add_absent(learner: Learner, number: int) -> None:
    learner.add(np.full(number, Cell.ABSENT, dtype=np.uint8), np.full(number, np.nan), None, ())


def _identity(streams: list[dict[str, Any]]) -> str:
    facts = [[stream["kind"], stream["feature"], stream["reference"]] for stream in streams]
    return "sha256:" + fingerprint({"streams": facts})


def summary(reference: StreamReference) -> dict[str, Any]:
    """A reference for people: counts, missing rate, quantiles or categories, and what it does without."""
    partition = reference.partition
    total = int(partition.counts.sum())
    usable = int(partition.counts[:-1].sum())
    found: dict[str, Any] = {
        "type": reference.type,
        "observations": reference.observations,
        "missing_rate": _rounded(1 - usable / total if total else 0.0),
    }
    if isinstance(partition, CategoryPartition):
        top = dict(zip(partition.labels, partition.counts.tolist(), strict=False))
        found["categories"] = {label: _rounded(count / max(1, usable)) for label, count in top.items()}
        found["other_categories"] = len(partition.rare)
    elif usable:
        shares = (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)
        low, high = float(partition.edges[partition.low]), float(partition.edges[partition.high])
        inner = [partition.quantile(partition.counts, share) for share in shares[1:-1]]
        found["quantiles"] = dict(zip((f"{100 * s:g}%" for s in shares), [low, *inner, high], strict=True))
        points = np.flatnonzero(partition.counts[1:-1:2] >= 0.05 * usable)
        found["point_masses"] = {
            f"{partition.edges[i]:g}": _rounded(int(partition.counts[2 * i + 1]) / usable) for i in points
        }
    found["autocorrelation"] = {key: _rounded(d.correlation) for key, d in reference.dependence.items()}
    found["block_lengths"] = {key: d.block for key, d in reference.dependence.items() if d.dependent}
    found["without"] = gaps(reference)
    return found


def _rounded(number: float) -> float:
    return round(number, 6)


def parse(document: object) -> Profile:
    """Read a profile's JSON document.  Raises ProfileError, which names the place, what was expected and found."""
    if not isinstance(document, dict):
        raise ProfileError(f"profile: expected an object, found {type(document).__name__}")
    version = document.get("driftgauge_profile")
    if version != FORMAT:
        raise ProfileError(f"driftgauge_profile: expected format {FORMAT}, found {version!r}")
    plain = document.get("streams")
    if not isinstance(plain, list) or not plain:
        raise ProfileError(f"streams: expected a list of at least one stream, found {type(plain).__name__}")
    identity, made = document.get("identity"), _identity_in(plain)
    if identity != made:
        raise ProfileError(
            f"identity: expected {made} from the references in the file, found {identity!r}; "
            "the file was changed after it was made: make it anew with `driftgauge profile`"
        )
    streams: dict[tuple[Kind, str], StreamReference] = {}
    for index, stream in enumerate(plain):
        kind, feature = stream["kind"], stream["feature"]
        if kind not in KINDS or not isinstance(feature, str):
            raise ProfileError(
                f"streams[{index}]: expected a name and one of {', '.join(KINDS)}, found {feature!r} and {kind!r}"
            )
        if (kind, feature) in streams:
            raise ProfileError(f"streams[{index}]: expected each {kind} once, found {feature!r} again")
        streams[(cast(Kind, kind), feature)] = _reference_in(stream["reference"], index)
    model = document.get("model")
    if not isinstance(model, str | None):
        raise ProfileError(f"model: expected a name or null, found {model!r}")
    return Profile(made, model, _rate(document.get("events_per_week")), streams)


def _identity_in(streams: list[Any]) -> str:
    """The identity that the references of a document add up to."""
    try:
        return _identity(streams)
    except (LookupError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
        raise ProfileError(
            f"streams: expected objects with a feature, its kind and its reference, found {error!r}"
        ) from error


def _reference_in(plain: Any, index: int) -> StreamReference:
    try:
        return reference_from_plain(plain)
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, ProfileError) as error:
        raise ProfileError(f"streams[{index}].reference: expected a reference, found {error!r}") from error


def _rate(found: object) -> float | None:
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not 0 < found < math.inf:
        raise ProfileError(f"events_per_week: expected a positive number or null, found {found!r}")
    return float(found)
