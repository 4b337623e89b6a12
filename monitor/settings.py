"""All configuration: frozen, strict, validated once; unknown keys are refused and every mistake is reported at once.

Three layers, later ones win: a YAML file, `DRIFTGAUGE_…` variables (`__` goes one level down), flags.  The descriptions
of the fields are the reference manual: docs/configuration.md is rendered from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from monitor.configuration.alertmanager import AlertmanagerSettings
from monitor.configuration.detection import DetectionSettings, MatchSettings, override_of
from monitor.configuration.http import HttpSettings
from monitor.configuration.layers import anchor_paths, combine, read_environment, read_file, read_flags
from monitor.configuration.mistakes import Deeper, explain
from monitor.configuration.profiles import read_profiles
from monitor.configuration.values import Duration, FilePath, ReadableFile, Text
from monitor.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from monitor.engine.policy import Policy

_Model = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class TopicSettings(BaseModel):
    """One topic and how its messages are read."""

    model_config = _Model
    name: Text = Field(description="Name of the topic.")
    format: Text = Field(default="flat_json", description="Wire format of its messages.")
    fields: dict[str, Any] = Field(
        default={},
        description="Where the format finds what it needs, for messages of another shape: "
        "`{model: {const: fraud}, ts: meta.time, features: payload}`.",
    )

    @model_validator(mode="after")
    def _known_format(self) -> TopicSettings:
        from monitor.formats import open_format

        try:
            open_format(self.format, self.fields)
        except ConfigurationError as error:
            raise Deeper(error) from None
        return self


class KafkaSettings(BaseModel):
    """What is read, and from where."""

    model_config = _Model
    bootstrap_servers: Text = Field(
        default="localhost:9092", description="Brokers to begin with, `host:port`, separated by commas."
    )
    group_id: Text = Field(
        default="driftgauge",
        description="Group under which positions are shown to lag tools; reading goes on where the state says.",
    )
    topics: Annotated[tuple[TopicSettings, ...], Field(strict=False)] = Field(
        default=(), description="The topics that are read, each with its format. `run` needs at least one."
    )
    control_topic: Text | None = Field(
        default=None,
        description="Topic of one partition that `driftgauge accept` writes to and running daemons read; `null`: none. "
        "It has to exist.",
    )
    start: Literal["earliest", "latest"] = Field(
        default="earliest", description="Where to begin in a partition that the state does not know yet."
    )
    properties: dict[str, Any] = Field(
        default={},
        repr=False,
        description="Further librdkafka properties (`security.protocol`, `sasl.password`, …). As variables: "
        "`DRIFTGAUGE_KAFKA__PROPERTIES__SASL_PASSWORD`, dots written as underscores. What a file holds: "
        "`sasl.password_file: /run/secrets/password`, read at the start. Secrets are never shown.",
    )

    @field_validator("properties")
    @classmethod
    def _plain_and_free(cls, properties: dict[str, Any]) -> dict[str, Any]:
        from monitor.kafka.options import OWNED
        from monitor.kafka.secrets import with_files

        properties, unreadable = with_files(properties)
        wrong = [f"`{name}` is not to be set here: {OWNED[name]}" for name in properties if name in OWNED]
        for name, value in properties.items():
            if not isinstance(value, str | int | float):
                wrong.append(f"`{name}`: expected a text, a number, true or false, got {type(value).__name__}")
        wrong += unreadable
        if wrong:
            raise ValueError("; ".join(wrong))
        return properties

    @field_validator("topics")
    @classmethod
    def _each_once(cls, topics: tuple[TopicSettings, ...]) -> tuple[TopicSettings, ...]:
        names = [topic.name for topic in topics]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"expected each topic once, got {', '.join(map(repr, twice))} more than once")
        return topics


class ProfileSettings(BaseModel):
    """A reference profile and the model versions it is for."""

    model_config = _Model
    match: MatchSettings = Field(
        default=MatchSettings(), description="The model versions that are held against it; the first match counts."
    )
    path: ReadableFile = Field(description="File made by `driftgauge profile`.")


class WarmupSettings(BaseModel):
    """When a reference that is learned from live events is complete: both have to be met."""

    model_config = _Model
    observations: int = Field(default=2000, ge=1, description="Observations of a stream that make its reference.")
    duration: Duration = Field(
        default=86_400.0,
        description="Event time they have to span, best a full cycle. Events without a time count it as met.",
    )


class ReferenceSettings(BaseModel):
    """What streams are held against."""

    model_config = _Model
    profiles: Annotated[tuple[ProfileSettings, ...], Field(strict=False)] = Field(
        default=(),
        description="References made from training data. Model versions that match none learn theirs by warm-up.",
    )
    warmup: WarmupSettings = Field(
        default=WarmupSettings(), description="How long a reference is learned from live events."
    )
    new_version: Literal["learn", "inherit"] = Field(
        default="learn",
        description="What a new model version that matches no profile starts from. `learn`: a warm-up of its own. "
        "`inherit`: the references of the version of its model whose events are the newest, from its first event on; "
        "streams that one does not know warm up, and so does a version that no other was read before (with "
        "`state.shards`: in the same shard).",
    )

    @field_validator("profiles")
    @classmethod
    def _each_reachable(cls, profiles: tuple[ProfileSettings, ...]) -> tuple[ProfileSettings, ...]:
        for index, profile in enumerate(profiles):
            if any(profile.match == earlier.match for earlier in profiles[:index]):
                raise ValueError(f"entry {index} has the same match as an earlier one, which would always win")
        return profiles


class StateSettings(BaseModel):
    """Where state lives."""

    model_config = _Model
    store: Literal["sqlite", "kafka"] = Field(
        default="sqlite",
        description="`sqlite`: a directory on this machine, owned by one process. `kafka`: a compacted topic; the "
        "processes with the same `kafka.group_id` share its shards, and one takes over when another ends.",
    )
    path: FilePath = Field(
        default=Path("./driftgauge-state"), description="Directory of the state; one running daemon owns it."
    )
    interval_seconds: float = Field(
        default=10.0, gt=0, description="Time between two checkpoints; a change of status writes one at once."
    )
    decisions_kept_for: Duration | None = Field(
        default=7_776_000.0,
        description="Age (wall clock) at which decisions leave the log that `driftgauge log` shows; `null`: never.",
    )
    backup_every: Duration | None = Field(
        default=3_600.0,
        description="Time between two copies of the state beside it, each read back before it counts; `null`: none.",
    )

    topic: Text = Field(
        default="driftgauge-state",
        description="With `store: kafka`: the compacted topic of the state; made if it is not there, checked if it is.",
    )
    shards: int = Field(
        default=1,
        ge=1,
        le=256,
        description="With `store: kafka`: partitions of the state topic, fixed for its life. With 1, one process is "
        "active and the others stand by. With more they are shared out; their number has to divide the partitions of "
        "every topic, and producers should key events by model.",
    )


class OutputSettings(BaseModel):
    """What is written back to Kafka."""

    model_config = _Model
    findings_topic: Text | None = Field(
        default=None,
        description="Topic that findings and changes of episodes are written to, as CloudEvents; `null`: none. "
        "It has to exist.",
    )
    dead_letter_topic: Text | None = Field(
        default=None,
        description="Topic that messages which cannot be read are copied to, with the reason in their headers; "
        "`null`: none. It has to exist.",
    )
    dead_letters_per_second: float = Field(
        default=100.0, gt=0, description="Messages copied to the dead letter topic at most; further ones are counted."
    )


class LimitSettings(BaseModel):
    """Bounds that hold before memory is spent; what they refuse is counted."""

    model_config = _Model
    streams: int = Field(default=10_000, ge=1, description="Streams that are watched.")
    forget_after: Duration | None = Field(
        default=None,
        description="Event time after which a stream or model version that no event names any more is forgotten, "
        "with what it has learned; `null`: never. Streams of a profile stay as long as their model. Beside a model "
        "that is at the present, one that is read from longer ago counts as not seen.",
    )
    series: int = Field(default=500_000, ge=1, description="Time series on `/metrics`.")
    label_bytes: int = Field(
        default=128, ge=8, le=4096, description="Length of a name (model, version, feature) in UTF-8 bytes."
    )
    categories: int = Field(default=20, ge=1, le=20, description="Categories of a stream that are watched one by one.")


class LogSettings(BaseModel):
    """What the daemon says about itself, on standard error."""

    model_config = _Model
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least serious lines that are written."
    )
    format: Literal["auto", "console", "json"] = Field(
        default="auto", description="`auto`: for people on a terminal, JSON elsewhere."
    )


class Settings(BaseSettings):
    """Everything a user can decide.  Made by `load`; `Settings()` holds the defaults and reads nothing."""

    model_config = SettingsConfigDict(frozen=True, strict=True, extra="forbid")
    kafka: KafkaSettings = Field(default=KafkaSettings(), description="What is read, and from where.")
    reference: ReferenceSettings = Field(default=ReferenceSettings(), description="What streams are held against.")
    detection: DetectionSettings = Field(
        default=DetectionSettings(), description="How sure and how large a change has to be."
    )
    state: StateSettings = Field(default=StateSettings(), description="Where state lives.")
    output: OutputSettings = Field(default=OutputSettings(), description="What is written back to Kafka.")
    http: HttpSettings = Field(default=HttpSettings(), description="The server of `/metrics` and the probes.")
    alertmanager: AlertmanagerSettings = Field(
        default=AlertmanagerSettings(),
        description="Push drift alerts straight to Alertmanager, where no Prometheus evaluates the rules.",
    )
    limits: LimitSettings = Field(default=LimitSettings(), description="Bounds that hold before memory is spent.")
    log: LogSettings = Field(default=LogSettings(), description="What the daemon says about itself, on standard error.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` hands over: the stock sources lose the places of values and pass over misspelt variables."""
        return (init_settings,)

    def policy(self) -> Policy:
        """What the engine is told; reads the profiles.  Raises ConfigurationError with all that are refused."""
        from monitor.engine import policy as engine

        effect = self.detection.min_effect
        return engine.Policy(
            warmup=engine.Warmup(self.reference.warmup.observations, self.reference.warmup.duration),
            min_effect=engine.MinEffect(effect.level, effect.spread, effect.rate),
            false_alarms_per_week=self.detection.false_alarms_per_week,
            relearn_after_seconds=self.detection.relearn_after,
            overrides=tuple(override_of(item, effect) for item in self.detection.overrides),
            limits=engine.Limits(
                self.limits.streams, self.limits.label_bytes, self.limits.categories, self.limits.forget_after
            ),
            new_version=self.reference.new_version,
            profiles=read_profiles(
                (entry.match.model, entry.match.model_version, entry.path) for entry in self.reference.profiles
            ),
        )


def load(
    path: Path | None = None, environ: Mapping[str, str] | None = None, flags: Mapping[str, object] | None = None
) -> Settings:
    """Settings from a file, variables and flags (dotted path → value); nothing else is read.

    Relative paths that are written in the file start at its directory, all others at the working directory.
    Raises ConfigurationError with every mistake.
    """
    layers = [read_environment(environ or {}, Settings), read_flags(flags or {}, Settings)]
    if path is not None:
        written = read_file(path)
        for section in ("reference", "state", "http", "alertmanager"):
            anchor_paths(written.tree.get(section), path.parent)
        kafka = written.tree.get("kafka")
        anchor_paths(kafka.get("properties") if isinstance(kafka, dict) else None, path.parent)
        layers.insert(0, written)
    combined = combine(layers)
    try:
        settings = Settings(**combined.tree)
    except ValidationError as error:
        raise ConfigurationError([*combined.mistakes, *explain(error, combined.places, Settings)]) from None
    if combined.mistakes:
        raise ConfigurationError(combined.mistakes)
    return settings
