"""`onhand topics`: plan and apply what the cluster's topics lack; nothing is ever shrunk or lost."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams.app import topic_wishes
from streams.cli.cluster import open_log
from streams.cli.errors import UserError
from streams.cli.overrides import BootstrapServers, settings_from
from streams.engine.errors import ConfigurationError
from streams.engine.topic_plan import Action, TopicChange, TopicWish, plan
from streams.engine.topics import apply_changes, read_topics
from streams.settings import Settings

EXIT_DIFFERENT = 1  # Something is to be done, or can't be done by this command; 2 is for wrong usage.
TO_DO = {Action.CREATE, Action.CORRECT}
STYLES = {Action.CREATE: "green", Action.CORRECT: "yellow", Action.LEAVE: "dim", Action.REFUSE: "bold red"}

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]

app = typer.Typer(help="Create the topics that are missing, and correct settings.")


@app.callback(invoke_without_command=True)
def topics(context: typer.Context, bootstrap_servers: BootstrapServers = None) -> None:
    """Create the topics that are missing, and correct settings; without a command: apply."""
    context.obj = bootstrap_servers
    if context.invoked_subcommand is None:
        apply(context)


@app.command("plan")
def show_plan(
    context: typer.Context, bootstrap_servers: BootstrapServers = None, as_json: AsJson = False
) -> None:
    """Show what apply would do; exit 1 if that is anything, or something needs a person."""
    settings = settings_from(bootstrap_servers=bootstrap_servers or context.obj)
    _, changes = _planned(settings)
    _print(changes, as_json=as_json)
    if not as_json and not changes:
        typer.echo("all topics are there, as they are declared")
    if any(change.action is not Action.LEAVE for change in changes):
        raise typer.Exit(EXIT_DIFFERENT)


@app.command()
def apply(
    context: typer.Context, bootstrap_servers: BootstrapServers = None, as_json: AsJson = False
) -> None:
    """Create topics and correct settings; exit 1 if something is left that needs a person."""
    settings = settings_from(bootstrap_servers=bootstrap_servers or context.obj)
    wishes, changes = _planned(settings)
    try:
        apply_changes(settings.bootstrap_servers, wishes, changes)
    except ConfigurationError as error:
        raise UserError(str(error)) from error
    _print(changes, as_json=as_json)
    if not as_json:
        typer.echo(_summary(changes))
    if any(change.action is Action.REFUSE for change in changes):
        raise typer.Exit(EXIT_DIFFERENT)


def _planned(settings: Settings) -> tuple[list[TopicWish], list[TopicChange]]:
    open_log(settings)  # Says within seconds that nobody answers; a worker may wait longer.
    wishes = topic_wishes(settings)
    try:
        there = read_topics(settings.bootstrap_servers, [wish.name for wish in wishes])
    except ConfigurationError as error:
        raise UserError(str(error)) from error
    return wishes, plan(wishes, there)


def _summary(changes: list[TopicChange]) -> str:
    created = [change.topic for change in changes if change.action is Action.CREATE]
    corrected = [
        f"{change.setting} of {change.topic}" for change in changes if change.action is Action.CORRECT
    ]
    done = []
    if created:
        done.append(f"created {len(created)} topics: {', '.join(created)}")
    if corrected:
        done.append(f"corrected {', '.join(corrected)}")
    return "; ".join(done) or "all topics are there"


def _print(changes: list[TopicChange], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([change._asdict() for change in changes]))
    elif changes:
        table = Table("topic", "", "setting", "is", "declared", "why")
        for change in changes:
            action = Text(change.action.value, style=STYLES[change.action])
            cells = (change.setting or "topic", change.found, change.wanted, change.why)
            table.add_row(change.topic, action, *cells)
        Console().print(table)
