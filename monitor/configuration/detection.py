"""Settings of `detection`: how sure and how large a change has to be, and the exceptions for single streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from monitor.configuration.values import Duration, EventTime, Text
from monitor.domain.facts import ChannelName

if TYPE_CHECKING:
    from monitor.engine.policy import Override

_Model = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class MatchSettings(BaseModel):
    """Globs over names; all that are given have to match."""

    model_config = _Model
    model: Text = Field(default="*", description="Glob over the model's name.")
    model_version: Text = Field(default="*", description="Glob over the model's version.")


class StreamMatchSettings(MatchSettings):
    """Globs over the names of a stream; all that are given have to match."""

    feature: Text = Field(default="*", description="Glob over the feature's (or prediction's) name.")
    kind: Text = Field(default="*", description="`feature` or `prediction`, or a glob over them.")


class MinEffectSettings(BaseModel):
    """The smallest effect that matters to people; a detection below it stays a warning."""

    model_config = _Model
    level: float = Field(
        default=0.05, ge=0, le=0.5, description="For level: P(live > reference) − ½, between 0 and 0.5."
    )
    spread: float = Field(
        default=0.05, ge=0, le=0.5, description="For spread: the same for the distance from the centre."
    )
    rate: float = Field(default=0.005, ge=0, le=1, description="For missing, category and unseen: difference of rates.")


class OverrideMinEffectSettings(BaseModel):
    """As `detection.min_effect`; what is not given keeps the general value."""

    model_config = _Model
    level: float | None = Field(default=None, ge=0, le=0.5, description="Smallest effect on level.")
    spread: float | None = Field(default=None, ge=0, le=0.5, description="Smallest effect on spread.")
    rate: float | None = Field(default=None, ge=0, le=1, description="Smallest difference of rates.")


class OverrideSettings(BaseModel):
    """What holds for the streams that match; the first match in order decides each field."""

    model_config = _Model
    match: StreamMatchSettings = Field(default=StreamMatchSettings(), description="The streams it is for.")
    type: Literal["number", "category"] | None = Field(
        default=None, description="How values are read, instead of what the reference suggests."
    )
    min_effect: OverrideMinEffectSettings | None = Field(
        default=None, description="Smallest effects that matter for these streams."
    )
    budget_share: float | None = Field(
        default=None, gt=0, description="Weight of these streams in sharing out the alarm budget; others have 1."
    )
    weight: float | None = Field(default=None, ge=0, description="Weight in the model's roll-up; others have 1.")
    channels: Annotated[tuple[ChannelName, ...], Field(strict=False)] | None = Field(
        default=None, min_length=1, description="The only channels that are tested; all of them if not given."
    )
    direction: Literal["up", "down"] | None = Field(
        default=None, description="The only direction in which a change of level matters."
    )
    mute_until: EventTime | None = Field(
        default=None, description="Event time (ISO 8601) before which no episode fires; what is open then fires after."
    )

    @model_validator(mode="after")
    def _says_something(self) -> OverrideSettings:
        says = [name for name in type(self).model_fields if name != "match"]
        if all(getattr(self, name) is None for name in says):
            raise ValueError(f"expected at least one of {', '.join(says)} beside match, got none")
        return self


class DetectionSettings(BaseModel):
    """How sure and how large a change has to be."""

    model_config = _Model
    false_alarms_per_week: float = Field(
        default=1.0, gt=0, description="False alarms you accept, per model version; every threshold follows from it."
    )
    min_effect: MinEffectSettings = Field(
        default=MinEffectSettings(), description="The smallest effects that matter to people."
    )
    relearn_after: Duration = Field(
        default=86_400.0, description="Event time a change has to last before it may become the new reference."
    )
    max_alert_age: Duration | None = Field(
        default=3600.0,
        description="A model whose newest event is older is late: counted, but raising no alert. `null`: never.",
    )
    overrides: Annotated[tuple[OverrideSettings, ...], Field(strict=False)] = Field(
        default=(), description="Exceptions for single features, models or kinds."
    )


def override_of(item: OverrideSettings, general: MinEffectSettings) -> Override:
    from monitor.engine.policy import MinEffect, Override

    given = item.model_dump(exclude={"match", "min_effect"})
    if item.min_effect is not None:
        given["min_effect"] = MinEffect(**(general.model_dump() | item.min_effect.model_dump(exclude_none=True)))
    return Override(**item.match.model_dump(), **given)
