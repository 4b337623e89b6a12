"""The writer: one commit at a time, off the loop, and every outcome comes back."""

import threading

import pytest

from monitor.domain.errors import DriftgaugeError
from monitor.domain.keys import ModelKey
from monitor.state.store import Commit, CommitError, MemoryStore
from monitor.state.writer import Writer

A = ModelKey("a", "1")
COMMIT = Commit({A: b"a"}, {A: b""}, {("t", 0): 1})


class Gate(MemoryStore):
    """Writes when it is let, fails when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.open = threading.Event()
        self.failure: Exception | None = None

    def commit(self, commit: Commit) -> None:
        assert self.open.wait(10)
        if self.failure is not None:
            raise self.failure
        super().commit(commit)


def test_submitting_does_not_wait_for_the_store() -> None:
    """The loop goes on while the store writes; the outcome comes when it has."""
    store = Gate()
    writer = Writer(store)
    writer.submit(lambda: COMMIT)
    assert writer.busy
    assert writer.outcome() is None
    store.open.set()
    outcome = writer.outcome(10)
    assert outcome is not None
    assert (outcome.commit, outcome.error) == (COMMIT, None)
    assert store.load().models == {A: b"a"}
    assert not writer.busy
    assert writer.close(10)


def test_a_second_commit_is_refused_until_the_first_ones_outcome_was_taken() -> None:
    """One at a time: an outcome nobody took could hide a failure."""
    store = Gate()
    store.open.set()
    writer = Writer(store)
    writer.submit(lambda: COMMIT)
    with pytest.raises(DriftgaugeError):
        writer.submit(lambda: COMMIT)
    assert writer.outcome(10) is not None
    writer.submit(lambda: COMMIT)
    assert writer.close(10)


@pytest.mark.parametrize("failure", [CommitError("disk full"), ZeroDivisionError()])
def test_a_failure_comes_back_with_its_commit_and_the_writer_goes_on(failure: Exception) -> None:
    """Whatever the store raises; the next commit is tried all the same."""
    store = Gate()
    store.open.set()
    store.failure = failure
    writer = Writer(store)
    writer.submit(lambda: COMMIT)
    outcome = writer.outcome(10)
    assert outcome is not None
    assert (outcome.commit, outcome.error) == (COMMIT, failure)
    store.failure = None
    writer.submit(lambda: COMMIT)
    writer.close(10)
    assert store.load().models == {A: b"a"}


def test_closing_finishes_the_commit_under_way_or_says_that_it_did_not() -> None:
    """Bounded, even with a store that hangs."""
    store = Gate()
    writer = Writer(store)
    writer.submit(lambda: COMMIT)
    assert not writer.close(0.05)
    store.open.set()
    assert writer.close(10)
    assert store.load().models == {A: b"a"}


def test_a_commit_is_prepared_on_the_writers_thread() -> None:
    """Encoding is no business of the loop; what fails there comes back like a failure of the store."""
    store = Gate()
    store.open.set()
    writer = Writer(store)
    threads: list[int] = []

    def prepare() -> Commit:
        threads.append(threading.get_ident())
        raise ZeroDivisionError

    writer.submit(prepare)
    outcome = writer.outcome(10)
    assert outcome is not None
    assert outcome.commit is None
    assert isinstance(outcome.error, ZeroDivisionError)
    assert threads != [threading.get_ident()]
    assert writer.close(10)
