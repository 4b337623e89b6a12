"""`driftgauge hash-password`: what `http.basic_auth.password_hash` takes."""

from __future__ import annotations

import sys

import typer

from monitor.domain.errors import ConfigurationError


def command() -> None:
    """Ask for a password (or read a line from a pipe) and print its hash, for http.basic_auth.password_hash."""
    from monitor.exposition.auth import hash_password

    if sys.stdin.isatty():
        password = str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise ConfigurationError(["expected a password, got an empty line"])
    typer.echo(hash_password(password))
