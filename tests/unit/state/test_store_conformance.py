"""What every store promises; each test runs on every implementation."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from monitor.domain.keys import ModelKey
from monitor.state.sqlite import SqliteStore
from monitor.state.store import Commit, MemoryStore, Snapshot, Store
from tests.unit.state.facts import episode, finding

A, B = ModelKey("a", "1"), ModelKey("b", "1")
Reopen = Callable[[], Store]


@pytest.fixture(params=["memory", "sqlite"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reopen]:
    """Opens the store; again, after closing it, as the next process would."""
    opened: list[Store] = []
    memory = MemoryStore()

    def make() -> Store:
        for store in opened:
            store.close()
        opened[:] = [memory if request.param == "memory" else SqliteStore(tmp_path)]
        return opened[0]

    yield make
    for store in opened:
        store.close()


def test_a_new_store_is_empty(reopen: Reopen) -> None:
    """Nothing stored means nothing restored."""
    assert reopen().load() == Snapshot()


def test_what_is_committed_is_loaded_by_the_next_owner(reopen: Reopen) -> None:
    """Models, exposure and offsets come back byte for byte."""
    state = bytes(range(256)) * 50
    reopen().commit(Commit({A: state, B: b""}, {A: b"x", B: b""}, {("t", 0): 5, ("t", 1): 2**40}))
    assert reopen().load() == Snapshot({A: state, B: b""}, {A: b"x", B: b""}, {("t", 0): 5, ("t", 1): 2**40})


def test_models_that_did_not_change_stay(reopen: Reopen) -> None:
    """A commit holds the changed models only."""
    store = reopen()
    store.commit(Commit({A: b"a1", B: b"b1"}, {A: b"", B: b""}, {("t", 0): 1}))
    store.commit(Commit({B: b"b2"}, {B: b"later"}, {("t", 0): 2}))
    assert reopen().load() == Snapshot({A: b"a1", B: b"b2"}, {A: b"", B: b"later"}, {("t", 0): 2})


def test_offsets_of_partitions_not_named_stay(reopen: Reopen) -> None:
    """A topic that is not read for a while is found again where it stood."""
    store = reopen()
    store.commit(Commit({}, {}, {("t", 0): 1, ("u", 0): 9}))
    store.commit(Commit({}, {}, {("t", 0): 2}))
    assert reopen().load().offsets == {("t", 0): 2, ("u", 0): 9}


def test_a_reopened_store_goes_on_from_what_it_loaded(reopen: Reopen) -> None:
    """Commits before and after a restart add up."""
    reopen().commit(Commit({A: b"a1"}, {A: b""}, {("t", 0): 1, ("u", 0): 9}))
    reopen().commit(Commit({A: b"a2"}, {A: b""}, {("t", 0): 2}))
    assert reopen().load() == Snapshot({A: b"a2"}, {A: b""}, {("t", 0): 2, ("u", 0): 9})


def test_names_with_quotes_newlines_and_other_scripts_come_back(reopen: Reopen) -> None:
    """Names are data, whatever they hold."""
    odd = ModelKey('it\'s "odd"\n/', "версия; DROP TABLE models")
    reopen().commit(Commit({odd: b"s"}, {odd: b"e"}, {("t'\n", 0): 1}))
    assert reopen().load() == Snapshot({odd: b"s"}, {odd: b"e"}, {("t'\n", 0): 1})


def test_facts_may_accompany_a_commit(reopen: Reopen) -> None:
    """Findings and episodes, in one write with the state they follow from."""
    reopen().commit(Commit({A: b"a"}, {A: b""}, {}, (finding(), episode()), at=1.0))
    assert reopen().load().models == {A: b"a"}


def test_closing_twice_is_harmless(reopen: Reopen) -> None:
    """Whoever closes need not know whether somebody did."""
    store = reopen()
    store.close()
    store.close()
