"""`driftgauge log`: the decision log of a state directory, while its daemon runs or not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from monitor.cli import options
from monitor.cli.console import say
from monitor.domain.errors import ConfigurationError

#: seconds between two looks at the log with --follow
LOOK_SECONDS = 0.5

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Filter:
    """What is shown: everything that is given has to fit; since and until are wall clock, seconds."""

    model: str | None = None
    model_version: str | None = None
    feature: str | None = None
    kind: str | None = None
    since: float | None = None
    until: float | None = None

    def shows(self, recorded_at: float, event: Event) -> bool:
        """Does an event of the log fit?"""
        data = event.get("data", {})
        named = ((self.model, "model"), (self.model_version, "model_version"), (self.feature, "feature"))
        return (
            all(wanted is None or data.get(name) == wanted for wanted, name in named)
            and (self.kind is None or event.get("type") == f"driftgauge.{self.kind}.v1")
            and (self.since is None or recorded_at >= self.since)
            and (self.until is None or recorded_at < self.until)
        )


def command(
    directory: Annotated[
        Path | None, typer.Argument(help="Directory of the state, instead of --config.", show_default=False)
    ] = None,
    config: options.OptionalConfig = None,
    model: Annotated[str | None, typer.Option("--model", help="Only this model.")] = None,
    model_version: Annotated[str | None, typer.Option("--model-version", help="Only this version.")] = None,
    feature: Annotated[str | None, typer.Option("--feature", help="Only this feature (or prediction).")] = None,
    kind: Annotated[
        str | None, typer.Option("--type", help="Only `finding`, `episode`, `joint` or `intervention`.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Recorded at this time (ISO 8601, or seconds since 1970) or later.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="Recorded before this time.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One CloudEvent a line, as it was published.")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until interrupted.")] = False,
) -> None:
    """Show what was concluded and why, oldest first; works while the daemon runs."""
    if kind not in (None, *_SAYS):
        raise ConfigurationError([f"--type: expected one of {', '.join(_SAYS)}, got {kind!r}"])
    wanted = Filter(model, model_version, feature, kind, _time("--since", since), _time("--until", until))
    if directory is None:
        if config is None:
            raise ConfigurationError(["expected the directory of a state, or --config"])
        settings = options.load_settings(config, None)
        if settings.state.store != "sqlite":
            raise ConfigurationError(
                [f"with state.store: kafka, decisions are in the topic {settings.output.findings_topic!r}"]
            )
        directory = settings.state.path
    write = _as_json if as_json else _as_text
    try:
        for recorded_at, event in _events(directory, follow):
            if wanted.shows(recorded_at, event):
                say(write(recorded_at, event))
    except KeyboardInterrupt:  # how following ends
        pass


def _events(directory: Path, follow: bool) -> Iterator[tuple[float, Event]]:
    from monitor.state.decisions import decisions

    last = 0
    while True:
        for number, recorded_at, event in decisions(directory, last):
            last = number
            yield recorded_at, event
        if not follow:
            return
        time.sleep(LOOK_SECONDS)


def _time(option: str, given: str | None) -> float | None:
    if given is None:
        return None
    try:
        return float(given)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise ConfigurationError([f"{option}: expected a time such as 2024-05-01T12:00:00Z, got {given!r}"]) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _as_json(recorded_at: float, event: Event) -> str:
    import msgspec

    del recorded_at  # the line is the published record, nothing added
    return msgspec.json.encode(event).decode()


def _as_text(recorded_at: float, event: Event) -> str:
    from monitor.findings.events import iso_time

    data = event["data"]
    kind = str(event.get("type", "")).removeprefix("driftgauge.").removesuffix(".v1")
    when = str(event.get("time") or iso_time(recorded_at) or "-")
    stream = f"{data.get('model')}/{data.get('model_version')}"
    if data.get("feature"):
        stream += f"/{data.get('kind', 'feature')}/{data['feature']}"
    return f"{when}  {kind:<12}  {stream}  {_SAYS.get(kind, _says_anything)(data)}"


def _says_finding(data: Event) -> str:
    score = "" if data.get("score") is None else f" score {data['score']:.3g}"
    return f"{data['detector']} on {data['channel']}{score}: {data['explanation']}"


def _says_episode(data: Event) -> str:
    reason = f" ({data['reason']})" if data.get("reason") else ""
    return f"{data['aspect']} {data['state']}{reason}: {data['finding']['explanation']}"


def _says_joint(data: Event) -> str:
    return f"settled ({data['reason']})" if data["state"] == "settled" else str(data["explanation"])


def _says_intervention(data: Event) -> str:
    told = ", ".join(f"{name}: {value}" for name, value in (data.get("detail") or {}).items())
    return f"{data['intervention']}{'; ' if told else ''}{told}"


def _says_anything(data: Event) -> str:
    return str(dict(data))


_SAYS: Mapping[str, Callable[[Event], str]] = {
    "finding": _says_finding,
    "episode": _says_episode,
    "joint": _says_joint,
    "intervention": _says_intervention,
}
