"""What the source is told, and the librdkafka properties it is built from.

Three properties decide whether statistics stay true (who commits, where a reader goes without a position, when an
offset counts as read); they are ours, and a configuration that sets them is refused with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from monitor.domain.errors import ConfigurationError

#: Defaults a user may override, for a reader that shares its machine with a model.
#: fetch.queue.backoff.ms: with the stock value of 1000 a full queue stalls its partitions for a second.
#: fetch.wait.max.ms: how long a broker may hold an event back for want of more; the stock 500 would show.
#: queued.max.messages.kbytes, queued.min.messages: what is fetched ahead of the loop, over all partitions: the bytes of
#: one of its batches, which the client's own notes on each message double.  Never more than 8 MB.
#: fetch.max.bytes, max.partition.fetch.bytes: one answer of a broker.  It is held whole, compressed, beside the queue,
#: which a last answer may overrun by its size unpacked, so it is kept small; larger messages come all the same.
DEFAULTS: Mapping[str, str | int | float | bool] = {
    "client.id": "driftgauge",
    "fetch.max.bytes": 1_048_576,
    "fetch.queue.backoff.ms": 10,
    "fetch.wait.max.ms": 10,
    "max.partition.fetch.bytes": 1_048_576,
    "queued.max.messages.kbytes": 4_096,
    "queued.min.messages": 10_000,
    "reconnect.backoff.max.ms": 2_000,
    "socket.keepalive.enable": True,
}

#: Properties the source must own → what to write, or to know, instead.
OWNED: Mapping[str, str] = {
    "bootstrap.servers": "set kafka.bootstrap_servers",
    "group.id": "set kafka.group_id",
    "enable.auto.commit": "the state owns the offsets, the group's are written after it",
    "enable.auto.offset.store": "the state owns the offsets, the group's are written after it",
    "auto.offset.reset": "set kafka.start; later losses of data are counted as gaps, never jumped over",
    "enable.partition.eof": "ends of partitions are how positions pass over transaction markers",
    "isolation.level": "aborted events never happened, so only committed ones are read",
    "group.instance.id": "partitions are assigned by hand, the group has no members",
    "test.mock.num.brokers": "a mock broker belongs to the process that starts it",
}

#: properties of a group's member, which the consumer of events never is
MEMBER_PROPERTIES = ("session.timeout.ms", "heartbeat.interval.ms", "group.protocol", "group.remote.assignor")

_FIXED: Mapping[str, str | int | float | bool] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
}


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """Where to read from.  start: where a topic without any stored position begins.

    shard of shards: only the partitions whose number, divided by `shards`, leaves `shard`.  tells_group: are the
    group's offsets written by the source, for lag tools?  Not where the store writes them in its transactions.
    """

    bootstrap_servers: str
    topics: tuple[str, ...]
    group_id: str = "driftgauge"
    start: Literal["earliest", "latest"] = "earliest"
    properties: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    shard: int = 0
    shards: int = 1
    tells_group: bool = True


def refused_properties(properties: Mapping[str, object]) -> list[str]:
    """One line for each property that is not the user's to set, in the order given."""
    return [
        f"kafka.properties: expected a property other than `{name}`, which driftgauge sets itself: {OWNED[name]}"
        for name in properties
        if name in OWNED
    ]


def undivided(topic: str, partitions: int, shards: int) -> str:
    """What is wrong with a topic whose partitions the shards do not divide, and what to do about it."""
    fitting = [str(number) for number in range(1, partitions + 1) if partitions % number == 0]
    more = (partitions // shards + 1) * shards
    return (
        f"kafka.topics: {topic} has {partitions} partitions, which {shards} shards do not divide, so a model's events "
        f"would not stay in one shard; set state.shards to one of {', '.join(fitting)} (with a state topic of its "
        f"own), or give the topic {more} partitions"
    )


def client_properties(options: SourceOptions) -> dict[str, str | int | float | bool]:
    """The consumer's properties: defaults, then the user's, then what must hold.

    Raises ConfigurationError naming every property that is not the user's.
    """
    mistakes = refused_properties(options.properties)
    if mistakes:
        raise ConfigurationError(mistakes)
    own = {name: value for name, value in options.properties.items() if name not in MEMBER_PROPERTIES}
    return {
        **DEFAULTS,
        **own,
        **_FIXED,
        "bootstrap.servers": options.bootstrap_servers,
        "group.id": options.group_id,
    }
