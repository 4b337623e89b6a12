"""Reads the reference profiles that a configuration names."""

from __future__ import annotations

import json
from collections.abc import Iterable
from fnmatch import fnmatchcase
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.domain.errors import ConfigurationError, ProfileError

if TYPE_CHECKING:
    from monitor.engine.policy import ProfileMatch
    from monitor.reference.profile import Profile


def read_profiles(entries: Iterable[tuple[str, str, Path]]) -> tuple[ProfileMatch, ...]:
    """Profiles of (glob over model, glob over version, file).  Raises ConfigurationError, a line for each refused."""
    from monitor.engine.policy import ProfileMatch

    matches, mistakes = [], []
    for index, (model, model_version, path) in enumerate(entries):
        place = f"reference.profiles[{index}]"
        try:
            profile = _parsed(path)
        except ProfileError as error:
            mistakes.append(f"{place}.path: {path}: {error}")
            continue
        if profile.model is not None and not fnmatchcase(profile.model, model):
            mistakes.append(
                f"{place}.match.model: expected a glob that {path}, made for {profile.model!r}, fits; got {model!r}"
            )
        matches.append(ProfileMatch(model, model_version, profile))
    if mistakes:
        raise ConfigurationError(mistakes)
    return tuple(matches)


def read_given_profiles(paths: Iterable[Path]) -> tuple[ProfileMatch, ...]:
    """Profiles that were named without a match: each is for the model it was made for, or for any."""
    from monitor.engine.policy import ProfileMatch

    matches, mistakes = [], []
    for path in paths:
        try:
            profile = _parsed(path)
            matches.append(ProfileMatch("*" if profile.model is None else escape(profile.model), "*", profile))
        except ProfileError as error:
            mistakes.append(f"{path}: {error}")
    if mistakes:
        raise ConfigurationError(mistakes)
    return tuple(matches)


def _parsed(path: Path) -> Profile:
    from monitor.reference.profile import parse

    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise ProfileError(f"cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ProfileError(f"expected JSON made by `driftgauge profile`, got: {error}") from None
    return parse(document)
