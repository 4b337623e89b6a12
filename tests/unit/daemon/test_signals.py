"""Asking for a stop."""

import os
import signal

from monitor.signals import StopSignals


def test_a_signal_only_sets_a_flag() -> None:
    """Whatever the loop is doing goes on."""
    with StopSignals() as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.asked


def test_the_second_signal_ends_the_process_at_once() -> None:
    """Also when it is another one."""
    codes: list[int] = []
    with StopSignals(exit_now=codes.append) as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        assert codes == []
        os.kill(os.getpid(), signal.SIGINT)
        assert codes == [1]
        assert signals.asked


def test_handlers_are_given_back() -> None:
    """Whoever runs a daemon in a larger program keeps their own."""
    before = signal.getsignal(signal.SIGTERM)
    with StopSignals():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
