"""What every store promises: a subclass says how one is opened, and inherits the tests."""

from collections.abc import Callable, Sequence

import pytest

from monitor.domain.keys import ModelKey
from monitor.engine.snapshot import join
from monitor.reference.packing import digest
from monitor.state.store import Commit, Intervention, Record, Snapshot, Store, Whole

A, B = ModelKey("a", "1"), ModelKey("b", "1")
Reopen = Callable[[], Store]


class Part:
    """Something that never changes; counts how often its bytes were asked for."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.asked = 0

    @property
    def name(self) -> bytes:
        return digest(self.content)

    def encode(self) -> bytes:
        self.asked += 1
        return self.content


def in_pieces(*pieces: bytes, parts: Sequence[Part] = ()) -> Whole:
    """A model's state as a daemon hands it over."""
    return Whole(pieces, {part.name: part for part in parts})


class StoreSuite:
    """Each test gets `reopen`, a fixture of the subclass: opens the store, and again, after closing it, as the next
    process would."""

    def test_a_new_store_is_empty(self, reopen: Reopen) -> None:
        """Nothing stored means nothing restored."""
        store = reopen()
        assert store.load() == Snapshot()
        assert store.interventions() in ((), [])

    def test_what_is_committed_is_loaded_by_the_next_owner(self, reopen: Reopen) -> None:
        """Models, exposure and offsets come back byte for byte."""
        state = bytes(range(256)) * 50
        reopen().commit(Commit({A: state, B: b""}, {A: b"x", B: b""}, {("t", 0): 5, ("t", 1): 2**40}))
        assert reopen().load() == Snapshot({A: state, B: b""}, {A: b"x", B: b""}, {("t", 0): 5, ("t", 1): 2**40})

    def test_models_that_did_not_change_stay(self, reopen: Reopen) -> None:
        """A commit holds the changed models only."""
        store = reopen()
        store.commit(Commit({A: b"a1", B: b"b1"}, {A: b"", B: b""}, {("t", 0): 1}))
        store.commit(Commit({B: b"b2"}, {B: b"later"}, {("t", 0): 2}))
        assert reopen().load() == Snapshot({A: b"a1", B: b"b2"}, {A: b"", B: b"later"}, {("t", 0): 2})

    def test_offsets_of_partitions_not_named_stay(self, reopen: Reopen) -> None:
        """A topic that is not read for a while is found again where it stood."""
        store = reopen()
        store.commit(Commit({}, {}, {("t", 0): 1, ("u", 0): 9}))
        store.commit(Commit({}, {}, {("t", 0): 2}))
        assert reopen().load().offsets == {("t", 0): 2, ("u", 0): 9}

    def test_a_reopened_store_goes_on_from_what_it_loaded(self, reopen: Reopen) -> None:
        """Commits before and after a restart add up."""
        reopen().commit(Commit({A: b"a1"}, {A: b""}, {("t", 0): 1, ("u", 0): 9}))
        store = reopen()
        store.load()
        store.commit(Commit({A: b"a2"}, {A: b""}, {("t", 0): 2}))
        assert reopen().load() == Snapshot({A: b"a2"}, {A: b""}, {("t", 0): 2, ("u", 0): 9})

    def test_names_with_quotes_newlines_and_other_scripts_come_back(self, reopen: Reopen) -> None:
        """Names are data, whatever they hold."""
        odd = ModelKey('it\'s "odd"\n/', "версия; DROP TABLE models")
        reopen().commit(Commit({odd: b"s"}, {odd: b"e"}, {("t'\n", 0): 1}))
        assert reopen().load() == Snapshot({odd: b"s"}, {odd: b"e"}, {("t'\n", 0): 1})

    def test_a_removed_model_is_gone_and_may_come_back(self, reopen: Reopen) -> None:
        """a, b ── a removed ── only b, with nothing of a's left ── a again, from nothing"""
        store = reopen()
        store.commit(Commit({A: b"a1", B: b"b1"}, {A: b"e", B: b""}, {("t", 0): 1}))
        store.commit(Commit({}, {}, {("t", 0): 2}, removed=[A]))
        store = reopen()
        assert store.load() == Snapshot({B: b"b1"}, {B: b""}, {("t", 0): 2})
        store.commit(Commit({A: b"a2"}, {A: b""}, {("t", 0): 3}))
        assert reopen().load().models == {A: b"a2", B: b"b1"}

    def test_records_and_dead_letters_may_accompany_a_commit(self, reopen: Reopen) -> None:
        """In one write with the state they follow from, with whatever bytes a message may hold."""
        records = [Record(b"a/1", b'{"id":"1"}', (("content-type", b"x"),), "1")]
        letters = [Record(None, None), Record(b"\xff", b"\x00\xff", (("h", None), ("h", b"\x00")))]
        reopen().commit(Commit({A: b"a"}, {A: b""}, {}, records, at=1.0, dead_letters=letters))
        assert reopen().load().models == {A: b"a"}

    def test_interventions_come_back_in_order_with_the_positions_they_took_effect_at(self, reopen: Reopen) -> None:
        """A fold over the log can put each where it was."""
        first = Intervention("accepted", A, {("t", 0): 5, ("t", 1): 7}, b'{"by":"me"}')
        second = Intervention("expired", B, {("t", 0): 9}, b"{}")
        reopen().commit(Commit({}, {}, {("t", 0): 5}, interventions=[first]))
        store = reopen()
        store.load()
        store.commit(Commit({}, {}, {("t", 0): 9}, interventions=[second]))
        assert list(reopen().interventions()) == [first, second]

    def test_a_topic_made_anew_loses_its_offsets_and_keeps_its_new_id(self, reopen: Reopen) -> None:
        """t: 5, 7 ── t forgotten, t/0: 1 ── t/0: 1 alone; other topics stand where they stood"""
        store = reopen()
        store.commit(Commit({}, {}, {("t", 0): 5, ("t", 1): 7, ("u", 0): 9}, topic_ids={"t": "one", "u": "two"}))
        store.commit(Commit({}, {}, {("t", 0): 1}, topic_ids={"t": "three"}, forgotten=["t"]))
        loaded = reopen().load()
        assert loaded.offsets == {("t", 0): 1, ("u", 0): 9}
        assert loaded.topic_ids == {"t": "three", "u": "two"}

    def test_the_configuration_stays_until_another_is_written(self, reopen: Reopen) -> None:
        """Every commit may leave it out."""
        store = reopen()
        store.commit(Commit({}, {}, {}, configuration=b'{"a":1}'))
        store.commit(Commit({}, {}, {("t", 0): 1}))
        assert reopen().load().configuration == b'{"a":1}'

    def test_the_incarnation_stays_until_it_is_raised(self, reopen: Reopen) -> None:
        """Reopening is no reset."""
        store = reopen()
        before = store.load().incarnation
        store.commit(Commit({}, {}, {}))
        store = reopen()
        assert store.load().incarnation == before
        store.commit(Commit({}, {}, {}, incarnation=before + 1))
        assert reopen().load().incarnation == before + 1

    def test_closing_twice_is_harmless(self, reopen: Reopen) -> None:
        """Whoever closes need not know whether somebody did."""
        store = reopen()
        store.close()
        store.close()

    @pytest.mark.parametrize("count", [1, 300])
    def test_many_models_go_in_one_commit(self, reopen: Reopen, count: int) -> None:
        """All of them, whole."""
        models = {ModelKey(f"m{number}", "1"): bytes([number % 256]) * 1_000 for number in range(count)}
        reopen().commit(Commit(models, dict.fromkeys(models, b"e"), {("t", 0): 1}))
        assert reopen().load().models == models

    def test_pieces_and_parts_are_loaded_as_the_one_state_that_they_are(self, reopen: Reopen) -> None:
        """Whole and in order, beside a model that came in one piece."""
        part = Part(b"reference")
        state = in_pieces(*(b"%d" % number * 500 for number in range(12)), parts=[part])
        reopen().commit(Commit({A: state, B: b"b"}, {A: b"e", B: b""}, {("t", 0): 1}))
        loaded = reopen().load()
        assert loaded.models == {A: join(state.pieces, {part.name: part.content}), B: b"b"}
        assert loaded.exposure == {A: b"e", B: b""}

    def test_a_part_is_asked_for_once_and_stays_as_long_as_it_is_named(self, reopen: Reopen) -> None:
        """
        kept   ── written ── named ── (restart) named ── named
        gone   ── written ── named ── (restart) left out
        """
        kept, gone = Part(b"kept"), Part(b"gone")
        store = reopen()
        store.commit(Commit({A: in_pieces(b"1", parts=[kept, gone])}, {A: b""}, {}))
        store.commit(Commit({A: in_pieces(b"2", parts=[kept, gone])}, {A: b""}, {}))
        store = reopen()
        store.load()
        store.commit(Commit({A: in_pieces(b"3", parts=[kept])}, {A: b""}, {}))
        assert (kept.asked, gone.asked) == (1, 1)
        assert reopen().load().models == {A: join([b"3"], {kept.name: b"kept"})}

    def test_fewer_pieces_than_before_leave_nothing_behind(self, reopen: Reopen) -> None:
        """Streams that were forgotten do not come back."""
        store = reopen()
        store.commit(Commit({A: in_pieces(b"1", b"2", b"3", parts=[Part(b"p")])}, {A: b""}, {}))
        store.commit(Commit({A: in_pieces(b"4", b"5")}, {A: b""}, {}))
        assert reopen().load().models == {A: join([b"4", b"5"], {})}

    def test_a_removed_model_takes_its_pieces_and_parts_along(self, reopen: Reopen) -> None:
        """One of its name starts from nothing, and is given its parts again."""
        part = Part(b"p")
        store = reopen()
        store.commit(Commit({A: in_pieces(b"1", b"2", parts=[part])}, {A: b""}, {}))
        store.commit(Commit({}, {}, {}, removed=[A]))
        assert reopen().load().models == {}
        store = reopen()
        store.load()
        store.commit(Commit({A: in_pieces(b"3", parts=[part])}, {A: b""}, {}))
        assert reopen().load().models == {A: join([b"3"], {part.name: b"p"})}
