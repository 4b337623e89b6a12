"""Where settings come from: a YAML file, then the environment, then flags, as one tree of plain values.

Every value remembers where it was written, so that a mistake can be named with its place.  The YAML loader is used for
scalars only: left to itself it drops line numbers and lets a key that is written twice pass.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_origin

import yaml
from pydantic import BaseModel

from monitor.configuration.names import PREFIX, KeyPath, annotation_at, dotted, is_secret, kinds, variable_of, variables

#: what a shell may hold of `kafka.properties`: librdkafka's names are written with dots, which variables cannot have
DOTTED = ("kafka", "properties")
#: the client's own properties of that ending; any other names a file that holds a property
OWN_FILES = frozenset({"sasl.oauthbearer.assertion.private.key.file", "sasl.oauthbearer.assertion.jwt.template.file"})
#: sections that protect: one that was left empty is not taken for one that is not wanted → what null is for
NEVER_EMPTY: Mapping[KeyPath, str] = {
    ("http", "tls"): "for plain HTTP",
    ("http", "basic_auth"): "to ask for no password",
}
#: Kubernetes gives every pod these variables for a service that is called driftgauge; they are nobody's mistake
_SERVICE_LINK = re.compile(
    rf"{PREFIX}(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_PROTO|_PORT|_ADDR)?)?)"
)
#: more nodes than any configuration has; aliases that multiply themselves end here instead of in the memory
_MAX_NODES = 100_000


@dataclass(slots=True)
class Layer:
    """One source of settings as a tree of plain values; `places` says per path where a person finds it."""

    tree: dict[str, Any] = field(default_factory=dict)
    places: dict[KeyPath, str] = field(default_factory=dict)
    mistakes: list[str] = field(default_factory=list)


def read_file(path: Path) -> Layer:
    """The YAML file as a layer; what YAML itself refuses is one mistake with line and column."""
    layer = Layer()
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        layer.mistakes.append(f"{path}: there is no such file")
        return layer
    except UnicodeDecodeError as error:
        found = f"the byte {error.object[error.start]:#04x} at {error.start}"
        layer.mistakes.append(f"{path}: expected UTF-8 text, got {found}")
        return layer
    except OSError as error:
        layer.mistakes.append(f"{path}: cannot be read: {error.strerror}")
        return layer
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return layer  # an empty file asks for the defaults
        if not isinstance(root, yaml.MappingNode):
            found = _node_kind(root)
            layer.mistakes.append(f"{path}: expected a mapping of sections (kafka:, detection:, …), got {found}")
            return layer
        layer.tree = _Tree(loader, path.name, layer).mapping(root, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        said = re.sub(r"'[^']{2,}'", "'…'", str(error.problem or error.context))  # a word of the file may be a secret
        layer.mistakes.append(f"{path}{at}: not YAML: {said}")
    except (yaml.YAMLError, ValueError) as error:
        layer.mistakes.append(f"{path}: not YAML: {error}")
    finally:
        loader.dispose()
    return layer


def _empty(path: KeyPath) -> str:
    return f"expected its settings, or null {NEVER_EMPTY[path]}, got nothing"


def _node_kind(node: yaml.Node) -> str:
    return "a list" if isinstance(node, yaml.SequenceNode) else "a single value"


class _Tree:
    """Builds plain values from YAML nodes, with their lines."""

    def __init__(self, loader: yaml.SafeLoader, name: str, layer: Layer) -> None:
        self.loader, self.name, self.layer, self.nodes = loader, name, layer, 0

    def value(self, node: yaml.Node, path: KeyPath) -> object:
        self.nodes += 1
        if self.nodes > _MAX_NODES or len(path) > 50:
            raise yaml.YAMLError("the document unfolds into too many values")
        self.layer.places[path] = self._at(node)
        if path in NEVER_EMPTY and isinstance(node, yaml.ScalarNode) and not node.value:
            self.layer.mistakes.append(f"{dotted(path)}: {_empty(path)} ({self._at(node)})")
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(child, (*path, index)) for index, child in enumerate(node.value)]
        return self.loader.construct_object(node)

    def mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        written = [key for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        self._refuse_duplicates(written, path)
        self.loader.flatten_mapping(node)
        result: dict[str, Any] = {}
        for key, child in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else "?"
            result[name] = self.value(child, (*path, name))
            self.layer.places[(*path, name)] = self._at(key)
        return result

    def _refuse_duplicates(self, keys: Sequence[yaml.Node], path: KeyPath) -> None:
        first: dict[str, yaml.Node] = {}
        for key in keys:
            if not isinstance(key, yaml.ScalarNode):
                line = f"{dotted(path)}: expected a name as key, got {_node_kind(key)} ({self._at(key)})"
                self.layer.mistakes.append(line)
            elif key.value in first:
                before = first[key.value].start_mark.line + 1
                line = f"{dotted((*path, key.value))}: written twice, first in line {before} ({self._at(key)})"
                self.layer.mistakes.append(line)
            else:
                first[key.value] = key

    def _at(self, node: yaml.Node) -> str:
        return f"{self.name}, line {node.start_mark.line + 1}"


def read_environment(environ: Mapping[str, str], model: type[BaseModel]) -> Layer:
    """`DRIFTGAUGE_KAFKA__GROUP_ID=x` → `kafka.group_id`; values of anything but text are read as YAML (so JSON too)."""
    layer = Layer()
    known = {name: path for path, name in variables(model)}
    for variable in sorted(name for name in environ if name.startswith(PREFIX) and not _SERVICE_LINK.fullmatch(name)):
        path = _path_of(variable, known)
        if path is None:
            layer.mistakes.append(f"{variable}: unknown variable{_nearest_variable(variable, known)}")
        else:
            _put(layer, path, _read_text(environ[variable], model, path, variable, layer), variable)
    return layer


def read_flags(flags: Mapping[str, object], model: type[BaseModel]) -> Layer:
    """Flags by dotted path (`reference.warmup.observations`); text is read as a variable's value would be."""
    layer = Layer()
    for name, value in flags.items():
        path: KeyPath = tuple(name.split(".", 2)) if name.startswith("kafka.properties.") else tuple(name.split("."))
        text = _read_text(value, model, path, name, layer) if isinstance(value, str) else value
        _put(layer, path, text, f"given as {name}")
    return layer


def _path_of(variable: str, known: Mapping[str, tuple[str, ...]]) -> tuple[str, ...] | None:
    if variable.upper() in known:
        return known[variable.upper()]
    prefix = variable_of(DOTTED) + "__"
    if variable.startswith(prefix):
        name = variable.removeprefix(prefix).lower().replace("_", ".")
        if name.endswith(".file") and name not in OWN_FILES:
            name = name.removesuffix(".file") + "_file"
        return (*DOTTED, name)
    return None


def _nearest_variable(variable: str, known: Mapping[str, object]) -> str:
    squeezed = {re.sub("_+", "_", name): name for name in known}
    near = difflib.get_close_matches(re.sub("_+", "_", variable.upper()), squeezed, n=1, cutoff=0.75)
    return f"; did you mean {squeezed[near[0]]}?" if near else "; docs/configuration.md lists them all"


def _read_text(text: str, model: type[BaseModel], path: KeyPath, source: str, layer: Layer) -> object:
    info = annotation_at(model, path)
    if path[: len(DOTTED)] == DOTTED and len(path) > len(DOTTED):
        return text
    accepts = kinds(info) if info is not None else set()
    if path in NEVER_EMPTY and not text.strip():
        layer.mistakes.append(f"{dotted(path)}: {_empty(path)} ({source})")
    if text.strip() in {"", "null", "~"} and type(None) in accepts:
        return None
    if accepts & {str, Path}:
        return text
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        # a whole section may hold secrets: only a value of its own is quoted
        whole = any(isinstance(kind, type) and issubclass(kind, BaseModel | dict) for kind in map(_origin, accepts))
        shown = "***" if whole or is_secret(str(path[-1])) else repr(text)
        layer.mistakes.append(f"{dotted(path)}: expected a value written as YAML or JSON, got {shown} ({source})")
        return None


def _origin(kind: object) -> object:
    return get_origin(kind) or kind


def _put(layer: Layer, path: KeyPath, value: object, source: str) -> None:
    tree: dict[str, Any] = layer.tree
    for depth, part in enumerate(path[:-1]):
        branch = tree.get(str(part))
        if not isinstance(branch, dict):
            branch = tree[str(part)] = {}
        tree = branch
        layer.places.setdefault(path[: depth + 1], source)
    existing = tree.get(str(path[-1]))
    if isinstance(existing, dict) and isinstance(value, dict):
        value = _merged(value, existing)  # DRIFTGAUGE_KAFKA={…} beside DRIFTGAUGE_KAFKA__START: the nearer one wins
    tree[str(path[-1])] = value
    layer.places[path] = source


def anchor_paths(node: object, base: Path) -> None:
    """Let the relative paths (`path`, `…_file`) below a node start at `base`, wherever the daemon itself is started."""
    if isinstance(node, list):
        for item in node:
            anchor_paths(item, base)
    elif isinstance(node, dict):
        for name, value in node.items():
            if isinstance(value, str) and value and (name == "path" or name.endswith("_file")):
                node[name] = str(base / value)
            else:
                anchor_paths(value, base)


def combine(layers: Sequence[Layer]) -> Layer:
    """Layers on top of each other, later ones win; mappings merge key by key, lists and values are replaced whole."""
    result = Layer()
    for layer in layers:
        result.tree = _merged(result.tree, layer.tree)
        result.places.update(layer.places)
        result.mistakes.extend(layer.mistakes)
    return result


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        result[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result
