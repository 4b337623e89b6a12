"""Facts as lines of the decision log: JSON objects that name everything the decision rests on."""

from __future__ import annotations

from typing import Any

import msgspec

from monitor.domain.facts import Fact, Finding


def encode_fact(fact: Fact) -> str:
    """One fact as one JSON object; `type` tells findings from episode changes.  A number that is not finite is null."""
    if isinstance(fact, Finding):
        return msgspec.json.encode({"type": "finding", **_finding(fact)}).decode()
    return msgspec.json.encode(
        {
            "type": "episode",
            **msgspec.to_builtins(fact.stream),
            "aspect": fact.aspect,
            "state": fact.state,
            "reason": fact.reason,
            "observation": fact.observation,
            "place": msgspec.to_builtins(fact.place),
            "finding": _finding(fact.finding),
        }
    ).decode()


def decode_fact(line: str) -> dict[str, Any]:
    """The JSON object of one line of the log."""
    decoded: dict[str, Any] = msgspec.json.decode(line, type=dict[str, Any])
    return decoded


def _finding(finding: Finding) -> dict[str, Any]:
    builtins: dict[str, Any] = msgspec.to_builtins(finding)
    return {**builtins.pop("stream"), **builtins}
