"""`onhand feeds`: look at full feeds, and decide about those that wait for a person (semantics 6)."""

import getpass
import json
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams.cli.cluster import open_log
from streams.cli.errors import UserError
from streams.cli.overrides import BootstrapServers, settings_from
from streams.dlq.describe import printable, time_text
from streams.domain import feeds
from streams.engine.errors import EngineError, FencedError
from streams.engine.log import Log
from streams.feeds.answering import answer
from streams.feeds.listing import FeedStatus, find, load_feeds

MILLISECONDS_PER_SECOND = 1_000
DEFAULT_LIMIT = 50  # About two screenfuls.
COLUMNS = ("feed", "source", "location", "state", "rows", "to zero", "changed", "age")
AGE_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))

app = typer.Typer(name="feeds", help="Full feeds: how far they are, and who may pass.", no_args_is_help=True)

FeedName = Annotated[str, typer.Argument(metavar="FEED", help="Its id, as `onhand feeds list` shows it.")]
Source = Annotated[str | None, typer.Option("--source", help="Of this source, if several use the id.")]
Location = Annotated[str | None, typer.Option("--location", help="Of this location, if several have the id.")]
By = Annotated[str | None, typer.Option("--by", help="Who decides; the user of this shell without.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


@app.command("list")
def list_feeds(
    open_only: Annotated[
        bool, typer.Option("--open", help="Only those that are not applied, dropped or rejected.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", min=0, help="Show so many of the latest; 0 shows all.")
    ] = DEFAULT_LIMIT,
    as_json: AsJson = False,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """List full feeds, the latest first: rows of how many, and the share of SKUs that it would set to zero."""
    with _cluster(bootstrap_servers) as log:
        found = load_feeds(log)
    if open_only:
        found = [one for one in found if not all(said.is_over for said in one.feed.progress.values())]
    shown = found[:limit] if limit else found
    if as_json:
        for one in shown:
            print(json.dumps(one.summary(), ensure_ascii=False))
    elif sys.stdout.isatty():
        Console().print(_table(shown))
    else:
        for one in shown:
            print("\t".join(_cells(one)))
    waiting = sum(one.feed.decision == feeds.QUARANTINED for one in found)
    print(f"{len(shown)} of {len(found)} feeds, {waiting} wait for a decision", file=sys.stderr)


@app.command()
def show(
    feed: FeedName,
    source: Source = None,
    location: Location = None,
    as_json: AsJson = False,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Show one feed: what it would do, what was decided and why, and how far each partition is."""
    with _cluster(bootstrap_servers) as log:
        found = find(load_feeds(log), feed, source, location)
    print(json.dumps(found.details(), ensure_ascii=False) if as_json else "\n".join(_lines(found)))


@app.command()
def approve(
    feed: FeedName,
    note: Annotated[str, typer.Option("--note", help="Why, for the record.")] = "",
    by: By = None,
    source: Source = None,
    location: Location = None,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Have a feed in quarantine applied: SKUs that it does not name go to zero."""
    _answer(feeds.APPROVED, bootstrap_servers, feed, source, location, by, note)


@app.command()
def reject(
    feed: FeedName,
    note: Annotated[str, typer.Option("--note", help="Why, for the record.")],
    by: By = None,
    source: Source = None,
    location: Location = None,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Drop a feed in quarantine; stock stays as it is."""
    _answer(feeds.REJECTED, bootstrap_servers, feed, source, location, by, note)


@contextmanager
def _cluster(bootstrap_servers: str | None) -> Iterator[Log]:
    """Open the cluster; what goes wrong with it becomes one sentence for the user."""
    try:
        yield open_log(settings_from(bootstrap_servers=bootstrap_servers))
    except FencedError as error:
        raise UserError("Somebody else decided at the same time: look at it again.") from error
    except EngineError as error:
        raise UserError(str(error)) from error


def _answer(
    decision: str,
    bootstrap_servers: str | None,
    feed: str,
    source: str | None,
    location: str | None,
    by: str | None,
    note: str,
) -> None:
    settings = settings_from(bootstrap_servers=bootstrap_servers)
    with _cluster(bootstrap_servers) as log:
        found = find(load_feeds(log), feed, source, location)
        answer(log, settings, found, decision, by=by or getpass.getuser(), note=note, now=_now)
    done = "Workers apply it now" if decision == feeds.APPROVED else "Workers drop its rows now"
    print(f"Feed {printable(feed)} is {decision.lower()}. {done}: see `onhand feeds show`.")


def _now() -> int:
    return int(time.time() * MILLISECONDS_PER_SECOND)


def _table(found: Iterable[FeedStatus]) -> Table:
    table = Table(*COLUMNS, box=None, pad_edge=False)
    for one in found:
        table.add_row(*(Text(cell) for cell in _cells(one)))
    return table


def _cells(one: FeedStatus) -> tuple[str, ...]:
    source_id, location_id, feed_id = one.feed.feed_id
    return (
        printable(feed_id),
        printable(source_id),
        printable(location_id),
        one.state,
        f"{one.feed.rows} of {one.total}",
        _share(one),
        str(one.changed),
        _age(_now() - one.feed.as_of),
    )


def _share(one: FeedStatus) -> str:
    if one.zero_share is None:
        return "not known yet"
    return f"{one.feed.would_zero} of {one.feed.skus} SKUs ({one.zero_share} %)"


def _age(milliseconds: int) -> str:
    seconds = max(0, milliseconds) // MILLISECONDS_PER_SECOND
    return next((f"{seconds // size} {unit}" for unit, size in AGE_UNITS if seconds >= size), "0 s")


def _lines(one: FeedStatus) -> list[str]:
    source_id, location_id, feed_id = one.feed.feed_id
    decided = one.feed.decided
    lines = [
        f"feed      {printable(feed_id)} of {printable(source_id)} at {printable(location_id)}",
        f"state     {one.state}",
        f"as of     {time_text(one.feed.as_of)} UTC ({_age(_now() - one.feed.as_of)} ago)",
        f"rows      {one.feed.rows} of {one.total}",
        f"to zero   {_share(one)}",
        f"changed   {one.changed} SKUs",
    ]
    if decided is not None:
        why = f": {printable(decided.note)}" if decided.note else ""
        when = time_text(decided.decided_at)
        lines.append(f"decision  {decided.decision} by {printable(decided.by)} at {when} UTC{why}")
    for number in sorted(one.feed.progress):
        said = one.feed.progress[number]
        lines.append(f"partition {number}: {said.stage.lower()}, {said.rows} rows, {said.changed} changed")
    return lines
