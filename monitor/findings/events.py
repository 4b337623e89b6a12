"""Findings, changes of episodes and interventions as structured CloudEvents 1.0 in JSON.

    {"specversion": "1.0", "id": …, "source": "/driftgauge/<group>", "type": "driftgauge.finding.v1",
     "subject": "model/version/kind/feature", "time": …, "datacontenttype": "application/json", "data": {…}}

An id is a digest of where the conclusion was drawn and what it is: the same events, read again after a crash, give the
same ids, and nothing else does.  `data` names everything the decision rests on, so that it can be made again.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from monitor.domain.facts import Fact, Finding, JointChange, Place
from monitor.domain.keys import StreamKey
from monitor.state.store import Headers, Intervention, Record

FINDING, EPISODE, INTERVENTION = "driftgauge.finding.v1", "driftgauge.episode.v1", "driftgauge.intervention.v1"
JOINT = "driftgauge.joint.v1"
CONTENT_TYPE: Headers = (("content-type", b"application/cloudevents+json; charset=utf-8"),)


@dataclass(frozen=True, slots=True)
class Provenance:
    """What all records of a run have in common.

    incarnation: of the state, raised by every reset.  configuration: fingerprint of everything that decides what is
    concluded.  version: of driftgauge.
    """

    source: str
    incarnation: int
    version: str
    configuration: str


def encode_facts(facts: Sequence[Fact], provenance: Provenance) -> list[Record]:
    """Records in the order of the facts; all facts of one event must be here together."""
    told: Counter[tuple[str, ...]] = Counter()
    return [_encode(fact, provenance, told) for fact in facts]


def encode_interventions(
    interventions: Iterable[Intervention], provenance: Provenance, recorded_at: float
) -> list[Record]:
    """Records of what changed models beside their events; recorded_at: wall clock, seconds."""
    return [_encode_intervention(done, provenance, recorded_at) for done in interventions]


def _encode(fact: Fact, provenance: Provenance, told: Counter[tuple[str, ...]]) -> Record:
    if isinstance(fact, JointChange):
        return _encode_joint(fact, provenance)
    if isinstance(fact, Finding):
        kind, finding, transition = FINDING, fact, "detected"
        data = _finding(fact)
    else:
        kind, finding = EPISODE, fact.finding
        transition = f"{fact.aspect} {fact.state} {fact.reason or ''}"
        data = {
            "aspect": fact.aspect,
            "state": fact.state,
            "reason": fact.reason,
            "observation": fact.observation,
            "place": _place(fact.place),
            "finding": _finding(fact.finding),
        }
    place, stream = fact.place, fact.stream
    parts = (
        *(kind, str(provenance.incarnation), place.topic, str(place.partition), str(place.offset), str(place.row)),
        *(stream.model, stream.model_version, stream.kind, stream.feature, stream.segment),
        *(finding.channel, finding.detector, transition),
    )
    number = told[parts]  # several categories share a channel, and may change at the same event
    told[parts] += 1
    return _record(kind, (*parts, str(number)), stream, place.event_time, {**_stream(stream), **data}, provenance)


def _encode_joint(fact: JointChange, provenance: Provenance) -> Record:
    place, model = fact.place, fact.model
    parts = (
        *(JOINT, str(provenance.incarnation), place.topic, str(place.partition), str(place.offset), str(place.row)),
        *(model.model, model.model_version, fact.state, fact.reason or ""),
    )
    data: dict[str, Any] = msgspec.to_builtins(fact)
    data |= {"model": model.model, "model_version": model.model_version, "place": _place(place)}
    return _record(JOINT, parts, model, place.event_time, data, provenance)


def _encode_intervention(done: Intervention, provenance: Provenance, recorded_at: float) -> Record:
    positions = [[*place, offset] for place, offset in sorted(done.positions.items())]
    parts = (INTERVENTION, str(provenance.incarnation), done.kind, str(done.model), repr(positions), repr(done.detail))
    detail = msgspec.json.decode(done.detail or b"{}")
    feature = str(detail.get("feature") or "") if isinstance(detail, dict) else ""
    data = {
        "model": done.model.model,
        "model_version": done.model.model_version,
        "feature": feature or None,
        "intervention": done.kind,
        "positions": positions,
        "detail": detail,
    }
    return _record(INTERVENTION, parts, done.model, recorded_at, data, provenance)


def _record(
    kind: str, parts: Sequence[str], subject: object, seconds: float, data: dict[str, Any], provenance: Provenance
) -> Record:
    identity = digest(parts)
    event = {
        "specversion": "1.0",
        "id": identity,
        "source": provenance.source,
        "type": kind,
        "subject": str(subject),
        "datacontenttype": "application/json",
    }
    time = iso_time(seconds)
    if time is not None:  # an event without a time has none that we could make up
        event["time"] = time
    event["data"] = {
        **data,
        "incarnation": provenance.incarnation,
        "configuration": provenance.configuration,
        "driftgauge_version": provenance.version,
    }  # type: ignore[assignment]
    model = f"{data['model']}/{data['model_version']}".encode()
    return Record(model, msgspec.json.encode(event), CONTENT_TYPE, identity)


def digest(parts: Iterable[str]) -> str:
    """32 hexadecimal digits over texts, each preceded by its length, so that nothing can move between them."""
    found = hashlib.blake2b(digest_size=16)
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        found.update(len(encoded).to_bytes(8, "little"))
        found.update(encoded)
    return found.hexdigest()


def iso_time(seconds: float) -> str | None:
    """Event time as RFC 3339 in UTC; None when there is none that a calendar knows."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return None


def _stream(stream: StreamKey) -> dict[str, Any]:
    return {
        "model": stream.model,
        "model_version": stream.model_version,
        "feature": stream.feature,
        "kind": stream.kind,
        "segment": stream.segment,
    }


def _place(place: Place) -> dict[str, Any]:
    return {
        "topic": place.topic,
        "partition": place.partition,
        "offset": place.offset,
        "row": place.row,
        "event_id": place.event_id,
        "event_time": iso_time(place.event_time),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    """Numbers that are not finite become null."""
    plain: dict[str, Any] = msgspec.to_builtins(finding)
    del plain["stream"]
    return {**plain, "place": _place(finding.place)}
