"""`driftgauge demo`: real flights through the real daemon, on a broker inside this process; or the flights alone."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor.domain.errors import ConfigurationError


def command(
    keep: Annotated[bool, typer.Option("--keep", help="Keep running at the end, for a look at /metrics.")] = False,
    port: Annotated[
        int | None, typer.Option("--port", help="Port of /metrics; else 9480 if it is free.", min=1, max=65535)
    ] = None,
    produce_only: Annotated[
        bool, typer.Option("--produce-only", help="Only send the flights, to the broker of --bootstrap.")
    ] = False,
    bootstrap: Annotated[
        str | None, typer.Option("--bootstrap", help="Brokers to send to, `host:port`.", metavar="BROKERS")
    ] = None,
    topic: Annotated[
        str | None, typer.Option("--topic", help="Topic of the predictions; else flight-predictions.", metavar="NAME")
    ] = None,
    labels_topic: Annotated[
        str | None, typer.Option("--labels-topic", help="Topic of the labels; else they are not sent.", metavar="NAME")
    ] = None,
    pace: Annotated[
        str | None, typer.Option("--pace", help="Time to send all flights in; else 5m.", metavar="DURATION")
    ] = None,
    loop: Annotated[bool, typer.Option("--loop", help="Send them again and again, each time two weeks later.")] = False,
) -> None:
    """Show the whole way in a minute: flights through a snow storm, what drifts and why."""
    _refuse_mixture(
        produce_only,
        {"--keep": keep, "--port": port},
        {
            "--bootstrap": bootstrap,
            "--topic": topic,
            "--labels-topic": labels_topic,
            "--pace": pace,
            "--loop": loop,
        },
    )
    if not produce_only:
        from monitor.demo.command import run_demo

        raise typer.Exit(run_demo(keep, port))
    from monitor.demo.flights import PREDICTIONS
    from monitor.demo.traffic import PACE_SECONDS, Traffic, produce

    seconds = PACE_SECONDS if pace is None else _seconds(pace)
    traffic = Traffic(str(bootstrap), topic or PREDICTIONS, labels_topic, seconds, loop)
    raise typer.Exit(produce(traffic))


def _refuse_mixture(produce_only: bool, shown: dict[str, object], sent: dict[str, object]) -> None:
    """Raise ConfigurationError for options that the wanted half of the demonstration would pass over in silence."""
    wrong = [name for name, value in (shown if produce_only else sent).items() if value]
    rule = "not together with" if produce_only else "only together with"
    mistakes = [f"{name}: expected {rule} --produce-only" for name in wrong]
    if produce_only and not sent["--bootstrap"]:
        mistakes.append("--bootstrap: expected brokers to send to, `host:port`, got none")
    if mistakes:
        raise ConfigurationError(mistakes)


def _seconds(pace: str) -> float:
    from monitor.configuration.values import parse_duration

    try:
        return parse_duration(pace)
    except ValueError as error:
        raise ConfigurationError([f"--pace: {error}"]) from None
