"""One suite for every bank of the registry: what the engine relies on, whatever the algorithm."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from monitor.detectors.registry import BANKS

Values = npt.NDArray[np.float64]

#: how a row of each bank is added, with parameters that find several changes in `stream`
ADD: dict[str, Callable[[Any], int]] = {
    "adwin": lambda bank: bank.add(delta=0.01, clock=16),
    "page_hinkley": lambda bank: bank.add(slack=(0.02, 0.02, 0.2, 0.2), threshold=(40.0, 40.0, 8.0, 8.0)),
}


@pytest.fixture(params=sorted(BANKS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def empty(name: str) -> Any:
    return BANKS[name]()


def stream(seed: int = 1, length: int = 4000) -> Values:
    """A level that steps every 400 values, with silent (all zero) stretches in between."""
    generator = np.random.default_rng(seed)
    levels = np.repeat(generator.choice([0.0, 0.2, 0.5, 0.9], size=length // 400 + 1), 400)[:length]
    noise = generator.uniform(0.0, 0.1, length)
    return np.ascontiguousarray(levels + np.where(levels == 0.0, 0.0, noise))


def feed(bank: Any, row: int, values: Values, offset: int = 0, reset: bool = True) -> list[int]:
    """All changes in values, as positions in the stream that begins `offset` before them."""
    found: list[int] = []
    start = 0
    while (index := bank.update(row, values, start)) >= 0:
        found.append(offset + index)
        if reset:
            bank.reset(row)
        start = index + 1
    return found


def feed_split(bank: Any, row: int, values: Values, sizes: Iterable[int]) -> list[int]:
    found: list[int] = []
    at = 0
    for size in sizes:
        found += feed(bank, row, values[at : at + size], at)
        at += size
    return found + feed(bank, row, values[at:], at)


def bytes_of(bank: Any) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    return {key: (str(array.dtype), array.shape, array.tobytes()) for key, array in bank.dump().items()}


def test_the_suite_knows_every_bank() -> None:
    """A bank added to the registry has to join this suite."""
    assert set(ADD) == set(BANKS)


def test_finds_changes_in_the_stream_of_this_suite(name: str) -> None:
    """The stream the other tests use does make every bank speak, several times."""
    bank = empty(name)
    assert len(feed(bank, ADD[name](bank), stream())) >= 3


@pytest.mark.parametrize("size", [1, 2, 7, 16, 63, 64, 65, 400, 4001])
def test_batches_do_not_matter(name: str, size: int) -> None:
    """Any split into batches gives the same changes and the same bytes of state."""
    values = stream()
    whole, split = empty(name), empty(name)
    expected = feed(whole, ADD[name](whole), values)
    found = feed_split(split, ADD[name](split), values, [size] * (len(values) // size))
    assert found == expected
    assert bytes_of(split) == bytes_of(whole)


def test_a_start_inside_the_values_is_the_same_as_a_slice(name: str) -> None:
    """update(row, values, start) feeds values[start:] and counts from the beginning of values."""
    values = stream()
    started, sliced = empty(name), empty(name)
    first, second = ADD[name](started), ADD[name](sliced)
    index = started.update(first, values, 100)
    assert index == sliced.update(second, values[100:]) + 100
    assert bytes_of(started) == bytes_of(sliced)


def test_nothing_to_feed_changes_nothing(name: str) -> None:
    """An empty batch, and a start at the end, find nothing and leave the row as it was."""
    bank = empty(name)
    row = ADD[name](bank)
    bank.update(row, stream()[:50])
    before = bytes_of(bank)
    assert bank.update(row, np.empty(0)) == -1
    assert bank.update(row, stream()[:50], 50) == -1
    assert bytes_of(bank) == before


def test_the_value_that_revealed_a_change_is_consumed_and_later_ones_are_not(name: str) -> None:
    """After a change at index i the row has seen exactly values[: i + 1]."""
    values = stream()
    stopped, cut = empty(name), empty(name)
    first, second = ADD[name](stopped), ADD[name](cut)
    index = stopped.update(first, values)
    assert cut.update(second, values[: index + 1]) == index
    assert bytes_of(stopped) == bytes_of(cut)


def test_a_change_is_not_reset_by_itself(name: str) -> None:
    """The row keeps what it knows after a change, so that whoever reads next sees it."""
    bank = empty(name)
    row = ADD[name](bank)
    fresh = bytes_of(bank)
    bank.update(row, stream())
    assert bytes_of(bank) != fresh


def test_reset_forgets_everything(name: str) -> None:
    """A row that was reset cannot be told from a new one."""
    bank, new = empty(name), empty(name)
    row = ADD[name](bank)
    ADD[name](new)
    feed(bank, row, stream(), reset=False)
    bank.reset(row)
    assert bytes_of(bank) == bytes_of(new)
    assert bank.score(row) == 0.0


def test_a_fresh_row_has_no_score(name: str) -> None:
    """Nothing seen is as far from a change as can be, and no error."""
    bank = empty(name)
    assert bank.score(ADD[name](bank)) == 0.0


def test_a_loaded_bank_goes_on_bit_for_bit(name: str) -> None:
    """Dump, load elsewhere, go on: same changes and same bytes as without the interruption, wherever it falls."""
    values = stream()
    for at in (0, 1, 5, 399, 1200, 2345):
        bank, resumed = empty(name), empty(name)
        row = ADD[name](bank)
        feed(bank, row, values[:at])
        resumed.load(bank.dump())
        assert bytes_of(resumed) == bytes_of(bank)
        assert feed(resumed, row, values[at:]) == feed(bank, row, values[at:])
        assert bytes_of(resumed) == bytes_of(bank)


def test_loading_replaces_what_was_there(name: str) -> None:
    """Rows of the loading bank do not survive a load."""
    bank, other = empty(name), empty(name)
    ADD[name](bank)
    for _ in range(20):
        feed(other, ADD[name](other), stream(2))
    other.load(bank.dump())
    assert len(other) == 1
    assert bytes_of(other) == bytes_of(bank)


def test_loads_arrays_that_may_not_be_written(name: str) -> None:
    """State read back from bytes is read-only, and so may values be."""
    bank, resumed = empty(name), empty(name)
    row = ADD[name](bank)
    values = stream()
    values.flags.writeable = False
    bank.update(row, values)
    state = bank.dump()
    for array in state.values():
        array.flags.writeable = False
    resumed.load(state)
    assert bytes_of(resumed) == bytes_of(bank)


def test_a_dump_is_a_copy(name: str) -> None:
    """What is dumped does not change when the bank goes on."""
    bank = empty(name)
    row = ADD[name](bank)
    bank.update(row, stream()[:300])
    state = bank.dump()
    before = {key: array.tobytes() for key, array in state.items()}
    bank.update(row, stream()[300:600])
    assert {key: array.tobytes() for key, array in state.items()} == before


def test_rows_are_independent(name: str) -> None:
    """Feeding, resetting and removing rows leaves every other row as it would be alone."""
    crowd = empty(name)
    rows = [ADD[name](crowd) for _ in range(40)]
    for position, row in enumerate(rows):
        feed(crowd, row, stream(position))
    crowd.reset(rows[3])
    crowd.remove(rows[5])
    for position, row in enumerate(rows):
        if position in (3, 5):
            continue
        single = empty(name)
        only = ADD[name](single)
        feed(single, only, stream(position))
        assert crowd.score(row) == single.score(only)
        assert crowd.mean(row) == single.mean(only)
    assert len(crowd) == 39


def test_a_free_row_is_taken_again_lowest_first(name: str) -> None:
    """Where a row goes is decided by the set of live rows alone."""
    bank = empty(name)
    assert [ADD[name](bank) for _ in range(20)] == list(range(20))
    for row in (11, 4, 17):
        bank.remove(row)
    assert [ADD[name](bank) for _ in range(4)] == [4, 11, 17, 20]


def test_free_rows_are_found_after_loading(name: str) -> None:
    """A loaded bank gives out the same rows as the dumped one would."""
    bank, resumed = empty(name), empty(name)
    for _ in range(12):
        ADD[name](bank)
    bank.remove(3)
    bank.remove(9)
    resumed.load(bank.dump())
    assert len(resumed) == 10
    assert [ADD[name](resumed) for _ in range(3)] == [3, 9, 12]


def test_a_removed_row_leaves_no_trace(name: str) -> None:
    """Rows added, fed and removed again do not show in the dump, neither do they in a row added in their place."""
    bank, clean = empty(name), empty(name)
    ADD[name](clean)
    ADD[name](bank)
    rows = [ADD[name](bank) for _ in range(30)]
    for row in rows:
        bank.update(row, stream(row))
    for row in rows:
        bank.remove(row)
    assert bytes_of(bank) == bytes_of(clean)
    ADD[name](bank)
    ADD[name](clean)
    assert bytes_of(bank) == bytes_of(clean)


@pytest.mark.parametrize("row", [-1, 1, 8, 10**6])
def test_refuses_a_row_that_was_not_added(name: str, row: int) -> None:
    """A row that is not there is an error that names it, for every method."""
    bank = empty(name)
    ADD[name](bank)
    for method in (bank.reset, bank.remove, bank.score, bank.mean):
        with pytest.raises(IndexError, match=str(row)):
            method(row)
    with pytest.raises(IndexError, match=str(row)):
        bank.update(row, np.zeros(3))


def test_refuses_a_negative_start(name: str) -> None:
    """A start before the values is an error, not the memory in front of them."""
    bank = empty(name)
    with pytest.raises(ValueError, match="start: expected at least 0, found -1"):
        bank.update(ADD[name](bank), np.zeros(3), -1)


@pytest.mark.parametrize("values", [np.zeros(4, np.float32), np.zeros((2, 2)), np.zeros(8)[::2]])
def test_refuses_values_of_another_shape_or_type(name: str, values: Values) -> None:
    """Only contiguous float64 values are taken; nothing is converted behind the caller's back."""
    bank = empty(name)
    with pytest.raises(ValueError):
        bank.update(ADD[name](bank), values)


def test_refuses_a_dump_that_misses_an_array_or_has_one_too_many(name: str) -> None:
    """Arrays are named, and the names have to match."""
    bank = empty(name)
    row = ADD[name](bank)
    bank.update(row, stream())
    for missing in bank.dump():
        state = bank.dump()
        del state[missing]
        with pytest.raises(ValueError, match=missing):
            bank.load(state)
    with pytest.raises(ValueError, match="surplus"):
        bank.load({**bank.dump(), "surplus": np.zeros(1)})


def test_refuses_arrays_of_another_length_or_type_and_keeps_its_rows(name: str) -> None:
    """Each array is refused by name if its length or type is wrong, and the bank stays what it was."""
    bank = empty(name)
    ADD[name](bank)
    row = ADD[name](bank)
    bank.update(row, stream())
    before = bytes_of(bank)
    for key, array in bank.dump().items():
        for wrong in (np.concatenate([array, array]), array[:-1], array.astype(np.complex128), array[None]):
            with pytest.raises(ValueError):
                bank.load({**bank.dump(), key: wrong})
            assert bytes_of(bank) == before


def test_refuses_a_dump_of_a_bank_built_with_other_parameters(name: str) -> None:
    """The parameters the bank was built with are part of its state."""
    bank = empty(name)
    state = bank.dump()
    with pytest.raises(ValueError, match="parameters: expected"):
        bank.load({**state, "parameters": state["parameters"] + 1})


def test_refuses_free_rows_that_are_not_empty_or_come_last(name: str) -> None:
    """The one form in which a history is written is the only one that is read."""
    bank = empty(name)
    rows = [ADD[name](bank) for _ in range(3)]
    bank.update(rows[2], stream())
    for at in range(3):
        state = bank.dump()
        state["live"][at] = 0
        with pytest.raises(ValueError):
            bank.load(state)
