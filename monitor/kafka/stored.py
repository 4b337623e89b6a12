"""What the records of a shard amount to: the last commit, and what of it cannot be read any more.

("model", model, version)           its first piece and exposure      ("offsets", topic)   partition → next offset
("piece", model, version, number)   further pieces, from 1 on         ("intervention", number)   what it was, and where
("part", model, version, name)      what never changes of a model     ("meta",)                  facts about the state
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import msgspec

from monitor.domain.errors import StateError
from monitor.domain.keys import ModelKey
from monitor.engine.snapshot import join as join_pieces
from monitor.kafka.state_records import HELP, Blob, Name, join
from monitor.state.store import Intervention, Snapshot


class Meta(msgspec.Struct, array_like=True):
    """The state's facts about itself; at: wall clock of the last commit, seconds."""

    incarnation: int
    topic_ids: dict[str, str]
    configuration: bytes
    at: float


@dataclass(slots=True)
class Stored:
    """The contents of a shard.  chunks: what is in the topic, and in how many pieces; damage: by name, in words."""

    place: str
    chunks: dict[Name, int] = field(default_factory=dict)
    models: dict[ModelKey, dict[int, bytes]] = field(default_factory=dict)  #: pieces by number
    parts: dict[ModelKey, dict[bytes, bytes]] = field(default_factory=dict)
    exposure: dict[ModelKey, bytes] = field(default_factory=dict)
    offsets: dict[str, dict[int, int]] = field(default_factory=dict)
    interventions: dict[int, Intervention] = field(default_factory=dict)
    meta: Meta = field(default_factory=lambda: Meta(1, {}, b"", 0.0))
    damage: dict[Name, str] = field(default_factory=dict)

    def snapshot(self) -> Snapshot:
        """The last commit.  Raises StateError, with the command that helps, when any of it is damaged."""
        self.refuse_damage()
        return Snapshot(
            models={key: self._joined(key) for key in self.exposure},
            exposure=dict(self.exposure),
            offsets={(topic, number): offset for topic, own in self.offsets.items() for number, offset in own.items()},
            topic_ids=dict(self.meta.topic_ids),
            configuration=self.meta.configuration,
            incarnation=self.meta.incarnation,
        )

    def _joined(self, key: ModelKey) -> bytes:
        pieces = self.models[key]
        return join_pieces([pieces[number] for number in sorted(pieces)], self.parts.get(key, {}))

    def forget_contents(self) -> None:
        """Drop what the models' blobs hold: whoever asked for them has them."""
        self.models, self.parts, self.exposure = {}, {}, {}

    def names_by_model(self) -> dict[ModelKey, set[Name]]:
        """All names that belong to each model."""
        found: dict[ModelKey, set[Name]] = {}
        for name in self.chunks:
            key = model_of(name)
            if key is not None:
                found.setdefault(key, set()).add(name)
        return found

    def refuse_damage(self, besides: Collection[Name] = ()) -> None:
        """Raises StateError, with the command that helps, for the first damage that is not under these names."""
        for name, how in self.damage.items():
            if name in besides:
                continue
            if name[0] == "model" and len(name) == 3:
                raise StateError(
                    f"{self.place}: the state of model {'/'.join(name[1:])} is damaged: {how}; with all members "
                    f"stopped, `driftgauge state reset --model {name[1]} --model-version {name[2]}` lets it begin anew"
                )
            raise StateError(
                f"{self.place}: the state under {'/'.join(name)} is damaged: {how}; with all members stopped, "
                "`driftgauge state reset --all` begins anew"
            )

    @property
    def model_names(self) -> list[ModelKey]:
        """Models that there are, damaged or not, in order."""
        return sorted(self.names_by_model())

    @property
    def topic_names(self) -> list[str]:
        """Topics that were read, whether how far can be told or not, in order."""
        return sorted(name[1] for name in self.chunks if name[0] == "offsets" and len(name) == 2)


def contents(records: Mapping[bytes, bytes], place: str) -> Stored:
    """What the newest records of a shard amount to.  Raises StateError for records that were never ours."""
    found = Stored(place)
    for blob in join(records, place):
        found.chunks[blob.name] = blob.chunks
        if blob.content is None:
            found.damage[_owner(blob.name)] = blob.damage
            continue
        try:
            _take(found, blob, blob.content)
        except (msgspec.DecodeError, LookupError, ValueError, TypeError) as error:
            found.damage[_owner(blob.name)] = str(error)
    for key in found.models.keys() | found.parts.keys():
        if key not in found.exposure:
            found.damage.setdefault(("model", key.model, key.model_version), "some of it is not there")
    if found.chunks and ("meta",) not in found.chunks:
        found.damage["meta",] = "it is not there, so the topic lost records"
    return found


def _take(found: Stored, blob: Blob, content: bytes) -> None:
    name, decode = blob.name, msgspec.msgpack.decode
    if name[0] == "model" and len(name) == 3:
        key = ModelKey(name[1], name[2])
        first, found.exposure[key] = decode(content, type=tuple[bytes, bytes])
        found.models.setdefault(key, {})[0] = first
    elif name[0] == "piece" and len(name) == 4:
        found.models.setdefault(ModelKey(name[1], name[2]), {})[int(name[3])] = content
    elif name[0] == "part" and len(name) == 4:
        found.parts.setdefault(ModelKey(name[1], name[2]), {})[bytes.fromhex(name[3])] = content
    elif name[0] == "offsets" and len(name) == 2:
        found.offsets[name[1]] = decode(content, type=dict[int, int])
    elif name[0] == "intervention" and len(name) == 2:
        found.interventions[int(name[1])] = load_intervention(content)
    elif name == ("meta",):
        found.meta = decode(content, type=Meta)
    else:
        raise StateError(f"{found.place}: expected only driftgauge's own records, found one under {name!r}; {HELP}")


def model_of(name: Name) -> ModelKey | None:
    """The model that a name belongs to, if it belongs to one."""
    is_models = (name[0] == "model" and len(name) == 3) or (name[0] in ("piece", "part") and len(name) == 4)
    return ModelKey(name[1], name[2]) if is_models else None


def _owner(name: Name) -> Name:
    """What is damaged, when what has this name is: of a model, the model."""
    key = model_of(name)
    return name if key is None else ("model", key.model, key.model_version)


def dump_intervention(intervention: Intervention) -> bytes:
    """The blob of an intervention."""
    key = intervention.model
    places = [[topic, partition, offset] for (topic, partition), offset in sorted(intervention.positions.items())]
    return msgspec.msgpack.encode([intervention.kind, key.model, key.model_version, places, intervention.detail])


def load_intervention(blob: bytes) -> Intervention:
    """The intervention of a blob."""
    kind, model, version, places, detail = msgspec.msgpack.decode(blob)
    positions = {(topic, partition): offset for topic, partition, offset in places}
    return Intervention(kind, ModelKey(model, version), positions, detail)
