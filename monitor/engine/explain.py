"""Explanations: one plain sentence for each detection, with the numbers a person would ask for, and these as data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from monitor.channels.partition import NumberPartition, Partition
from monitor.domain.facts import EffectUnit, Extract, JointEffect, Summary
from monitor.engine.effects import Effect
from monitor.engine.signals import Signal


def explain(
    feature: str, signal: Signal, effect: Effect | None, partition: Partition, recent: npt.NDArray[np.int64], since: int
) -> str:
    """What happened to a feature, against its reference, since which of its observations (1-based)."""
    detection = signal.detection
    start = f"since event {since:,}"
    if signal.name == "stuck" and detection is not None:
        return f"{feature}: the same value for {detection.length} events in a row, {start}"
    if signal.name == "far":
        return f"{feature}: values far beyond anything in the reference ({_medians(partition, recent)}), {start}"
    if effect is None:
        return f"{feature}: {signal.name} changed {start}"
    return f"{feature}: {_sentence(signal, effect, partition, recent)}, {start}"


def summarise(measure: str, effect: Effect | None, partition: Partition, recent: npt.NDArray[np.int64]) -> Summary:
    """The numbers behind a sentence: rates of what is judged as one, quartiles of other numbers."""
    if effect is not None and effect.table.unit == "rate":
        now, before = Extract(None, float(effect.recent)), Extract(None, float(effect.reference))
        return Summary(measure, "difference of rates", now, before)
    unit: EffectUnit | None = None if effect is None else "probability above ½"
    now, before = (Extract(_three(partition, counts), None) for counts in (recent, partition.counts))
    return Summary(measure, unit, now, before)


def _three(partition: Partition, counts: npt.NDArray[np.int64]) -> tuple[float, float, float] | None:
    """Lower quartile, median, upper quartile; None where no numbers are counted."""
    if not isinstance(partition, NumberPartition) or partition.quantile_cell(counts, 0.5) is None:
        return None
    lower, median, upper = (partition.quantile(counts, share) for share in (0.25, 0.5, 0.75))
    return lower, median, upper


_NAMED = 6  #: as many features of a joint move are named


def explain_together(moved: Sequence[JointEffect], features: int, since: int) -> str:
    """What many features did together, since which event of the model; moved: the furthest first.

    >>> moved = [JointEffect("age", "level", 0.031, 4.1), JointEffect("land", "category:FR", -0.02, -2.5)]
    >>> explain_together(moved, 20, 41_217)
    '2 of 20 features moved a little together, in percentage points: age +3.1, land=FR -2; since about event 41,217'
    """
    named = [
        f"{one.feature}{'=' * (':' in one.channel)}{one.channel.partition(':')[2]} {100 * one.effect:+.2g}"
        for one in moved[:_NAMED]
    ]
    more = f" and {len(moved) - _NAMED} more" if len(moved) > _NAMED else ""
    return (
        f"{len(moved)} of {features} features moved a little together, in percentage points: "
        f"{', '.join(named)}{more}; since about event {since:,}"
    )


def _sentence(signal: Signal, effect: Effect, partition: Partition, recent: npt.NDArray[np.int64]) -> str:
    match effect.table.name:
        case "level" if signal.key == "chart":
            return f"jumped away from its recent level ({_medians(partition, recent)})"
        case "level":
            return f"{_comparison(effect.recent)} ({_medians(partition, recent)})"
        case "body":
            return f"among values other than the most frequent one, {_comparison(effect.recent)}"
        case "spread":
            return f"{_width(effect)} ({_quartiles(partition, recent)})"
        case "missing":
            return f"missing in {_percent(effect.recent)} of events, {_percent(effect.reference)} in the reference"
        case "unseen":
            return (
                f"values never seen in the reference in {_percent(effect.recent)} of events, "
                f"expected {_percent(effect.reference)}"
            )
        case "mode":
            return (
                f"the reference's most frequent value in {_percent(effect.recent)} of events, "
                f"{_percent(effect.reference)} there"
            )
        case "out_of_range":
            return f"outside the reference's range in {_percent(effect.recent)} of events"
        case _:
            label = effect.table.key.partition(":")[2]
            what = f"category {label!r}" if label else "the rarer categories"
            return f"{what} in {_percent(effect.recent)} of events, {_percent(effect.reference)} in the reference"


def _comparison(exceeds: float) -> str:
    """A mean level in words: always the side that holds more than half."""
    side, share = ("exceeds", exceeds) if exceeds >= 0.5 else ("is below", 1 - exceeds)
    return f"a live value {side} a reference value in {_percent(share)} of comparisons, expected 50 %"


def _width(effect: Effect) -> str:
    """Spread in words: distances from the centre, live against reference."""
    further = 0.5 + effect.effect
    side, share = ("further from", further) if further >= 0.5 else ("closer to", 1 - further)
    return (
        f"a live value lies {side} the centre than a reference value in {_percent(share)} of comparisons, expected 50 %"
    )


def _medians(partition: Partition, recent: npt.NDArray[np.int64]) -> str:
    if not isinstance(partition, NumberPartition):
        return "no median"
    return f"median {_value(partition, recent, 0.5)}, was {_value(partition, partition.counts, 0.5)}"


def _quartiles(partition: Partition, recent: npt.NDArray[np.int64]) -> str:
    if not isinstance(partition, NumberPartition):
        return "no quartiles"
    now, before = (
        " to ".join(_value(partition, counts, share) for share in (0.25, 0.75)) for counts in (recent, partition.counts)
    )
    return f"middle half {now}, was {before}"


def _value(partition: NumberPartition, counts: npt.NDArray[np.int64], share: float) -> str:
    """A quantile in words: of values outside the reference's range only that much is known."""
    cell = partition.quantile_cell(counts, share)
    if cell is None:
        return "none"
    side = "below " if cell < 2 * partition.low + 1 else "above " if cell > 2 * partition.high + 1 else ""
    return f"{side}{partition.positions[cell]:.4g}"


def _percent(share: float) -> str:
    """A share with as many digits as people can use.

    >>> _percent(0.7123), _percent(0.0041), _percent(0.0)
    ('71 %', '0.41 %', '0 %')
    """
    percent = 100 * share
    return f"{percent:.0f} %" if percent >= 10 or percent == 0 else f"{percent:.2g} %"
