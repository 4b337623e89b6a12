"""Imports go down the floors only, never in a circle, and the floors with the statistics do not touch the world.

Everything is read from the source text: an import inside a function or below TYPE_CHECKING counts like any other.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = "monitor"

FLOORS = {
    name: floor
    for floor, names in enumerate(
        [
            ["domain"],
            ["formats", "reference", "channels", "detectors", "distances"],
            ["engine"],
            ["kafka", "state", "findings", "alertmanager", "exposition", "configuration", "settings"],
            [
                "accepting",
                "assembly",
                "checkpoints",
                "collecting",
                "daemon",
                "exposure",
                "forgetting",
                "group",
                "inheriting",
                "logs",
                "parts",
                "semantics",
                "shard",
                "signals",
                "watch",
            ],
            ["cli", "demo", "__main__"],
        ]
    )
    for name in names
}
#: Up to this floor code takes values and returns values.
PURE_UP_TO = 2
#: Clocks, the system, files, logs, networks, threads, chance: what makes a result depend on more than its arguments.
# fmt: off
WORLD = frozenset([
    "asyncio", "concurrent", "confluent_kafka", "ctypes", "fcntl", "glob", "io", "logging", "multiprocessing",
    "os", "pathlib", "prometheus_client", "random", "secrets", "select", "selectors", "shutil", "signal",
    "socket", "sqlite3", "ssl", "starlette", "structlog", "subprocess", "sys", "tempfile", "threading", "time",
    "typer", "urllib", "uuid", "uvicorn"
])
# fmt: on
WORLDLY_CALLS = frozenset({"open", "print", "input"})
CLOCK_READINGS = frozenset({"now", "utcnow", "today"})

#: module name → its source text
Sources = Mapping[str, str]


def sources(root: Path = ROOT) -> dict[str, str]:
    """Every module of the package, compiled ones included."""
    found = {}
    for path in (root / PACKAGE).rglob("*"):
        if path.suffix in (".py", ".pyx"):
            parts = path.relative_to(root).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            # A folder and its __init__ are one module; a kernel beside a wrapper of another name is its own.
            found[name] = path.read_text() if path.suffix == ".py" else imports_of_kernel(path.read_text())
    return found


def imports_of_kernel(source: str) -> str:
    """What a Cython file imports from Python, as Python: its own syntax is not ours to parse."""
    lines = re.findall(r"^\s*((?:from\s+[\w.]+\s+)?(?:c?import)\s+[\w.*, ]+)", source, re.MULTILINE)
    return "\n".join(re.sub(r"\bcimport\b", "import", line).rstrip(", ") for line in lines)


def imported(name: str, source: str) -> Iterator[tuple[str, int]]:
    """(absolute dotted name, line) of everything a module imports, with `from a import b` as a.b."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # A relative import is refused by the linter, yet must not slip through here.
            base = name.rsplit(".", node.level)[0] + "." if node.level else ""
            module = (base + (node.module or "")).rstrip(".")
            yield from ((f"{module}.{alias.name}", node.lineno) for alias in node.names)


def target(dotted: str, modules: Sources) -> str | None:
    """The module of ours that an imported name means; None for everybody else's."""
    while dotted:
        if dotted in modules:
            return dotted
        dotted = dotted.rpartition(".")[0]
    return None


def room(module: str) -> str | None:
    """The first part below the package: what has a floor.  None for the package itself."""
    return module.split(".")[1] if "." in module else None


def floor(module: str) -> int:
    """The floor of a module; the package itself holds the version and lies below everything."""
    name = room(module)
    return 0 if name is None else FLOORS[name]


def upward(modules: Sources) -> list[str]:
    """Every import of a higher floor."""
    return [
        f"{name}:{line} (floor {floor(name)}) imports {goal} (floor {floor(goal)})"
        for name, source in modules.items()
        for dotted, line in imported(name, source)
        if (goal := target(dotted, modules)) and floor(goal) > floor(name)
    ]


def circle(edges: Iterable[tuple[str, str]]) -> list[str]:
    """One circle among the edges, as the names along it; empty if there is none."""
    graph: dict[str, set[str]] = {}
    for start, goal in edges:
        if start != goal:
            graph.setdefault(start, set()).add(goal)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found[::-1]
    return []


def module_edges(modules: Sources) -> list[tuple[str, str]]:
    return [
        (name, goal)
        for name, source in modules.items()
        for dotted, _ in imported(name, source)
        if (goal := target(dotted, modules))
    ]


def room_edges(modules: Sources) -> list[tuple[str, str]]:
    return [(room(a) or PACKAGE, room(b) or PACKAGE) for a, b in module_edges(modules)]


def worldly(modules: Sources) -> list[str]:
    """Every place on a pure floor that imports or calls something of the world outside."""
    return [found for name, source in modules.items() if floor(name) <= PURE_UP_TO for found in _worldly(name, source)]


def _worldly(name: str, source: str) -> Iterator[str]:
    for dotted, line in imported(name, source):
        if dotted.split(".")[0] in WORLD:
            yield f"{name}:{line} imports {dotted}"
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id=called)) if called in WORLDLY_CALLS:
                yield f"{name}:{node.lineno} calls {called}()"
            case ast.Call(func=ast.Attribute(attr=read)) if read in CLOCK_READINGS:
                yield f"{name}:{node.lineno} reads the clock by .{read}()"
            case ast.Attribute(value=ast.Name(id="np" | "numpy"), attr="random"):
                yield f"{name}:{node.lineno} draws from numpy.random"


# --- the package -----------------------------------------------------------------------------------------------------


def test_every_room_has_a_floor() -> None:
    """A new package or module below `monitor` is given its floor before it is used."""
    assert {name for module in sources() if (name := room(module))} <= FLOORS.keys()


def test_imports_go_down() -> None:
    """No module imports from a floor above its own."""
    assert upward(sources()) == []


def test_modules_import_in_no_circle() -> None:
    """No module leads back to itself, by whatever kind of import."""
    assert circle(module_edges(sources())) == []


def test_rooms_import_in_no_circle() -> None:
    """Packages of one floor may lean on each other, but not in a circle."""
    assert circle(room_edges(sources())) == []


def test_the_statistics_do_not_touch_the_world() -> None:
    """Floors 0 to 2 import no clock, no system, no log, no network, and open no file."""
    assert worldly(sources()) == []


# --- the check itself ------------------------------------------------------------------------------------------------

GOOD = {
    "monitor": "",
    "monitor.domain": "",
    "monitor.domain.keys": "from dataclasses import dataclass",
    "monitor.engine": "from monitor.engine.model import Model",
    "monitor.engine.model": "import numpy\nfrom monitor.domain import keys",
    "monitor.kafka.source": "import time\nfrom monitor.engine.model import Model",
}


def test_good_sources_pass() -> None:
    """The checks find nothing where there is nothing."""
    assert upward(GOOD) == worldly(GOOD) == circle(module_edges(GOOD)) == circle(room_edges(GOOD)) == []


@pytest.mark.parametrize(
    "source",
    [
        "from monitor.kafka import source",
        "from monitor.kafka.source import Source",
        "import monitor.kafka.source as there",
        "def later():\n    from monitor.kafka.source import Source",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from monitor.kafka.source import Source",
        "from ..kafka import source",
    ],
)
def test_an_import_that_goes_up_is_found(source: str) -> None:
    """Plain, lazy, type-checking and relative imports are all seen."""
    assert len(upward({**GOOD, "monitor.engine.bad": source})) == 1


def test_a_circle_is_found() -> None:
    """Two modules that import each other are named, lazily or not."""
    a, b = "monitor.engine.a", "monitor.engine.b"
    modules = {a: "from monitor.engine import b", b: "def f():\n    import monitor.engine.a"}
    assert set(circle(module_edges(modules))) == {a, b}


def test_a_circle_of_rooms_is_found() -> None:
    """Packages that need each other are a circle even where no two modules are."""
    modules = {
        "monitor.state.a": "import monitor.kafka.x",
        "monitor.kafka.x": "",
        "monitor.kafka.y": "import monitor.state.b",
        "monitor.state.b": "",
    }
    assert circle(module_edges(modules)) == []
    assert set(circle(room_edges(modules))) == {"state", "kafka"}


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "def f():\n    import os.path",
        "from pathlib import Path",
        "text = open('x').read()",
        "from datetime import datetime, UTC\nnow = datetime.now(UTC)",
        "import numpy as np\nx = np.random.default_rng().random()",
    ],
)
def test_the_world_is_found_on_a_pure_floor(source: str) -> None:
    """Clocks, files, the system and chance are seen, and only up to the engine."""
    assert worldly({"monitor.engine.bad": source})
    assert not worldly({"monitor.kafka.fine": source})


def test_a_kernel_is_read_too() -> None:
    """Imports of a Cython file count, at module level and inside functions."""
    source = "from libc.math cimport log, sqrt\ncdef int x = 1\ndef f():\n    import time\n"
    assert worldly({"monitor.detectors._k": imports_of_kernel(source)}) == ["monitor.detectors._k:2 imports time"]
