"""Where the real services are: under .services/, brought by `make services`, or on PATH."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ROOT / ".services"
ADVICE = "`make services` brings it"


def kafka_jars() -> Path | None:
    """The folder with the jars of the Kafka broker."""
    jars = SERVICES / "kafka" / "libs"
    return jars if jars.is_dir() and shutil.which("java") else None


def program(*names: str) -> Path | None:
    """The first of these programs that is there; Debian and upstream do not agree on every name."""
    for name in names:
        unpacked = SERVICES / "debian" / "usr" / "bin" / name
        found = unpacked if unpacked.is_file() else shutil.which(name)
        if found:
            return Path(found)
    return None


def prometheus() -> Path | None:
    return program("prometheus")


def promtool() -> Path | None:
    return program("promtool")


def alertmanager() -> Path | None:
    return program("alertmanager", "prometheus-alertmanager")


def amtool() -> Path | None:
    return program("amtool")


def present(found: Path | None, what: str) -> Path:
    """`found`, or AssertionError with what to do about it."""
    assert found is not None, f"{what} is not here; {ADVICE}"
    return found
