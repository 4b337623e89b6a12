"""The demonstration with the real daemon, from start to end, as `make demo` runs it."""

import subprocess
import time

from tests.services.waiting import free_port
from tests.unit.cli.invoke import ROOT, clean_environment, command


def test_the_demo_finds_what_happened_within_a_minute() -> None:
    """Exit code 0 within 60 s, a table with dates and numbers of flights, and few episodes beside those expected."""
    began = time.monotonic()
    port = free_port()
    done = subprocess.run(
        command("demo", "--port", str(port)),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=clean_environment(),
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.monotonic() - began < 60
    assert done.stderr == ""
    assert f"http://127.0.0.1:{port}/metrics" in done.stdout
    table = done.stdout.partition("Episodes (New York time)")[2].partition("/metrics")[0]
    rows = [line for line in table.splitlines() if line.startswith((" winter ", " summer "))]
    assert 2 <= len(rows) <= 20
