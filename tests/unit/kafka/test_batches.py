"""Messages as columns."""

import math

from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_NOT_AVAILABLE, Message

from monitor.kafka.batches import BATCH_BYTES, BATCH_MESSAGES, Gathering, batches


def message(
    topic: str = "t",
    partition: int = 0,
    offset: int = 0,
    value: bytes | None = b"x",
    headers: list[tuple[str, str | bytes | None]] | None = None,
    timestamp: tuple[int, int] = (TIMESTAMP_CREATE_TIME, 1_500),
) -> Message:
    return Message(topic=topic, partition=partition, offset=offset, value=value, headers=headers, timestamp=timestamp)


def test_messages_become_one_batch_a_topic_in_the_order_read() -> None:
    """Topics apart, order kept within each."""
    first, second = batches([message("a", 0, 1), message("b", 0, 7), message("a", 1, 2)], {})
    assert (first.topic, list(first.partitions), list(first.offsets)) == ("a", [0, 1], [1, 2])
    assert (second.topic, list(second.offsets)) == ("b", [7])


def test_a_tombstone_is_none_and_an_empty_body_is_not() -> None:
    """None and b"" are different things to a format."""
    (batch,) = batches([message(offset=0, value=None), message(offset=1, value=b"")], {})
    assert list(batch.values) == [None, b""]


def test_timestamps_are_seconds_and_nan_where_there_is_none() -> None:
    """Kafka counts milliseconds, the statistics count seconds."""
    (batch,) = batches([message(offset=0), message(offset=1, timestamp=(TIMESTAMP_NOT_AVAILABLE, 0))], {})
    assert batch.timestamps[0] == 1.5
    assert math.isnan(batch.timestamps[1])


def test_headers_are_pairs_of_name_and_bytes_for_every_message_once_one_has_some() -> None:
    """A message without headers among others has none, which is not the same as unknown."""
    (batch,) = batches([message(offset=0, headers=[("ce_id", b"1"), ("empty", None)]), message(offset=1)], {})
    assert batch.headers == [(("ce_id", b"1"), ("empty", None)), ()]


def test_without_any_headers_there_is_no_column_of_them() -> None:
    """Most topics have none; they cost nothing."""
    (batch,) = batches([message()], {})
    assert batch.headers is None


def test_what_was_handed_out_before_is_left_out() -> None:
    """
    position of partition 0 = 2:   0  1 | 2  3      partition 1 unknown:  | 0
    """
    messages = [message(partition=0, offset=offset) for offset in range(4)] + [message(partition=1, offset=0)]
    (batch,) = batches(messages, {("t", 0): 2})
    assert list(zip(batch.partitions, batch.offsets, strict=True)) == [(0, 2), (0, 3), (1, 0)]


def test_a_batch_of_old_messages_only_is_none() -> None:
    """Nothing new means no batch, not an empty one."""
    assert batches([message(offset=0)], {("t", 0): 1}) == []


def test_pieces_become_one_batch_and_say_how_far_they_reach() -> None:
    """What a piece moved is known before the next is taken, so that a message that comes twice is left out."""
    gathering = Gathering()
    assert gathering.add([message(offset=0), message(partition=1, offset=4)], {}) == {("t", 0): 1, ("t", 1): 5}
    assert gathering.add([message(offset=0), message(offset=1)], {("t", 0): 1}) == {("t", 0): 2}
    (batch,) = gathering.batches()
    assert list(zip(batch.partitions, batch.offsets, strict=True)) == [(0, 0), (1, 4), (0, 1)]


def test_headers_that_come_late_leave_the_earlier_messages_without() -> None:
    """One entry a message, also for the pieces before the first header."""
    gathering = Gathering()
    gathering.add([message(offset=0)], {})
    gathering.add([message(offset=1, headers=[("ce_id", b"1")])], {})
    assert gathering.batches()[0].headers == [(), (("ce_id", b"1"),)]


def test_a_batch_is_full_by_number_or_by_size() -> None:
    """Small messages are bounded by their number, large ones by their bytes."""
    gathering = Gathering()
    gathering.add([message(value=b"x" * BATCH_BYTES)], {})
    assert gathering.full
    gathering = Gathering()
    gathering.add([message(offset=offset) for offset in range(BATCH_MESSAGES - 1)], {})
    assert not gathering.full
    gathering.add([message(offset=BATCH_MESSAGES)], {})
    assert gathering.full
