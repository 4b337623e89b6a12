"""Every kind of record is what the published schema says, no more and no less."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from monitor.accepting import Accepting
from monitor.domain.facts import Fact
from monitor.domain.keys import ModelKey
from monitor.engine.adapting import adapt
from monitor.engine.policy import Limits, Override, Policy, Warmup
from monitor.exposition.board import Board
from monitor.findings.events import encode_facts, encode_interventions
from monitor.forgetting import Forgetting
from monitor.inheriting import Inheriting
from monitor.kafka.control import Accept, Asked
from monitor.state.store import Intervention, Record, Snapshot
from monitor.watch import Clock, Watch
from tests.unit.engine.events import MODEL, feed, findings, frame, monitor
from tests.unit.state.facts import PROVENANCE, episode, finding, joint

SCHEMA = json.loads((files("monitor.findings") / "events.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)
POSITIONS = {("events", 0): 7, ("events", 1): 0}


def events(records: Iterable[Record]) -> list[dict[str, Any]]:
    return [json.loads(record.value or b"") for record in records]


def watched() -> Watch:
    """One model after 1,500 events, whose feature x lies 3 σ higher since event 1,200."""
    policy = Policy(warmup=Warmup(1_000, 0.0), limits=Limits(forget_seconds=3600.0), new_version="inherit")
    watch = Watch({}, type(monitor()), policy, Board(topics=("events",), reject_reasons=()), Clock())
    watch.inheriting = Inheriting(policy)
    chance = np.random.default_rng(1)
    values = np.concatenate([chance.normal(0, 1, 1_200), chance.normal(3, 1, 300)]).tolist()
    watch._observe(frame({"x": values, "c": [["a", "b"][i % 2] for i in range(1_500)]}), dict)
    return watch


class Control:
    """A control topic with one request in it."""

    topic, position = "control", 4

    def take(self) -> list[Asked]:
        return [Asked(3, Accept(MODEL.model, by="ann", why="new prices", at=1e9))]


def accepted() -> Iterable[Intervention]:
    return Accepting(watched(), Control())(POSITIONS).interventions  # type: ignore[arg-type]


def expired() -> Iterable[Intervention]:
    watch = watched()
    newer = replace(frame({"y": [1.0]}, start=10_000), model=ModelKey("another", "1"))
    watch._observe(newer, dict)
    return Forgetting(watch, 3600.0)(POSITIONS).interventions


def configured() -> Iterable[Intervention]:
    watch = watched()
    stored = Snapshot({MODEL: watch.models[MODEL].monitor.dump()}, {}, POSITIONS)
    other = Watch(
        {}, type(monitor()), Policy(overrides=(Override(feature="x", type="category"),)), Board(topics=()), Clock()
    )
    other.adapt = adapt
    other.restore(stored)
    return other.adapted(stored)


def inherited() -> Iterable[Intervention]:
    watch, key = watched(), ModelKey(MODEL.model, "4")
    part = replace(frame({"x": [1.0]}), model=key)
    watch._settle([part])
    watch._observe(part, lambda: POSITIONS)
    assert watch.inheriting is not None
    return watch.inheriting.take()


@pytest.mark.parametrize("make", [accepted, expired, configured, inherited])
def test_every_kind_of_intervention_fits(make: Any) -> None:
    """As the parts of the daemon make them."""
    done = list(make())
    assert {each.kind for each in done} == {make.__name__}
    for event in events(encode_interventions(done, PROVENANCE, 1e9)):
        VALIDATOR.validate(event)


def drifting() -> Iterator[Fact]:
    """What an engine concludes of streams that shift, go missing, stand still, jump far and meet new categories."""
    chance = np.random.default_rng(2)
    normal = lambda mean, number: chance.normal(mean, 1, number).tolist()  # noqa: E731
    yield from feed(
        monitor(500),
        frame(
            {
                "shifts": [*normal(0, 1_500), *normal(4, 3_000)],
                "dies": [*normal(0, 1_500), *[None] * 600, *normal(0, 2_400)],
                "stands": [*normal(0, 1_500), *[0.5] * 600, *normal(0, 2_400)],
                "jumps": [*normal(0, 1_500), *[1e7] * 20, *normal(0, 2_980)],
                "class": [*["a", "b"] * 750, *["c", "a"] * 1_500],
            }
        ),
    )
    yield replace(finding(), statistic=math.inf, effect=math.nan)
    yield replace(finding(), place=replace(finding().place, event_time=math.nan))
    yield episode("resolved")
    yield joint()
    yield replace(joint(), state="settled", reason="superseded", moved=(), explanation="")


def test_every_finding_and_episode_fits() -> None:
    """Of every family of channels, opened and closed."""
    facts = list(drifting())
    assert {found.channel for found in findings(facts)} >= {"level", "missing", "stuck", "unseen"}
    for event in events(encode_facts(facts, PROVENANCE)):
        VALIDATOR.validate(event)


def test_what_a_decision_rests_on_cannot_be_left_out() -> None:
    """Nor can anything be added that the schema does not know."""
    (event,) = events(encode_facts([finding()], PROVENANCE))
    for name in event["data"]:
        less = copy.deepcopy(event)
        del less["data"][name]
        assert not VALIDATOR.is_valid(less), name
    assert not VALIDATOR.is_valid({**event, "data": {**event["data"], "more": 1}})


def test_a_finding_says_what_its_effect_is_and_what_it_compares() -> None:
    """As data, of numbers and of rates; an episode carries the same."""
    for event in events(encode_facts([finding(), episode()], PROVENANCE)):
        summary = event["data"].get("finding", event["data"])["summary"]
        assert summary["unit"] == "probability above ½"
        assert summary["recent"] == {"quartiles": [2.0, 3.5, 5.0], "rate": None}
        assert summary["reference"] == {"quartiles": [1.0, 2.0, 3.0], "rate": None}


def test_the_hash_names_the_reference_by_its_contents() -> None:
    """Of equal values equal, of others another; over a restart the same."""
    chance = np.random.default_rng(3)
    first, second = chance.normal(0, 1, 1_000).tolist(), chance.normal(0, 1, 1_000).tolist()
    hashes = []
    for values in (first, first, second):
        found = findings(feed(monitor(1_000), frame({"x": [*values, *[9.0] * 300]})))
        hashes.append({each.reference_hash for each in found})
    assert len(hashes[0]) == 1
    assert hashes[0] == hashes[1] != hashes[2]


def test_the_page_names_every_part_of_the_schema() -> None:
    """What is published is documented."""
    page = (Path(__file__).parents[3] / "docs" / "findings.md").read_text()
    wanted = set(SCHEMA["properties"]) - {"specversion", "datacontenttype", "data"}
    for part in ("summary", "extract"):
        wanted |= set(SCHEMA["$defs"][part]["properties"])
    for kind in SCHEMA["allOf"]:
        wanted |= set(kind["then"]["properties"]["data"]["properties"])
    assert [name for name in sorted(wanted) if f"`{name}`" not in page] == []
