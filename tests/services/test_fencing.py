"""A shard's owner that is fenced: opened again where the group still calls it the owner, ended where it does not."""

from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

import pytest

from monitor.kafka.ownership import Events, Membership
from monitor.kafka.store import KafkaStore, StoreOptions
from monitor.state.store import FencedError
from tests.services import kafka
from tests.services.daemon import DaemonProcess
from tests.services.test_daemon import event
from tests.services.waiting import wait_until


def test_an_owner_that_somebody_fences_goes_on_from_what_is_saved(
    kafka_bootstrap: str, new_topic: Callable[..., str], tmp_path: Path
) -> None:
    """events ── fenced by nobody in the group ── opened again ── events ── each counted once"""
    topic, state = new_topic(), kafka.unique_name("state")
    section = {"store": "kafka", "topic": state}
    properties = {"bootstrap.servers": kafka_bootstrap}
    with DaemonProcess(tmp_path, kafka_bootstrap, [topic], state=section) as daemon:
        kafka.produce(kafka_bootstrap, topic, (event(number) for number in range(500)))
        daemon.await_total(500, "driftgauge_observations_total", feature="amount")
        late = KafkaStore(StoreOptions(properties, {**properties, "group.id": "late"}, topic, state))
        with suppress(FencedError):  # the daemon may be back before this has ended
            late.load()
        kafka.produce(kafka_bootstrap, topic, (event(number) for number in range(500, 1_000)))
        wait_until(lambda: daemon.lines("shard_fenced"), 60, "the fencing to be noticed")
        late.close()

        def counted() -> bool:
            """Nothing is shown while the shard is being opened, and never more than there is."""
            found = daemon.total("driftgauge_observations_total", feature="amount")
            assert found <= 1_000
            return found == 1_000

        wait_until(counted, 60, "every event to be counted")
        assert len(daemon.lines("shard_open")) >= 2
        assert daemon.process.stop() == 0


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_the_group_says_who_owns_a_shard(kafka_bootstrap: str, new_topic: Callable[..., str], protocol: str) -> None:
    """one: owner ── two waits ── one is asked: yes; two: no ── one leaves ── two: yes"""
    topic = new_topic()
    properties = {"bootstrap.servers": kafka_bootstrap, "group.protocol": protocol}

    def member(gained: list[int]) -> Membership:
        def ignored(_: Collection[int]) -> None: ...

        joined = Membership(properties, topic, topic, Events(gained.extend, ignored, ignored))
        joined.join()
        return joined

    first: list[int] = []
    second: list[int] = []
    one, two = member(first), None
    try:
        wait_until(lambda: one.poll() or first, 60, "the first to own it")
        two = member(second)
        wait_until(lambda: (one.poll(), two.poll(), two.owns(0))[2] is False, 60, "the second to be told no")
        wait_until(lambda: (one.poll(), two.poll(), one.owns(0))[2] is True, 60, "the first to be told yes")
        one.close()
        wait_until(lambda: (two.poll(), two.owns(0))[1] is True and second, 60, "the second to be told yes")
        assert (first, second) == ([0], [0])
    finally:
        one.close()
        if two is not None:
            two.close()
