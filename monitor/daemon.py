"""The daemon: start → loop → stop.

     start   restore the state, go back to its offsets, answer probes
     loop    poll → observe → say → show → save, until a signal asks for the end or something fails
     stop    a last checkpoint, then let go of Kafka, the address and the state, each within a bound

A defect inside the statistics ends the process with exit code 1 and without a last checkpoint: what is stored is the
last state that is known to be good, and reading goes on there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from monitor.assembly import assemble, assemble_group
from monitor.collecting import seldom
from monitor.domain.errors import DriftgaugeError
from monitor.group import Group
from monitor.kafka.secrets import secrets_of
from monitor.logs import configure
from monitor.parts import Parts, Timing
from monitor.shard import Shard
from monitor.signals import StopSignals

if TYPE_CHECKING:
    from monitor.settings import Settings

log = structlog.get_logger("driftgauge")


#: what was committed last has so long to reach its topic; the rest is sent after the next start
PUBLISH_SECONDS = 3.0


class Daemon:
    """One run over the parts; `run` returns the exit code."""

    def __init__(self, parts: Parts, timing: Timing, signals: StopSignals) -> None:
        self._parts = parts
        self._signals = signals
        self._board = parts.board
        self.shard = Shard(parts, timing)

    def run(self) -> int:
        """Start, loop, stop; 0 when it stopped in order with everything saved."""
        code = self._start_and_loop()
        saved = self.stop(save=code == 0)
        return code if code or saved else 1

    def _start_and_loop(self) -> int:
        try:
            self.start()
            self.loop()
        except DriftgaugeError as error:
            log.error("failed", error=str(error))
            return error.exit_code
        except Exception:
            log.exception("crashed")
            return 1
        return 0

    def start(self) -> None:
        """Restore, show what was restored, answer probes.  Raises StateError, or what the server's start raises."""
        snapshot = self._parts.store.load()
        self.shard.open(snapshot)
        self._parts.server.start()
        if self._parts.publisher is not None:
            self._parts.publisher.start()
        self._board.ready(True)
        log.info("started", url=self._parts.server.url, models=len(snapshot.models), partitions=len(snapshot.offsets))

    def loop(self) -> None:
        """Turn until a signal asks for the end.  An exception in here leaves models that must not be saved."""
        while not self._signals.asked:
            self.shard.turn()
        log.info("stopping")

    def stop(self, save: bool) -> bool:
        """Save (if what is in memory is sound) and let go of everything, each within a bound; was it saved?"""
        self._board.ready(False)
        saved = save and self.shard.save_last()
        if self._parts.publisher is not None and not self._parts.publisher.close(PUBLISH_SECONDS):
            log.warning("not_all_published", hint="what is left in the outbox is published after the next start")
        self._parts.server.stop()
        self.shard.let_go()
        log.info("stopped", saved=saved)
        return saved


def run(settings: Settings) -> int:
    """Run until stopped; returns the exit code (0 in order, 1 failed, 2 configuration, 3 state)."""
    configure(settings.log.level, settings.log.format, secrets=secrets_of(settings.kafka.properties))
    with StopSignals() as signals, seldom():
        try:
            if settings.state.store == "kafka":
                return Group(*assemble_group(settings), signals).run()
            parts, timing = assemble(settings)
        except DriftgaugeError as error:
            log.error("not_started", error=str(error))
            return error.exit_code
        return Daemon(parts, timing, signals).run()
