"""`driftgauge rules`: Prometheus rules for a configuration."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from monitor.cli import options
from monitor.domain.errors import ConfigurationError


class RulesFormat(StrEnum):
    """The forms rules are printed in."""

    RULES = "rules"
    PROMETHEUSRULE = "prometheusrule"


def command(
    config: options.OptionalConfig = None,
    hold: Annotated[str, typer.Option("--hold", help="How long a drift keeps its alert firing.")] = "15m",
    silence: Annotated[
        str, typer.Option("--silence", help="How long a model may send nothing; after 24 times as long it is retired.")
    ] = "1h",
    job: Annotated[str, typer.Option("--job", help="Name of the scrape job.")] = "driftgauge",
    runbooks: Annotated[
        str, typer.Option("--runbooks", help="Folder or address that the alerts' runbook pages are below.")
    ] = "docs/runbooks",
    form: Annotated[
        RulesFormat,
        typer.Option("--format", help="`rules`: a rule file. `prometheusrule`: for the Prometheus operator."),
    ] = RulesFormat.RULES,
    assign: options.Assignments = None,
) -> None:
    """Print the Prometheus rules (recording rules and alerts) for this configuration."""
    from monitor.exposition.rules import RuleOptions, prometheus_rule, render

    settings = options.load_settings(config, assign)
    chosen = RuleOptions(_seconds("--hold", hold), _seconds("--silence", silence), job, runbooks)
    rules = render(settings, chosen)
    typer.echo(prometheus_rule(rules) if form is RulesFormat.PROMETHEUSRULE else rules, nl=False)


def _seconds(flag: str, text: str) -> float:
    from monitor.configuration.values import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise ConfigurationError([f"{flag}: {error}"]) from None
