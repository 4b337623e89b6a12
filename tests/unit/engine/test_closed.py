"""The closed channels of a regime against the banks fed by hand, value for value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from monitor.channels.table import ABSENT, ChannelTable
from monitor.detectors.adwin import AdwinBank
from monitor.detectors.page_hinkley import PageHinkleyBank
from monitor.engine._closed import ClosedChannels
from monitor.engine.plan import ChannelPlan
from monitor.engine.signals import Told

CELLS = 40
LENGTH = 6_000


def plan(*, block: int = 1, rare: bool = False, wide: bool = False, threshold: float = 40.0) -> ChannelPlan:
    """A channel that has no value in the last cell and rises with the others."""
    numerators = np.arange(CELLS, dtype=np.int64 if wide else np.int32)
    numerators[-1] = ABSENT
    if rare:
        numerators = np.where(numerators == CELLS - 2, 1, 0).astype(np.int32)
    return ChannelPlan(
        table=ChannelTable("level", "level", "level", numerators, 1 if rare else CELLS),
        level=18.0,
        block=block,
        mean=0.1 if rare else 0.47,
        sd=0.29 / block**0.5,
        adwin_scale=0.29,
        slack=(0.125, 0.125, 0.5, 0.5),
        threshold=(threshold, threshold, threshold / 3, threshold / 3),
        prior=500.0,
        delta=1e-4,
        clock=32,
        gate=0.1,
        window=64,
        tolerance=0.5,
        quiet=4,
        rare_events=3 if rare else None,
    )


@dataclass
class Watched:
    """One channel over banks of its own."""

    of: ChannelPlan

    def __post_init__(self) -> None:
        self.adwin, self.page_hinkley = AdwinBank(), PageHinkleyBank()
        self.rows = (
            self.adwin.add(self.of.delta, self.of.clock),
            self.page_hinkley.add(self.of.slack, self.of.threshold),
        )
        self.page_hinkley.prime(self.rows[1], self.of.prior, 0.0)

    def state(self) -> list[bytes]:
        return [array.tobytes() for bank in (self.adwin, self.page_hinkley) for _, array in sorted(bank.dump().items())]

    def closed(self) -> ClosedChannels:
        found = ClosedChannels(self.adwin, self.page_hinkley)
        found.add(self.of.table.numerators, self.of, *self.rows)
        return found

    def by_hand(self, cells: npt.NDArray[np.uint16]) -> tuple[int, str] | None:
        """Feed the banks as a reader of the plan would; position of the value at which one fires, and which."""
        places = np.flatnonzero(self.of.table.numerators[cells] != ABSENT)
        y = self.of.table.numerators[cells[places]].astype(np.int64)
        blocks = len(y) // self.of.block
        sums = y[: blocks * self.of.block].reshape(blocks, self.of.block).sum(axis=1)
        z = (sums / (self.of.block * self.of.table.denominator) - self.of.mean) / self.of.sd
        for index in range(len(z)):
            place = int(places[(index + 1) * self.of.block - 1])
            cut = self.adwin.update(self.rows[0], z[index : index + 1] * self.of.adwin_scale)
            far = cut >= 0 and abs(self.adwin.newest_cut()[1]) / self.of.adwin_scale > self.of.gate
            if self.page_hinkley.update(self.rows[1], z[index : index + 1]) >= 0:
                return place, "page_hinkley"
            if far:
                return place, "adwin"
        return None


def drawn(seed: int, shift: int = 0) -> npt.NDArray[np.uint16]:
    """Cells without a change or with one in the middle, some of them where the channel has no value."""
    random = np.random.default_rng(seed)
    cells = random.integers(0, CELLS - 1, LENGTH)
    cells[LENGTH // 2 :] = np.minimum(cells[LENGTH // 2 :] + shift, CELLS - 2)
    cells[random.random(LENGTH) < 0.1] = CELLS - 1
    return cells.astype(np.uint16)


def verdict_of(told: list[Told]) -> tuple[int, str] | None:
    fired = [(each[3], each[4][0]) for each in told if each[4] is not None]
    return fired[0] if fired else None


@pytest.mark.parametrize("block", [1, 32])
@pytest.mark.parametrize("shift", [0, 1, 3, 12])
@pytest.mark.parametrize(("wide", "threshold"), [(False, 40.0), (True, 40.0), (False, 1e9)])
def test_the_first_to_fire_is_the_one_found_value_by_value(
    block: int, shift: int, wide: bool, threshold: float
) -> None:
    """Single values and blocks, narrow and wide tables, Page-Hinkley and, where it is silenced, ADWIN."""
    cells = drawn(shift, shift)
    one, other = (Watched(plan(block=block, wide=wide, threshold=threshold)) for _ in range(2))
    expected = one.by_hand(cells)
    assert verdict_of(other.closed().advance(cells)) == expected
    if expected is None:
        assert other.state() == one.state()


def test_the_cases_cover_both_detectors_and_silence() -> None:
    """What the test above compares is not the same answer every time."""
    found = [Watched(plan(threshold=t)).by_hand(drawn(s, s)) for s in (0, 12) for t in (40.0, 1e9)]
    assert found[:2] == [None, None]
    assert [each and each[1] for each in found[2:]] == ["page_hinkley", "adwin"]


@pytest.mark.parametrize("block", [1, 32])
def test_no_cut_of_the_input_shows(block: int) -> None:
    """Cells handed in piece by piece leave the detectors and the unfinished block as all at once do."""
    cells, random = drawn(5), np.random.default_rng(6)
    whole, cut = Watched(plan(block=block)), Watched(plan(block=block))
    at_once, by_pieces = whole.closed(), cut.closed()
    assert at_once.advance(cells) == []
    for piece in np.split(cells, np.sort(random.integers(0, LENGTH, 200))):
        assert by_pieces.advance(piece) == []
    assert cut.state() == whole.state()
    assert by_pieces.window(0) == at_once.window(0)


def test_a_rare_indicator_tells_how_many_values_it_took_and_whether_any_was_one() -> None:
    """The likelihood ratio counts all of them, and looks closer only where there is a one."""
    closed = Watched(plan(rare=True)).closed()
    assert closed.advance(np.zeros(50, np.uint16)) == [(0, 50, False, -1, None)]
    assert closed.advance(np.array([0, CELLS - 2, 0], np.uint16)) == [(0, 3, True, -1, None)]


def test_an_open_channel_rests_until_it_is_closed() -> None:
    """Opening resets its detectors; while open nothing reaches them."""
    watched, untouched = Watched(plan()), Watched(plan())
    closed = watched.closed()
    closed.advance(drawn(1))
    closed.open(0)
    closed.advance(drawn(2, 12))
    assert watched.state() == untouched.state()
    closed.close(0)
    closed.advance(drawn(3))
    assert watched.state() != untouched.state()


def test_tables_of_different_partitions_do_not_mix() -> None:
    """All channels of a regime read the same cells."""
    watched = Watched(plan())
    with pytest.raises(ValueError, match="expected 40, found 7"):
        watched.closed().add(np.zeros(7, np.int32), watched.of, *watched.rows)
