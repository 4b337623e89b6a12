"""`driftgauge demo`: real flights through the real daemon, on a broker inside this process."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    keep: Annotated[bool, typer.Option("--keep", help="Keep running at the end, for a look at /metrics.")] = False,
    port: Annotated[
        int | None, typer.Option("--port", help="Port of /metrics; else 9480 if it is free.", min=1, max=65535)
    ] = None,
) -> None:
    """Show the whole way in a minute: flights through a snow storm, what drifts and why."""
    from monitor.demo.command import run_demo

    raise typer.Exit(run_demo(keep, port))
