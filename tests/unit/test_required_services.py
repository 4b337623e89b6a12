"""REQUIRE_SERVICES=1 turns a skipped service test into a failure, and nothing else."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUITE = """
import pytest

@pytest.mark.services
def test_wants_a_service():
    pytest.skip("no broker here")

@pytest.fixture
def broker():
    pytest.skip("no broker here")

@pytest.mark.services
def test_wants_a_service_from_a_fixture(broker):
    pass

def test_wants_something_else():
    pytest.skip("not on this system")

@pytest.mark.services
@pytest.mark.xfail(reason="known")
def test_known_to_fail():
    assert False

@pytest.mark.services
def test_runs():
    pass
"""

Run = Callable[[str | None], tuple[str, int]]


@pytest.fixture
def run_suite(tmp_path: Path) -> Run:
    """Runs the suite above in a pytest of its own, with REQUIRE_SERVICES as told: (what it printed, exit code)."""
    (tmp_path / "conftest.py").write_text("from tests.services.required import pytest_runtest_makereport\n")
    (tmp_path / "test_suite.py").write_text(SUITE)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = services\n")

    def run(require: str | None) -> tuple[str, int]:
        environment = {key: value for key, value in os.environ.items() if key != "REQUIRE_SERVICES"}
        environment["PYTHONPATH"] = str(ROOT)
        if require is not None:
            environment["REQUIRE_SERVICES"] = require
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rfs", "-q"],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
        )
        return done.stdout, done.returncode

    return run


@pytest.mark.parametrize("require", [None, "0", ""])
def test_without_it_a_service_test_may_skip(run_suite: Run, require: str | None) -> None:
    """On a developer's machine a missing service is no failure."""
    printed, code = run_suite(require)

    assert code == 0
    assert "1 passed, 3 skipped, 1 xfailed" in printed


def test_with_it_a_skipped_service_test_fails_with_its_reason(run_suite: Run) -> None:
    """A skip in the test is a failure, one in its fixture an error; both give the reason, the others are left alone."""
    printed, code = run_suite("1")

    assert code == 1
    assert "1 failed, 1 passed, 1 skipped, 1 xfailed, 1 error" in printed
    assert "this service test would not run: Skipped: no broker here" in printed
    assert "not on this system" in printed
