"""The daemon on fakes: what is counted, saved and shown, and how it ends."""

import json
import threading
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from monitor.domain.errors import ConfigurationError
from monitor.domain.keys import ModelKey
from monitor.engine.policy import Limits, Policy
from monitor.kafka.notices import Assigned, Gap, Identified, Trouble
from monitor.parts import Timing
from monitor.state.decisions import decisions
from monitor.state.sqlite import SqliteStore
from monitor.state.store import Commit, CommitError, MemoryStore
from tests.unit.daemon.fakes import NOW, A, AddingMonitor, Bench, Seen


def seen(store: MemoryStore, key: ModelKey = A) -> list[int]:
    """Offsets in the stored state of a model."""
    offsets: list[int] = json.loads(store.load().models[key])
    return offsets


class Failing(MemoryStore):
    """Refuses its first commits."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self.failures = failures
        self.tried = 0

    def commit(self, commit: Commit) -> None:
        self.tried += 1
        if self.tried <= self.failures:
            raise CommitError("disk full")
        super().commit(commit)


def test_every_message_is_counted_once_under_what_became_of_it() -> None:
    """Good, ignored and rejected add up to what was read, also where one message is rejected in several rows."""
    bench = Bench([["a", "!", "-", "!!", "b"], ["a"]])
    assert bench.run() == 0
    counted = bench.board.read().messages
    assert counted == {("t", "ok"): 3, ("t", "ignored"): 1, ("t", "bad"): 2}


def test_bad_messages_are_logged_with_their_place_at_a_bounded_rate() -> None:
    """A flood of them writes a few lines, not a flood of lines; none is lost from the count."""
    bench = Bench([["!"] * 1000])
    with capture_logs() as lines:
        bench.run()
    rejected = [line for line in lines if line["event"] == "message_rejected"]
    assert 1 <= len(rejected) <= 10
    assert {key: rejected[1][key] for key in ("topic", "partition", "offset", "reason", "expected", "found")} == {
        "topic": "t",
        "partition": 0,
        "offset": 1,
        "reason": "bad",
        "expected": "good",
        "found": "!",
    }
    assert bench.board.read().messages["t", "bad"] == 1000


def test_a_message_that_a_format_fails_on_costs_no_neighbour() -> None:
    """A defect of the format, said with a traceback; the message is counted as rejected, the others are read."""
    bench = Bench([["a", "#", "!", "a"]])
    with capture_logs() as lines:
        assert bench.run() == 0
    counted = {result: count for (_, result), count in bench.board.read().messages.items() if count}
    assert counted == {"ok": 2, "bad": 1, "wrong_shape": 1}
    assert "decode_failed" in [line["event"] for line in lines]


def test_a_stop_saves_everything_and_ends_with_0() -> None:
    """Models, offsets; and everything is let go of."""
    store = MemoryStore()
    bench = Bench([["a", "b"], ["a"]], store)
    assert bench.run() == 0
    assert seen(store) == [0, 2]
    assert seen(store, ModelKey("b", "1")) == [1]
    assert store.load().offsets == {("t", 0): 3}
    assert bench.source.closed
    assert not bench.server.running
    assert not bench.board.is_ready()


def test_a_restart_goes_on_where_the_last_commit_stood() -> None:
    """State and position come from the same commit."""
    store = MemoryStore()
    Bench([["a", "a"]], store).run()
    again = Bench([["a"]], store)
    again.run()
    assert again.source.start == 2
    assert seen(store) == [0, 1, 2]


def test_commits_come_at_their_interval() -> None:
    """|a|  9 s  |nothing saved|  1 s  |saved|"""
    store = MemoryStore()
    bench = Bench([], store)
    saved: list[int] = []

    def look() -> None:
        bench.written()
        saved.append(len(store.load().models))

    bench.source._polls = [["a"], bench.later(9), look, bench.later(1), look]
    bench.run()
    assert saved == [0, 1]


def test_a_change_of_status_is_saved_early_but_not_more_than_once_a_second() -> None:
    """|a*|  .5 s  |not yet|  .5 s  |saved|, far from the interval"""
    store = MemoryStore()
    bench = Bench([], store)
    saved: list[int] = []

    def look() -> None:
        bench.written()
        saved.append(len(store.records))

    bench.source._polls = [["a*"], bench.later(0.5), look, bench.later(0.5), look]
    bench.run()
    assert saved == [0, 1]


def test_counters_are_shown_as_they_are_stored_and_gauges_as_they_are() -> None:
    """After a crash the process goes on from the stored state: a counter beyond it would run backwards."""
    store = MemoryStore()
    bench = Bench([], store)
    shown: list[tuple[int, int]] = []

    def look() -> None:
        reading = bench.board.read()
        live, committed = reading.live.get(A), reading.committed.get(A)
        shown.append(
            (live.streams[0].observations if live else 0, committed.streams[0].observations if committed else 0)
        )

    bench.source._polls = [
        ["a", "a"],
        bench.later(1.5),
        look,
        bench.later(10),
        bench.written,
        ["a"],
        bench.later(1.5),
        look,
    ]
    bench.run()
    assert shown == [(2, 0), (3, 2)]


def test_stored_counters_are_shown_before_anything_is_read() -> None:
    """The first scrape after a restart shows what the last one before it could have shown."""
    store = MemoryStore()
    Bench([["a*", "a"]], store).run()
    again = Bench([], store)
    again.daemon.start()
    reading = again.board.read()
    assert reading.committed[A].streams[0].observations == 2
    assert list(reading.last_drift.values()) == [NOW]
    assert list(reading.last_observation.values()) == [NOW]
    assert again.board.is_ready()
    again.daemon.stop(save=False)


def test_a_failed_commit_is_counted_and_nothing_of_it_is_lost() -> None:
    """a* ── commit fails ── b ── commit succeeds with both, and the fact"""
    store = Failing(1)
    bench = Bench([], store)
    bench.source._polls = [["a*"], bench.later(10), bench.written, ["b"], bench.later(10), bench.written]
    assert bench.run() == 0
    assert bench.board.read().checkpoint_failures == 1
    assert seen(store) == [0]
    assert len(store.records) == 1
    assert store.load().offsets == {("t", 0): 2}


def test_a_last_commit_that_fails_ends_with_1() -> None:
    """Not in order: some events have to be read again."""
    store = Failing(100)
    assert Bench([["a"]], store).run() == 1
    assert store.load().models == {}


def test_lag_tools_hear_of_offsets_only_after_they_are_stored() -> None:
    """A failed commit tells nothing."""
    bench = Bench([["a"]], Failing(1))
    bench.source._polls += [bench.later(10), bench.written]
    bench.run()
    assert bench.source.told == [{("t", 0): 1}]


def test_a_defect_in_the_statistics_ends_with_1_and_leaves_the_last_commit() -> None:
    """The model may be half updated, so nothing newer is saved; the log names the place."""
    store = MemoryStore()
    bench = Bench([], store)
    bench.source._polls = [["a", "b"], bench.later(10), bench.written, ["b", "a?"]]
    with capture_logs() as lines:
        assert bench.run() == 1
    assert seen(store) == [0]
    assert store.load().offsets == {("t", 0): 2}
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["crashed"]
    assert bench.source.closed
    assert not bench.server.running


def test_a_defect_names_where_it_happened() -> None:
    """Topic, partition and offsets, for whoever has to find the event."""
    bench = Bench([["a", "a?"]])
    bench.source.seek({})
    with pytest.raises(ZeroDivisionError) as caught:
        bench.watch.take(bench.source.poll()[0])
    assert caught.value.__notes__ == ["while model a/1 observed t: partition 0 offsets 0 to 1"]
    bench.daemon.stop(save=False)


def test_refused_state_ends_with_3_and_names_the_command_that_helps() -> None:
    """Nothing is read, nothing is written."""
    store = MemoryStore()
    store.commit(Commit({A: b"damaged"}, {A: b""}, {("t", 0): 4}))
    bench = Bench([["a"]], store)
    with capture_logs() as lines:
        assert bench.run() == 3
    assert "driftgauge state reset" in next(line["error"] for line in lines if line["event"] == "failed")
    assert store.load().models == {A: b"damaged"}
    assert bench.source.closed


def test_an_address_that_cannot_be_had_ends_with_2() -> None:
    """Its exit code is the error's own."""
    bench = Bench([["a"]])
    bench.server.failure = ConfigurationError(["http.listen: cannot listen"])
    assert bench.run() == 2


def test_an_episode_is_one_line_with_everything_about_it() -> None:
    """Names that people search logs for."""
    bench = Bench([["a*"]])
    with capture_logs() as lines:
        bench.run()
    (line,) = [line for line in lines if line["event"] == "episode_opened"]
    assert line["ts"] == "1970-01-01T00:16:40Z"
    assert (line["model"], line["model_version"], line["feature"], line["kind"]) == ("a", "1", "x", "feature")
    assert (line["aspect"], line["state"], line["reason"], line["channel"]) == ("value", "firing", None, "level")
    assert (line["detector"], line["score"], line["effect"], line["observation"]) == ("adwin", 1.3, 0.21, 1000)
    assert (line["event_id"], line["partition"], line["offset"]) == ("e1", 0, 0)
    assert line["explanation"].startswith("a live value exceeds")


def test_facts_are_in_the_decision_log_of_the_same_commit(tmp_path: Path) -> None:
    """One transaction for state, offsets and what was concluded."""
    Bench([["a", "a*"]], SqliteStore(tmp_path)).run()
    ((_, recorded_at, event),) = decisions(tmp_path)
    fact = event["data"]
    assert (recorded_at, fact["state"], fact["place"]["offset"]) == (NOW, "firing", 1)


@pytest.mark.parametrize(("max_age", "late"), [(3600.0, True), (None, False)])
def test_the_drifts_of_a_late_model_page_nobody(max_age: float | None, late: bool) -> None:
    """Its time of the last drift stands still; without an age limit nothing is ever late."""
    bench = Bench([[f"a*@{NOW - 4000}"]], timing=Timing(10.0, max_age))
    bench.source._polls.append(bench.later(1.5))
    bench.run()
    reading = bench.board.read()
    assert reading.late[A] is late
    assert (reading.last_drift == {}) is late


def test_the_time_of_a_drift_is_shown_beside_a_view_that_holds_it_and_never_before() -> None:
    """An alert fires on the time: between two publications the drift waits for the view that explains it."""
    bench = Bench([])
    shown: list[tuple[int, int]] = []

    def look() -> None:
        reading = bench.board.read()
        shown.append((len(reading.last_drift), reading.live[A].streams[0].observations))

    bench.source._polls = [["a"], ["a*"], look, bench.later(1.5), look]
    bench.run()
    assert shown == [(0, 1), (1, 2)]


def test_a_model_becomes_late_by_waiting() -> None:
    """No event needs to come for it."""
    bench = Bench([["a"]])
    bench.source._polls += [bench.later(3601), lambda: None]
    bench.run()
    assert bench.board.read().late[A] is True


def test_models_beyond_the_limit_are_refused_and_counted() -> None:
    """Before memory is spent on them; their messages are good ones all the same."""
    bench = Bench([["a", "b", "c"], ["a", "b"]], policy=Policy(limits=Limits(streams=2)))
    bench.run()
    assert set(bench.watch.models) == {A, ModelKey("b", "1")}
    reading = bench.board.read()
    assert {reason: count for reason, count in reading.refused.items() if count} == {"model_too_many": 1}
    assert reading.messages["t", "ok"] == 5


def test_a_model_whose_name_is_too_long_for_a_label_is_refused() -> None:
    """One long label could blind the whole scrape."""
    bench = Bench([["a", "b" * 9]], policy=Policy(limits=Limits(label_bytes=8)))
    bench.run()
    assert set(bench.watch.models) == {A}
    refused = bench.board.read().refused
    assert {reason: count for reason, count in refused.items() if count} == {"model_label_too_long": 1}


def test_what_the_source_says_is_counted_and_logged() -> None:
    """A gap with its range; a broker that is down, once in a while and not every second."""
    bench = Bench([])

    def say() -> None:
        bench.source.said = [Gap("t", 0, 5, 9, 4), Assigned("t", (0,), True)]
        bench.source.said += [Trouble("broker_down", "1/1 brokers are down")] * 100

    bench.source._polls = [say]
    with capture_logs() as lines:
        bench.run()
    assert bench.board.read().gaps["t", 0] == 4
    events = [line["event"] for line in lines]
    lost = next(line for line in lines if line["event"] == "events_lost")
    assert (lost["expected"], lost["resumed"], lost["lost"]) == (5, 9, 4)
    assert "partitions_added" in events
    assert 1 <= events.count("broker_down") <= 10


def test_the_daemons_own_numbers_are_shown() -> None:
    """Lag, reachability, the time of the last poll and of the last checkpoint."""
    bench = Bench([["a"]])
    bench.source._polls.append(bench.later(2))
    bench.run()
    reading = bench.board.read()
    assert reading.lag == {("t", 0): 7}
    assert reading.gauges["kafka_up"] == 1
    assert reading.gauges["last_poll_timestamp_seconds"] == NOW + 2
    assert reading.gauges["checkpoint_timestamp_seconds"] == NOW + 2
    assert reading.gauges["checkpoint_bytes"] > 0
    assert sum(reading.frame_duration.counts) == 1
    assert sum(reading.event_delay.counts) == 1


def test_reading_stops_while_too_many_facts_wait_for_a_store_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory stays bounded, and nothing is lost: Kafka keeps what is not read."""
    monkeypatch.setattr("monitor.checkpoints.PENDING_FACTS", 3)
    bench = Bench([], Failing(1))
    # while the first commit is under way nothing arrives: what it holds waits again only when it has failed
    bench.source._polls = [["a*", "a*", "a*"], bench.written, ["a*"]]
    read_while_full: list[int] = []

    def pass_time(_: float) -> None:
        read_while_full.append(bench.source.positions()["t", 0])
        bench.written()
        bench.time.now += 4

    monkeypatch.setattr("monitor.shard.time.sleep", pass_time)
    bench.run()
    assert isinstance(bench.store, MemoryStore)
    assert len(bench.store.records) == 4
    assert set(read_while_full) == {3}


def test_a_loop_that_stands_still_is_not_healthy() -> None:
    """The probe goes by the loop's turns."""
    bench = Bench([])
    healthy: list[bool] = []

    def stand_still() -> None:
        bench.time.now += 31
        healthy.append(bench.board.healthy(30))

    bench.source._polls = [stand_still, lambda: healthy.append(bench.board.healthy(30))]
    bench.run()
    assert healthy == [False, True]


def test_a_store_that_hangs_holds_the_stop_only_for_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM ends the process whatever the disk does; not in order, so with 1."""
    monkeypatch.setattr("monitor.shard.FINAL_COMMIT_SECONDS", 0.05)
    release = threading.Event()

    class Hanging(MemoryStore):
        def commit(self, commit: Commit) -> None:
            release.wait(30)

    bench = Bench([["a"]], Hanging())
    assert bench.run() == 1
    assert bench.source.closed
    release.set()


def test_a_commit_is_of_its_positions_though_models_are_copied_over_several_turns() -> None:
    """
    poll      a b c      (due)      a b        …
    commit    a b c at offset 3: one is copied a turn, and those that change meanwhile before they do
    """
    bench = Bench([["a", "b", "c"]])
    bench.polls = []
    later = bench.later(20.0)
    seen_at_first: list[list[int]] = []

    class Copying(AddingMonitor):
        def snapshot(self) -> Seen:
            bench.time.now += 1.0  # copying takes its time
            seen_at_first.append(list(self.seen))
            return super().snapshot()

    bench.watch._monitor_type = Copying
    bench.source._polls = [["a", "b", "c"], later, ["a", "b"], lambda: None, lambda: None, bench.written]
    assert bench.run() == 0
    assert isinstance(bench.store, MemoryStore)
    assert seen_at_first[:3] == [[0], [1], [2]]
    assert seen(bench.store) == [0, 3]


def test_a_model_that_no_event_names_any_more_leaves_state_and_metrics() -> None:
    """
    a@0 b@0 ── saved ── b@1000 ── at the next commit a is gone, and it is recorded at which positions
    """
    bench = Bench([["a@0", "b@0"]], timing=Timing(10.0, None, forget_seconds=100.0))
    bench.source._polls += [bench.later(20.0), bench.written, ["b@1000"], bench.later(20.0), bench.written]
    assert bench.run() == 0
    assert isinstance(bench.store, MemoryStore)
    b = ModelKey("b", "1")
    assert set(bench.store.load().models) == {b}
    assert set(bench.board.read().live) == set(bench.board.read().committed) == {b}
    (done,) = bench.store.interventions()
    assert (done.kind, done.model, done.positions) == ("expired", A, {("t", 0): 3})
    ends = [json.loads(record.value or b"")["data"] for record in bench.store.records]
    assert {"expired"} == {end["intervention"] for end in ends if "intervention" in end}


def test_a_topic_made_anew_raises_the_incarnation_with_its_first_commit() -> None:
    """Ids of what is concluded from the new topic's offsets differ from those of the old one's."""
    bench = Bench([["a"]])
    bench.source.said = [Identified("t", "new", before="old")]
    assert bench.run() == 0
    stored = bench.store.load()
    assert stored.topic_ids == {"t": "new"}
    assert stored.incarnation == 2


def test_a_changed_configuration_is_stored_and_said_with_both_fingerprints() -> None:
    """The next start compares with it."""
    store = MemoryStore()
    store.commit(Commit({}, {}, {}, configuration=b'{"topics":{},"detection":{"budget":1}}'))
    bench = Bench([["a"]], store)
    bench.watch.configuration = b'{"topics":{},"detection":{"budget":2}}'
    with capture_logs() as lines:
        assert bench.run() == 0
    (line,) = [line for line in lines if line["event"] == "configuration_changed"]
    assert line["changed"] == ["detection.budget"]
    assert line["before"] != line["configuration"]
    assert store.load().configuration == bench.watch.configuration
