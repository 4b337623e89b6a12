"""Streams are drawn while somebody looks at them, a few at a time, and never otherwise."""

from threading import Thread

import pytest

from monitor.domain.keys import StreamKey
from monitor.engine.shape import Shape
from monitor.exposition.board import Board
from monitor.exposition.gallery import DRAWN_AT_ONCE, FRESH_SECONDS, WISH_SECONDS, WISHES, Gallery
from monitor.exposition.shards import ShardBoard, ShardStreamKey

SHAPE = Shape("number", (0.0,), (), (0.5, 0.5), (0.5, 0.5), (0.0, 0.0), 10)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Artist:
    """Draws every stream alike and remembers which."""

    def __init__(self) -> None:
        self.drawn: list[StreamKey] = []

    def __call__(self, key: StreamKey) -> Shape | None:
        self.drawn.append(key)
        return SHAPE


def keys(number: int) -> list[StreamKey]:
    return [StreamKey("m", "1", f"f{index}", "feature") for index in range(number)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gallery(clock: Clock) -> Gallery:
    return Gallery(clock)


def test_nothing_is_drawn_while_nobody_looks(gallery: Gallery) -> None:
    """Drawing costs the loop nothing then."""
    artist = Artist()
    gallery.draw(artist)
    assert artist.drawn == []


def test_what_is_looked_at_is_drawn_again_when_it_is_no_longer_fresh(gallery: Gallery, clock: Clock) -> None:
    """And not at every turn of the loop."""
    artist = Artist()
    gallery.wish(keys(1))
    for clock.now in (0.0, FRESH_SECONDS / 2, FRESH_SECONDS, FRESH_SECONDS * 1.5):
        gallery.draw(artist)
    assert artist.drawn == keys(1) * 2
    assert gallery.shapes(keys(2)) == {keys(1)[0]: SHAPE}


def test_a_turn_draws_a_few_and_all_get_their_turn(gallery: Gallery) -> None:
    """The longest undrawn first."""
    artist, wanted = Artist(), keys(2 * DRAWN_AT_ONCE + 1)
    gallery.wish(wanted)
    gallery.draw(artist)
    assert len(artist.drawn) == DRAWN_AT_ONCE
    gallery.draw(artist)
    gallery.draw(artist)
    assert sorted(artist.drawn) == sorted(wanted)


def test_a_wish_ends_some_time_after_it_was_last_made(gallery: Gallery, clock: Clock) -> None:
    """A page that was closed is drawn for no longer."""
    artist = Artist()
    gallery.wish(keys(1))
    clock.now = WISH_SECONDS + 1
    gallery.draw(artist)
    assert artist.drawn == []
    assert gallery.wished() == ()


def test_wishes_are_bounded(gallery: Gallery) -> None:
    """Whoever asks for more gets no drawings of the rest."""
    gallery.wish(keys(WISHES + 50))
    assert len(gallery.wished()) == WISHES


def test_a_drawing_that_fails_costs_only_itself(gallery: Gallery, clock: Clock) -> None:
    """It is left out, and not tried at every turn; the others are drawn."""
    tried: list[StreamKey] = []

    def draw(key: StreamKey) -> Shape | None:
        tried.append(key)
        if key.feature == "f0":
            raise ZeroDivisionError("a defect")
        return SHAPE

    gallery.wish(keys(2))
    gallery.draw(draw)
    clock.now = FRESH_SECONDS
    gallery.draw(draw)
    assert gallery.shapes(keys(2)) == {keys(2)[1]: SHAPE}
    assert tried.count(keys(1)[0]) == 1


def test_the_first_look_waits_for_the_drawing() -> None:
    """Whoever asks gets what another thread draws meanwhile."""
    gallery, wanted = Gallery(), keys(3)
    gallery.wish(wanted)
    loop = Thread(target=gallery.draw, args=(Artist(),))
    loop.start()
    found = gallery.shapes(wanted, patience_seconds=60)
    loop.join()
    assert len(found) == 3


def test_a_loop_that_stands_still_is_not_waited_for_for_ever(gallery: Gallery) -> None:
    """The page is needed most then."""
    gallery.wish(keys(1))
    assert gallery.shapes(keys(1), patience_seconds=0.01) == {}


def test_a_shard_draws_its_own_streams_by_its_own_names() -> None:
    """Those of another shard are left to it."""
    board, artist = Board(), Artist()
    mine, other = (ShardStreamKey("m", "1", "f0", "feature", "", shard) for shard in ("0", "1"))
    board.gallery.wish([mine, other])
    ShardBoard(board, 0, {}).draw(artist)
    assert artist.drawn == keys(1)
    assert board.gallery.shapes([mine, other]) == {mine: SHAPE}
