"""Plans: how one channel of one stream is tested, worked out from its reference and the budget's level."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitor.channels.dependence import Dependence
from monitor.channels.table import ChannelTable
from monitor.detectors import wald
from monitor.detectors.glr import RATE_MOST
from monitor.engine.budget import FAST

CLOCK_MOST = 2000  #: reference observations beyond which an episode's clocks grow no more
DELTA = {"single": 1e-5, "missing": 3e-4, "block": 1e-6}  #: ADWIN's δ at the floor level
DELTA_MOST = 0.5  #: δ is a probability, whatever the level
RARE = ("missing", "unseen")  #: indicators that the likelihood ratio watches while they are rare
CLOCK = 32  #: values between two of ADWIN's checks; 1 on block means
#: standard deviations from the reference; newer values nearer than this are no detection.  They alone are judged: what
#: ADWIN keeps after a cut still holds older ones, and a cut that is passed over has thrown the evidence away
ADWIN_GATE = 0.1
BLOCK_SLACK = (0.5, 0.5, 2.0, 2.0)  #: Page-Hinkley slack on block means, in their standard deviation
CLOSE = 3.5  #: standard errors within which a window of a closing channel must lie
CLOSE_LEAST = 0.1  #: standard deviations; never closer than this
QUIET_WINDOWS = 4
QUIET_WINDOWS_BLOCKS = 24
SMALL_SAMPLE = 200.0  #: a short reference's variance ratio is enlarged by 1 + SMALL_SAMPLE/n


@dataclass(frozen=True, slots=True, eq=False)
class ChannelPlan:
    """Everything that testing a channel needs; thresholds in units of the standardised value z = (y − mean)/sd.

    adwin_scale turns z into what ADWIN is fed.  prior: reference values that Page-Hinkley's running mean starts with.
    window: values a closing window; tolerance: of its mean, in z; quiet: windows in a row that close the channel.
    rare_events: events of the reference, if this is a rare independent indicator, which the likelihood ratio watches.
    """

    table: ChannelTable
    level: float
    block: int
    mean: float
    sd: float
    adwin_scale: float
    slack: tuple[float, float, float, float]
    threshold: tuple[float, float, float, float]
    prior: float
    delta: float
    clock: int
    gate: float
    window: int
    tolerance: float
    quiet: int
    rare_events: int | None = None

    @property
    def z(self) -> npt.NDArray[np.float64]:
        """Standardised value a cell, NaN where the channel has none; worked out anew, so that no stream keeps it."""
        return (self.table.values - self.mean) / self.sd


@dataclass(frozen=True, slots=True)
class Strictness:
    """The budget's level A, the floor at which ADWIN's δ has its documented value, and is the reference short?"""

    level: float
    floor: float
    short: bool


def plan_channel(
    table: ChannelTable, dependence: Dependence, units: wald.Units | None, strictness: Strictness, events: int
) -> ChannelPlan:
    """The plan of a channel; events: how often the reference would have had a 1 here, if it is an indicator."""
    level, stricter = strictness.level, math.exp(strictness.floor - strictness.level)
    if dependence.dependent or units is None:
        return _plan_blocks(table, dependence, level, stricter)
    number = dependence.number
    clock_number = min(number, CLOCK_MOST)
    ratio = dependence.variance_ratio * (1 + SMALL_SAMPLE / number) if strictness.short else 1.0
    sd = dependence.sd * math.sqrt(ratio)
    window = max(64, clock_number // 4)
    slow, fast = level, level + FAST
    threshold = (units.units[0] * slow, units.units[1] * slow, units.units[2] * fast, units.units[3] * fast)
    return ChannelPlan(
        table=table,
        level=level,
        block=1,
        mean=dependence.mean,
        sd=sd,
        adwin_scale=dependence.sd,
        slack=units.slack,
        threshold=threshold,
        prior=float(number),
        delta=min(DELTA_MOST, DELTA["missing" if table.name == "missing" else "single"] * stricter),
        clock=CLOCK,
        gate=ADWIN_GATE,
        window=window,
        tolerance=max(CLOSE * math.sqrt(1 / window + 1 / clock_number), CLOSE_LEAST),
        quiet=QUIET_WINDOWS,
        rare_events=events if table.name in RARE and events <= RATE_MOST * number else None,
    )


def _plan_blocks(table: ChannelTable, dependence: Dependence, level: float, stricter: float) -> ChannelPlan:
    """A dependent channel, on block means: few and nearly Gaussian, so thresholds are multiples of the level."""
    block = dependence.block
    blocks = dependence.number // block
    clock_blocks = max(1, min(dependence.number, CLOCK_MOST) // block)
    slow, fast = level - 2, (level + FAST) / 4
    return ChannelPlan(
        table=table,
        level=level,
        block=block,
        mean=dependence.mean,
        sd=dependence.block_sd,
        adwin_scale=1.0,
        slack=BLOCK_SLACK,
        threshold=(slow, slow, fast, fast),
        prior=float(max(1, blocks)),
        delta=min(DELTA_MOST, DELTA["block"] * stricter),
        clock=1,
        gate=ADWIN_GATE * dependence.sd / dependence.block_sd,
        window=max(4, clock_blocks // 4) * block,
        tolerance=1.0,
        quiet=QUIET_WINDOWS_BLOCKS,
    )
