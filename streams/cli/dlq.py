"""`onhand dlq`: look at dead letters, replay them once their cause is mended, or discard them."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from streams.cli import dlq_output as output
from streams.cli.cluster import open_log
from streams.cli.errors import UserError
from streams.cli.overrides import BootstrapServers, settings_from
from streams.dlq.decisions import load_decisions
from streams.dlq.describe import details, lines
from streams.dlq.desk import Desk, Done
from streams.dlq.letters import Letter, LetterId
from streams.dlq.mending import mended
from streams.dlq.reading import fetch
from streams.dlq.selection import Selection, dead_letter_topics, select
from streams.engine.errors import EngineError, FencedError
from streams.engine.log import Log

EXIT_REFUSED = 1  # Some letter was decided on before; 2 is for wrong usage.
DEFAULT_LIMIT = 50  # About two screenfuls.
MILLISECONDS_PER_SECOND = 1_000

app = typer.Typer(name="dlq", help="Dead letters: events that could not be applied.", no_args_is_help=True)

ID_HELP = "TOPIC:PARTITION:OFFSET, as `onhand dlq list` shows it."
OneId = Annotated[str, typer.Argument(metavar="ID", help=ID_HELP)]
Ids = Annotated[list[str] | None, typer.Argument(metavar="ID...", help=ID_HELP)]
OneTopic = Annotated[str | None, typer.Option("--topic", help="Only of this input, such as stock-sales.")]
OneReason = Annotated[
    str | None, typer.Option("--reason", help="Only those given up for this, such as INVALID_SKU.")
]
Everything = Annotated[
    bool, typer.Option("--all", help="All open ones with the --reason (and --topic) given.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask before many are changed.")]
Force = Annotated[bool, typer.Option("--force", help="Also those that were decided on before.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


@app.command("list")
def list_letters(
    topic: OneTopic = None,
    reason: OneReason = None,
    decided_too: Annotated[
        bool, typer.Option("--all", help="Show replayed and discarded ones as well.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", min=0, help="Show so many of the newest; 0 shows all as they are read.")
    ] = DEFAULT_LIMIT,
    as_json: AsJson = False,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """List open dead letters, the newest first."""
    with _cluster(bootstrap_servers) as log:
        decisions = load_decisions(log)
        selection = Selection(dead_letter_topics(topic), reason, decided_too)
        output.print_list(select(log, selection, decisions), decisions, limit, as_json=as_json)


@app.command()
def show(letter_id: OneId, as_json: AsJson = False, bootstrap_servers: BootstrapServers = None) -> None:
    """Show one dead letter: reason, key, headers, and its value decoded or, if that can't be, as bytes."""
    with _cluster(bootstrap_servers) as log:
        (letter,) = fetch(log, [LetterId.parse(letter_id)])
        decision = load_decisions(log).get(letter.letter_id)
    if as_json:
        print(json.dumps(details(letter, decision), ensure_ascii=False))
    else:
        print("\n".join(lines(letter, decision)))


@app.command()
def replay(
    ids: Ids = None,
    everything: Everything = False,
    reason: OneReason = None,
    topic: OneTopic = None,
    note: Annotated[str | None, typer.Option("--note", help="Why, for the record.")] = None,
    value_file: Annotated[
        Path | None,
        typer.Option(
            "--value-file",
            exists=True,
            dir_okay=False,
            help="Send this JSON, as `show --json` has it in `value`.",
        ),
    ] = None,
    record: Annotated[
        str | None, typer.Option("--record", help="What the --value-file holds, such as SaleRecorded.")
    ] = None,
    yes: Yes = False,
    force: Force = False,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """
    Send dead letters back to their input topics, as they came or with a mended value.

    Harmless to repeat: an event that was applied before counts as a duplicate.
    """
    _check_choice(ids, reason, topic, everything=everything)
    if value_file is not None and len(ids or ()) != 1:
        raise UserError("A --value-file goes with exactly one ID.")
    with _cluster(bootstrap_servers) as log, _desk(log) as desk:
        count, letters = _chosen(log, desk, ids, Selection(dead_letter_topics(topic), reason, force))
        if value_file is not None:
            letters = iter([mended(next(letters), value_file.read_text("utf-8"), record)])
        if _agreed("Replay", count, yes=yes or not everything):
            steps = desk.replay(letters, note=note, force=force)
            _finish("replayed", output.follow("Replaying", steps, count))


@app.command()
def discard(
    note: Annotated[str, typer.Option("--note", help="Why, for the record.")],
    ids: Ids = None,
    everything: Everything = False,
    reason: OneReason = None,
    topic: OneTopic = None,
    yes: Yes = False,
    force: Force = False,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Close dead letters without any effect on stock."""
    _check_choice(ids, reason, topic, everything=everything)
    with _cluster(bootstrap_servers) as log, _desk(log) as desk:
        count, letters = _chosen(log, desk, ids, Selection(dead_letter_topics(topic), reason, force))
        if _agreed("Discard", count, yes=yes or not everything):
            steps = desk.discard(letters, note=note, force=force)
            _finish("discarded", output.follow("Discarding", steps, count))


@contextmanager
def _cluster(bootstrap_servers: str | None) -> Iterator[Log]:
    """Open the cluster; what goes wrong with it becomes one sentence for the user."""
    try:
        yield open_log(settings_from(bootstrap_servers=bootstrap_servers))
    except FencedError as error:
        raise UserError("Another `onhand dlq` took over while this one ran: run it again.") from error
    except EngineError as error:
        raise UserError(str(error)) from error


@contextmanager
def _desk(log: Log) -> Iterator[Desk]:
    """Open the desk; SIGTERM ends what it does as Ctrl-C would, without an open transaction."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Desk(log, settings_from(), lambda: int(time.time() * MILLISECONDS_PER_SECOND)) as desk:
        yield desk


def _check_choice(ids: list[str] | None, reason: str | None, topic: str | None, *, everything: bool) -> None:
    if ids and (everything or reason or topic):
        raise UserError("Give either IDs, or --all with --reason (and --topic), not both.")
    if not ids and not (everything and reason):
        raise UserError("Give the IDs of dead letters (see `onhand dlq list`), or --all with a --reason.")


def _chosen(
    log: Log, desk: Desk, ids: list[str] | None, selection: Selection
) -> tuple[int, Iterator[Letter]]:
    """Return how many letters are meant, and them; many are read as they are needed."""
    if ids:
        letters = list(fetch(log, [LetterId.parse(text) for text in dict.fromkeys(ids)]))
        return len(letters), iter(letters)
    count = sum(1 for _ in select(log, selection, desk.decisions))
    return count, select(log, selection, desk.decisions)


def _agreed(what: str, count: int, *, yes: bool) -> bool:
    """Tell whether to go on; asks when it must."""
    if not count:
        print("There are no such dead letters.")
        return False
    return yes or typer.confirm(f"{what} {count} dead letters?", err=True)


def _finish(what: str, done: Done) -> None:
    for letter, earlier in done.refused:
        print(f"{letter.letter_id} was already {earlier.lower()}: add --force to do it nevertheless.")
    print(f"{done.decided} {what}, {len(done.refused)} left alone.")
    if done.refused:
        raise typer.Exit(EXIT_REFUSED)
