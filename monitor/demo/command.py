"""The demonstration from start to end: start broker and daemon, replay, wait for the daemon, show, judge, tidy up."""

from __future__ import annotations

import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.text import Text

from monitor.demo.episodes import Episodes, changes
from monitor.demo.flights import PREDICTIONS, TOPICS, VERSIONS, messages
from monitor.demo.process import DaemonEnded, DaemonProcess, configuration, free_port
from monitor.demo.replay import Replay
from monitor.demo.scrape import as_exposed, predictions_saved, scrape, statuses
from monitor.demo.screen import Progress, Screen, change_line, counted, open_screen
from monitor.domain.errors import DriftgaugeError
from monitor.domain.facts import Status
from monitor.kafka.embedded import EmbeddedBroker

REPLAY_SECONDS = 30.0
#: after the last flight was sent: for the broker to take it, and for the daemon to read it
FLUSH_SECONDS, CATCH_UP_SECONDS = 5.0, 10.0
TICK_SECONDS = 0.05
INTERRUPTED = 130


def run_demo(
    keep: bool = False,
    port: int | None = None,
    *,
    seconds: float = REPLAY_SECONDS,
    daemon: Sequence[str] | None = None,
    console: Console | None = None,
) -> int:
    """Show it all; 0 if the daemon found what is known to have happened, 1 if not or if something failed.

    keep: go on answering /metrics until Ctrl-C.  port: of /metrics; None: the usual one if free, else any.
    seconds: what the replay takes.  daemon: the command before `run`, instead of this package's own.
    """
    screen = open_screen(console)
    try:
        with (
            stopped_in_order(),
            tempfile.TemporaryDirectory(prefix="driftgauge-demo-") as folder,
            EmbeddedBroker(TOPICS) as broker,
        ):
            listen = free_port() if port is None else port
            settings = configuration(broker.bootstrap, listen, Path(folder) / "state")
            with DaemonProcess(Path(folder), settings, daemon) as process:
                return Demo(process, broker.bootstrap, screen).run(seconds, keep)
    except KeyboardInterrupt:
        screen.close()
        screen.say("stopped")
        return INTERRUPTED
    except DriftgaugeError as error:
        screen.close()
        screen.say(Text(f"The demonstration failed: {error}", style="bold red"))
        return 1


class Demo:
    """What goes on between a daemon that answers and one that is asked to stop."""

    def __init__(self, process: DaemonProcess, bootstrap: str, screen: Screen) -> None:
        self._process = process
        self._bootstrap = bootstrap
        self._screen = screen
        self._episodes = Episodes()

    def run(self, seconds: float, keep: bool) -> int:
        """Replay, show, judge, stop.  Raises DriftgaugeError when broker or daemon fail."""
        events = messages()
        predictions = sum(event.topic == PREDICTIONS for event in events)
        self._introduce(predictions)
        with Replay(self._bootstrap, events, seconds) as replay:
            self._replay(replay, seconds)
        exposition = self._catch_up(predictions)
        self._screen.close()
        self._show_result(exposition)
        found = self._judge()
        if keep:
            self._keep()
        return 0 if self._stopped_well() and found else 1

    def _introduce(self, predictions: int) -> None:
        self._screen.say(
            f"{predictions:,} flights that were to leave New York in 2013, as events of two versions of a model that "
            "predicts late departures"
        )
        self._screen.say(f"broker   {self._bootstrap} (embedded, in this process)")
        self._screen.say(f"daemon   driftgauge run --config {self._process.config} (process {self._process.pid})")
        self._screen.say(f"metrics  {self._process.url}/metrics")
        self._screen.say(f"page     {self._process.url}/")
        self._screen.say("")

    def _replay(self, replay: Replay, seconds: float) -> None:
        began = time.monotonic()
        while not replay.done:
            elapsed = time.monotonic() - began
            replay.send_until(elapsed)
            self._hear()
            self._show_progress(replay, elapsed / seconds if seconds else 1.0)
            time.sleep(TICK_SECONDS)
        replay.finish(FLUSH_SECONDS)

    def _show_progress(self, replay: Replay, share: float) -> None:
        newest = replay.newest
        version = VERSIONS[newest.partition]
        moment = datetime.fromtimestamp(newest.time, version.zone)
        sent = replay.sent_to(PREDICTIONS)
        self._screen.progress(Progress(min(share, 1.0), version.name, moment, sent, self._episodes.open))

    def _hear(self) -> None:
        """Show what the daemon says changed."""
        for change in changes(self._process.new_lines()):
            again = self._episodes.is_open(change)
            self._episodes.add(change)
            self._screen.say(change_line(change, again))

    def _catch_up(self, predictions: int) -> str:
        """Wait until the daemon has read and saved every prediction; its exposition then."""
        deadline = time.monotonic() + CATCH_UP_SECONDS
        while True:
            exposition = scrape(self._process.url)
            self._hear()
            saved = predictions_saved(exposition)
            if saved >= predictions:
                return exposition
            if time.monotonic() > deadline:
                raise DaemonEnded(
                    f"expected {predictions:,} predictions in the daemon's state {CATCH_UP_SECONDS:g} s after the "
                    f"last was sent, got {saved:,}; the end of its log:\n{self._process.last_words()}"
                )
            time.sleep(4 * TICK_SECONDS)

    def _show_result(self, exposition: str) -> None:
        self._screen.say("")
        self._screen.table(self._episodes.all)
        streams = statuses(exposition)
        drifting = [sample for sample in streams if sample.value == Status.DRIFT]
        self._screen.say(f"{self._process.url}/metrics, {len(streams)} streams: {counted(len(drifting))}")
        for sample in drifting:
            self._screen.say(Text(f"  {as_exposed(sample)}", no_wrap=True))
        self._screen.say("")

    def _judge(self) -> bool:
        """Was found what is known to have happened?  Says so for each version."""
        found = True
        for version in VERSIONS:
            expected = version.expected
            episode = self._episodes.meeting(version, expected)
            what = f"{version.name}, {expected.days}: {expected.what_happened}"
            if episode is None:
                found = False
                wanted = f"an episode on {' or '.join(expected.features)}"
                aspect = f" of aspect {expected.aspect}" if expected.aspect else ""
                self._screen.say(Text(f"NOT SEEN  {what}: expected {wanted}{aspect} to open then", style="bold red"))
            else:
                self._screen.say(Text(f"seen      {what} (found on {episode.opened.feature})", style="green"))
        return found

    def _keep(self) -> None:
        """Go on until Ctrl-C or the daemon's end."""
        self._screen.say(f"\nThe daemon goes on: {self._process.url}/metrics answers until Ctrl-C.")
        try:
            while True:
                self._hear()
                time.sleep(4 * TICK_SECONDS)
        except KeyboardInterrupt:
            self._screen.say("")

    def _stopped_well(self) -> bool:
        code = self._process.stop()
        if code:
            self._screen.say(
                Text(f"The daemon did not stop in order ({code}):\n{self._process.last_words()}", style="bold red")
            )
        return code == 0


@contextmanager
def stopped_in_order() -> Iterator[None]:
    """SIGTERM tidies up like Ctrl-C.  Signals reach the main thread only; elsewhere nothing is changed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
