"""Facts for tests of what is done with facts, and records made of them."""

from monitor.domain.facts import EpisodeChange, Extract, Fact, Finding, JointChange, JointEffect, Place, Summary
from monitor.domain.keys import StreamKey
from monitor.findings.events import Provenance, encode_facts
from monitor.state.store import Record

STREAM = StreamKey("fraud", "7", "amount", "feature")
PROVENANCE = Provenance("/driftgauge/test", 1, "0.0", "c0")


def records(*facts: Fact) -> list[Record]:
    return encode_facts(facts, PROVENANCE)


def finding(offset: int = 5, score: float = 1.3, stream: StreamKey = STREAM) -> Finding:
    return Finding(
        stream=stream,
        channel="level",
        detector="adwin",
        direction="up",
        statistic=2.6,
        threshold=2.0,
        score=score,
        effect=0.21,
        observation=1_000,
        since=900,
        explanation="a live value exceeds a reference value in 71 % of comparisons, expected 50 %",
        summary=Summary("level", "probability above ½", Extract((2.0, 3.5, 5.0), None), Extract((1.0, 2.0, 3.0), None)),
        place=Place("events", 0, offset, 0, "e1", 1_000.0),
        reference_id="r1",
        reference_hash="sha256:" + "0" * 64,
        generation=1,
    )


def episode(state: str = "firing", offset: int = 5, stream: StreamKey = STREAM) -> EpisodeChange:
    found = finding(offset, stream=stream)
    reason = None if state == "firing" else "returned"
    return EpisodeChange(stream, "value", state, reason, found, 1_000, found.place)  # type: ignore[arg-type]


def joint(offset: int = 5) -> JointChange:
    moved = (JointEffect("amount", "level", 0.031, 4.1), JointEffect("country", "category:FR", -0.02, -2.5))
    told = "2 of 20 features moved a little together, in percentage points: amount +3.1; since about event 1"
    place = Place("events", 0, offset, 0, "e1", 1_000.0)
    return JointChange(STREAM.model_key, "moved", None, 1.1, 20, moved, 512, 1, told, place)
