"""The events that everything is measured with: flat JSON, as a program writes them that logs what its models saw."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random

#: 2026-01-01T00:00:00Z
FIRST = 1_767_225_600.0


def events(count: int, features: int, models: int, start: int = 0, seed: int = 7) -> Iterator[tuple[str, bytes]]:
    """Key and body of each: models in turn, standard normal features, a hundredth of a second apart."""
    random = Random(seed + start)
    for number in range(start, start + count):
        model = f"m{number % models}"
        event = {
            "event_id": str(number),
            "ts": round(FIRST + number * 0.01, 2),
            "model": model,
            "model_version": "1",
            "features": {f"feature_{name}": round(random.gauss(0, 1), 6) for name in range(features)},
        }
        yield model, json.dumps(event).encode()
