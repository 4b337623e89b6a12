"""Two shards on one board: what they name stays apart, what they count adds up."""

from collections.abc import Mapping

from monitor.exposition.board import Board
from monitor.exposition.lines import Writer
from monitor.exposition.shards import ShardBoard
from tests.unit.exposition.made import model, stream


def exposed(board: Board) -> list[str]:
    text = b"".join(Writer().pieces(board.read(), open_metrics=False)).decode()
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_a_model_in_two_shards_is_shown_twice_each_with_its_shard() -> None:
    """Neither overwrites the other, and one that goes leaves the other alone."""
    whole: Board = Board()
    lags: dict[str, Mapping[tuple[str, int], int]] = {}
    zero, one = ShardBoard(whole, 0, lags), ShardBoard(whole, 1, lags)
    view = model(stream())
    for board in (zero, one):
        board.publish_live({view.key: view})
        board.publish_committed({view.key: view})
    lines = [line for line in exposed(whole) if line.startswith("driftgauge_observations_total")]
    assert len(lines) == 2 * len(view.streams)
    assert sum('shard="1"' in line for line in lines) == len(view.streams)
    zero.forget(view.key)
    lines = [line for line in exposed(whole) if line.startswith("driftgauge_model_status")]
    assert [('shard="1"' in line) for line in lines] == [True]


def test_lags_and_messages_of_all_shards_are_the_processs() -> None:
    """Partitions belong to one shard each; counts add up; a shard that went takes its lag with it."""
    whole: Board = Board()
    lags: dict[str, Mapping[tuple[str, int], int]] = {}
    zero, one = ShardBoard(whole, 0, lags), ShardBoard(whole, 1, lags)
    zero.set_lag({("t", 0): 5})
    one.set_lag({("t", 1): 7})
    zero.count_messages("t", "ok", 2)
    one.count_messages("t", "ok", 3)
    assert dict(whole.read().lag) == {("t", 0): 5, ("t", 1): 7}
    assert whole.read().messages["t", "ok"] == 5
    one.set_lag({})
    assert dict(whole.read().lag) == {("t", 0): 5}
