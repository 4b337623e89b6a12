"""The state topic: made with the settings that keep state safe, or checked and refused with every wrong one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType  # type: ignore[attr-defined]

from monitor.domain.errors import ConfigurationError, StateError
from monitor.kafka.options import undivided
from monitor.kafka.state_records import CHUNK_BYTES

#: requests block the loop before it has anything to do
ANSWER_SECONDS = 3.0
#: a message is a chunk, its key, and what a batch adds
_LEAST_MESSAGE_BYTES = CHUNK_BYTES + 16 * 1024

#: compaction that begins early and works in small steps: a restore reads little more than the state itself
SETTINGS: Mapping[str, str] = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.2",
    "segment.bytes": str(64 * 1024 * 1024),
    "segment.ms": str(10 * 60 * 1000),
    "unclean.leader.election.enable": "false",
}


def ensure(admin: AdminClient, name: str, shards: int) -> None:
    """Make the topic where there is none, else check it.

    Raises StateError with every setting that would lose state, KafkaException when no broker answers.
    """
    found = admin.list_topics(name, timeout=ANSWER_SECONDS).topics[name]
    if found.error is not None and found.error.code() not in _UNKNOWN:
        raise KafkaException(found.error)
    if found.error is not None or not found.partitions:
        _create(admin, name, shards)
        return
    partitions = len(found.partitions)
    wrong = _wrong_settings(_settings(admin, name))
    if partitions != shards:
        wrong.insert(
            0,
            f"{partitions} partitions, expected {shards} (`state.shards`): their number is fixed for the topic's life; "
            f"set `state.shards: {partitions}`, or name another topic to start anew",
        )
    if wrong:
        raise StateError(f"state topic {name}: not safe to keep state in:\n  " + "\n  ".join(wrong))


def refuse_undivided(admin: AdminClient, topics: Iterable[str], shards: int) -> None:
    """Raises ConfigurationError naming every topic of events whose partitions the shards do not divide."""
    found = {topic: admin.list_topics(topic, timeout=ANSWER_SECONDS).topics[topic] for topic in topics}
    mistakes = [
        undivided(topic, len(metadata.partitions), shards)
        for topic, metadata in found.items()
        if metadata.error is None and len(metadata.partitions) % shards
    ]
    if mistakes:
        raise ConfigurationError(mistakes)


def _create(admin: AdminClient, name: str, shards: int) -> None:
    # replication factor −1: the cluster's own default, which whoever runs it has chosen
    topic = NewTopic(name, num_partitions=shards, replication_factor=-1, config=dict(SETTINGS))
    try:
        admin.create_topics([topic], request_timeout=ANSWER_SECONDS)[name].result(ANSWER_SECONDS)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # another member of the group was faster
            raise


def _settings(admin: AdminClient, name: str) -> dict[str, str]:
    resource = ConfigResource(ResourceType.TOPIC, name)
    answers = admin.describe_configs([resource], request_timeout=ANSWER_SECONDS)
    entries = answers[resource].result(ANSWER_SECONDS)
    return {key: str(entry.value) for key, entry in entries.items()}


def _wrong_settings(found: Mapping[str, str]) -> list[str]:
    """One line for each setting that would lose state."""
    wrong = []
    policy = found.get("cleanup.policy", "")
    if policy != "compact":
        wrong.append(f"cleanup.policy={policy}, expected compact: anything else deletes state that is still needed")
    if found.get("unclean.leader.election.enable") == "true":
        wrong.append("unclean.leader.election.enable=true, expected false: a committed state could vanish")
    most = int(found.get("max.message.bytes", _LEAST_MESSAGE_BYTES))
    if most < _LEAST_MESSAGE_BYTES:
        wrong.append(f"max.message.bytes={most}, expected at least {_LEAST_MESSAGE_BYTES}: a chunk of state must fit")
    return wrong


_UNKNOWN = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC)
