"""The log: one line an event, for people on a terminal and as JSON elsewhere, at a bounded rate where input decides.

Lines go to standard error; standard output belongs to results.
"""

from __future__ import annotations

import logging
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TextIO

import structlog

from monitor.kafka.secrets import blackened

LogFormat = Literal["auto", "console", "json"]

#: kinds of line a limit remembers; the one unused for longest is forgotten first
_KEYS = 1_000


def configure(
    level: str = "info", form: LogFormat | str = "auto", stream: TextIO | None = None, secrets: Sequence[str] = ()
) -> None:
    """Set the process's log up.

    form: `console`, `json`, or `auto`: console on a terminal, else JSON.  secrets: what no line may hold, whatever it
    is about.
    """
    stream = sys.stderr if stream is None else stream
    console = form == "console" or (form == "auto" and stream.isatty())
    last: list[Any] = (
        # plain tracebacks: the pretty ones show the values of variables, passwords among them
        [structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback)]
        if console
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *last[:-1],
            _blackening(last[-1], secrets) if secrets else last[-1],
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )


def _blackening(render: Callable[..., str], secrets: Sequence[str]) -> Callable[..., str]:
    """The renderer, with secrets taken out of what it wrote: the last step, so that nothing comes in behind it."""

    def rendered(logger: Any, name: str, event: Any) -> str:
        return blackened(render(logger, name, event), secrets)

    return rendered


@dataclass(slots=True)
class _Window:
    began: float
    passed: int = 0
    held_back: int = 0


class LogLimit:
    """Lets the first `burst` lines of a kind through in every `seconds`; the rest are counted, not written."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, burst: int = 5, seconds: float = 60.0) -> None:
        self._clock = clock
        self._burst = burst
        self._seconds = seconds
        self._windows: OrderedDict[Hashable, _Window] = OrderedDict()

    def passes(self, kind: Hashable) -> int | None:
        """None: do not write this line.  Else write it, and say that so many of its kind were not written before."""
        now = self._clock()
        window = self._windows.pop(kind, None)
        held_back = 0
        if window is None or now - window.began >= self._seconds:
            held_back = 0 if window is None else window.held_back
            window = _Window(now)
        self._windows[kind] = window
        if len(self._windows) > _KEYS:
            self._windows.popitem(last=False)
        if window.passed >= self._burst:
            window.held_back += 1
            return None
        window.passed += 1
        return held_back
