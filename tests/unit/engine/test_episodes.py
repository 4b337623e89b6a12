"""Episodes: from channels that open and close to the alarms a person sees."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.engine.episodes import RECHECK, Rhythm
from tests.unit.engine.drawn import episodes_of, signals, take


def test_an_episode_fires_with_its_first_channel_and_resolves_with_its_last() -> None:
    """Channels that overlap are one episode."""
    found = episodes_of(
        level="..####.....",
        spread="....#####..",
    )
    assert found == {
        "value": "..F......R.",
    }


def test_an_onset_inside_the_cool_down_fires_at_its_end() -> None:
    """One clock after the first alarm, if it is still open by then."""
    found = episodes_of(
        clock=8,
        level="#...######..",
    )
    assert found == {
        "value": "FR......F.R.",
    }


def test_an_onset_that_passes_inside_the_cool_down_is_never_an_alarm() -> None:
    """Nobody is woken twice by one disturbance."""
    found = episodes_of(
        clock=8,
        level="#...###......",
    )
    assert found == {
        "value": "FR...........",
    }


def test_the_cool_down_doubles_with_every_alarm() -> None:
    """One, two, four clocks of four: a flapping stream is heard less and less.

    flapping   #.#.#.#.#.#.#.#.…     alarms 4, 8, 16, … observations apart
    """
    line = "#." * 200
    found = episodes_of(clock=4, level=line)["value"]
    alarms = [at for at, letter in enumerate(found) if letter == "F"]
    assert [later - earlier for earlier, later in pairwise(alarms)] == [4, 8, 16, 32, 64, 128, 128]


def test_a_short_reference_has_a_constant_cool_down_and_does_not_wait_for_its_end() -> None:
    """An onset inside it is dropped, the next one outside fires."""
    found = episodes_of(
        rhythm=Rhythm(4, doubles=False, defers=False),
        level="#.#####..#.#..#.",
    )
    assert found == {
        "value": "FR.......FR...FR",
    }


def test_a_long_quiet_makes_the_cool_down_short_again() -> None:
    """Sixty-four clocks without an alarm are forgotten doublings.

    alarms at 0, 2, 6 … then 140 quiet observations (clock 2)
    """
    flapping = "#." * 4
    found = episodes_of(clock=2, level=flapping + "." * 140 + flapping)["value"]
    first, second = found[: len(flapping)], found[-len(flapping) :]
    assert first == second == "FRFR..FR"


def test_the_cool_down_belongs_to_the_stream_not_to_the_aspect() -> None:
    """Values that go wrong and then go missing are one disturbance; the second alarm waits its turn."""
    found = episodes_of(
        clock=6,
        level="..####......",
        missing="...########.",
    )
    assert found == {
        "value": "..F...R.....",
        "missing": "........F..R",
    }


def test_aspects_open_and_close_on_their_own() -> None:
    """A stream may be stuck, missing and drifted in any combination."""
    found = episodes_of(
        clock=2,
        level="#######..............",
        missing=".....##########......",
        stuck="........############.",
    )
    assert found == {
        "value": "F......R.............",
        "missing": ".....F.........R.....",
        "stuck": ".........F..........R",
    }


def test_an_effect_that_does_not_matter_stays_pending() -> None:
    """And is no alarm when it closes without having mattered."""
    assert episodes_of(step=8, matters="0" * 12, level="..######....") == {}


def test_a_pending_episode_fires_when_its_effect_grows() -> None:
    """It is looked at every thirty-two observations: four letters of eight.

    looks at     ^   ^   ^
    """
    assert RECHECK == 32
    found = episodes_of(
        step=8,
        matters="00000000111111",
        level="..##########..",
    )
    assert found == {
        "value": "..........F.R.",
    }


def test_another_channel_makes_a_pending_episode_look_again_at_once() -> None:
    """What the first did not reach the second may."""
    found = episodes_of(
        step=8,
        matters="00011111111111",
        level="..##########..",
        spread="....########..",
    )
    assert found == {
        "value": "....F.......R.",
    }


def test_a_further_change_fires_again_inside_an_open_episode() -> None:
    """Outside the cool-down, which in turn it begins anew."""
    found = episodes_of(
        rhythm=Rhythm(4, doubles=False, defers=False),
        level="#..........",
        spread="#!######!#.",
    )
    assert found == {
        "value": "F.......F.R",
    }


def test_the_relearned_regime_fires_but_never_resolves() -> None:
    """Its changes are changes of value; only a return to the profile ends the episode."""
    found = episodes_of(
        clock=4,
        level="##############.",
        further_level="......###......",
    )
    assert found == {
        "value": "F.....F.......R",
    }


def test_a_cleared_track_is_closed_and_tells_whether_it_had_fired() -> None:
    """Relearning closes what is open; late closings of its channels then mean nothing."""
    drawn = signals(level="..####")
    _, episodes = take(drawn, 6, Rhythm(4))
    assert (episodes.is_open("value"), episodes.is_firing("value")) == (True, True)
    assert episodes.open_since("value") == 2
    assert episodes.open_keys("value") == ("level",)
    assert episodes.leading("value") == "level"
    assert episodes.clear("value")
    assert (episodes.is_open("value"), episodes.clear("value")) == (False, False)
    assert episodes.advance(signals(level=".")[:0], 6, 4, Rhythm(4), lambda at, key: True) == []


@pytest.mark.parametrize("late", [1, 5])
def test_a_closing_of_a_channel_that_holds_nothing_open_changes_nothing(late: int) -> None:
    """A channel that was cleared closes later than its episode."""
    drawn = [s for s in signals(level="#" * late + ".") if s.detection is None]
    changes, _ = take(drawn, 10, Rhythm(4))
    assert changes == []


lines = st.text(alphabet=".....###!", min_size=40, max_size=40)


@given(
    channels=st.fixed_dictionaries(
        {"level": lines, "spread": lines, "missing": lines, "stuck": lines, "further_level": lines}
    ),
    cuts=st.lists(st.integers(1, 320), max_size=10),
    matters=st.text(alphabet="01", min_size=40, max_size=40),
    rhythm=st.sampled_from([Rhythm(4), Rhythm(40), Rhythm(16, doubles=False, defers=False)]),
)
def test_episodes_depend_neither_on_cuts_nor_on_restarts(
    channels: dict[str, str], cuts: list[int], matters: str, rhythm: Rhythm
) -> None:
    """Any drawing, cut anywhere and dumped and loaded there, has the same episodes."""
    drawn = signals(8, **channels)
    whole, at_once = take(drawn, 320, rhythm, matters=matters, step=8)
    pieces, in_parts = take(drawn, 320, rhythm, matters=matters, cuts=cuts, step=8)
    assert [(at, c.aspect, c.firing, c.key) for at, c in whole] == [(at, c.aspect, c.firing, c.key) for at, c in pieces]
    assert at_once.dump() == in_parts.dump()


@given(
    channels=st.fixed_dictionaries({"level": lines, "spread": lines, "missing": lines}),
    rhythm=st.sampled_from([Rhythm(4), Rhythm(40), Rhythm(16, doubles=False, defers=False)]),
)
def test_an_aspect_fires_before_it_resolves_and_alarms_keep_their_distance(
    channels: dict[str, str], rhythm: Rhythm
) -> None:
    """No resolution without an alarm; never two alarms within a clock."""
    changes, _ = take(signals(8, **channels), 320, rhythm)
    firing: set[str] = set()
    alarms = [at for at, change in changes if change.firing]
    for _, change in changes:
        if change.firing:
            firing.add(change.aspect)
        else:
            assert change.aspect in firing
            firing.remove(change.aspect)
    assert all(later - earlier >= rhythm.clock for earlier, later in pairwise(alarms))
