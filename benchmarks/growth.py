"""What more streams cost: events a second and memory, from the real broker."""

from __future__ import annotations

from benchmarks.end_to_end import Bench, Load
from benchmarks.measuring import Row, Spread

FEATURES = 10
#: observations that make a reference, so that many streams are warm after a time one waits for
WARM_UP = 200


def growth(bench: Bench, streams: tuple[int, ...], smoke: bool) -> list[Row]:
    """Models of ten features, in turn, until there are so many streams; each is warm before time runs."""
    rows = []
    for count in streams:
        models = max(1, count // FEATURES)
        warm = (WARM_UP + 50) * models
        until = warm + (30_000 if smoke else max(100_000, 20 * models))
        load = Load(f"growth-{count}", FEATURES, models, warm, until)
        bench.produce(load)
        reference = {"warmup": {"observations": WARM_UP, "duration": 0}}
        result = bench.run("daemon", load, warm, until, {"reference": reference})
        assert (result["code"], result["observations"]) == (0, load.observations), result
        rate = result["events"] / result["cpu"]
        meaning = f"ten features a model, references of {WARM_UP} observations"
        rows.append(
            Row("growth", f"{count:,} streams", "events/CPU s", Spread.of([rate]), meaning=meaning, details=result)
        )
        rows.append(Row("growth", f"{count:,} streams, peak memory", "MiB", Spread.of([result["peak_mib"]])))
    return rows
