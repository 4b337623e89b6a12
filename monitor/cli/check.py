"""`driftgauge check`: every mistake of a configuration at once, and what it amounts to if there is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli import options
from monitor.cli.console import counted, say
from monitor.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from monitor.engine.policy import Policy
    from monitor.settings import Settings


def command(
    config: options.RequiredConfig,
    connect: Annotated[
        bool, typer.Option("--connect", help="Try the brokers, the topics and the HTTP address too.")
    ] = False,
    assign: options.Assignments = None,
) -> None:
    """Check a configuration: exit 2 with every mistake, or 0 with a summary. Connects nowhere unless told to."""
    settings = options.load_settings(config, assign)
    options.require_topics(settings)
    policy = settings.policy()
    _refuse_unknown_properties(settings)
    say(f"{config}: good")
    for name, text in _summary(settings, policy):
        say(f"  {name:<10} {text}")
    if connect:
        from monitor.cli.connect import try_all

        if not try_all(settings):
            raise typer.Exit(1)


def _refuse_unknown_properties(settings: Settings) -> None:
    """Ask librdkafka what it thinks of the properties; without brokers to go to, it connects nowhere."""
    if not settings.kafka.properties:
        return
    from confluent_kafka import Consumer, KafkaException

    from monitor.configuration.names import is_secret

    for name, value in settings.kafka.properties.items():
        try:
            Consumer({"group.id": settings.kafka.group_id, name: value}).close()
        except KafkaException as error:
            text = error.args[0].str()
            if "No such configuration property" in text or "Invalid value" in text or "Expected" in text:
                shown = text if not is_secret(name) else "not accepted"
                raise ConfigurationError([f"kafka.properties: `{name}`: {shown}"]) from None


def _summary(settings: Settings, policy: Policy) -> Iterator[tuple[str, str]]:
    """What the configuration amounts to, in words."""
    from monitor.configuration.values import render_duration

    yield "brokers", settings.kafka.bootstrap_servers
    for topic in settings.kafka.topics:
        mapped = f", fields mapped: {', '.join(topic.fields)}" if topic.fields else ""
        yield "topic", f"{topic.name} ({topic.format}{mapped})"
    for entry, match in zip(settings.reference.profiles, policy.profiles, strict=True):
        number = counted(len(match.profile.streams), "stream")
        yield "profile", f"{entry.path} for {match.model}/{match.model_version}: {number}"
    warmup = settings.reference.warmup
    others = "other model versions learn" if settings.reference.profiles else "every model version learns"
    observations = counted(warmup.observations, "observation")
    yield "reference", f"{others} from {observations} over at least {render_duration(warmup.duration)}"
    budget = settings.detection.false_alarms_per_week
    yield "budget", f"{budget:g} false {'alarm' if budget == 1 else 'alarms'} a week and model version"
    late = settings.detection.max_alert_age
    yield "alerts", "never late" if late is None else f"none for events older than {render_duration(late)}"
    for override in settings.detection.overrides:
        match_ = override.match
        said = override.model_dump(exclude={"match"}, exclude_none=True)
        text = ", ".join(f"{name} {value}" for name, value in said.items())
        yield "override", f"{match_.model}/{match_.model_version} {match_.kind} {match_.feature}: {text}"
    yield "state", f"{settings.state.path} every {settings.state.interval_seconds:g} s"
    scheme = "https" if settings.http.tls else "http"
    asks = ", password asked" if settings.http.basic_auth else ""
    yield "metrics", f"{scheme}://{settings.http.listen}/metrics{asks}"
