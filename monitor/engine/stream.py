"""One stream: learning its reference, watching against it, episodes, relearning.

    observations ──▶ warm-up ──complete──▶ regime ──signals──▶ episodes ──changes──▶ facts
                                             ▲                     │
                                             └── relearned ◀── open for long

All transitions happen at counts of observations (and event times of observations), so that they do not depend on how
the events were cut into frames.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import msgspec
import numpy as np

from monitor.channels.partition import Cells
from monitor.domain.facts import EpisodeChange, EpisodeState, Fact, Finding
from monitor.domain.frame import Cell
from monitor.domain.keys import StreamKey, StreamType
from monitor.engine.budget import BudgetInputs
from monitor.engine.channel import Banks
from monitor.engine.chart import pause_after
from monitor.engine.effects import matters
from monitor.engine.episodes import TRACKS, Change, Episodes, Rhythm, Track
from monitor.engine.explain import explain, summarise
from monitor.engine.observations import Observations
from monitor.engine.policy import MinEffect
from monitor.engine.pulse import BLOCK, Pulse, Scale, scale_of
from monitor.engine.regime import Regime, Terms
from monitor.engine.signals import FURTHER, Signal
from monitor.engine.stored import RegimeState, StreamState
from monitor.engine.warmup import WarmUp
from monitor.reference.learner import Learner, Sample
from monitor.reference.reference import StreamReference, learn

EXEMPT = ("far", "stuck", "chart")  #: channels whose detection matters whatever the effect
DEAD: tuple[Track, ...] = ("missing", "stuck")  #: aspects during which nothing is learned: a dead feed is never normal
ACCEPTED = "accepted"  #: id of a reference that a person let begin anew
INVALID = ("missing", "non_finite", "wrong_type")
RECHECK = 32  #: observations between two looks at whether a lasting change has lasted in event time too


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """What the policy says of one stream; times in seconds of event time.

    direction: the only one in which a change of level matters.  mute_until: event time before which nothing fires.
    """

    wanted: StreamType | None
    warmup_observations: int
    warmup_seconds: float
    relearn_seconds: float
    terms: Terms
    min_effect: MinEffect
    categories: int
    direction: Literal["up", "down"] | None = None
    mute_until: float | None = None


class StreamMonitor:
    """Holds one stream's reference, regimes and episodes; `observe` takes its observations in order."""

    def __init__(self, key: StreamKey, settings: StreamSettings, banks: Banks) -> None:
        self.key = key
        self.settings = settings
        self._banks = banks
        self.observations = 0
        self.invalid = dict.fromkeys(INVALID, 0)
        self.warmup: WarmUp | None = WarmUp(settings.warmup_observations, settings.warmup_seconds)
        self.approved = False  #: held against a profile, which only a person replaces
        self.reference_id = "warm-up"
        self.generation = 0
        self.regime: Regime | None = None
        self.relearned: Regime | None = None
        self.episodes = Episodes()
        self.findings: dict[str, Finding] = {}  #: newest detection of each open channel
        self.detections: dict[tuple[str, str], int] = {}
        self.last_drift_event_time = 0.0
        self._learner: Learner | None = None  # of the next reference, while a change lasts
        self._opened_clock = float("nan")  # the model's clock when that change began
        self.pulse = Pulse()

    @property
    def required(self) -> bool:
        """Is an absent key a missing value?  Not known (so no) while warming up."""
        return self.regime is not None and self.regime.reference.required

    def approve(self, reference: StreamReference, reference_id: str, inputs: BudgetInputs) -> None:
        """Hold the stream against an approved profile from its first event on."""
        self.approved, self.reference_id = True, reference_id
        self._adopt(reference, inputs)

    def inherit(self, reference: StreamReference, reference_id: str, inputs: BudgetInputs) -> None:
        """Start from another version's reference, unless its type is not the one that is wanted here.

        As one that was learned it gives way to a change that lasts.
        """
        if self.settings.wanted in (None, reference.type):
            self.reference_id = reference_id
            self._adopt(reference, inputs)

    def begin_anew(self) -> None:
        """A person accepts what the stream has become: its reference is learned from the observations to come."""
        for regime in self.regimes():
            regime.release()
        self.regime = self.relearned = self._learner = None
        self.episodes, self.findings = Episodes(), {}
        self.warmup = WarmUp(self.settings.warmup_observations, self.settings.warmup_seconds)
        self.approved, self.reference_id = False, ACCEPTED
        self._opened_clock = float("nan")
        self.pulse = Pulse()

    def _adopt(self, reference: StreamReference, inputs: BudgetInputs, ordinal: int = -1) -> None:
        """Hold the stream against a reference from after that event of the model on."""
        if self.regime is not None:
            self.regime.release()
        self.regime = Regime(reference, inputs, self.settings.terms, self._banks)
        self.generation += 1
        self.warmup = None
        self.pulse.rescale(self._scale(), ordinal // BLOCK)
        for pair in self.regime.scores():
            self.detections.setdefault(pair, 0)

    def _scale(self) -> Scale | None:
        """What the pulse is read on; predictions follow from the features, and are no evidence beside them."""
        if self.regime is None or self.key.kind != "feature":
            return None
        return scale_of(self.regime, self.approved)

    def observe(self, seen: Observations, births: Sequence[int]) -> list[tuple[int, Fact]]:
        """Take observations; facts with the frame's rows at which they arose.

        births: per stream of the model, the ordinal of the event that it was first seen in.
        """
        start = 0
        if self.warmup is not None:
            start, complete = self.warmup.take(seen)
            part = seen.part(0, start)
            self._count(part.present(), None)
            if complete:
                self._end_warmup(self.warmup, part, births)
                if not self.required:
                    seen = seen.present()
                    start = int((part.cells != Cell.ABSENT).sum())
        facts: list[tuple[int, Fact]] = []
        while start < len(seen):
            stop = min(len(seen), start + self._stretch())
            facts += self._watch(seen.part(start, stop))
            start = stop
        return facts

    def _end_warmup(self, warmup: WarmUp, part: Observations, births: Sequence[int]) -> None:
        self._adopt(self._learn(warmup.sample()), warmup.inputs(part, births), int(part.ordinal[-1]))
        if self.regime is not None and self.regime.reference.type == "number":
            self.invalid["wrong_type"] += warmup.texts

    def _learn(self, sample: Sample) -> StreamReference:
        """A reference from a sample; type and required are frozen with the first one."""
        known = None if self.regime is None else self.regime.reference
        wanted = self.settings.wanted if known is None else known.type
        required = None if known is None else known.required
        return learn(sample, wanted=wanted, required=required, categories=self.settings.categories)

    def _count(self, seen: Observations, kind: StreamType | None) -> None:
        """Count observations and unusable values; a text is wrong in a numeric stream only."""
        absent, null, numbers, texts, non_finite, wrong_type = seen.tally()
        self.observations += len(seen)
        if numbers == len(seen):
            return
        self.invalid["missing"] += null + absent
        self.invalid["non_finite"] += non_finite
        self.invalid["wrong_type"] += wrong_type + (texts if kind == "number" else 0)

    # Watching: one stretch at a time ---------------------------------------------------------------------------

    def _stretch(self) -> int:
        """Observations up to the next moment at which their count may decide something.

        At most one clock at a time: nothing that opens inside a stretch can then fall due inside it.
        """
        assert self.regime is not None
        most = min(self._newest.clock, self.regime.clock)
        if self.episodes.is_open(self._lasting):
            starts, due = self._learning_starts(), self._relearning_due()
            if self.observations < starts:
                return min(most, starts - self.observations)
            most = min(most, RECHECK - (self.observations - due) % RECHECK)
        return most

    @property
    def _newest(self) -> Regime:
        """The regime that finds changes now."""
        assert self.regime is not None
        return self.relearned or self.regime

    @property
    def _lasting(self) -> Track:
        """The track whose long opening makes the stream relearn."""
        return "value" if self.relearned is None else "further"

    def _relearning_due(self) -> int:
        return self.episodes.open_since(self._lasting) + self._newest.lasting

    def _learning_starts(self) -> int:
        return self._relearning_due() - self._newest.clock

    def _watch(self, part: Observations) -> list[tuple[int, Fact]]:
        """Watch one stretch."""
        regime = self.regime
        assert regime is not None
        cells, values = part.encode(regime.reference.partition)
        signals = regime.advance(cells, values)
        self._beat(part, cells, signals)
        if self.relearned is None:
            return self._conclude(part, signals, cells)
        split = self._returns(signals, len(part))
        facts = []
        for start, stop in ((0, split), (split, len(part))):
            if start < stop:
                own = [replace(signal, at=signal.at - start) for signal in signals if start <= signal.at < stop]
                facts += self._conclude(part.part(start, stop), own, cells[start:stop])
        return facts

    def _beat(self, part: Observations, cells: Cells, signals: Sequence[Signal]) -> None:
        """Add a stretch to the pulse: nothing of what is told by the stream's own episodes, nothing while muted."""
        if self.pulse.scale is None:
            return
        tracks = [track for track in TRACKS if track != "further" and self.episodes.is_open(track)]
        open_keys = [key for track in tracks for key in self.episodes.open_keys(track)]
        self.pulse.beat(cells, part.ordinal, signals, open_keys)
        if self.settings.mute_until is not None:
            muted = part.ordinal[part.clock < self.settings.mute_until]
            if len(muted):
                self.pulse.leave_out(int(muted[0]) // BLOCK, int(muted[-1]) // BLOCK)

    def _returns(self, signals: Sequence[Signal], length: int) -> int:
        """How many observations a relearned regime still watches: up to the return of the stream to its profile."""
        still_open = set(self.episodes.open_keys("value"))
        for signal in signals:
            if signal.aspect == "value":
                (still_open.discard if signal.detection is None else still_open.add)(signal.key)
                if not still_open:
                    return signal.at + 1
        return length

    def _conclude(self, part: Observations, signals: Sequence[Signal], cells: Cells) -> list[tuple[int, Fact]]:
        """Add what a relearned regime sees in a stretch to the signals of the reference's, and draw the conclusions."""
        regime = self.regime
        assert regime is not None
        before = self.observations
        self._count(part, regime.reference.type)
        if self.relearned is not None:
            signals = self._with_further(signals, part, self.relearned)
        recent = regime.recent
        regime.remember(cells)
        if not signals and not self.episodes.any_open:
            return []
        history = np.concatenate([recent, cells])
        base = len(history) - len(part)
        fresh = [(s, self._finding(s, part, history[: base + s.at + 1], before)) for s in signals if s.detection]

        def newest(key: str, at: int) -> Finding | None:
            """The newest detection of a channel as of a position: nothing from the stretch's future."""
            return next((f for s, f in reversed(fresh) if s.key == key and s.at <= at), self.findings.get(key))

        def matters_at(at: int, key: str) -> bool:
            is_muted = part.clock[at] < (self.settings.mute_until or -math.inf)
            return not is_muted and self._matters(key, newest(key, at), history[: base + at + 1], before + at + 1)

        changes = self.episodes.advance(signals, before, len(part), self._rhythm(), matters_at)
        facts: list[tuple[int, Fact]] = [(int(part.rows[s.at]), finding) for s, finding in fresh]
        facts += [(int(part.rows[c.at]), self._changed(c, newest(c.key, c.at), part, before)) for c in changes]
        for signal, finding in fresh:
            self.findings[signal.key] = finding
        for signal in signals:
            if signal.detection is None and not self._newer(signal, fresh):
                self.findings.pop(signal.key, None)
        return facts + self._relearn(part, before)

    def _matters(self, key: str, finding: Finding | None, history: Cells, observation: int) -> bool:
        """Does the effect since the onset behind an open channel matter, as of an observation?"""
        assert self.regime is not None
        if finding is None or key.removeprefix(FURTHER) in EXEMPT:
            return True
        counts = self.regime.counts(history, observation - finding.since + 1)
        return matters(self.regime.effects(counts), self.settings.min_effect, self.settings.direction)

    @staticmethod
    def _newer(closed: Signal, fresh: Sequence[tuple[Signal, Finding]]) -> bool:
        """Did the channel open again after this closing?"""
        return any(s.key == closed.key and s.at > closed.at for s, _ in fresh)

    def _rhythm(self) -> Rhythm:
        regime = self._newest
        if regime.reference.short:
            return Rhythm(pause_after(regime.reference.kept), doubles=False, defers=False)
        return Rhythm(regime.clock)

    @staticmethod
    def _with_further(signals: Sequence[Signal], part: Observations, relearned: Regime) -> Sequence[Signal]:
        """The signals, and those of the relearned regime, in order of the observations."""
        inner, values = part.encode(relearned.reference.partition)
        found = relearned.advance(inner, values)
        relearned.remember(inner)
        own = [Signal(s.at, FURTHER + s.key, s.name, s.detection, s.pulse) for s in found if s.aspect == "value"]
        return sorted([*signals, *own], key=lambda signal: signal.at)

    def _finding(self, signal: Signal, part: Observations, history: Cells, before: int) -> Finding:
        """The finding of a detection; its effect is always held against the stream's reference."""
        detection, regime = signal.detection, self.regime
        assert detection is not None and regime is not None
        observation = before + signal.at + 1
        since = max(1, observation - detection.length + 1)
        counts = regime.counts(history, detection.length)
        table = {"chart": "level", "far": "level"}.get(signal.key, signal.key.removeprefix(FURTHER))
        effect = regime.effects(counts).get(table)
        pair = (detection.detector, signal.name)
        self.detections[pair] = self.detections.get(pair, 0) + 1
        return Finding(
            stream=self.key,
            channel=signal.name,
            detector=detection.detector,
            direction=detection.direction,
            statistic=detection.statistic,
            threshold=detection.threshold,
            score=detection.score,
            effect=0.0 if effect is None else effect.effect,
            observation=observation,
            since=since,
            explanation=explain(self.key.feature, signal, effect, regime.reference.partition, counts, since),
            summary=summarise(table, effect, regime.reference.partition, counts),
            place=part.place(int(part.rows[signal.at])),
            reference_id=self.reference_id,
            reference_hash=regime.reference_hash,
            generation=self.generation,
        )

    def _changed(self, change: Change, finding: Finding | None, part: Observations, before: int) -> EpisodeChange:
        place = part.place(int(part.rows[change.at]))
        if change.firing and part.clock[change.at] == part.clock[change.at]:
            self.last_drift_event_time = float(part.clock[change.at])
        assert finding is not None  # a channel that opens or closes a track has been found first
        state: EpisodeState = "firing" if change.firing else "resolved"
        return EpisodeChange(self.key, change.aspect, state, change.reason, finding, before + change.at + 1, place)

    # Relearning: a change that lasts becomes the new normal ----------------------------------------------------

    def _relearn(self, part: Observations, before: int) -> list[tuple[int, Fact]]:
        """Learn the next reference while a change lasts; adopt it when it has lasted long enough."""
        if self.relearned is not None and not self.episodes.is_open("value"):
            self._drop_relearned()  # the stream has returned to its profile
        track = self._lasting
        if not self.episodes.is_open(track) or self._newest.reference.short:
            self._learner = None
            return []
        opened = self.episodes.open_since(track) - before
        if opened >= 0:  # maybe again, and what was learned before it had closed is no part of this change
            self._opened_clock, self._learner = float(part.clock[opened]), None
        if before >= self._learning_starts():
            self._learner = self._learner or Learner()
            self._learner.add(part.cells, part.numbers, part.texts, part.labels)
        beyond = self.observations - self._relearning_due()
        if self._learner is None or beyond % RECHECK:
            return []
        if any(self.episodes.was_open(aspect, self.observations - RECHECK) for aspect in DEAD):
            self._learner = None  # learn what comes after it
            return []
        is_waiting = float(part.clock[-1]) - self._opened_clock < self.settings.relearn_seconds
        if beyond < 0 or self._learner.seen < self._newest.clock or is_waiting or self._is_too_small(track):
            return []
        return self._accept_new_normal(self._learn(self._learner.sample()), track, part, before)

    def _is_too_small(self, track: Track) -> bool:
        """Is it the smallness of the effect that an open track is not firing for?

        Such a change is not relearned, or a slow creep would be taken for normal again and again, unheard.
        """
        assert self.regime is not None
        recent, now = self.regime.recent, self.observations
        keys = self.episodes.open_keys(track)
        is_small = not any(self._matters(key, self.findings.get(key), recent, now) for key in keys)
        return is_small and not self.episodes.is_firing(track)

    def _accept_new_normal(
        self, reference: StreamReference, track: Track, part: Observations, before: int
    ) -> list[tuple[int, Fact]]:
        assert self.regime is not None
        self._learner = None
        if self.approved:  # the episode stays open: only a return to the profile, or a person, closes it
            self._drop_relearned()
            self.relearned = Regime(reference, self.regime.inputs, self.settings.terms, self._banks)
            return []
        finding = self.findings.get(self.episodes.leading(track))
        was_firing = self.episodes.clear(track)
        self._adopt(reference, self.regime.inputs, int(part.ordinal[-1]))
        self.findings.clear()
        if not was_firing or finding is None:
            return []
        at = len(part) - 1
        place = part.place(int(part.rows[at]))
        fact = EpisodeChange(self.key, "value", "resolved", "relearned", finding, before + at + 1, place)
        return [(int(part.rows[at]), fact)]

    def _drop_relearned(self) -> None:
        if self.relearned is not None:
            self.relearned.release()
            self.relearned = None
        self.episodes.clear("further")
        self.findings = {key: f for key, f in self.findings.items() if not key.startswith(FURTHER)}

    # State -----------------------------------------------------------------------------------------------------

    def regimes(self) -> tuple[Regime, ...]:
        """The one of its reference, and the relearned one; of which there are."""
        return tuple(regime for regime in (self.regime, self.relearned) if regime is not None)

    def dump(self) -> bytes:
        """Everything but the references, which are named only."""
        return _ENCODER.encode(
            StreamState(
                self.observations,
                (self.invalid["missing"], self.invalid["non_finite"], self.invalid["wrong_type"]),
                self.approved,
                self.reference_id,
                self.generation,
                self.last_drift_event_time,
                None if self._opened_clock != self._opened_clock else self._opened_clock,
                [(*pair, count) for pair, count in self.detections.items()],
                self.findings,
                self.episodes.dump(),
                None if self.regime is None else self.regime.dump(),
                None if self.relearned is None else self.relearned.dump(),
                None if self.warmup is None else self.warmup.dump(),
                None if self._learner is None else self._learner.dump(),
                self.pulse.dump(),
            )
        )

    def restore(self, stored: Stored, reference_of: Callable[[bytes], StreamReference]) -> None:
        """Go on where the dumped stream stood; reference_of: the reference of that name, or LookupError."""
        state = _DECODER.decode(stored)
        self.observations = state.observations
        self.invalid = dict(zip(INVALID, state.invalid, strict=True))
        if state.warmup is None:
            self.warmup = None
        elif self.warmup is not None:
            self.warmup.restore(state.warmup)
        self.approved, self.reference_id = state.approved, state.reference_id
        self.generation = state.generation
        self.regime = self._load_regime(state.regime, reference_of)
        self.relearned = self._load_regime(state.relearned, reference_of)
        if self.regime is None and (self.relearned is not None or self.warmup is None):
            raise ValueError("regime: expected one, or a warm-up, found neither")
        self.pulse = Pulse.load(state.pulse, self._scale())
        self.episodes = Episodes.load(state.episodes)
        self.findings = state.findings
        self.detections = {(detector, channel): count for detector, channel, count in state.detections}
        self.last_drift_event_time = state.last_drift_event_time
        self._learner = None if state.learner is None else Learner.load(state.learner)
        self._opened_clock = float("nan") if state.opened_clock is None else state.opened_clock

    def _load_regime(
        self, state: RegimeState | None, reference_of: Callable[[bytes], StreamReference]
    ) -> Regime | None:
        if state is None:
            return None
        inputs = BudgetInputs(state.per_week, state.streams)
        return Regime(reference_of(state.reference), inputs, self.settings.terms, self._banks, state)


Stored = bytes | msgspec.Raw
_ENCODER = msgspec.msgpack.Encoder(order="deterministic")  # of findings: which was first may depend on cuts
_DECODER = msgspec.msgpack.Decoder(StreamState)
