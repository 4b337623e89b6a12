"""Times by the wall clock, kept with the state but apart from it."""

import math

import numpy as np
import pytest

from monitor.domain.errors import StateError
from monitor.domain.frame import Cell, Column
from monitor.domain.keys import ModelKey, StreamKey
from monitor.exposure import Exposure

KEY = ModelKey("fraud", "7")
STREAM = StreamKey("fraud", "7", "amount", "feature")


def column(feature: str, *cells: Cell) -> Column:
    return Column(feature, "feature", np.array(cells, np.uint8), np.full(len(cells), math.nan))


def test_a_stream_was_received_if_its_key_was_there_even_without_a_value() -> None:
    """null is an observation of something missing; an absent key is nothing at all."""
    exposure = Exposure(KEY)
    exposure.received([column("amount", Cell.ABSENT, Cell.NULL), column("other", Cell.ABSENT)], math.nan, 10.0)
    assert exposure.last_observations() == {STREAM: 10.0}


def test_the_newest_event_time_never_goes_back() -> None:
    """Events may come out of order, and some have no time."""
    exposure = Exposure(KEY)
    for event_time in (math.nan, 5.0, 3.0, math.nan):
        exposure.received([], event_time, 10.0)
    assert exposure.newest_event_time == 5.0
    assert exposure.is_late(10.0, 4.0)
    assert not exposure.is_late(10.0, 5.0)


def test_without_event_times_nothing_is_late() -> None:
    """There is nothing to tell it by."""
    assert not Exposure(KEY).is_late(1e12, 1.0)


def test_everything_comes_back_from_what_was_dumped() -> None:
    """Also a model of which no event had a time."""
    exposure = Exposure(KEY)
    exposure.received([column("amount", Cell.NUMBER)], math.nan, 10.0)
    exposure.drifted(STREAM, 11.0)
    loaded = Exposure.load(KEY, exposure.dump())
    assert loaded.last_observations() == {STREAM: 10.0}
    assert loaded.last_drifts() == {STREAM: 11.0}
    assert math.isnan(loaded.newest_event_time)
    exposure.received([], 5.0, 12.0)
    assert Exposure.load(KEY, exposure.dump()).newest_event_time == 5.0


@pytest.mark.parametrize("stored", [b"", b"nonsense", b"\x93\x63\xc0\x90"])
def test_what_is_not_an_exposure_of_this_version_is_refused(stored: bytes) -> None:
    """Named with its model; the last one is version 99."""
    with pytest.raises(StateError, match="fraud/7"):
        Exposure.load(KEY, stored)
