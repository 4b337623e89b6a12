"""The demonstration with the real daemon, from start to end, as `make demo` runs it."""

import resource
import subprocess

from tests.services.waiting import free_port
from tests.unit.cli.invoke import ROOT, clean_environment, command


def busy_seconds() -> float:
    """Processor time of the children that have ended: what a command takes, however many others there are beside it."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_the_demo_finds_what_happened_within_a_minute() -> None:
    """Exit code 0, a table with dates and numbers of flights, and few episodes beside those expected."""
    before = busy_seconds()
    port = free_port()
    done = subprocess.run(
        command("demo", "--port", str(port)),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=clean_environment(),
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert busy_seconds() - before < 60
    assert done.stderr == ""
    assert f"http://127.0.0.1:{port}/metrics" in done.stdout
    table = done.stdout.partition("Episodes (New York time)")[2].partition("/metrics")[0]
    rows = [line for line in table.splitlines() if line.startswith((" winter ", " summer "))]
    assert 2 <= len(rows) <= 20
