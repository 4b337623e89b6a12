"""The closed channels of a regime against the banks fed by hand, value for value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from monitor.channels.table import ABSENT, ChannelTable, Numerators
from monitor.detectors.adwin import AdwinBank
from monitor.detectors.glr import Glr
from monitor.detectors.page_hinkley import PageHinkleyBank
from monitor.engine._closed import ClosedChannels
from monitor.engine.plan import ChannelPlan
from monitor.engine.signals import Told

CELLS = 40
LENGTH = 6_000


def plan(*, block: int = 1, rare: bool = False, wide: bool = False, threshold: float = 40.0) -> ChannelPlan:
    """A channel that has no value in the last cell and rises with the others."""
    numerators: Numerators = np.arange(CELLS, dtype=np.int64 if wide else np.int32)
    numerators[-1] = ABSENT
    if rare:
        numerators = np.where(numerators == CELLS - 2, 1, np.minimum(numerators, 0)).astype(np.int8)
    return ChannelPlan(
        table=ChannelTable("level", "level", "level", numerators, 1 if rare else CELLS),
        level=18.0,
        block=block,
        mean=0.002 if rare else 0.47,
        sd=0.05 if rare else 0.29 / block**0.5,
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

    def closed(self, glr: Glr | None = None) -> ClosedChannels:
        found = ClosedChannels(self.adwin, self.page_hinkley)
        found.add(self.of.table.numerators, self.of, *self.rows, glr)
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
    fired = [(place, verdict[0]) for _, place, verdict in told]
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


@pytest.mark.parametrize("rate", [0.0, 0.008, 0.02, 0.2])
@pytest.mark.parametrize(("threshold", "level"), [(40.0, 18.0), (1e9, 18.0), (1e9, -1.0)])
def test_a_rare_indicator_opens_on_what_fires_first(rate: float, threshold: float, level: float) -> None:
    """The likelihood ratio, fed the same values, decides before ADWIN and after Page-Hinkley."""
    random = np.random.default_rng(3)
    cells = np.where(random.random(LENGTH) < 0.001, CELLS - 2, 0)
    cells[LENGTH // 2 :][random.random(LENGTH // 2) < rate] = CELLS - 2
    cells[random.random(LENGTH) < 0.1] = CELLS - 1
    one, other = (Watched(plan(rare=True, threshold=threshold)) for _ in range(2))
    by_hand, compiled = Glr(500, 3, level), Glr(500, 3, level)
    places = np.flatnonzero(cells != CELLS - 1)
    event = by_hand.update(np.flatnonzero(cells[places] == CELLS - 2).tolist(), len(places))
    expected = one.by_hand(cells.astype(np.uint16))
    if event >= 0:
        place = int(places[event])
        if expected is None or place < expected[0] or (place, "adwin") == expected:
            expected = place, "glr"
    assert verdict_of(other.closed(compiled).advance(cells.astype(np.uint16))) == expected
    assert level > 0 or rate == 0.0 or (expected or ("", ""))[1] == "glr"  # so that the case is there
    if expected is None or expected[1] == "glr":
        assert compiled.dump() == by_hand.dump()


def test_rare_events_are_counted_however_the_input_is_cut() -> None:
    """Also in pieces without any."""
    cells = np.zeros(LENGTH, np.uint16)
    cells[::500] = CELLS - 2
    whole, cut = Glr(500, 3, 18.0), Glr(500, 3, 18.0)
    at_once, by_pieces = (Watched(plan(rare=True, threshold=1e9)).closed(glr) for glr in (whole, cut))
    assert at_once.advance(cells) == []
    for piece in np.array_split(cells, 90):
        assert by_pieces.advance(piece) == []
    assert cut.dump() == whole.dump()
    assert cut.dump()["counted"] == LENGTH // 500


def test_an_open_channel_rests_until_it_is_closed() -> None:
    """Opening resets its detectors; while open nothing reaches them."""
    watched, untouched = Watched(plan()), Watched(plan())
    closed = watched.closed()
    closed.advance(drawn(1))
    closed.open(0)
    assert closed.resting == 1
    closed.advance(drawn(2, 12))
    assert watched.state() == untouched.state()
    closed.close(0)
    assert closed.resting == 0
    closed.advance(drawn(3))
    assert watched.state() != untouched.state()


def test_tables_of_different_partitions_do_not_mix() -> None:
    """All channels of a regime read the same cells."""
    watched = Watched(plan())
    with pytest.raises(ValueError, match="expected 40, found 7"):
        watched.closed().add(np.zeros(7, np.int32), watched.of, *watched.rows)
