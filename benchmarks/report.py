"""`python -m benchmarks.report [FILE] [--page PAGE]`: what `make bench` measured, as the tables of docs/performance.md.

The page keeps its own words; what lies between the marks `<!-- bench:begin -->` and `<!-- bench:end -->` is made anew.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
GOAL = re.compile(r"(?:p99 )?([≥≤]) ([\d.]+)")


def report(measured: dict[str, Any]) -> str:
    """The goals first, then every row by group."""
    rows = measured["rows"]
    machine = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in measured["machine"].items())
    held = [row for row in rows if row["goal"] and is_met(row) is not None]
    parts = [f"Measured on: {machine}.", "### Goals", _table(("what", "measured", "goal", ""), map(_goal, held))]
    for group in dict.fromkeys(row["group"] for row in rows):
        own = [row for row in rows if row["group"] == group]
        parts += [f"### {group.capitalize()}", _table(("what", "ours", "against", "theirs", "ratio"), map(_row, own))]
        meanings = dict.fromkeys(row["meaning"] for row in own if row["meaning"])
        parts += [f"One row is: {'; '.join(meanings)}."] if meanings and group != "latency" else []
    return "\n\n".join(parts) + "\n"


def is_met(row: dict[str, Any]) -> bool | None:
    """Does a row hold its goal?  None if the goal is for another size than this row's."""
    for_size = re.search(r"\(([\d,]+)", row["goal"])
    if for_size and _rounded(for_size[1]) not in map(_rounded, re.findall(r"\d[\d,]*", row["what"])):
        return None
    told = GOAL.match(row["goal"])
    if told is None:
        return None
    relation, limit = told[1], float(told[2])
    return measure(row) >= limit if relation == "≥" else measure(row) <= limit


def measure(row: dict[str, Any]) -> float:
    """What a goal is held against: the 99th percentile, the ratio, or the median."""
    found = row["details"]["p99"] if row["goal"].startswith("p99") else row["ratio"] or row["ours"]["median"]
    return float(found)


def _rounded(number: str) -> str:
    """To one digit, so that 9,505 series are the 10,000 that were asked for."""
    return f"{float(number.replace(',', '')):.0e}"


def _goal(row: dict[str, Any]) -> tuple[str, ...]:
    unit = "×" if row["ratio"] is not None else row["unit"]
    against = f", against {row['peer']}" if row["peer"] else ""
    verdict = "met" if is_met(row) else "missed"
    return f"{row['group']}: {row['what']}{against}", f"{measure(row):.3g} {unit}", row["goal"], verdict


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    theirs = "" if row["theirs"] is None else _spread(row["theirs"], row["unit"])
    p99 = f", p99 {row['details']['p99']:.0f}" if "p99" in row["details"] else ""
    ratio = "" if row["ratio"] is None else f"{row['ratio']:.3g} ×"
    return row["what"], _spread(row["ours"], row["unit"]) + p99, row["peer"], theirs, ratio


def _spread(spread: dict[str, float], unit: str) -> str:
    median, low, high = (_number(spread[name]) for name in ("median", "low", "high"))
    return f"{median} {unit}" if low == high else f"{median} {unit} ({low} – {high})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _table(head: tuple[str, ...], rows: Any) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def put_into(page: str, tables: str) -> str:
    """The page with the tables between its marks.  Raises ValueError if it has none."""
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise ValueError(f"page: expected {BEGIN} and {END} once each")
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    return f"{before}{BEGIN}\n\n{tables}\n{END}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.report", description=__doc__)
    parser.add_argument("file", type=Path, nargs="?", default=Path("build/bench.json"))
    parser.add_argument("--page", type=Path, default=Path("docs/performance.md"))
    given = parser.parse_args()
    given.page.write_text(put_into(given.page.read_text(), report(json.loads(given.file.read_text()))))


if __name__ == "__main__":
    main()
