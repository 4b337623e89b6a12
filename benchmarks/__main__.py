"""`python -m benchmarks [--smoke] [--json FILE] [--only GROUP …]`: measure, print one table, write the figures as JSON.

--smoke   small numbers, for CI: every step runs and every outcome is checked; no figure can fail it
--long    also 10,000 streams, which takes minutes
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.end_to_end import Bench, Load, compare, opened
from benchmarks.growth import growth
from benchmarks.kernels import decoding, detectors
from benchmarks.latency import latencies
from benchmarks.measuring import Row, Spread, machine
from benchmarks.scraping import scrapes
from benchmarks.stages import stages
from benchmarks.state import state

GROUPS = ("kernels", "decode", "scrape", "stages", "state", "end to end", "latency", "growth")


def measured(smoke: bool, long: bool, only: list[str]) -> Iterator[Row]:
    """All rows, in the order of the table."""
    repeats = 1 if smoke else 5
    if "kernels" in only:
        yield from detectors(20_000 if smoke else 1_000_000, repeats)
    if "decode" in only:
        yield from decoding(10, 500 if smoke else 12_000, repeats)
        yield from decoding(100, 100 if smoke else 1_800, repeats)
    if "scrape" in only:
        for series in (1_000,) if smoke else (1_000, 10_000, 100_000):
            yield scrapes(series, 1 if smoke else 6)
    if "stages" in only:
        yield from stages(10, 2 if smoke else 10, 1_000 if smoke else 11_000, repeats)
        if not smoke:
            yield from stages(100, 10, 1_800, repeats)
    if "state" in only:
        yield from state(5, 10, 1) if smoke else state(1_000, 10, 3)
        if long and not smoke:
            yield from state(1, 10_000, 3)
    if {"end to end", "latency", "growth"} & set(only):
        with opened() as bench:
            yield from _served(bench, smoke, long, only)


def _served(bench: Bench, smoke: bool, long: bool, only: list[str]) -> Iterator[Row]:
    """What needs the broker."""
    capacity = 2_000.0
    if "end to end" in only:
        ten = Load("ten", 10, 2 if smoke else 10, 5_000 if smoke else 24_000, 20_000 if smoke else 324_000)
        rows = compare(bench, ten, 1 if smoke else 3, ("≥ 20", "≥ 0.5"))
        yield from rows
        capacity = 1e6 / next(row.ours.median for row in rows if row.what.endswith("wall time"))
        if not smoke:
            yield from compare(bench, Load("hundred", 100, 10, 24_000, 64_000), 3, ("≥ 25", ""))
    if "latency" in only:
        shares = (0.01, 0.5) if smoke else (0.01, 0.5, 0.9)
        yield from latencies(bench, Load("paced", 10, 10, 0, 0), capacity, shares, 2 if smoke else 15)
    if "growth" in only:
        if smoke:
            yield from growth(bench, 10, (10,), 10_000)
        else:
            yield from growth(bench, 10, (10, 100, 1_000, *((10_000,) if long else ())), 100_000)
            yield from growth(bench, 100, (100, 1_000), 30_000)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--json", type=Path, default=Path("build/bench.json"))
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=list(GROUPS))
    given = parser.parse_args()
    where = machine()
    rows = []
    console = Console(width=170)
    for row in measured(given.smoke, given.long, given.only):
        rows.append(row)
        console.print(f"[dim]{row.group}: {row.what} {row.peer}[/dim]")
    console.print(_table(rows))
    console.print(", ".join(f"{name} {value}" for name, value in where.items()))
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps({"machine": where, "rows": [row.plain() for row in rows]}, indent=1))


def _table(rows: list[Row]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, caption="ratio: the peer's median over ours; spread: lowest to highest run")
    for name in ("what", "ours", "against", "theirs", "ratio", "goal", "one row is"):
        table.add_column(name, justify="right" if name in ("ours", "theirs", "ratio") else "left", overflow="fold")
    group = ""
    for row in rows:
        if row.group != group:
            table.add_section()
            table.add_row(f"[bold]{row.group}[/bold]")
            group = row.group
        table.add_row(
            row.what,
            _shown(row.ours, row.unit),
            row.peer,
            "" if row.theirs is None else _shown(row.theirs, row.unit),
            "" if row.ratio is None else f"{row.ratio:.3g} ×",
            row.goal,
            row.meaning,
        )
    return table


def _shown(spread: Spread, unit: str) -> str:
    return f"{spread.median:,.3g} {unit} ({spread.low:,.3g} – {spread.high:,.3g})"


if __name__ == "__main__":
    main()
