"""Detectors and decoding on one thread against the libraries that one would use instead."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
import numpy as np

from benchmarks.events import FIRST, events
from benchmarks.measuring import Row, compared, per, seconds
from monitor.detectors.adwin import AdwinBank
from monitor.detectors.page_hinkley import PageHinkleyBank
from monitor.domain.frame import MessageBatch
from monitor.formats.flat_json import FlatJson

BATCH = 4_096


def detectors(values: int, repeats: int) -> list[Row]:
    """The banks against river's loop on the same uniform values, and that they found the same."""
    from river.drift import ADWIN, PageHinkley

    data = np.random.default_rng(3).random(values)
    plain = data.tolist()
    rows = []
    for bank, added, peer, goal in (
        (AdwinBank, (0.002, 32), ADWIN, "≥ 14"),
        (PageHinkleyBank, ((0.005,) * 4, (50.0,) * 4), lambda: PageHinkley(alpha=1.0), "≥ 120"),
    ):
        ours, river = _bank(bank, added, data), _loop(peer, plain)
        name = "ADWIN" if bank is AdwinBank else "PageHinkley"
        assert ours() == river(), f"{name}: not the changes that river finds"
        cost, theirs = per(seconds(ours, repeats), values), per(seconds(river, repeats), values)
        meaning = f"one value of one detector, batches of {BATCH:,}; the changes found are the same"
        rows.append(compared("kernels", name, cost, ("river", theirs), unit="ns/value", goal=goal, meaning=meaning))
        for library, work in _others(name, plain[: values // 50]):
            own = per(seconds(work, repeats), values // 50)
            rows.append(compared("kernels", name, cost, (library, own), unit="ns/value", meaning="on the same values"))
    return rows


def _bank(bank_type: Any, added: tuple[Any, ...], values: Any) -> Callable[[], int]:
    def run() -> int:
        bank, found = bank_type(), 0
        row = bank.add(*added)
        for at in range(0, len(values), BATCH):
            batch, start = values[at : at + BATCH], 0
            while (changed := bank.update(row, batch, start)) >= 0:
                bank.reset(row)
                found, start = found + 1, changed + 1
        return found

    return run


def _loop(made: Callable[[], Any], values: list[float]) -> Callable[[], int]:
    def run() -> int:
        detector, found = made(), 0
        for value in values:
            detector.update(value)
            found += detector.drift_detected
        return found

    return run


def _others(name: str, values: list[float]) -> list[tuple[str, Callable[[], int]]]:
    """Peers that happen to be installed (`pip install frouros capymoa menelaus`)."""
    found: list[tuple[str, Callable[[], int]]] = []
    for library, module, change in (
        ("capymoa", "capymoa.drift.detectors", "add_element"),
        ("frouros", "frouros.detectors.concept_drift", "update"),
        ("menelaus", "menelaus.change_detection", "update"),
    ):
        try:
            peer = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError):
            continue

        def run(peer: Any = peer, change: str = change) -> int:
            detector = peer()
            for value in values:
                getattr(detector, change)(value)
            return len(values)

        found.append((library, run))
    return found


def decoding(features: int, count: int, repeats: int) -> list[Row]:
    """Bytes to columns against bytes to Python objects."""
    bodies: list[bytes | None] = [body for _, body in events(count, features, 10)]
    batch = MessageBatch("t", bodies, [0] * count, list(range(count)), [FIRST + 1e6] * count)
    reader = FlatJson({})
    assert reader.decode(batch).accepted == reader.decode_one_by_one(batch).accepted == count
    size = sum(len(body or b"") for body in bodies) // count
    cost = per(seconds(lambda: reader.decode(batch), repeats), count)
    peers: list[tuple[str, Callable[[Any], Any]]] = [("json", json.loads), ("msgspec, untyped", msgspec.json.decode)]
    with suppress(ImportError):
        peers.insert(1, ("orjson", importlib.import_module("orjson").loads))
    rows = []
    for name, decode in peers:
        theirs = per(seconds(lambda decode=decode: [decode(body) for body in bodies], repeats), count)
        meaning = f"an event of {size} B; ours to typed columns by model, theirs to dicts that are still to be sorted"
        rows.append(compared("decode", f"{features} features", cost, (name, theirs), unit="ns/event", meaning=meaning))
    ordinary = per(seconds(lambda: reader.decode_one_by_one(batch), max(1, repeats // 2)), count)
    meaning = "what a message costs that no template matches"
    rows.append(
        compared(
            "decode", f"{features} features", cost, ("our ordinary decoder", ordinary), unit="ns/event", meaning=meaning
        )
    )
    return rows
