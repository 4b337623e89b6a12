"""Who owns which shard: one consumer group on the state topic, whose partitions are the shards.

The consumer joins the group and reads nothing.  Its callbacks run inside `poll`, on the loop's thread:

     assigned   the shards are ours to open: whoever had them is fenced when their stores are opened
     revoked    hand over in order: save and let go before the callback returns, then they go to another member
     lost       the group gave them to somebody else already: let go without writing

Sessions end by themselves on both sides: a member that hears nothing from the group for its session timeout takes its
shards for lost, whatever it can still reach.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from monitor.domain.errors import ConfigurationError
from monitor.kafka.notices import ClientLog, Notices, Trouble
from monitor.kafka.options import MEMBER_PROPERTIES
from monitor.kafka.secrets import blackened, secrets_of

Properties = Mapping[str, str | int | float | bool]

CLOSE_SECONDS, ASK_SECONDS = 5.0, 2.0

#: a member that says nothing for ten seconds is dead; heartbeats are how the others hear of a hand-over, so they are
#: frequent.  The KIP-848 protocol has both at the broker.
_CLASSIC: Properties = {
    "session.timeout.ms": 10_000,
    "heartbeat.interval.ms": 500,
    "partition.assignment.strategy": "cooperative-sticky",
}
_FIXED: Properties = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "latest",
    "max.poll.interval.ms": 60_000,
}


@dataclass(frozen=True, slots=True)
class Events:
    """What the owner of shards has to do; called on the thread that polls.  Shards are numbers."""

    gained: Callable[[Collection[int]], None]
    handed_over: Callable[[Collection[int]], None]
    lost: Callable[[Collection[int]], None]


class Membership:
    """This process's place in the group, from the first `poll` to `close`."""

    def __init__(
        self,
        properties: Properties,
        group_id: str,
        topic: str,
        events: Events,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Creates the client; connects nowhere yet.  Raises ConfigurationError for properties librdkafka refuses."""
        self.notices = Notices()
        self.joined = False
        self.up = True  #: has a broker answered since all were down?
        self._events = events
        self._topic = topic
        self._group_id = group_id
        self._failure: Exception | None = None
        self._closed = False
        self._metadata: Any = None
        self._clock = clock
        self._due = 0.0
        classic = {} if properties.get("group.protocol", "classic") == "consumer" else _CLASSIC
        try:
            self._consumer = Consumer(
                {**classic, **properties, **_FIXED, "group.id": group_id, "error_cb": self._on_error},
                logger=ClientLog(self.notices),
            )
            self._admin = AdminClient(
                {n: value for n, value in properties.items() if n not in MEMBER_PROPERTIES},
                logger=ClientLog(self.notices),
            )
        except (KafkaException, TypeError, ValueError) as error:
            why = blackened(str(error), secrets_of(properties))
            raise ConfigurationError([f"kafka.properties: librdkafka refuses them: {why}"]) from None

    def join(self) -> None:
        """Ask for shards; they are given in `poll`."""
        self._consumer.subscribe(
            [self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )
        self.joined = True

    def poll(self) -> None:
        """Let the group speak; at least once a minute.  Raises what the callbacks of `Events` raised."""
        if not self.joined:
            return
        self._admin.poll(0)  # hands over what it has to say, which would pile up
        try:
            message = self._consumer.poll(0)
        except (KafkaException, RuntimeError) as error:
            self.notices.put(Trouble("group_error", str(error)))
            message = None
        if message is not None and message.error() is not None:
            self.notices.put(Trouble("group_error", str(message.error())))
        self._look()
        if not self.up:
            self._ask()
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def _ask(self) -> None:
        """Has a broker come back?  Asked once in a while, briefly: the loop waits for the answer."""
        now = self._clock()
        if now >= self._due:
            try:
                self._consumer.list_topics(self._topic, timeout=0.5)
                self.up = True
            except KafkaException:
                self._due = self._clock() + ASK_SECONDS

    def metadata(self) -> Any:
        """What a transaction needs to write the group's offsets: refused by the broker if it is not the newest.

        From any thread, for the client itself answers none but the one that is inside `poll`: asked by the writer of
        a last commit, while a callback waits for that commit, it would hold up the hand-over until both give up.
        """
        return self._metadata

    def owns(self, shard: int) -> bool | None:
        """Does the group say that a shard is this process's?  None: it cannot be told now, so ask again.

        Asked of the brokers: what a member remembers may be long over.
        """
        place = TopicPartition(self._topic, shard)
        asked = self._admin.describe_consumer_groups([self._group_id], request_timeout=ASK_SECONDS)
        try:
            members = asked[self._group_id].result(ASK_SECONDS).members
        except KafkaException:
            return None
        holders = [member.member_id for member in members if place in member.assignment.topic_partitions]
        return None if not holders else holders == [self._consumer.memberid()]

    def _look(self) -> None:
        try:
            self._metadata = self._consumer.consumer_group_metadata()
        except (KafkaException, RuntimeError) as error:
            self.notices.put(Trouble("group_error", str(error)))

    def close(self) -> None:
        """Leave the group within a bound, so that the others need not wait for the session's end."""
        if self._closed:
            return
        self._closed = True
        closing = threading.Thread(target=self._consumer.close, name="kafka-leave", daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)

    # An exception that leaves a callback is lost in the client: it is kept, and raised where the loop polls.

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        shards = [partition.partition for partition in partitions]
        there = [TopicPartition(self._topic, shard, OFFSET_END) for shard in shards]
        consumer.incremental_assign(there)
        if there:
            consumer.pause(there)  # state is read by those who restore it
        self._tell(self._events.gained, shards)

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if not self._closed:
            self._look()  # the group may have gone on since the last poll, and last commits are about to be written
            self._tell(self._events.handed_over, [partition.partition for partition in partitions])
        consumer.incremental_unassign(partitions)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if not self._closed:
            self._tell(self._events.lost, [partition.partition for partition in partitions])
        consumer.incremental_unassign(partitions)

    def _tell(self, event: Callable[[Collection[int]], None], shards: Collection[int]) -> None:
        try:
            event(shards)
        except Exception as error:
            self._failure = error

    def _on_error(self, error: KafkaError) -> None:
        down = error.code() == KafkaError._ALL_BROKERS_DOWN
        self.up = self.up and not down
        self.notices.put(Trouble("broker_down" if down else "client_error", str(error)))
