"""`driftgauge rules`: Prometheus rules for a configuration."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor.cli import options
from monitor.domain.errors import ConfigurationError


def command(
    config: options.OptionalConfig = None,
    hold: Annotated[str, typer.Option("--hold", help="How long a drift keeps its alert firing.")] = "15m",
    assign: options.Assignments = None,
) -> None:
    """Print the Prometheus rules (recording rules and alerts) for this configuration."""
    from monitor.configuration.values import parse_duration
    from monitor.exposition.rules import render

    try:
        hold_seconds = parse_duration(hold)
    except ValueError as error:
        raise ConfigurationError([f"--hold: {error}"]) from None
    if hold_seconds < 1:
        raise ConfigurationError([f"--hold: expected at least 1s, got {hold!r}"])
    settings = options.load_settings(config, assign)
    typer.echo(render(settings, hold_seconds), nl=False)
