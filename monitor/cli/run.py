"""`driftgauge run`: the daemon."""

from __future__ import annotations

import typer

from monitor.cli import options


def command(config: options.RequiredConfig, assign: options.Assignments = None) -> None:
    """Watch the topics of the configuration until stopped (SIGTERM, Ctrl-C)."""
    settings = options.load_settings(config, assign)
    options.require_topics(settings)
    from monitor.daemon import run

    raise typer.Exit(run(settings))
