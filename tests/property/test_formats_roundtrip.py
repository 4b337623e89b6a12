"""Property: whatever a producer writes with `json.dumps` is in the frames, cell for cell."""

from __future__ import annotations

import json
import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.domain.frame import Cell
from monitor.domain.keys import ModelKey
from monitor.formats import open_format
from tests.unit.formats.events import batch_of, rows_of

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).filter(lambda name: name != "(empty)")
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
)
VALUES = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(NAMES, SCALARS, max_size=2)
CELLS = st.dictionaries(NAMES, VALUES, max_size=5)
EVENTS = st.fixed_dictionaries(
    {"model": st.sampled_from("ab"), "model_version": NAMES, "features": CELLS},
    optional={"prediction": CELLS, "ts": st.floats(-1e9, 1.7e9), "event_id": NAMES},
)


def expected(value: Any) -> Any:
    """The cell of a value, said once more and plainly."""
    if value is None:
        return Cell.NULL
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return float(value) if math.isfinite(value) and abs(value) <= 1e300 else Cell.NON_FINITE
    return Cell.WRONG_TYPE


@settings(deadline=None)
@given(events=st.lists(EVENTS, max_size=8), ascii_only=st.booleans(), spaces=st.sampled_from([None, (",", ":")]))
def test_round_trip(events: list[dict[str, Any]], ascii_only: bool, spaces: tuple[str, str] | None) -> None:
    """Every value of every event is in the cell it belongs to, however the JSON is written."""
    raw = [json.dumps(event, ensure_ascii=ascii_only, separators=spaces).encode() for event in events]
    decoded = open_format("flat_json", {}).decode(batch_of(*raw))
    assert decoded.accepted == len(events), decoded.rejects
    rows = rows_of(decoded)
    for index, event in enumerate(events):
        key = ModelKey(event["model"], event["model_version"])
        (row,) = [row for row in rows[key] if row.offset == 100 + index]
        assert row.features == {name: expected(value) for name, value in event["features"].items()}
        assert row.predictions == {name: expected(value) for name, value in event.get("prediction", {}).items()}
        assert row.event_id == event.get("event_id", f"t/{index % 3}/{100 + index}")
        assert row.has_features
        if "ts" in event:
            assert row.event_time == event["ts"]
    assert sum(len(each) for each in rows.values()) == len(events)
