r"""The alarm budget: from false alarms a week that a user accepts to the level A behind every threshold.

e^−A bounds the false-alarm rate per observation and test.  R observations a week and stream, K streams of
T = 4 × channels tests each, F accepted false alarms a week and model version, of which a stream may have its share:

    A = max(FLOOR + ln(channels/3), ln(R K T / F)).

The floor holds the rate below one in 60 million per test where the budget would allow more: a sentence that nobody
asked for costs trust, and a lower level would gain only a few observations of delay.  R and K are frozen with the
reference, so that thresholds do not wander with traffic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

FLOOR = 18.0
FAST = 2.0  #: the fast recursion, far and stuck are read at A + 2: they decide on few values
WEEK = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class BudgetInputs:
    """Frozen with a reference.  per_week: the stream's observations a week, None if unknown; streams: known by then."""

    per_week: float | None
    streams: int


def level(inputs: BudgetInputs, channels: int, false_alarms_per_week: float, floor: float = FLOOR) -> float:
    """The level A of a stream; floor: of one with up to three channels.

    >>> level(BudgetInputs(per_week=10_080, streams=8), channels=4, false_alarms_per_week=1)   # the floor binds
    18.28768207245178
    >>> round(level(BudgetInputs(per_week=6e8, streams=100), channels=4, false_alarms_per_week=1), 1)
    27.6
    """
    least = floor_level(channels, floor)
    if not inputs.per_week:
        return least
    tests = inputs.per_week * inputs.streams * 4 * channels
    return max(least, math.log(tests / false_alarms_per_week))


def floor_level(channels: int, floor: float = FLOOR) -> float:
    """The least level of a stream with that many channels: more tests, each a little stricter."""
    return floor + math.log(max(1.0, channels / 3))
