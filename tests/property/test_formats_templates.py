"""Templates against the ordinary decoder on mutated events and garbage: the same columns, the same rejects."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.formats.flat_json import FlatJson
from tests.unit.formats.events import RECORDED, batch_of
from tests.unit.formats.test_scanning import check_same

MAPPINGS: list[dict[str, Any]] = [
    {},
    {"features": ["features.f0", "features.f1", "meta.k"]},
    {"model": {"const": "m"}, "ts": None},
    {"features": "."},
    {"features": "features", "prediction": {"score": "prediction", "second": "meta.list.1"}},
]
TEXTS = ["FR", "DE", "é", 'x"y', "a\\b", "\x01", "日本", "", "😀", "x" * 600]
TIMES = ["2026-01-01T00:00:00Z", "2026-01-01T01:00:00.25+01:00", "soon", "2025-12-31", None, True, RECORDED + 9_999]
BYTES = b' "\\{}[],:0-9ne.tf\x00\xff\xc3\xa9'


def scalar(random: Random) -> Any:
    numbers = [random.gauss(0, 1), random.randint(-(10**25), 10**25), random.randint(-99, 99), 1e308 * random.random()]
    return random.choice([*numbers, -0.0, float("nan"), None, True, False, [1], {"a": 1}, random.choice(TEXTS)])


def event(random: Random, keys: list[int], parts: int) -> bytes:
    usual = random.random() < 0.9
    found: dict[str, Any] = {
        "event_id": str(random.randint(0, 99)) if usual else scalar(random),
        "ts": RECORDED + random.randint(0, 9) if usual else random.choice(TIMES),
        "model": random.choice("ab") if random.random() < 0.97 else scalar(random),
        "model_version": 1,
        "features": {f"f{key}": round(random.gauss(0, 1), key) if usual else scalar(random) for key in keys},
    }
    if parts & 1:
        found["prediction"] = random.random() if usual else scalar(random)
    if parts & 2:
        found["segment"] = {"channel": random.choice(TEXTS)}
    if parts & 4:
        found["meta"] = {"list": [1, "x", None], "k": scalar(random)}
    if parts & 8:
        del found["features"]
    if parts & 16:
        found["label"] = None if usual else 1
    return json.dumps(found, ensure_ascii=parts & 32 == 0).encode("utf-8", "surrogatepass")


def mutated(random: Random, raw: bytes) -> bytes:
    """Some bytes changed, put in, taken out, cut off or repeated."""
    text = bytearray(raw)
    for _ in range(random.randint(1, 3)):
        at, other = random.randrange(len(text) + 1), random.randrange(len(text) + 1)
        how = random.randrange(4)
        if how == 0:
            text[at : at + 1] = bytes([random.randrange(256)])
        elif how == 1:
            text[at:at] = bytes([random.choice(BYTES)])
        elif how == 2:
            del text[at : at + random.choice([1, 1, 1, 999])]
        else:
            text[at:at] = text[min(at, other) : max(at, other)][:20]
    return bytes(text)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(MAPPINGS), st.integers(1, 3))
def test_templates_change_nothing(seed: int, fields: dict[str, Any], shapes: int) -> None:
    """Three batches of a few producers, one message in six of them damaged."""
    random = Random(seed)
    kinds = [(random.sample(range(6), random.randint(1, 6)), random.randrange(64)) for _ in range(shapes)]
    format_ = FlatJson(fields)
    for _ in range(3):
        messages: list[bytes | None] = []
        for _ in range(random.randint(16, 60)):
            raw = event(random, *random.choice(kinds))
            messages.append(mutated(random, raw) if random.random() < 1 / 6 else raw)
        messages.append(random.choice([None, b"", b"null", random.randbytes(30)]))
        check_same(format_, batch_of(*messages))
