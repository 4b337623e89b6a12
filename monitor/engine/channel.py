"""One channel under test: closed while its detectors watch, open after one of them fired, until it has returned.

    closed ──one of the detectors fires──▶ open ──`quiet` windows in a row near the reference──▶ closed

Both states count in the channel's own values, never in frames.  While open the detectors rest in their primed state, so
that a channel that came back is as watchful as at first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.channels.kernels import block_sums
from monitor.channels.partition import Cells
from monitor.detectors.adwin import AdwinBank
from monitor.detectors.glr import Glr
from monitor.detectors.page_hinkley import PageHinkleyBank
from monitor.engine.plan import ChannelPlan
from monitor.engine.signals import Detection, Direction, Signal

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Banks:
    """The detectors of a model version, one bank a kind."""

    adwin: AdwinBank
    page_hinkley: PageHinkleyBank


class ChannelMonitor:
    """Runs a plan over the cells of a stream; see the module for its two states."""

    def __init__(self, plan: ChannelPlan, banks: Banks, rows: tuple[int, int] | None = None) -> None:
        self.plan = plan
        self._banks = banks
        self._partial = not bool(plan.table.applies.all())
        self._applies = plan.table.applies
        self._fed = plan.z * plan.adwin_scale
        if rows is None:
            self._adwin = banks.adwin.add(plan.delta, plan.clock)
            self._page_hinkley = banks.page_hinkley.add(plan.slack, plan.threshold)
            banks.page_hinkley.prime(self._page_hinkley, plan.prior, 0.0)
        else:
            self._adwin, self._page_hinkley = rows
        rare = plan.rare_events
        self._glr = None if rare is None else Glr(round(plan.prior), rare, plan.level)
        self.opened_by: Detection | None = None
        self._carry = 0  # sum of numerators of the unfinished block (closed) or window (open)
        self._filled = 0
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
        places: npt.NDArray[np.int64] | None = None
        if self._partial:
            applies = self._applies[cells]
            if not applies.all():
                places = np.flatnonzero(applies)
                cells = cells[places]
        signals: list[Signal] = []
        start = 0
        while start < len(cells):
            step = self._watch_return if self.opened_by is not None else self._watch_change
            at = step(cells, start)
            if at is None:
                break
            place = at if places is None else int(places[at])
            signals.append(Signal(place, self.plan.table.key, self.plan.table.name, self.opened_by))
            start = at + 1
        return signals

    def _watch_change(self, cells: Cells, start: int) -> int | None:
        """Feed the detectors until one fires: position of the value at which it did, and the channel is open."""
        plan = self.plan
        if plan.block == 1:
            part = cells[start:]
            at = self._detect(plan.z[part], self._fed[part])
            found = None if at is None else start + at
        else:
            filled = self._filled
            numerators = plan.table.numerators[cells[start:]]
            sums, self._carry, self._filled = block_sums(numerators, plan.block, self._carry, filled)
            z = (sums / (plan.block * plan.table.denominator) - plan.mean) / plan.sd
            at = self._detect(z, z * plan.adwin_scale)
            found = None if at is None else start + (at + 1) * plan.block - filled - 1
        if found is not None:
            self._carry = self._filled = self._quiet = 0
        return found

    def _detect(self, z: Values, fed: Values) -> int | None:
        """Feed standardised values; the earliest change, noted in `opened_by`.

        Each detector goes only as far as the one before it came.  Opening resets them all, so that it does not show
        which was ahead.
        """
        reach, verdict = len(z), None
        for detect in (self._ask_adwin, self._ask_glr, self._ask_page_hinkley):
            at, detection = detect(z[:reach], fed[:reach])
            if detection is not None:
                reach, verdict = at + 1, detection
        if verdict is None:
            return None
        self.opened_by = verdict
        self._banks.adwin.reset(self._adwin)
        self._banks.page_hinkley.reset(self._page_hinkley)
        if self._glr is not None:
            self._glr.reset()
        return reach - 1

    def _ask_adwin(self, z: Values, fed: Values) -> tuple[int, Detection | None]:
        adwin, plan = self._banks.adwin, self.plan
        cut = adwin.update(self._adwin, fed)
        while cut >= 0 and abs(adwin.mean(self._adwin)) / plan.adwin_scale <= plan.gate:
            cut = adwin.update(self._adwin, fed, cut + 1) if cut + 1 < len(fed) else -1
        if cut < 0:
            return cut, None
        since, difference, epsilon = adwin.newest_cut()
        direction: Direction = "up" if difference > 0 else "down"
        return cut, Detection("adwin", direction, abs(difference), epsilon, since * plan.block)

    def _ask_glr(self, z: Values, fed: Values) -> tuple[int, Detection | None]:
        glr = self._glr
        if glr is None:
            return -1, None
        # an indicator's zeros standardise to at most 0 (its mean is a rate), its ones to more
        at = glr.update(np.flatnonzero(z > 0).tolist(), len(z))
        return at, None if at < 0 else Detection("glr", "up", glr.statistic, glr.threshold, glr.since)

    def _ask_page_hinkley(self, z: Values, fed: Values) -> tuple[int, Detection | None]:
        bank, plan = self._banks.page_hinkley, self.plan
        at = bank.update(self._page_hinkley, z)
        if at < 0:
            return at, None
        which = bank.fired(self._page_hinkley)
        statistic = bank.statistic(self._page_hinkley, which)
        since = max(1, bank.since(self._page_hinkley, which)) * plan.block
        direction: Direction = "up" if which % 2 == 0 else "down"
        return at, Detection("page_hinkley", direction, statistic, plan.threshold[which], since)

    def _watch_return(self, cells: Cells, start: int) -> int | None:
        """Count quiet windows: position of the value that completes the last one, and the channel is closed."""
        plan, filled = self.plan, self._filled
        numerators = plan.table.numerators[cells[start:]]
        sums, self._carry, self._filled = block_sums(numerators, plan.window, self._carry, filled)
        z = (sums / (plan.window * plan.table.denominator) - plan.mean) / plan.sd
        for index, near in enumerate((np.abs(z) < plan.tolerance).tolist()):
            self._quiet = self._quiet + 1 if near else 0
            if self._quiet >= plan.quiet:
                self._close()
                return start + (index + 1) * plan.window - filled - 1
        return None

    def _close(self) -> None:
        self.opened_by = None
        self._carry = self._filled = self._quiet = 0

    def release(self) -> None:
        """Give the rows back to the banks; the monitor must not be used afterwards."""
        self._banks.adwin.remove(self._adwin)
        self._banks.page_hinkley.remove(self._page_hinkley)

    def dump(self) -> dict[str, Any]:
        """Plain data; the detectors' own state is in the banks."""
        opened = self.opened_by
        return {
            "rows": [self._adwin, self._page_hinkley],
            "opened_by": None
            if opened is None
            else [opened.detector, opened.direction, opened.statistic, opened.threshold, opened.length],
            "glr": None if self._glr is None else self._glr.dump(),
            "window": [self._carry, self._filled, self._quiet],
        }

    @classmethod
    def load(cls, plan: ChannelPlan, banks: Banks, state: dict[str, Any]) -> ChannelMonitor:
        """A monitor that goes on where the dumped one stood, over banks that were restored with it."""
        monitor = cls(plan, banks, tuple(state["rows"]))
        monitor.opened_by = None if state["opened_by"] is None else Detection(*state["opened_by"])
        if monitor._glr is not None:
            monitor._glr.restore(state["glr"])
        monitor._carry, monitor._filled, monitor._quiet = state["window"]
        return monitor
