"""A regime: one reference of a stream with everything that watches the stream against it.

A stream has the regime of its reference; one that is held against an approved profile gets a second, relearned regime
when a change lasts, so that further changes are found while the profile stays what effects point at.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from monitor.channels import indicators
from monitor.channels.kernels import packed_cells, unpacked_cells
from monitor.channels.partition import CategoryPartition, Cells, NumberPartition
from monitor.channels.registry import tested_channels
from monitor.channels.runs import NEVER
from monitor.channels.table import ChannelTable
from monitor.distances.registry import Yardstick
from monitor.engine._closed import ClosedChannels
from monitor.engine.budget import FAST, FLOOR, BudgetInputs, floor_level, level
from monitor.engine.channel import Banks, ChannelMonitor
from monitor.engine.chart import ChartWitness
from monitor.engine.effects import Effect, effects, means
from monitor.engine.plan import Strictness, plan_channel
from monitor.engine.signals import Signal
from monitor.engine.stored import ChannelState, RegimeState
from monitor.engine.witness import FarWitness, StuckWitness
from monitor.reference import packing
from monitor.reference.codec import fingerprint, reference_to_plain
from monitor.reference.reference import StreamReference

RECENT_MOST = 2000  #: observations of which the cells are kept, for effects, distances and sentences
LASTING, LASTING_DEPENDENT = 2, 16  #: times the clock


@dataclass(frozen=True, slots=True)
class Terms:
    """What the policy says of testing a stream.

    channels: names of those that are tested, None: all of them.  floor: the least level, of up to three channels.
    """

    false_alarms: float
    channels: Collection[str] | None = None
    floor: float = FLOOR

    def allow(self, name: str) -> bool:
        return self.channels is None or name in self.channels


class Regime:
    """Watches a stream against one reference."""

    def __init__(
        self,
        reference: StreamReference,
        inputs: BudgetInputs,
        terms: Terms,
        banks: Banks,
        state: RegimeState | None = None,
    ) -> None:
        """state: what a regime of this reference held before, to go on from.  Raises ValueError if it held no such."""
        self.reference = reference
        #: names the reference in what is stored
        self.digest = packing.digest(packing.pack(reference)) if state is None else state.reference
        self.inputs = inputs
        self.tables = tested_channels(reference.partition)
        self.number = min(reference.kept, RECENT_MOST)
        self.recent: Cells = np.zeros(0, dtype=np.uint16)
        self._terms = terms
        self.level = level(inputs, len(self.tables), terms.false_alarms, terms.floor)
        self._closed = ClosedChannels(banks.adwin, banks.page_hinkley)
        self.channels = self._channels(banks, {} if state is None else {own.key: own for own in state.channels})
        self.far = self._far_witness()
        self.stuck = self._stuck_witness()
        scores = reference.scores if terms.allow("level") else None
        self.chart = None if scores is None else ChartWitness(scores, reference.kept, inputs.streams)
        if state is not None:
            self._restore(state)

    def _restore(self, state: RegimeState) -> None:
        if state.recent_length > RECENT_MOST:
            raise ValueError(f"recent: expected at most {RECENT_MOST} cells, found {state.recent_length}")
        self.recent = unpacked_cells(state.recent, state.recent_length, self.reference.partition.size)
        if self.far is not None and state.far is not None:
            self.far.restore(state.far)
        if self.stuck is not None and state.stuck is not None:
            self.stuck.restore(state.stuck)
        if self.chart is not None and state.chart is not None:
            self.chart.restore(state.chart)

    def _channels(self, banks: Banks, states: Mapping[str, ChannelState]) -> dict[str, ChannelMonitor]:
        """A monitor for each channel that is tested: going on where its state stood, or new if it has none."""
        reference = self.reference
        strictness = Strictness(self.level, floor_level(len(self.tables)), reference.short)
        found: dict[str, ChannelMonitor] = {}
        for table in self.tables:
            dependence = reference.dependence.get(table.key)
            if dependence is None or not self._terms.allow(table.name):
                continue
            plan = plan_channel(
                table, dependence, reference.units.get(table.key), strictness, _events(table, reference)
            )
            found[table.key] = ChannelMonitor(plan, banks, self._closed)
            state = states.get(table.key)  # one that was tested before and is no longer is left behind
            if state is not None:
                found[table.key].restore(state)
        return found

    def _far_witness(self) -> FarWitness | None:
        partition = self.reference.partition
        if self.reference.short or not isinstance(partition, NumberPartition) or not self._terms.allow("far"):
            return None
        table = indicators.far(partition)
        return None if table is None else FarWitness(table, self.number)

    def _stuck_witness(self) -> StuckWitness | None:
        statistics, partition = self.reference.runs, self.reference.partition
        if statistics is None or not self._terms.allow("stuck"):
            return None
        limits = statistics.limits(partition.size, self.level + FAST)
        if isinstance(partition, CategoryPartition):
            limits[partition.other : partition.missing] = NEVER  # these cells hold many texts: equal cells are no run
        return StuckWitness(limits)

    @cached_property
    def _means(self) -> list[float]:
        return means(self.tables, self.reference.partition.counts)

    @cached_property
    def yardstick(self) -> Yardstick:
        """What distances are read against; worked out with the first look."""
        return Yardstick.of(self.reference.partition)

    @cached_property
    def reference_hash(self) -> str:
        """Names the reference by what is in it; worked out with the first finding, for most regimes have none."""
        return "sha256:" + fingerprint(reference_to_plain(self.reference))

    @property
    def clock(self) -> int:
        """The unit of an episode's clocks, in observations; it does not grow with a million-row profile."""
        return max(1, self.number)

    @property
    def lasting(self) -> int:
        """Observations after which an open change is the new normal."""
        return self.clock * (LASTING_DEPENDENT if self.reference.dependent else LASTING)

    def advance(self, cells: Cells, values: npt.NDArray[np.float64]) -> list[Signal]:
        """Take the next observations: cells of this regime's partition, and what the stream repeats (NaN if missing).

        The signals are in order of the observations, and of the channels within one.
        """
        signals = self._advance_channels(cells)
        if self.far is not None:
            signals += self.far.advance(cells)
        if self.stuck is not None:
            signals += self.stuck.advance(cells, values)
        if self.chart is not None:
            signals += self.chart.advance(values)
        return sorted(signals, key=lambda signal: signal.at) if len(signals) > 1 else signals

    def _advance_channels(self, cells: Cells) -> list[Signal]:
        is_all_closed = not self._closed.resting
        open_before = [] if is_all_closed else [channel.opened_by is not None for channel in self.channels.values()]
        told = {each[0]: each for each in self._closed.advance(cells)}
        if not told and is_all_closed:
            return []
        signals: list[Signal] = []
        for index, channel in enumerate(self.channels.values()):
            if not is_all_closed and open_before[index]:
                signals += channel.advance(cells)
            elif index in told:
                signals += channel.go_on(told[index], cells)
        return signals

    def remember(self, cells: Cells) -> None:
        """Append observations to the recent cells, from which effects are read."""
        if len(cells) >= RECENT_MOST:
            self.recent = cells[-RECENT_MOST:].copy()
        else:
            self.recent = np.concatenate([self.recent[max(0, len(self.recent) + len(cells) - RECENT_MOST) :], cells])

    def counts(self, cells: Cells, length: int) -> npt.NDArray[np.int64]:
        """Counts of the newest `length` of the given cells, at most as many as are always kept."""
        length = min(length, RECENT_MOST)
        return np.bincount(cells[-length:] if length else cells[:0], minlength=self.reference.partition.size)

    def effects(self, counts: npt.NDArray[np.int64]) -> dict[str, Effect]:
        """Effect of every channel, counts of cells against the reference."""
        return effects(self.tables, self._means, counts)

    @property
    def window(self) -> int:
        """Observations of the recent window that gauges show: a quarter of the reference, 64 at least."""
        return max(64, self.clock // 4)

    def scores(self) -> dict[tuple[str, str], float]:
        """Statistic over threshold by (detector, channel name); of several categories the largest."""
        found: dict[tuple[str, str], float] = {}
        for channel in self.channels.values():
            for detector, score in channel.score.items():
                name = channel.plan.table.name
                found[(detector, name)] = max(score, found.get((detector, name), 0.0))
        for key, witness in self.witnesses().items():
            found[key] = 0.0 if witness.opened_by is None else witness.opened_by.score
        return found

    def witnesses(self) -> Mapping[tuple[str, str], FarWitness | StuckWitness | ChartWitness]:
        """The special witnesses by (detector, channel name)."""
        named = {("far", "far"): self.far, ("run_length", "stuck"): self.stuck, ("chart", "level"): self.chart}
        return {key: witness for key, witness in named.items() if witness is not None}

    def release(self) -> None:
        """Give all rows back to the banks."""
        for channel in self.channels.values():
            channel.release()

    def dump(self) -> RegimeState:
        """Plain data, with the reference's name and not the reference."""
        return RegimeState(
            self.digest,
            self.inputs.per_week,
            self.inputs.streams,
            packed_cells(self.recent, self.reference.partition.size),
            len(self.recent),
            [channel.dump() for channel in self.channels.values()],
            None if self.far is None else self.far.dump(),
            None if self.stuck is None else self.stuck.dump(),
            None if self.chart is None else self.chart.dump(),
        )


def _events(table: ChannelTable, reference: StreamReference) -> int:
    """How often the reference would have had a 1 on an indicator; unseen values as Good and Turing estimate them."""
    partition = reference.partition
    if table.name == "unseen" and isinstance(partition, CategoryPartition):
        return partition.singletons
    return int(partition.counts[table.numerators == 1].sum())
