"""The reference of one stream: cells, order statistics and limits, made from a sample once and frozen."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from monitor.channels import dependence as order
from monitor.channels.dependence import Dependence
from monitor.channels.partition import (
    CategoryPartition,
    Cells,
    NumberPartition,
    Partition,
    category_partition,
    number_partition,
)
from monitor.channels.registry import tested_channels
from monitor.channels.runs import RunStatistics, run_statistics
from monitor.channels.scores import ScoreReference, score_reference
from monitor.channels.table import ChannelTable
from monitor.detectors import wald
from monitor.domain.frame import Cell, Mask
from monitor.domain.keys import StreamType
from monitor.domain.text import number_text
from monitor.reference.learner import OVERFLOW, Sample

SHORT = 1000  #: observations below which a reference is short: the chart on normal scores is added, blocks are not
NEAR_UNIQUE = 0.9  #: distinct texts per usable value above which a stream is an identifier
NEAR_UNIQUE_LEAST = 20
PRESENT = 0.5  #: share of its topic's events a key must be in for its absence to be a missing value
PSEUDO_OUT = 30  #: pseudo-observations of `out_of_range`: the reference's own extremes are its least certain part


@dataclass(frozen=True, slots=True, eq=False)
class StreamReference:
    """What a stream is held against.

    observations: seen in the reference, of which `kept` were kept (all of them, unless it was thinned).
    dependence, units: per channel key; a channel without them is not tested (too few values).  scores: only if short.
    required: is an absent key a missing value?
    """

    type: StreamType
    partition: Partition
    dependence: Mapping[str, Dependence]
    units: Mapping[str, wald.Units]
    runs: RunStatistics | None
    scores: ScoreReference | None
    observations: int
    kept: int
    required: bool

    @property
    def short(self) -> bool:
        return self.kept < SHORT

    @property
    def dependent(self) -> bool:
        """Is the level (or the first tested channel of a categorical stream) dependent?"""
        level = self.dependence.get("level")
        return level is not None and level.dependent


def learn(
    sample: Sample,
    *,
    wanted: StreamType | None = None,
    required: bool | None = None,
    categories: int = 20,
    contiguous: bool = True,
) -> StreamReference:
    """Make a reference from a sample; wanted and required are read off the sample unless given.

    contiguous: will live observations follow on the sample without a gap?
    """
    is_absent = sample.cells == Cell.ABSENT
    if required is None:
        required = bool(len(is_absent)) and float(is_absent.mean()) <= 1 - PRESENT
    keep = np.ones(len(is_absent), dtype=bool) if required else ~is_absent
    texts, numbers = (int((sample.cells == kind).sum()) for kind in (Cell.TEXT, Cell.NUMBER))
    # nothing but missing values: a category takes numbers and texts alike, so that whatever comes is not missing
    kind: StreamType = wanted or ("category" if texts > numbers or texts + numbers == 0 else "number")
    partition, codes = _encode_numbers(sample, keep) if kind == "number" else _encode_texts(sample, keep, categories)
    runs = [codes[run] for run in sample.runs(keep)]
    kept = int(keep.sum())
    usable = [run[run != partition.missing] for run in runs]
    measured, units = _channels(partition, runs, sample.stride, kept)
    values = np.where(sample.cells == Cell.NUMBER, sample.numbers, np.nan)[keep]
    return StreamReference(
        type=kind,
        partition=partition,
        dependence=measured,
        units=units,
        runs=run_statistics([run for run in usable if len(run)], _points(partition)),
        scores=score_reference(values, seasonal=contiguous) if kind == "number" and kept < SHORT else None,
        observations=kept if sample.stride == 1 else sample.seen,
        kept=kept,
        required=required,
    )


def _encode_numbers(sample: Sample, keep: Mask) -> tuple[NumberPartition, Cells]:
    is_number = sample.cells == Cell.NUMBER
    values = np.where(is_number, sample.numbers, np.nan)[keep]
    usable = sample.numbers[keep & is_number]
    missing = len(values) - len(usable)
    if not len(usable):
        nothing = NumberPartition(np.zeros(1), np.array([0, 0, 0, missing]), 0, 0)
        return nothing, nothing.encode(values)
    partition = number_partition(usable, missing, (sample.low, sample.high))
    return partition, partition.encode(values)


def _encode_texts(sample: Sample, keep: Mask, top: int) -> tuple[CategoryPartition, Cells]:
    labels = [
        sample.labels[text] if cell == Cell.TEXT and text >= 0 else number_text(number) if cell == Cell.NUMBER else None
        for cell, text, number in zip(
            sample.cells[keep], sample.texts[keep], sample.numbers[keep].tolist(), strict=True
        )
    ]
    overflowed = int(((sample.texts == OVERFLOW) & keep).sum())
    frequencies = Counter(label for label in labels if label is not None)
    usable = sum(frequencies.values()) + overflowed
    missing = len(labels) - usable
    is_identifier = usable >= NEAR_UNIQUE_LEAST and len(frequencies) + overflowed > NEAR_UNIQUE * usable
    if is_identifier:
        partition = CategoryPartition((), frozenset(), np.array([0, usable, missing]), len(frequencies))
    else:
        partition = category_partition(frequencies, missing, top)
    cell_of = dict(zip(frequencies, partition.index(list(frequencies)).tolist(), strict=True))
    is_overflow = sample.texts[keep] == OVERFLOW
    default = np.where(is_overflow, partition.unseen, partition.missing)
    codes = [int(d) if x is None else cell_of[x] for x, d in zip(labels, default, strict=True)]
    return partition, np.array(codes, dtype=np.uint16)


def _points(partition: Partition) -> list[bool]:
    """Per cell: does it hold one value only?"""
    if isinstance(partition, NumberPartition):
        return [cell % 2 == 1 for cell in range(partition.size)]
    return [cell < len(partition.labels) for cell in range(partition.size)]


def _channels(
    partition: Partition, runs: list[Cells], stride: int, kept: int
) -> tuple[dict[str, Dependence], dict[str, wald.Units]]:
    """Order statistics and threshold units of every channel with enough values for a test."""
    measured: dict[str, Dependence] = {}
    units: dict[str, wald.Units] = {}
    short = kept < SHORT
    least = min(50, max(20, kept // 20))
    for table in tested_channels(partition):
        values = table.values
        series = [run[~np.isnan(run)] for run in (values[run] for run in runs)]
        series = [run for run in series if len(run)]
        number = sum(len(run) for run in series)
        level = measured.get("level")
        inherited = level is not None and level.dependent and table.key in ("spread", "body", "mode", "out_of_range")
        if number < least or (table.key == "out_of_range" and (inherited or short)):
            continue
        found = order.measure(series, stride, inherited=inherited, short=short)
        measured[table.key] = found
        if not found.dependent:
            applies = table.applies
            counts = np.bincount(np.concatenate(runs), minlength=partition.size)[applies].astype(np.float64)
            units[table.key] = wald.units(values[applies], counts, found.sd, _pseudo(table, partition))
    return measured, units


def _pseudo(table: ChannelTable, partition: Partition) -> tuple[float, float]:
    """Pseudo-observations at the channel's upper and lower end."""
    if table.key == "out_of_range":
        return float(PSEUDO_OUT), float(order.PSEUDO)
    if table.key == "unseen" and isinstance(partition, CategoryPartition):
        once = partition.singletons
        return max(float(order.PSEUDO), once + 4 * math.sqrt(once + 1) + 6), float(order.PSEUDO)
    return float(order.PSEUDO), float(order.PSEUDO)


def gaps(reference: StreamReference) -> list[str]:
    """What a reference does without, and why, one phrase each."""
    found = []
    partition = reference.partition
    if not partition.counts[:-1].any():
        found.append("no value channels: every reference value is missing")
    elif isinstance(partition, CategoryPartition) and not partition.labels:
        found.append("no category channels: nearly every text is different")
    if reference.short:
        found.append(f"short reference ({reference.kept} observations): wider limits, no block means")
    if reference.runs is None:
        found.append("no stuck test: the reference never changes, or is too short")
    if reference.dependent:
        found.append("no out_of_range test: values depend on their predecessors")
    untested = {table.key for table in tested_channels(partition)} - reference.dependence.keys() - {"out_of_range"}
    if untested:
        found.append(f"too few values to test {', '.join(sorted(untested))}")
    return found
