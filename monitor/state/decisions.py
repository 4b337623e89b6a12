"""The decision log of a state directory, read beside its owner."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from monitor.domain.errors import StateError
from monitor.state import schema
from monitor.state.connection import open_reading


def decisions(directory: Path | str, after: int = 0) -> Iterator[tuple[int, float, dict[str, Any]]]:
    """The decision log, oldest first, as (id, wall clock of its commit, CloudEvent), from beyond `after`.

    Reads beside a running owner.  Raises StateError when there is no state, or none that can be read.
    """
    path = Path(directory) / schema.DATABASE_FILE
    if not path.exists():
        raise StateError(f"{path}: expected a state database, found no file")
    try:
        with closing(open_reading(path)) as database:
            query = "SELECT id, recorded_at, event FROM decisions WHERE id > ? ORDER BY id"
            for number, recorded_at, event in database.execute(query, (after,)):
                yield number, recorded_at, msgspec.json.decode(event, type=dict[str, Any])
    except (sqlite3.Error, msgspec.DecodeError) as error:
        raise StateError(f"{path}: expected to read the decision log, found: {error}") from error
