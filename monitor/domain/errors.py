"""One root for every error the package raises on purpose; each says place, expectation and finding."""

from __future__ import annotations


class DriftgaugeError(Exception):
    """Root of the package's own errors.  `exit_code` is what the command ends with when nobody handles it."""

    exit_code = 1


class ConfigurationError(DriftgaugeError):
    """The configuration, or a file it names, cannot be used.  Carries every mistake found, one line each."""

    exit_code = 2

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class ProfileError(DriftgaugeError):
    """A reference profile is malformed or does not fit the stream it is matched with."""

    exit_code = 2


class StateError(DriftgaugeError):
    """Stored state is refused (damaged, from another version, owned by another process); nothing was changed."""

    exit_code = 3


class SourceError(DriftgaugeError):
    """The event source failed in a way that waiting will not mend."""
