"""Reads the reference profiles that a configuration names."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.domain.errors import ConfigurationError, ProfileError

if TYPE_CHECKING:
    from monitor.engine.policy import ProfileMatch


def read_profiles(entries: Iterable[tuple[str, str, Path]]) -> tuple[ProfileMatch, ...]:
    """Profiles of (glob over model, glob over version, file).  Raises ConfigurationError, a line for each refused."""
    from monitor.engine.policy import ProfileMatch
    from monitor.reference.profile import parse

    matches, mistakes = [], []
    for index, (model, model_version, path) in enumerate(entries):
        place = f"reference.profiles[{index}].path: {path}"
        try:
            matches.append(ProfileMatch(model, model_version, parse(json.loads(path.read_bytes()))))
        except (OSError, ValueError, RecursionError) as error:
            mistakes.append(f"{place}: expected a JSON file made by `driftgauge profile`, got: {error}")
        except ProfileError as error:
            mistakes.append(f"{place}: {error}")
    if mistakes:
        raise ConfigurationError(mistakes)
    return tuple(matches)
