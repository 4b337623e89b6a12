"""One shard at work: poll → observe → say → show → save, for the partitions and models that belong to it.

     open ──▶ turn, turn, turn … ──▶ save_last ──▶ let_go        in order
                       └───────────────────────▶ let_go        ownership is gone: nothing may be written any more

A process that owns everything has one; in a group each process has one for every shard that it owns.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

import structlog

from monitor.accepting import Accepting
from monitor.checkpoints import Checkpoints, Intervened, Sinks
from monitor.domain.facts import EpisodeChange, Fact, JointChange
from monitor.domain.frame import MessageBatch
from monitor.domain.keys import StreamKey
from monitor.forgetting import Forgetting
from monitor.inheriting import positions_before
from monitor.kafka.notices import Assigned, Gap, Identified, Notice
from monitor.logs import LogLimit
from monitor.parts import ShardParts, Timing
from monitor.semantics import changed, fingerprint
from monitor.state.store import Snapshot
from monitor.state.writer import Writer
from monitor.watch import firing

log = structlog.get_logger("driftgauge")

#: views are published this often, and take at most a tenth of the loop's time whatever they cost
PUBLISH_SECONDS, PUBLISH_SHARE = 0.1, 0.1
FINAL_COMMIT_SECONDS = 10.0


class Shard:
    """The loop's work on one store, one source and the models between them; every method from the loop's thread."""

    def __init__(self, parts: ShardParts, timing: Timing) -> None:
        self._parts = parts
        self._timing = timing
        self._clock = parts.clock
        self._watch = parts.watch
        self._board = parts.board
        self._limit = LogLimit(parts.clock.monotonic)
        self.writer = Writer(parts.store, parts.clock.monotonic)
        sinks = Sinks(parts.board, parts.source.commit_group)
        self.checkpoints = Checkpoints(parts.watch.models, self.writer, sinks, timing.interval_seconds, parts.clock)
        self.checkpoints.interveners.append(Forgetting(parts.watch, timing.forget_seconds))
        self._publish_due = -math.inf
        self._drifts: dict[StreamKey, float] = {}  # found since views were last published

    def open(self, snapshot: Snapshot) -> None:
        """Take up what was stored and show it.  Raises StateError when it is damaged or does not fit."""
        self._watch.restore(snapshot)
        self.checkpoints.open(snapshot, self._parts.provenance)
        self._configure(snapshot)
        control = self._parts.control
        if control is not None:
            control.seek(snapshot.offsets.get((control.topic, 0)))
            self.checkpoints.interveners.append(Accepting(self._watch, control))
        asked = "" if control is None else control.topic  # read apart, and stored with what it asked for
        offsets = {place: offset for place, offset in snapshot.offsets.items() if place[0] != asked}
        self._parts.source.seek(offsets, snapshot.topic_ids)
        self._show_restored()

    def _configure(self, snapshot: Snapshot) -> None:
        """Say what of the configuration changed since the state was written, and what had to begin anew for it."""
        before, now = snapshot.configuration, self._watch.configuration
        if before != now:
            names = changed(before, now)
            if names:
                log.warning(
                    "configuration_changed", changed=names, before=fingerprint(before), configuration=fingerprint(now)
                )
            self.checkpoints.configured(now)
        self.checkpoints.intervened(Intervened(self._watch.adapted(snapshot)))

    def save_last(self) -> bool:
        """A last commit, waited for within a bound; was it saved?"""
        try:
            saved = self.checkpoints.finish(self._parts.source.positions(), FINAL_COMMIT_SECONDS)
        except Exception:
            log.exception("crashed")
            saved = False
        if not saved:
            log.error("last_checkpoint_failed", hint="events since the one before are read again at the next start")
        return saved

    def let_go(self) -> None:
        """Give up source and store, each within a bound; what is not saved by now is not saved."""
        self._parts.source.close()
        if self._parts.control is not None:
            self._parts.control.close()
        # a writer that hangs in a dead disk keeps the store: the kernel gives the lock back when the process ends
        if self.writer.close(FINAL_COMMIT_SECONDS):
            self._parts.store.close()

    def turn(self, timeout: float = 0.05) -> None:
        """One turn of the loop; about `timeout` seconds when nothing arrives."""
        if self.checkpoints.full:
            time.sleep(timeout)
        elif not self.checkpoints.copying:
            start, seen = self._parts.source.positions(), list[MessageBatch]()
            for batch in self._parts.source.poll(timeout):
                facts = self._watch.take(batch, partial(positions_before, start, seen, batch))
                seen.append(batch)
                self._say(facts)
                self.checkpoints.add(facts)
            if self._watch.inheriting is not None:
                self.checkpoints.intervened(Intervened(self._watch.inheriting.take()))
            self._keep_dead_letters()
        self._hear(self._parts.source.notices())
        if self._parts.control is not None:
            self._hear(self._parts.control.notices())
        self._show()
        self.checkpoints.turn(self._parts.source.positions())

    def _keep_dead_letters(self) -> None:
        if self._watch.dead_letters is not None:
            letters, dropped = self._watch.dead_letters.take()
            if letters or dropped:
                self.checkpoints.add_dead_letters(letters)
                self._board.dead_letters(len(letters), dropped)

    def _say(self, facts: Sequence[Fact]) -> None:
        """One line for each episode that opened or closed, and the time for those that page somebody."""
        for fact in facts:
            if isinstance(fact, EpisodeChange):
                log.info("episode_opened" if fact.state == "firing" else "episode_closed", **_line(fact))
            elif isinstance(fact, JointChange):
                moved = fact.state == "moved"
                log.info("features_moved_together" if moved else "features_settled_together", **_joint_line(fact))
        for change in firing(facts):
            key = change.stream.model_key
            if not self._watch.is_late(key, self._timing.max_alert_age_seconds):
                wall = self._clock.wall()
                self._watch.models[key].exposure.drifted(change.stream, wall)
                self._drifts[change.stream] = wall

    def _hear(self, notices: Sequence[Notice]) -> None:
        """What the source has to say beside events."""
        for notice in notices:
            if isinstance(notice, Gap):
                self._board.gap(notice.topic, notice.partition, notice.lost)
                log.error(
                    "events_lost" if notice.lost else "position_beyond_end",
                    topic=notice.topic,
                    partition=notice.partition,
                    expected=notice.expected,
                    resumed=notice.resumed,
                    lost=notice.lost,
                )
            elif isinstance(notice, Identified):
                self.checkpoints.topics_known({notice.topic: notice.topic_id}, [notice.topic] * notice.recreated)
                if notice.recreated:
                    log.error(
                        "topic_recreated",
                        topic=notice.topic,
                        before=notice.before,
                        now=notice.topic_id,
                        hint="events of the old topic that were not read are lost; the new one is read from its start",
                    )
            elif isinstance(notice, Assigned):
                log.info(
                    "partitions_added" if notice.found_running else "partitions_assigned",
                    topic=notice.topic,
                    partitions=list(notice.partitions),
                )
            else:
                held_back = self._limit.passes((notice.event, notice.topic))
                if held_back is not None:
                    place = {"topic": notice.topic, "partition": notice.partition} if notice.topic else {}
                    log.warning(notice.event, detail=notice.detail, **place, not_logged_before=held_back)

    def _show(self) -> None:
        """Keep the board's numbers fresh: cheap ones every turn, views ten times a second or as the loop can afford."""
        self._board.polled(self._clock.wall())
        self._board.kafka_up(self._parts.source.up)
        began = self._clock.monotonic()
        if began < self._publish_due:
            return
        fresh = {key: watched for key, watched in self._watch.models.items() if watched.unpublished}
        # Alerts fire on the time of a drift, explain it by what they find beside it, and hold their peace for a model
        # that is late: so lateness shows before the views, and they before the time.
        self._show_late()
        self._board.publish_live({key: watched.view for key, watched in fresh.items()})
        for stream, wall in self._drifts.items():
            self._board.last_drift(stream, wall)
        self._drifts.clear()
        for watched in fresh.values():
            watched.unpublished = False
            self._board.last_observations(watched.exposure.last_observations())
        self._board.set_lag(self._parts.source.lag())
        self._board.draw(self._watch.shape)
        ended = self._clock.monotonic()
        self._publish_due = ended + max(PUBLISH_SECONDS, (ended - began) / PUBLISH_SHARE)

    def _show_late(self) -> None:
        for key in self._watch.models:
            self._board.late(key, self._watch.is_late(key, self._timing.max_alert_age_seconds))

    def _show_restored(self) -> None:
        """The stored state is the last one scraped from before: its counters go on where they stood."""
        views = {key: watched.view for key, watched in self._watch.models.items()}
        self._show_late()
        self._board.publish_committed(views)
        self._board.publish_live(views)
        for watched in self._watch.models.values():
            watched.unpublished = False
            self._board.last_observations(watched.exposure.last_observations())
            for stream, wall in watched.exposure.last_drifts().items():
                self._board.last_drift(stream, wall)


def _joint_line(change: JointChange) -> dict[str, object]:
    """The fields of the log line of many features at once."""
    return {
        "model": change.model.model,
        "model_version": change.model.model_version,
        "reason": change.reason,
        "score": change.score,
        "features": change.features,
        "explanation": change.explanation,
        "ts": iso_time(change.place.event_time),
        "events": change.events,
    }


def _line(change: EpisodeChange) -> dict[str, object]:
    """The fields of an episode's log line."""
    finding, place = change.finding, change.place
    return {
        "model": change.stream.model,
        "model_version": change.stream.model_version,
        "feature": change.stream.feature,
        "kind": change.stream.kind,
        "aspect": change.aspect,
        "state": change.state,
        "reason": change.reason,
        "detector": finding.detector,
        "channel": finding.channel,
        "score": finding.score,
        "effect": finding.effect,
        "explanation": finding.explanation,
        "ts": iso_time(place.event_time),
        "observation": change.observation,
        "event_id": place.event_id,
        "topic": place.topic,
        "partition": place.partition,
        "offset": place.offset,
    }


def iso_time(seconds: float) -> str | None:
    """Event time as ISO 8601 in UTC; None when there is none that a calendar knows."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return None
