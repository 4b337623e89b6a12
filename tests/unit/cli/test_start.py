"""Starting: what is imported, how long it takes, what the command says of itself."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.frames import json_lines
from tests.unit.cli.invoke import clean_environment, driftgauge

HEAVY = {"river", "confluent_kafka", "uvicorn", "starlette", "pandas", "scipy", "pyarrow", "rich", "yaml", "structlog"}


def imported(statement: str, stdin: str = "") -> set[str]:
    """Top-level packages that a statement leaves imported in a fresh process."""
    show = "print(*sys.modules, file=sys.stderr)"
    code = f"import sys\ntry:\n    {statement}\nexcept SystemExit:\n    pass\n{show}"
    done = subprocess.run(
        [sys.executable, "-c", code], input=stdin, capture_output=True, text=True, env=clean_environment(), check=True
    )
    return {name.partition(".")[0] for name in done.stderr.split()}


REPLAY = "sys.argv = ['driftgauge', 'replay', '--stdin', '--stdout']; from monitor.cli import main; main()"


def test_replay_imports_nothing_heavy() -> None:
    """A replay of real events needs numpy and the engine, and none of the daemon's or the terminal's libraries."""
    assert imported(REPLAY, json_lines(20)) & HEAVY == set()


def test_an_empty_replay_waits_for_nothing() -> None:
    """Without an event not even numpy is imported."""
    assert imported(REPLAY) & (HEAVY | {"numpy", "msgspec"}) == set()


def test_the_daemon_does_not_import_river() -> None:
    """river costs 70 MiB; nothing the daemon starts with needs it."""
    assert imported("import monitor.assembly, monitor.daemon, monitor.settings") & {"river", "pandas", "scipy"} == set()


def test_an_empty_replay_is_quick() -> None:
    """Thousands of short runs: the best of five starts takes less than half a second of a processor."""
    taken = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert driftgauge("replay", "--stdin").code == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(taken) < 0.5


def test_version() -> None:
    """--version names the program and ends well."""
    result = driftgauge("--version")
    assert result.code == 0
    assert result.out.startswith("driftgauge ")


def test_help_lists_the_commands() -> None:
    """Every command of the documentation is there."""
    listed = driftgauge("--help").out
    assert all(f"\n  {name} " in listed for name in ("run", "check", "replay", "profile", "rules", "state", "demo"))


@pytest.mark.parametrize("arguments", [["rum"], ["run"], ["replay", "--nope"], ["state", "reset", "--nope"]])
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    """Unknown commands, unknown options, required ones that are not given."""
    result = driftgauge(*arguments)
    assert result.code == 2
    assert "Traceback" not in result.err


def test_run_without_topics_says_what_to_write(tmp_path: Path) -> None:
    """Nothing can be watched without a topic."""
    (tmp_path / "c.yaml").write_text("kafka: {}\n")
    result = driftgauge("run", "--config", tmp_path / "c.yaml")
    assert result.code == 2
    assert result.err == "driftgauge: kafka.topics: expected at least one topic ([{name: predictions}]), got none\n"


def test_a_missing_configuration_is_named(tmp_path: Path) -> None:
    """The path is in the message."""
    result = driftgauge("run", "--config", "nope.yaml", cwd=tmp_path)
    assert (result.code, result.err) == (2, "driftgauge: nope.yaml: there is no such file\n")
