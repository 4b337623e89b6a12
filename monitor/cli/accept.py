"""`driftgauge accept`: tells running daemons that a change was meant."""

from __future__ import annotations

import getpass
import time
from typing import Annotated

import typer

from monitor.cli import options
from monitor.cli.console import say
from monitor.domain.errors import ConfigurationError


def command(
    config: options.RequiredConfig,
    model: Annotated[str, typer.Option("--model", help="The model, or a glob over names.")],
    model_version: Annotated[
        str | None, typer.Option("--model-version", help="Only this version, or a glob.", show_default=False)
    ] = None,
    feature: Annotated[
        str | None,
        typer.Option("--feature", help="Only this feature (or prediction); otherwise all.", show_default=False),
    ] = None,
    why: Annotated[str, typer.Option("--why", help="The reason, for the decision log.")] = "",
    by: Annotated[str | None, typer.Option("--by", help="Who says so; otherwise the user.", show_default=False)] = None,
    assign: options.Assignments = None,
) -> None:
    """Accept a new normal: open episodes close, and the reference is learned anew from the events to come."""
    from monitor.kafka.control import Accept, ask
    from monitor.kafka.options import MEMBER_PROPERTIES

    settings = options.load_settings(config, assign)
    kafka = settings.kafka
    if kafka.control_topic is None:
        raise ConfigurationError(["kafka.control_topic: expected the topic that running daemons read, got none"])
    own = {name: value for name, value in kafka.properties.items() if name not in MEMBER_PROPERTIES}
    request = Accept(model, model_version, feature, getpass.getuser() if by is None else by, why, time.time())
    offset = ask({**own, "bootstrap.servers": kafka.bootstrap_servers}, kafka.control_topic, request)
    say(f"asked for on {kafka.control_topic}, offset {offset}; it takes effect with the next checkpoint")
