"""`driftgauge check`: every mistake of a configuration at once, and what it amounts to if there is none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli import options
from monitor.cli.console import counted, say
from monitor.cli.outlooks import of_a_policy
from monitor.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from monitor.configuration.detection import OverrideSettings, StreamMatchSettings
    from monitor.configuration.http import HttpSettings
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
    left = dict(settings.kafka.properties)
    mistakes: list[str] = []
    while left and (refused := _refusal(left)) is not None:
        mistakes.append(f"kafka.properties: {refused}")
        named = [name for name in left if f'"{name}"' in refused]
        if not named:
            break
        for name in named:  # what is wrong with the others shows without it
            del left[name]
    if mistakes:
        raise ConfigurationError(mistakes)


def _refusal(properties: Mapping[str, Any]) -> str | None:
    """What the client says against these properties, secrets blackened; None if it takes them."""
    from confluent_kafka import Consumer, KafkaException

    from monitor.kafka.secrets import blackened, secrets_of

    try:
        Consumer({**properties, "group.id": "check", "log_level": 0}).close()
    except KafkaException as error:
        return blackened(str(error.args[0].str()), secrets_of(properties))
    return None


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
    for sentence in of_a_policy(policy):
        yield "thresholds", sentence
    late = settings.detection.max_alert_age
    yield "alerts", "never late" if late is None else f"none for events older than {render_duration(late)}"
    for override in settings.detection.overrides:
        yield "override", f"{_named(override.match)}: {_said(override)}"
    yield "state", f"{_place(settings)} every {settings.state.interval_seconds:g} s"
    yield from _served(settings.http)


def _served(http: HttpSettings) -> Iterator[tuple[str, str]]:
    """Where, and who may ask."""
    asks = ["a certificate"] if http.tls and http.tls.client_ca_file else []
    asks += ["a password"] if http.basic_auth else []
    asked = f", {' and '.join(asks)} asked for" if asks else ", open to all who reach it" if http.open_to_others else ""
    yield "metrics", f"{'https' if http.tls else 'http'}://{http.listen}/metrics{asked}"
    if http.probes_listen:
        yield "probes", f"http://{http.probes_listen}/-/healthy and /-/ready, open to all who reach them"


def _place(settings: Settings) -> str:
    """Where state lives."""
    state = settings.state
    return str(state.path) if state.store == "sqlite" else f"topic {state.topic}, {counted(state.shards, 'shard')}"


def _named(match: StreamMatchSettings) -> str:
    """The globs that say something: `feature amount*, model fraud`."""
    given = [f"{name} {glob}" for name, glob in match.model_dump().items() if glob != "*"]
    return ", ".join(given) or "every stream"


def _said(override: OverrideSettings) -> str:
    """What an override sets: `min_effect.level 0.1, weight 2`."""
    said = override.model_dump(exclude={"match"}, exclude_none=True)
    effects = said.pop("min_effect", {})
    flat = {**{f"min_effect.{name}": value for name, value in effects.items()}, **said}
    return ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in flat.items()
    )
