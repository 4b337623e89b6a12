"""Signals only set a flag; the loop decides when it stops.  Who asks twice does not want to wait."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Self

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
#: not 0: the last seconds since the checkpoint have to be read again
_IMMEDIATE_EXIT = 1


class StopSignals:
    """While entered, SIGTERM and SIGINT ask for a stop; the second one ends the process at once.

    Outside of the main thread, where Python allows no handlers, only `ask` works.
    """

    def __init__(self, exit_now: Callable[[int], object] = os._exit) -> None:
        self._exit_now = exit_now
        self._previous: dict[signal.Signals, Any] = {}
        self.asked = False

    def ask(self, number: int = 0, frame: FrameType | None = None) -> None:
        """Ask for a stop, as a signal would."""
        if self.asked:
            self._exit_now(_IMMEDIATE_EXIT)
        self.asked = True

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self.ask) for number in _SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
