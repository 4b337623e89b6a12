"""Events for the tests of commands: small, seeded, with a change where the test wants one."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from monitor.domain.frame import Cell, Column, Frame
from monitor.domain.keys import ModelKey

START = datetime(2026, 1, 1, tzinfo=UTC)


def events(number: int, change_at: int | None = None, model: str = "m") -> Iterator[dict[str, Any]]:
    """One event a minute with the number `f` (shifted by 2σ from change_at on) and the category `c`."""
    chance = random.Random(7)
    for i in range(number):
        shift = 2.0 if change_at is not None and i >= change_at else 0.0
        features = {"f": chance.gauss(0, 1) + shift, "c": chance.choice(["red", "green"])}
        ts = (START + timedelta(minutes=i)).isoformat().replace("+00:00", "Z")
        yield {"event_id": str(i), "ts": ts, "model": model, "model_version": "1", "features": features}


def json_lines(number: int, change_at: int | None = None, model: str = "m") -> str:
    """The same as JSON lines."""
    return "".join(json.dumps(event) + "\n" for event in events(number, change_at, model))


def csv_text(number: int, change_at: int | None = None) -> str:
    """The same as CSV, without model."""
    rows = (f"{event['ts']},{event['features']['f']!r},{event['features']['c']}" for event in events(number, change_at))
    return "\n".join(["ts,f,c", *rows]) + "\n"


def normal_frame(rows: int) -> Frame:
    """A frame of one numeric feature."""
    numbers = np.random.default_rng(3).normal(size=rows)
    return Frame(
        model=ModelKey("fraud", "1"),
        topic="t",
        columns=[Column("amount", "feature", np.full(rows, Cell.NUMBER, dtype=np.uint8), numbers)],
        event_time=np.full(rows, np.nan),
        has_features=np.ones(rows, dtype=bool),
        event_id=[str(row) for row in range(rows)],
        partition=np.zeros(rows, dtype=np.int32),
        offset=np.arange(rows, dtype=np.int64),
        row=np.zeros(rows, dtype=np.int32),
    )
