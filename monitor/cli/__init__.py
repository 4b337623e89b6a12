"""The command line.  Commands import what they need when they run: `replay` is started by the thousand."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from monitor.cli import accept, check, demo, hash_password, log, profile, replay, rules, run, state
from monitor.cli.console import say, tell
from monitor.domain.errors import ConfigurationError, DriftgaugeError

app = typer.Typer(
    name="driftgauge",
    help="Watches a model's events in Kafka and tells Prometheus which feature no longer looks like its reference.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # help is read once; starting without rich is felt at every run
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.command)
app.command("check")(check.command)
app.command("accept")(accept.command)
app.command("replay")(replay.command)
app.command("profile")(profile.command)
app.command("rules")(rules.command)
app.add_typer(state.app, name="state")
app.command("log")(log.command)
app.command("demo")(demo.command)
app.command("hash-password")(hash_password.command)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            say(f"driftgauge {version('driftgauge')}")
        except PackageNotFoundError:  # run from a source tree that was never installed
            say("driftgauge (not installed)")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """The console script.  Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 state refused."""
    try:
        app()
    except DriftgaugeError as error:
        lines = error.mistakes if isinstance(error, ConfigurationError) else [str(error)]
        for line in lines:
            tell(f"driftgauge: {line}")
        sys.exit(error.exit_code)
