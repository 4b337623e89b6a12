"""What the engine is told: frozen numbers and matches, already validated; where they come from is not its business."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from monitor.domain.keys import ModelKey, StreamKey, StreamType
from monitor.engine.budget import FLOOR
from monitor.reference.profile import Profile


@dataclass(frozen=True, slots=True)
class Warmup:
    """When a reference learned from live events is complete: both have to be met.

    duration_seconds counts event time; events without a time, and files read by `replay --warmup`, count it as met.
    """

    observations: int = 2000
    duration_seconds: float = 86_400.0


@dataclass(frozen=True, slots=True)
class MinEffect:
    """The smallest effect that matters to people, per family of channels; smaller ones stay a warning."""

    level: float = 0.05
    spread: float = 0.05
    rate: float = 0.005


@dataclass(frozen=True, slots=True)
class Override:
    """What holds for the streams that match every given glob; the first match in order decides each field.

    channels: the only ones that are tested.  direction: the only one in which a change of level matters.
    mute_until: event time in seconds before which no episode fires.
    """

    model: str = "*"
    model_version: str = "*"
    feature: str = "*"
    kind: str = "*"
    type: StreamType | None = None
    min_effect: MinEffect | None = None
    budget_share: float | None = None
    weight: float | None = None
    channels: tuple[str, ...] | None = None
    direction: Literal["up", "down"] | None = None
    mute_until: float | None = None

    def matches(self, key: StreamKey) -> bool:
        return (
            fnmatchcase(key.model, self.model)
            and fnmatchcase(key.model_version, self.model_version)
            and fnmatchcase(key.feature, self.feature)
            and fnmatchcase(key.kind, self.kind)
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds enforced before memory is spent; what is refused is counted under its reason.

    forget_seconds: event time after which a stream or model that no event names is forgotten; None: never.
    """

    streams: int = 10_000
    label_bytes: int = 128
    categories: int = 20
    forget_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ProfileMatch:
    """A reference profile and the model versions it is for (globs)."""

    model: str
    model_version: str
    profile: Profile

    def matches(self, key: ModelKey) -> bool:
        return fnmatchcase(key.model, self.model) and fnmatchcase(key.model_version, self.model_version)


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that decides what a ModelMonitor concludes, apart from the events themselves.

    floor: the least level behind thresholds; lower than the default for simulations that need alarms to count.
    new_version: what a version without a profile starts from: a warm-up, or an older version's references.
    """

    warmup: Warmup = field(default_factory=Warmup)
    min_effect: MinEffect = field(default_factory=MinEffect)
    false_alarms_per_week: float = 1.0
    relearn_after_seconds: float = 86_400.0
    floor: float = FLOOR
    overrides: tuple[Override, ...] = ()
    limits: Limits = field(default_factory=Limits)
    profiles: tuple[ProfileMatch, ...] = ()
    new_version: Literal["learn", "inherit"] = "learn"

    def profile_for(self, key: ModelKey) -> Profile | None:
        """The first profile whose globs match this model version."""
        return next((match.profile for match in self.profiles if match.matches(key)), None)
