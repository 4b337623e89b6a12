"""The table of connections: which one goes for a new one, and when one's time is over."""

import pytest

from monitor.exposition.connections import Bounds, Connection, Connections, Phase


class Table:
    """Three connections may be open; `cut` has the names of those that were cut, in order."""

    def __init__(self, connections: int = 3) -> None:
        self.now = 0.0
        self.cut: list[str] = []
        self.reasons: list[str] = []
        bounds = Bounds(connections=connections, head_seconds=5, answer_seconds=60)
        self.open = Connections(bounds, lambda: self.now, self.reasons.append)

    def add(self, name: str, *phases: Phase, address: str = "10.0.0.1", let_in: bool = False) -> Connection:
        made = Connection(address, cut=lambda: self.cut.append(name), let_in=let_in)
        self.open.add(made)
        for phase in phases:
            self.open.move(made, phase)
        return made


def test_there_are_never_more_than_the_limit() -> None:
    """Each that comes too many costs another one, and is counted."""
    table = Table()
    for number in range(1_000):
        table.add(str(number))
        assert len(table.open) <= 3
    assert table.cut == [str(number) for number in range(997)]
    assert table.reasons == ["limit"] * 997


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Phase.SILENT, Phase.HEAD),
        (Phase.SILENT, Phase.HANDSHAKE),
        (Phase.HEAD, Phase.OPENING),
        (Phase.HANDSHAKE, Phase.OPENING),
        (Phase.IDLE, Phase.ANSWER),
        (Phase.HEAD, Phase.ANSWER),
        (Phase.OPENING, Phase.ANSWER),
        (Phase.IDLE, Phase.FETCH),
    ],
)
def test_who_has_shown_less_goes_first(first: Phase, second: Phase) -> None:
    """Even when it came later."""
    table = Table(2)
    table.add("more", second)
    table.add("less", first)
    table.add("new")
    assert table.cut == ["less"]


def test_who_was_let_in_before_stays() -> None:
    """A Prometheus that keeps its connection survives any number of strangers, whether it idles or asks."""
    table = Table()
    known = table.add("known", Phase.ANSWER, let_in=True)
    for phase in (Phase.IDLE, Phase.HEAD):
        table.open.move(known, phase)
        for number in range(100):
            table.add(str(number), Phase.HEAD)
    assert "known" not in table.cut


def test_of_equals_the_address_that_holds_most_loses_its_oldest() -> None:
    """Somebody else's single connection is left alone, however old."""
    table = Table()
    table.add("single", Phase.HEAD, address="10.0.0.2")
    table.add("first", Phase.HEAD)
    table.add("second", Phase.HEAD)
    table.add("third", Phase.HEAD)
    assert table.cut == ["first"]


def test_where_all_are_being_answered_the_next_one_waits() -> None:
    """Who waits for us is not cut, however long; who does not fetch what is there is."""
    table = Table()
    known = [table.add(name, Phase.ANSWER) for name in ("first", "second", "third")]
    table.now = 50.0
    assert table.open.crowded
    table.open.move(known[1], Phase.FETCH)
    assert table.open.crowded
    table.now += 1.0
    assert not table.open.crowded
    table.add("new")
    assert table.cut == ["second"]


def test_who_has_spoken_is_not_taken_for_silent() -> None:
    """What is waiting to be read is looked at before anybody is cut for saying nothing."""
    table = Table()
    spoken = table.add("spoken")

    def speaks() -> bool:
        table.open.move(spoken, Phase.OPENING)
        return True

    spoken.speaks = speaks
    table.add("silent")
    table.add("silent too")
    table.add("new")
    assert table.cut == ["silent"]


@pytest.mark.parametrize(
    ("phase", "seconds"),
    [
        (Phase.SILENT, 5),
        (Phase.OPENING, 5),
        (Phase.HANDSHAKE, 5),
        (Phase.HEAD, 5),
        (Phase.ANSWER, 60),
        (Phase.FETCH, 60),
    ],
)
def test_each_phase_has_its_deadline(phase: Phase, seconds: float) -> None:
    """From its own beginning; then it is cut, and counted."""
    table = Table()
    made = table.add("slow")
    table.now = 3.0
    table.open.move(made, phase)
    table.now = 3.0 + seconds - 0.1
    table.open.sweep()
    assert table.cut == []
    table.now = 3.0 + seconds
    table.open.sweep()
    assert (table.cut, table.reasons, len(table.open)) == (["slow"], ["deadline"], 0)


def test_what_is_cut_or_gone_is_not_counted_again() -> None:
    """Its end comes later, and may come twice."""
    table = Table(1)
    made = table.add("one")
    table.add("two")
    table.open.move(made, Phase.HEAD)
    table.open.remove(made)
    table.open.remove(made)
    assert (table.cut, len(table.open)) == (["one"], 1)
