"""Dead letters: the original, where it came from and why; never more a second than allowed."""

import math

from monitor.domain.frame import MessageBatch, Reject
from monitor.kafka.dead_letters import DeadLetters


def batch(*values: bytes | None, headers: bool = False) -> MessageBatch:
    pairs = [(("trace", b"\xff"), ("none", None))] * len(values) if headers else None
    keys = [b"key\xff"] * len(values)
    return MessageBatch(
        "t", values, [0] * len(values), range(len(values)), [1.5, *[math.nan] * len(values)], pairs, keys
    )


def reject(offset: int, row: int = 0, reason: str = "bad_json") -> Reject:
    return Reject("t", 0, offset, reason, "an object", "a list", row)


def test_a_letter_is_the_original_with_place_and_reason() -> None:
    """Key, value and headers byte for byte; ours come after theirs."""
    letters = DeadLetters(10.0, lambda: 0.0)
    letters.add(batch(b"\x00\xff", headers=True), [reject(0)])
    (letter,), dropped = letters.take()
    assert (letter.key, letter.value) == (b"key\xff", b"\x00\xff")
    assert letter.headers[:2] == (("trace", b"\xff"), ("none", None))
    ours = dict(letter.headers[2:])
    assert ours["driftgauge-topic"] == b"t"
    assert (ours["driftgauge-partition"], ours["driftgauge-offset"]) == (b"0", b"0")
    assert (ours["driftgauge-timestamp"], ours["driftgauge-reason"]) == (b"1500", b"bad_json")
    assert (ours["driftgauge-expected"], ours["driftgauge-found"]) == (b"an object", b"a list")
    assert dropped == 0


def test_a_message_with_many_bad_rows_is_one_letter() -> None:
    """Under the first reason found in it."""
    letters = DeadLetters(10.0, lambda: 0.0)
    letters.add(batch(b"a"), [reject(0, 3, "first"), reject(0, 4, "second")])
    (letter,), _ = letters.take()
    assert dict(letter.headers)["driftgauge-reason"] == b"first"


def test_letters_over_the_rate_are_counted_and_not_kept() -> None:
    """
    2 a second, 20 at once:   50 bad messages → 20 kept     a second later: 2 more
    """
    now = [0.0]
    letters = DeadLetters(2.0, lambda: now[0])
    letters.add(batch(*[b"x"] * 50), [reject(offset) for offset in range(50)])
    kept, dropped = letters.take()
    assert (len(kept), dropped) == (20, 30)
    now[0] = 1.0
    letters.add(batch(*[b"x"] * 50), [reject(offset) for offset in range(50)])
    kept, dropped = letters.take()
    assert (len(kept), dropped) == (2, 48)
