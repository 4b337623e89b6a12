"""What more streams cost: events a second and memory, from the real broker."""

from __future__ import annotations

from benchmarks.end_to_end import Bench, Load
from benchmarks.measuring import Row, Spread

#: observations that make a reference, so that many streams are warm after a time one waits for
WARM_UP = 200


def growth(bench: Bench, features: int, streams: tuple[int, ...], events: int) -> list[Row]:
    """Models of so many features, in turn, until there are so many streams; each is warm before time runs."""
    rows = []
    for count in streams:
        models = max(1, count // features)
        warm = (WARM_UP + 50) * models
        until = warm + max(events, 20 * models)
        load = Load(f"growth-{features}-{count}", features, models, warm, until)
        bench.produce(load)
        reference = {"warmup": {"observations": WARM_UP, "duration": 0}}
        result = bench.run("daemon", load, warm, until, {"reference": reference})
        assert (result["code"], result["observations"]) == (0, load.observations), result
        rate = result["events"] / result["cpu"]
        what = f"{count:,} streams, {features} features an event"
        meaning = (
            f"the whole daemon, from the broker to published views; references of {WARM_UP} observations; as many "
            "models as make the streams, in turn; memory at its highest since the process began"
        )
        rows.append(Row("growth", what, "events/CPU s", Spread.of([rate]), meaning=meaning, details=result))
        peak = Spread.of([result["peak_mib"]])
        rows.append(Row("growth", f"{what}, memory", "MiB", peak, goal="≤ 300 (10,000 streams)", meaning=meaning))
    return rows
