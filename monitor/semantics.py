"""What of a configuration decides what is concluded: described in plain data, kept with the state, compared at start.

Where it is read from, how often it is saved and who may look at it changes no conclusion and is not in here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from monitor.engine.policy import Policy
    from monitor.settings import Settings


def describe(settings: Settings, policy: Policy) -> bytes:
    """Canonical JSON of everything that matters; profiles by their identity, so that a changed file shows."""
    profiles = [[match.model, match.model_version, match.profile.identity] for match in policy.profiles]
    detection = settings.detection.model_dump(mode="json", exclude={"max_alert_age"})
    limits = settings.limits.model_dump(mode="json", include={"streams", "label_bytes", "categories", "forget_after"})
    return msgspec.json.encode(
        {
            "topics": {topic.name: {"format": topic.format, "fields": topic.fields} for topic in settings.kafka.topics},
            "profiles": profiles,
            "reference": settings.reference.model_dump(mode="json", exclude={"profiles"}),
            "detection": detection,
            "limits": limits,
        },
        order="deterministic",
    )


def fingerprint(description: bytes) -> str:
    """16 hexadecimal digits of a description; empty for none."""
    return hashlib.sha256(description).hexdigest()[:16] if description else ""


def changed(before: bytes, after: bytes) -> list[str]:
    """Dotted names of what differs, sorted; nothing when there was no description before."""
    if not before:
        return []
    old, new = _flat(msgspec.json.decode(before)), _flat(msgspec.json.decode(after))
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def changed_topics(before: bytes, after: bytes) -> frozenset[str]:
    """Topics read before and now whose messages are read in another way."""
    if not before:
        return frozenset()
    old, new = msgspec.json.decode(before)["topics"], msgspec.json.decode(after)["topics"]
    return frozenset(topic for topic in old.keys() & new.keys() if old[topic] != new[topic])


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, dict) and value and prefix != "topics.":
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat
