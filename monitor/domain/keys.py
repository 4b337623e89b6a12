"""Names of what is watched: a model version, and one stream of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["feature", "prediction"]
StreamType = Literal["number", "category"]


@dataclass(frozen=True, slots=True, order=True)
class ModelKey:
    """One version of one watched ML model: the unit of state, checkpoint, expiry and distribution."""

    model: str
    model_version: str

    def __str__(self) -> str:
        return f"{self.model}/{self.model_version}"


@dataclass(frozen=True, slots=True, order=True)
class StreamKey:
    """One watched series of a model version: a feature's values, or one of its predictions."""

    model: str
    model_version: str
    feature: str
    kind: Kind
    segment: str = ""

    @property
    def model_key(self) -> ModelKey:
        return ModelKey(self.model, self.model_version)

    def __str__(self) -> str:
        place = f"{self.model}/{self.model_version}/{self.kind}/{self.feature}"
        return f"{place}[{self.segment}]" if self.segment else place
