"""A shard that goes from one member of a group to another, both alive and well."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.services import kafka
from tests.services.daemon import DaemonProcess
from tests.services.waiting import wait_until


def event(number: int) -> dict[str, object]:
    return {
        "ts": 1_767_225_600 + number,
        "model": f"m{number % 2}",
        "model_version": "1",
        "features": {"amount": float(number % 17)},
    }


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_shard_is_saved_before_it_is_handed_over(
    kafka_bootstrap: str, new_topic: Callable[..., str], tmp_path: Path, protocol: str
) -> None:
    """one: both shards ── two joins ── one of them saved, let go, taken up there: nothing is read twice"""
    topic, state = new_topic(partitions=2), kafka.unique_name("state")
    # nothing is saved but by the hand-over and the stop; a change of status, which is saved at once, does not occur
    sections: dict[str, dict[str, Any]] = {
        "kafka": {"properties": {"group.protocol": protocol}},
        "state": {"store": "kafka", "topic": state, "shards": 2, "interval_seconds": 3_600},
        "reference": {"warmup": {"observations": 100_000, "duration": 0}},
    }
    members = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        members.append(DaemonProcess(tmp_path / name, kafka_bootstrap, [topic], **sections))
    one, two = members
    with one:
        for partition in range(2):
            events = [event(number) for number in range(partition, 1_000, 2)]
            kafka.produce(kafka_bootstrap, topic, events, partition=partition)
        one.await_total(1_000, "driftgauge_messages_total", result="ok")
        with two:
            handed = wait_until(lambda: one.lines("shard_handed_over"), 60, "a shard to be handed over")
            assert [line["saved"] for line in handed] == [True]
            wait_until(lambda: two.total("driftgauge_observations_total") == 500, 60, "its events to be known there")
            assert two.total("driftgauge_messages_total") == 0
