"""Properties of the client that nobody may see: read from files where asked, blackened wherever text goes out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from monitor.configuration.names import is_secret

#: `sasl.password_file` names a file with what `sasl.password` is; the client's own names end in no such way
SUFFIX = "_file"
#: shorter ones are parts of half the words there are: blackening them would leave no sentence
SHORTEST = 4
BLACK = "***"


class Secret(str):
    """A text that shows itself to nobody who asks for its representation."""

    def __repr__(self) -> str:
        return f"'{BLACK}'"


def with_files(properties: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The properties with the contents of the files they name (a line's end is no part of them), and what is wrong."""
    found: dict[str, Any] = {}
    mistakes = []
    for name, value in properties.items():
        bare = name.removesuffix(SUFFIX)
        if bare == name:
            found[name] = Secret(value) if isinstance(value, str) and is_secret(name) else value
        elif bare in properties:
            mistakes.append(f"expected either `{bare}` or `{name}`, got both")
        else:
            text, wrong = _read(value)
            found[bare] = Secret(text)
            if wrong:
                mistakes.append(f"`{name}`: expected a file with what is secret, got {wrong}")
    return found, mistakes


def _read(value: object) -> tuple[str, str]:
    if not isinstance(value, str) or not value:
        return "", "no path"
    try:
        text = Path(value).read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        return "", f"{value}: {error.strerror}"
    except ValueError:
        return "", f"{value}, which is no text"
    return text, "" if text else f"{value}, which is empty"


def secrets_of(properties: Mapping[str, Any]) -> list[str]:
    """The values that must not be seen."""
    return [str(value) for name, value in properties.items() if isinstance(value, Secret) or is_secret(name)]


def blackened(text: str, secrets: Iterable[str]) -> str:
    """A text without secrets, as they are or as JSON would write them.

    >>> blackened("refused: hunter2", ["hunter2"])
    'refused: ***'
    """
    for secret in sorted(set(secrets), key=len, reverse=True):  # one that holds another goes first
        if len(secret) >= SHORTEST:
            for written in (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
                text = text.replace(written, BLACK)
    return text
