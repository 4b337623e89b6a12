"""The stores that need nothing but a directory, held to what every store promises."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.state.sqlite import SqliteStore
from monitor.state.store import MemoryStore, Store
from tests.unit.state.store_suite import Reopen, StoreSuite


class TestStores(StoreSuite):
    """In memory, and in SQLite."""

    @pytest.fixture(params=["memory", "sqlite"])
    def reopen(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reopen]:
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
