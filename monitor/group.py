"""A member of a group: start → loop → stop, where the shards it watches come and go.

     gained ──▶ opening (another thread: fence, restore) ──▶ open ──▶ handed over: saved, let go
                    └──▶ handed over or lost: given up         ├────▶ lost: let go, nothing written
                                                               └────▶ fenced: let go, opened again if it is ours

With one shard the members without it stand by: they tail the state, so that taking over costs little more than
noticing that the owner is gone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog
from confluent_kafka import KafkaException

from monitor.domain.errors import DriftgaugeError
from monitor.exposition.board import Board
from monitor.kafka.notices import Trouble
from monitor.kafka.ownership import Events, Membership
from monitor.kafka.state_reader import StateReader
from monitor.kafka.store import KafkaStore
from monitor.logs import LogLimit
from monitor.parts import HttpEnd, ShardParts, Timing
from monitor.shard import FINAL_COMMIT_SECONDS, Shard
from monitor.signals import StopSignals
from monitor.state.store import FencedError, Snapshot
from monitor.watch import Clock

log = structlog.get_logger("driftgauge")

#: one turn when nothing arrives; shards share it
TURN_SECONDS = 0.05
PROGRESS_SECONDS, RETRY_SECONDS = 1.0, 1.0
#: a store that is closed while it is being opened has given up by then
FENCING_SECONDS = 3.0
#: a shard that is fenced though it is ours is opened again, so often within so long: oftener, and somebody else who
#: is not in the group writes under its name
REOPENINGS, REOPENING_SECONDS = 3, 60.0
#: the group may be in the middle of a rebalance
ASKING_SECONDS = 10.0


class GroupShardParts(ShardParts, Protocol):
    """What a shard of a group works on."""

    @property
    def store(self) -> KafkaStore: ...


@dataclass(frozen=True, slots=True)
class GroupParts:
    """What a member is put together from.

    prepare: makes or checks the topics; raises KafkaException while no broker answers.  shard: its parts, with a
    reader that has read some of its state already, if there is one.
    """

    shards: int
    board: Board
    server: HttpEnd
    clock: Clock
    prepare: Callable[[], None]
    join: Callable[[Events], Membership]
    reader: Callable[[int], StateReader]
    shard: Callable[[int, StateReader | None, Callable[[], object]], GroupShardParts]


class Opening:
    """A shard on its way: its owner before is fenced and its state restored, on a thread of its own."""

    def __init__(self, parts: GroupShardParts) -> None:
        self.parts = parts
        self.began = time.monotonic()
        self._snapshot: Snapshot | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._work, name="state-restore", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def snapshot(self) -> Snapshot:
        """What was restored, once done.  Raises what stood in the way."""
        if self._error is not None:
            raise self._error
        assert self._snapshot is not None  # the thread ends with one or the other
        return self._snapshot

    def give_up(self, seconds: float) -> None:
        """It belongs to somebody else now, or will: wait so long for what is under way, and leave the rest undone.

        A fencing that reaches the brokers after the next owner's would end that one.
        """
        self.parts.store.close()
        self._thread.join(seconds)
        self.parts.source.close()

    def _work(self) -> None:
        try:
            self._snapshot = self.parts.store.load()
        except Exception as error:
            self._error = error


class Group:
    """One run as a member; `run` returns the exit code."""

    def __init__(self, parts: GroupParts, timing: Timing, signals: StopSignals) -> None:
        self._parts = parts
        self._timing = timing
        self._signals = signals
        self._board = parts.board
        self._limit = LogLimit(parts.clock.monotonic)
        self._membership = parts.join(Events(self._gained, self._handed_over, self._lost))
        self._opening: dict[int, Opening] = {}
        self._open: dict[int, tuple[Shard, GroupShardParts]] = {}
        self._tail: StateReader | None = None
        self._fencings: list[float] = []  # when
        self._due = 0.0
        self._progress_due = 0.0

    def run(self) -> int:
        """Start, loop, stop; 0 when it stopped in order: what is not saved is read again from Kafka."""
        code = 0
        try:
            self._board.active(False)
            self._parts.server.start()
            log.info("started", url=self._parts.server.url, shards=self._parts.shards)
            while not self._signals.asked:
                self._turn()
            log.info("stopping")
        except DriftgaugeError as error:
            log.error("failed", error=str(error))
            code = error.exit_code
        except Exception:
            log.exception("crashed")
            code = 1
        self._stop(save=code == 0)
        return code

    def _turn(self) -> None:
        if not self._membership.joined:
            self._prepare()
        self._membership.poll()
        self._finish_opening()
        self._hear()
        if self._open:
            for number in list(self._open):
                if number not in self._open:  # gone meanwhile: asking the group whose a fenced one is lets it speak
                    continue
                try:
                    self._open[number][0].turn(TURN_SECONDS / len(self._open))
                except FencedError as error:
                    self._fenced(number, error)
        elif self._tail is not None:
            self._tail.advance(TURN_SECONDS)
        else:
            time.sleep(TURN_SECONDS)
        self._show()

    def _prepare(self) -> None:
        """Make or check the topics, then join; again and again while no broker answers."""
        now = self._parts.clock.monotonic()
        if now < self._due:
            return
        try:
            self._parts.prepare()
        except KafkaException as error:
            self._due = self._parts.clock.monotonic() + RETRY_SECONDS
            self._warn("broker_down", str(error))
            return
        self._stand_by()
        self._membership.join()

    def _show(self) -> None:
        board = self._board
        board.polled(self._parts.clock.wall())
        board.active(bool(self._open))
        if not self._open:
            board.kafka_up(self._membership.joined and self._membership.up)
        caught_up = self._tail is None or self._tail.caught_up
        board.ready(self._membership.joined and not self._opening and (bool(self._open) or caught_up))

    def _hear(self) -> None:
        for notice in self._membership.notices.take():
            if isinstance(notice, Trouble):
                self._warn(notice.event, notice.detail)

    def _warn(self, event: str, detail: str) -> None:
        held_back = self._limit.passes(event)
        if held_back is not None:
            log.warning(event, detail=detail, not_logged_before=held_back)

    # -- shards come and go ----------------------------------------------------------------------------------------

    def _gained(self, shards: Collection[int]) -> None:
        for number in shards:
            if number in self._opening:  # opened again a moment ago, because the brokers knew before we were told
                continue
            log.info("shard_gained", shard=number)
            tail, self._tail = self._tail, None
            parts = self._parts.shard(number, tail, self._membership.metadata)
            self._opening[number] = Opening(parts)

    def _finish_opening(self) -> None:
        now = self._parts.clock.monotonic()
        for number, opening in list(self._opening.items()):
            if self._opening.get(number) is not opening:  # given up meanwhile: see `_turn`
                continue
            if not opening.done:
                if now >= self._progress_due:
                    self._progress_due = now + PROGRESS_SECONDS
                    log.info("restoring", shard=number, remaining_messages=opening.parts.store.remaining)
                continue
            del self._opening[number]
            try:
                snapshot = opening.snapshot()
            except FencedError as error:
                opening.give_up(0.0)
                self._fenced(number, error)
                continue
            shard = Shard(opening.parts, self._timing)
            self._open[number] = shard, opening.parts
            shard.open(snapshot)
            seconds = round(time.monotonic() - opening.began, 3)
            log.info("shard_open", shard=number, models=len(snapshot.models), restore_seconds=seconds)

    def _fenced(self, number: int, error: FencedError) -> None:
        """Nothing is written here any more.  What the group calls ours is opened again from what is saved: somebody's
        late fencing hit us, or the brokers gave a transaction up.  Raises the error where another member owns it."""
        self._drop(number)
        now = self._parts.clock.monotonic()
        self._fencings = [at for at in self._fencings if now - at < REOPENING_SECONDS] + [now]
        if len(self._fencings) > REOPENINGS or not self._is_ours(number):
            raise error
        log.warning("shard_fenced", shard=number, error=str(error), hint="it is ours: opened again from what is saved")
        self._gained([number])

    def _is_ours(self, number: int) -> bool:
        """What the group says; waited for while it cannot tell."""
        until = self._parts.clock.monotonic() + ASKING_SECONDS
        while self._parts.clock.monotonic() < until:
            self._membership.poll()
            found = self._membership.owns(number)
            if found is not None:
                return found
            time.sleep(TURN_SECONDS)
        return False

    def _handed_over(self, shards: Collection[int]) -> None:
        """Another member gets them when this returns: everything is saved first."""
        going = [number for number in shards if number in self._open]
        for number, saved in zip(going, self._save(going), strict=True):
            log.info("shard_handed_over", shard=number, saved=saved)
        for number in shards:
            self._drop(number, FENCING_SECONDS)
        self._stand_by()

    def _save(self, numbers: Sequence[int]) -> list[bool]:
        """Last commits, one after the other, none begun when the time of one is over: brokers that let the first wait
        for nothing let the others wait too, and whoever stops this process waits for all of them."""
        until = time.monotonic() + FINAL_COMMIT_SECONDS
        return [time.monotonic() < until and self._open[number][0].save_last() for number in numbers]

    def _lost(self, shards: Collection[int]) -> None:
        """Another member has them already: nothing may be written, and nothing waited for."""
        for number in shards:
            log.warning("shard_lost", shard=number)
            self._drop(number)
        self._stand_by()

    def _drop(self, number: int, patience: float = 0.0) -> None:
        """Let go of a shard; patience: seconds for one that is still being opened."""
        if number in self._opening:
            self._opening.pop(number).give_up(patience)
        if number in self._open:
            shard, parts = self._open.pop(number)
            for key in parts.watch.models:
                parts.board.forget(key)
            parts.board.set_lag({})
            parts.store.close()  # ends what is being written, so that letting go is quick
            shard.let_go()

    def _stand_by(self) -> None:
        """Keep the only shard's state at hand, unless it is ours."""
        if self._parts.shards == 1 and self._tail is None and not self._open and not self._opening:
            self._tail = self._parts.reader(0)

    def _stop(self, save: bool) -> None:
        """Save (if what is in memory is sound), leave the group, let go of everything, each within a bound."""
        self._board.ready(False)
        saved = self._save(list(self._open)) if save else []
        for parts in [*(own for _, own in self._open.values()), *(opening.parts for opening in self._opening.values())]:
            parts.store.close()
        self._membership.close()  # nothing is written any more, so the next owner need not wait for the rest
        numbers: Sequence[int] = [*self._open, *self._opening]
        for number in numbers:
            self._drop(number)
        if self._tail is not None:
            self._tail.close()
        self._parts.server.stop()
        log.info("stopped", saved=all(saved) and save)
