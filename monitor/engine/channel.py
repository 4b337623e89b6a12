"""One channel under test: closed while its detectors watch, open after one of them fired, until it has returned.

    closed ──one of the detectors fires──▶ open ──`quiet` windows in a row near the reference──▶ closed

Both states count in the channel's own values, never in frames.  While open the detectors rest in their primed state, so
that a channel that came back is as watchful as at first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from monitor.channels.kernels import block_sums
from monitor.channels.partition import Cells
from monitor.channels.table import ABSENT
from monitor.detectors.adwin import AdwinBank
from monitor.detectors.glr import Glr
from monitor.detectors.page_hinkley import PageHinkleyBank
from monitor.engine._closed import ClosedChannels
from monitor.engine.plan import ChannelPlan
from monitor.engine.signals import Detection, Signal, Told
from monitor.engine.stored import ChannelState, opened_state


@dataclass(frozen=True, slots=True)
class Banks:
    """The detectors of a model version, one bank a kind."""

    adwin: AdwinBank
    page_hinkley: PageHinkleyBank


class ChannelMonitor:
    """Runs a plan over the cells of a stream; see the module for its two states."""

    def __init__(self, plan: ChannelPlan, banks: Banks, closed: ClosedChannels) -> None:
        self.plan = plan
        self._banks = banks
        self._closed = closed
        self._adwin = banks.adwin.add(plan.delta, plan.clock)
        self._page_hinkley = banks.page_hinkley.add(plan.slack, plan.threshold)
        banks.page_hinkley.prime(self._page_hinkley, plan.prior, 0.0)
        rare = plan.rare_events
        self._glr = None if rare is None else Glr(round(plan.prior), rare, plan.level)
        self._index = closed.add(plan.table.numerators, plan, self._adwin, self._page_hinkley, self._glr)
        self.opened_by: Detection | None = None
        self._quiet = 0

    @property
    def score(self) -> dict[str, float]:
        """Statistic over threshold of each detector; what fired holds its value while the channel is open."""
        found = {
            "adwin": self._banks.adwin.score(self._adwin),
            "page_hinkley": self._banks.page_hinkley.score(self._page_hinkley),
        }
        if self._glr is not None:
            found["glr"] = self._glr.score
        if self.opened_by is not None:
            found[self.opened_by.detector] = self.opened_by.score
        return found

    def advance(self, cells: Cells) -> list[Signal]:
        """Take the next observations of the stream; what opened and closed on the way."""
        signals: list[Signal] = []
        start = 0
        while start < len(cells):
            part = cells[start:]
            if self.opened_by is None:
                told = self._closed.advance_one(self._index, part)
                at = None if told is None else self._open(told)
            else:
                at = self._watch_return(part)
            if at is None:
                break
            signals.append(self._signal(start + at))
            start += at + 1
        return signals

    def go_on(self, told: Told, cells: Cells) -> list[Signal]:
        """The same, when the detectors have run over the cells already, and said this."""
        at = self._open(told)
        later = self.advance(cells[at + 1 :])
        return [self._signal(at), *(replace(signal, at=signal.at + at + 1) for signal in later)]

    def _signal(self, at: int) -> Signal:
        return Signal(at, self.plan.table.key, self.plan.table.name, self.opened_by)

    def _open(self, told: Told) -> int:
        """Open on what the detectors said: they are reset, and rest; position of the observation."""
        _, at, verdict = told
        self.opened_by = Detection(*verdict)
        self._closed.open(self._index)
        self._quiet = 0
        return at

    def _watch_return(self, cells: Cells) -> int | None:
        """Count quiet windows: position of the value that completes the last one, and the channel is closed."""
        plan = self.plan
        numerators = plan.table.numerators[cells]
        places = np.flatnonzero(numerators != ABSENT)
        carry, filled = self._closed.window(self._index)
        sums, *window = block_sums(numerators[places].astype(np.int64), plan.window, carry, filled)
        self._closed.set_window(self._index, *window)
        z = (sums / (plan.window * plan.table.denominator) - plan.mean) / plan.sd
        for index, near in enumerate((np.abs(z) < plan.tolerance).tolist()):
            self._quiet = self._quiet + 1 if near else 0
            if self._quiet >= plan.quiet:
                self._close()
                return int(places[(index + 1) * plan.window - filled - 1])
        return None

    def _close(self) -> None:
        self.opened_by = None
        self._closed.close(self._index)
        self._quiet = 0

    def release(self) -> None:
        """Give the rows back to the banks; the monitor must not be used afterwards."""
        self._banks.adwin.remove(self._adwin)
        self._banks.page_hinkley.remove(self._page_hinkley)

    def dump(self) -> ChannelState:
        """Plain data, with what the detectors hold."""
        return ChannelState(
            self.plan.table.key,
            self._closed.pack(self._index),
            opened_state(self.opened_by),
            self._quiet,
            None if self._glr is None else self._glr.dump(),
        )

    def restore(self, state: ChannelState) -> None:
        """Go on where the dumped monitor stood; this one must be new.  Raises ValueError for what is none's state.

        What the detectors are given (thresholds, slack) is the plan's: a changed budget holds from the next value on.
        """
        self._closed.unpack(self._index, state.packed)
        filled = self._closed.window(self._index)[1]
        if not 0 <= filled < max(self.plan.block, self.plan.window):
            raise ValueError(f"window: expected less than {self.plan.window} values, found {filled}")
        self.opened_by = None if state.opened_by is None else Detection(*state.opened_by)
        if self._glr is not None and state.glr is not None:
            self._glr.restore(state.glr)
        if self.opened_by is not None:
            self._closed.rest(self._index)
        self._quiet = state.quiet
