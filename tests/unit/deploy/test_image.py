"""The image: linted, and built from a context and by a script that hold what the build needs."""

import json
import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

import pytest

from tests.unit.deploy.manifests import DEPLOY, ROOT, tool

DOCKERFILE = DEPLOY / "docker/Dockerfile"
BUILD = DEPLOY / "docker/build.sh"
FINAL_STAGE = DOCKERFILE.read_text().split("\nFROM ")[-1]


def test_the_dockerfile_passes_its_linter() -> None:
    """hadolint knows what goes wrong in images."""
    tool("hadolint", DOCKERFILE)


@pytest.mark.parametrize(
    "script", [path for path in sorted(ROOT.glob("*/**/*.sh")) if not path.relative_to(ROOT).parts[0].startswith(".")]
)
def test_shell_scripts_pass_their_linter(script: Path) -> None:
    """Quotes, exits and portability."""
    tool("shellcheck", script)


def test_the_final_stage_has_no_compiler_and_no_root() -> None:
    """It installs nothing, takes one folder from the first stage, and runs as a numbered user."""
    assert "apt-get" not in FINAL_STAGE
    assert "pip" not in FINAL_STAGE
    assert re.findall(r"^COPY --from=build (\S+)", FINAL_STAGE, re.M) == ["/opt/driftgauge"]
    assert re.search(r"^USER ([1-9]\d*):([1-9]\d*)$", FINAL_STAGE, re.M)
    assert FINAL_STAGE.count("COPY") == 1


def test_the_health_check_asks_for_the_loop() -> None:
    """Without a shell, and with a deadline of its own."""
    command = json.loads(re.search(r"HEALTHCHECK.*\\\n\s+CMD (\[.*\])", FINAL_STAGE)[1])  # type: ignore[index]
    assert command[0] == "python"
    assert "/-/healthy" in command[-1]
    assert "timeout=" in command[-1]
    compile(command[-1], "healthcheck", "exec")


def test_base_images_have_a_full_version() -> None:
    """Both stages the same, or the environment would not fit its interpreter."""
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE.read_text(), re.M)
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", bases[0])


def test_the_context_holds_what_is_copied() -> None:
    """Nothing that a COPY names is kept out by .dockerignore, nor are the package's data."""
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE.read_text(), re.M)
    sources = [source for line in copied for source in line.split()]
    assert {"pyproject.toml", "setup.py", "README.md", "monitor"} <= set(sources)
    for source in [*sources, "monitor/demo/data/winter.profile.json", "monitor/exposition/rules.yml.tmpl"]:
        assert (ROOT / source).exists()
        assert in_context(source), f"{source} is kept out by .dockerignore"


@pytest.mark.parametrize(
    "path", [".git/config", "monitor/detectors/_adwin.so", "tests/conftest.py", ".venv/bin/python"]
)
def test_the_context_holds_nothing_else(path: str) -> None:
    """A kernel compiled here would be of another machine, and history and tests are of no use there."""
    assert not in_context(path)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a wheel would hold, without compiling: modules and data as setuptools picks them, kernels as they are."""
    folder = tmp_path_factory.mktemp("package")
    words = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for kernel in (ROOT / "monitor").rglob("*.so"):
        shutil.copy(kernel, folder / kernel.relative_to(ROOT))
    return folder


def test_the_package_is_complete(package: Path) -> None:
    """Every module and every file of data is picked up, not only those that are easily found."""
    wanted = {
        path.relative_to(ROOT).as_posix()
        for pattern in ("**/*.py", "demo/data/*", "**/*.tmpl", "**/*.pyi", "py.typed")
        for path in (ROOT / "monitor").glob(pattern)
        if "__pycache__" not in path.parts and path.is_file()
    }
    found = {path.relative_to(package).as_posix() for path in package.rglob("*")}
    assert wanted <= found, sorted(wanted - found)


def test_the_package_runs_by_itself(package: Path, tmp_path: Path) -> None:
    """Away from this folder, from what would be installed: it prints its rules, and has its flights."""
    environment = {**os.environ, "PYTHONPATH": str(package)}

    def run(*words: str) -> str:
        line = [sys.executable, "-P", *words]
        done = subprocess.run(
            line, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=180, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run("-c", "import monitor; print(monitor.__file__)").startswith(str(package))
    assert run("-m", "monitor", "rules") == (ROOT / "deploy/prometheus/rules.yml").read_text()
    assert run("-c", "from monitor.demo.flights import messages; print(len(messages()) > 21_762)") == "True\n"


def in_context(path: str) -> bool:
    """Whether Docker's rules let this path into the context: the last line of .dockerignore that fits decides."""
    inside = True
    for line in (ROOT / ".dockerignore").read_text().split():
        pattern = line.removeprefix("!")
        if any(fits(parent, pattern) for parent in [path, *(str(up) for up in PurePosixPath(path).parents)]):
            inside = line.startswith("!")
    return inside


def fits(path: str, pattern: str) -> bool:
    """Docker's pattern, of which we use names, `*` and a leading `**/`."""
    if pattern.startswith("**/"):
        return any(fnmatch(part, pattern[3:]) for part in path.split("/")[-1:])
    return path != "." and path.count("/") == pattern.count("/") and fnmatch(path, pattern)
