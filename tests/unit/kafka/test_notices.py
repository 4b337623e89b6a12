"""What client callbacks may do: append, and nothing that could raise."""

from monitor.kafka.notices import NOTICES, ClientLog, Notices, Trouble


def test_taking_empties_the_box_in_order() -> None:
    """Each notice is heard of once."""
    box = Notices()
    box.put(Trouble("a", "1"))
    box.put(Trouble("b", "2"))
    assert box.take() == [Trouble("a", "1"), Trouble("b", "2")]
    assert box.take() == []


def test_a_storm_keeps_the_newest() -> None:
    """The box is bounded."""
    box = Notices()
    for number in range(NOTICES + 5):
        box.put(Trouble("storm", str(number)))
    taken = box.take()
    assert len(taken) == NOTICES
    assert taken[-1] == Trouble("storm", str(NOTICES + 4))


def test_a_client_log_line_that_does_not_fit_its_template_does_not_raise() -> None:
    """An exception in a callback would destroy the messages being handed out."""
    box = Notices()
    log = ClientLog(box)
    log.log(40, "%s %d", "only one")
    log.log(20, "chatter")
    assert box.take() == [Trouble("client_log", "%s %d")]
