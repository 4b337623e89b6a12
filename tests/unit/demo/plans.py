"""What the stand-in for the daemon is told, and lines of a log as the daemon writes them."""

import json
import sys
from pathlib import Path
from typing import Any

FAKE = Path(__file__).with_name("fake_daemon.py")
FLIGHTS = 21_762


def line(version: str, feature: str, ts: str | None, **fields: Any) -> dict[str, Any]:
    """One line: an episode of this feature opened at this event time."""
    return {
        "event": "episode_opened",
        "model": "flight-delay",
        "model_version": version,
        "feature": feature,
        "kind": "feature",
        "aspect": "value",
        "state": "firing",
        "reason": None,
        "explanation": f"{feature}: something is off",
        "ts": ts,
        "observation": 7,
        "event_id": f"{version}-live-00042",
        **fields,
    }


BLIZZARD = line("winter", "precip", "2013-02-09T13:35:00Z")
GAP = line("summer", "temp", "2013-08-22T23:00:00Z", aspect="missing")


def command(folder: Path, **plan: Any) -> list[str]:
    """The words before `run` of a stand-in with this plan."""
    path = folder / "plan.json"
    whole = {"lines": [BLIZZARD, GAP], "saved": FLIGHTS, "at_start": None, "at_end": None, "stubborn": False, **plan}
    path.write_text(json.dumps(whole))
    return [sys.executable, str(FAKE), str(path)]
