"""Episodes: from the openings and closings of channels to the few alarms that a person should see.

An aspect (value, missing, stuck) is open while any of its channels is.  It becomes an episode, *firing*, when its
effect matters and the stream's cool-down is over; until then it is pending (a warning).  It resolves when its last
channel closes.

    channels   ▁▁▇▇▇▇▁▁▁▁▇▇▇▇▇▇▇▇▇▇▁▁▁▁▁▁▁▁▁
    episode        F   R     ·······F  R            F firing, R resolved, · pending: inside the cool-down of the first

The cool-down is one clock (the reference's length, at most 2,000 observations) after an alarm and doubles with each
further one up to 32; 64 clocks of quiet forget it.  A short reference has a constant one and does not wait for its end.
A *further* change inside an open episode (seen by the chart, or by the relearned regime) fires again.

Pure: positions are counts of the stream's observations; nothing here knows of frames or clocks on walls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from monitor.domain.facts import Aspect, Reason
from monitor.engine.signals import Signal
from monitor.engine.stored import EpisodesState

Track = Literal["value", "missing", "stuck", "further"]
TRACKS: tuple[Track, ...] = ("value", "missing", "stuck", "further")
DOUBLINGS = 5  #: cool-downs of 1, 2, 4, 8, 16, 32 clocks: a year of flights raises 35 alarms, 47 with one doubling less
FORGET = 64  #: clocks of quiet after which the cool-down starts anew
RECHECK = 32  #: observations between two looks at the effect of a pending aspect


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Clocks of a stream's episodes.  clock: observations; doubles, defers: false for short references."""

    clock: int
    doubles: bool = True
    defers: bool = True


@dataclass(frozen=True, slots=True)
class Change:
    """An episode fired or resolved at an observation (0-based position in the segment); key: the channel behind it.

    reason: why it resolved, None if it fired.
    """

    at: int
    aspect: Aspect
    firing: bool
    key: str
    reason: Reason | None = None


@dataclass(slots=True)
class _State:
    """One track: the channels that hold it open, whether it fired, when to look again.

    since: the observation at which it opened; of a closed one, at which it closed.
    """

    open: list[str] = field(default_factory=list)
    since: int = 0
    fired: bool = False
    next_look: int = -1  #: −1: not waiting


class Episodes:
    """The tracks of one stream; positions handed in are relative to `seen`, the observations before the segment."""

    def __init__(self) -> None:
        self._tracks = {track: _State() for track in TRACKS}
        self._last_alarm = -1  # observation of the newest alarm, −1: none
        self._alarms = 0

    @property
    def any_open(self) -> bool:
        """Is any track open?"""
        return any(state.open for state in self._tracks.values())

    def is_open(self, track: Track) -> bool:
        return bool(self._tracks[track].open)

    def is_firing(self, track: Track) -> bool:
        return self._tracks[track].fired

    def open_since(self, track: Track) -> int:
        """The observation at which the track opened (it must be open)."""
        return self._tracks[track].since

    def was_open(self, track: Track, since: int) -> bool:
        """Is the track open, or did it close after observation `since`?"""
        state = self._tracks[track]
        return bool(state.open) or state.since > since

    def open_keys(self, track: Track) -> Sequence[str]:
        """Keys of the channels that hold the track open, the first to open first."""
        return tuple(self._tracks[track].open)

    def leading(self, track: Track) -> str:
        """Key of the channel that has held the track open longest (it must be open)."""
        return self._tracks[track].open[0]

    def advance(
        self,
        signals: Sequence[Signal],
        seen: int,
        length: int,
        rhythm: Rhythm,
        matters: Callable[[int, str], bool],
    ) -> list[Change]:
        """Take a segment of `length` observations with its signals, in order.

        matters(at, key): does the effect since the onset that channel `key` reported matter, as of position `at`?
        """
        changes: list[Change] = []
        for signal in signals:
            self._look(seen, signal.at, rhythm, matters, changes)
            self._take(signal, seen, rhythm, matters, changes)
        self._look(seen, length, rhythm, matters, changes)
        return changes

    def _due(self, onset: int, rhythm: Rhythm) -> int:
        """The earliest observation at which an aspect that opened at `onset` may fire."""
        if self._last_alarm < 0:
            return onset
        if onset - self._last_alarm > FORGET * rhythm.clock:
            self._alarms = 0
        times = 2 ** min(max(self._alarms - 1, 0), DOUBLINGS) if rhythm.doubles else 1
        return max(onset, self._last_alarm + rhythm.clock * times)

    def _take(
        self,
        signal: Signal,
        seen: int,
        rhythm: Rhythm,
        matters: Callable[[int, str], bool],
        changes: list[Change],
    ) -> None:
        track: Track = "further" if signal.further else signal.aspect
        state, now = self._tracks[track], seen + signal.at
        if signal.detection is None:
            if signal.key in state.open:
                state.open.remove(signal.key)
            if not state.open:
                if state.fired and track != "further":
                    changes.append(Change(signal.at, signal.aspect, False, signal.key, signal.reason))
                self._tracks[track] = _State(since=now)
            return
        was_open = bool(state.open)
        if signal.key not in state.open:
            state.open.append(signal.key)
        if not was_open:
            state.since = now
            state.next_look = now
            if not rhythm.defers and self._due(now, rhythm) > now:
                state.next_look = -1
        elif signal.pulse and self._due(now, rhythm) <= now:
            self._fire(track, signal.at, now, signal.key, changes)
        elif not state.fired and state.next_look >= 0:
            state.next_look = min(state.next_look, max(now, self._due(now, rhythm)))
        self._look(seen, signal.at + 1, rhythm, matters, changes)

    def _look(
        self, seen: int, before: int, rhythm: Rhythm, matters: Callable[[int, str], bool], changes: list[Change]
    ) -> None:
        """Fire what is pending and due at positions < before, earliest first."""
        while True:
            waiting = [
                (state.next_look, track)
                for track, state in self._tracks.items()
                if 0 <= state.next_look < seen + before and not state.fired
            ]
            if not waiting:
                return
            now, track = min(waiting, key=lambda entry: entry[0])
            state = self._tracks[track]
            due = self._due(state.since, rhythm)
            at = now - seen
            if now < due:
                state.next_look = due
            elif any(matters(at, key) for key in state.open):
                self._fire(track, at, now, state.open[0], changes)
            else:
                state.next_look = now + RECHECK

    def _fire(self, track: Track, at: int, now: int, key: str, changes: list[Change]) -> None:
        state = self._tracks[track]
        state.fired, state.next_look = True, -1
        self._last_alarm, self._alarms = now, self._alarms + 1
        changes.append(Change(at, "value" if track == "further" else track, True, key))

    def clear(self, track: Track) -> bool:
        """Close a track whatever holds it open; was it firing?"""
        fired = self._tracks[track].fired
        self._tracks[track] = _State()
        return fired

    def dump(self) -> EpisodesState:
        """Plain data."""
        value, missing, stuck, further = [
            (own.open, own.since, own.fired, own.next_look) for own in self._tracks.values()
        ]
        return EpisodesState((value, missing, stuck, further), self._last_alarm, self._alarms)

    @classmethod
    def load(cls, state: EpisodesState) -> Episodes:
        """Episodes that go on where the dumped ones stood."""
        episodes = cls()
        for track, (keys, since, fired, next_look) in zip(TRACKS, state.tracks, strict=True):
            episodes._tracks[track] = _State(list(keys), since, fired, next_look)
        episodes._last_alarm, episodes._alarms = state.last_alarm, state.alarms
        return episodes
