"""Order, labels and the bound on the number of series."""

import pytest

from monitor.domain.keys import ModelKey
from monitor.exposition.board import Board
from monitor.exposition.catalogue import FAMILIES, STREAM_LABELS
from monitor.exposition.samples import families
from monitor.exposition.server import Server
from tests.unit.exposition.made import FRAUD, drifted, model, stream
from tests.unit.exposition.scraped import named, scrape, value


def exposed(board: Board) -> int:
    """Samples other than a histogram's are one series each, and so are a histogram's buckets."""
    return sum(len(samples) for _, samples in families(board.read()))


def test_every_family_is_exposed_in_the_order_of_the_catalogue_with_its_labels() -> None:
    """A full board shows samples of all families, labelled as the catalogue says."""
    board = Board(topics=["events"])
    board.set_lag({("events", 0): 1})
    board.open_alertmanagers(["am:9093"])
    board.publish_live({FRAUD: model(drifted(stream()))})
    Server(board, "127.0.0.1:0")
    found = list(families(board.read()))

    assert [family for family, _ in found] == list(FAMILIES)
    for family, samples in found:
        assert samples, f"{family.name} has no sample"
        for sample in samples:
            assert tuple(sample.labels) == (("le",) if sample.suffix == "_bucket" else family.labels)


def test_a_segment_is_a_label_only_where_there_is_one() -> None:
    """Streams of all events carry no segment label; a stream of one segment does."""
    board = Board()
    board.publish_live({FRAUD: model(stream(), stream(segment="web"))})
    labels = [dict(found) for found in named(board, "drift_status")]

    assert sorted("segment" in found for found in labels) == [False, True]
    assert all(set(STREAM_LABELS) <= set(found) for found in labels)


def test_a_learning_reference_shows_its_generation() -> None:
    """Reference size and generation come from the live view."""
    board = Board()
    board.publish_live({FRAUD: model(stream())})

    assert list(named(board, "reference_observations").values()) == [2000]


def test_below_the_limit_nothing_is_omitted_and_the_count_is_exact() -> None:
    """`series` says how many series the exposition holds, itself included."""
    board = Board(topics=["events"])
    board.publish_live({FRAUD: model(stream("a"), stream("b"))})

    assert value(board, "series") == exposed(board) == len(scrape(board))
    assert value(board, "series_omitted") == 0


@pytest.mark.parametrize("short", [1, 5, 30, 60])
def test_at_the_limit_the_rest_is_left_out_and_counted(short: int) -> None:
    """Never more than the limit; shown plus omitted is everything."""
    views = {FRAUD: model(*(stream(f"f{number}") for number in range(6)))}
    unbounded = Board()
    unbounded.publish_live(views)
    everything = exposed(unbounded)
    bounded = Board(series_limit=everything - short)
    bounded.publish_live(views)

    assert exposed(bounded) <= everything - short
    assert value(bounded, "series_omitted") == everything - exposed(bounded) >= short


def test_what_alerts_need_of_every_stream_goes_before_the_details_of_any() -> None:
    """With room for a part, all statuses are shown and the first streams by name keep their details."""
    views = {FRAUD: model(*(stream(name) for name in ("c", "a", "b")))}
    unbounded = Board()
    unbounded.publish_live(views)
    bounded = Board(series_limit=exposed(unbounded) - 1)
    bounded.publish_live(views)

    assert len(named(bounded, "drift_status")) == 3
    assert {dict(labels)["feature"] for labels in named(bounded, "drift_score")} == {"a", "b"}


def test_what_is_left_out_does_not_depend_on_the_order_of_arrival() -> None:
    """Two boards that heard of the models in different order expose the same series."""
    keys = [ModelKey("m", str(version)) for version in range(4)]
    boards = Board(series_limit=120), Board(series_limit=120)
    for board, order in zip(boards, (keys, keys[::-1]), strict=True):
        for key in order:
            board.publish_live({key: model(stream(model=key), key=key)})

    assert set(scrape(boards[0])) == set(scrape(boards[1]))
    assert value(boards[0], "series_omitted") > 0  # type: ignore[operator]


def test_the_numbers_of_the_process_are_shown_whatever_the_limit() -> None:
    """A limit of nothing at all still says that it is one."""
    board = Board(series_limit=0)
    board.publish_live({FRAUD: model(stream())})

    assert value(board, "series_omitted") > 0  # type: ignore[operator]
    assert value(board, "last_poll_timestamp_seconds") == 0
    assert named(board, "drift_status") == {}
