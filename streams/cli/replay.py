"""`onhand replay`: feed files to the stock topics as channel events."""

import json
import signal
import sys
import threading
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from connectors.files.connector import FileSource
from connectors.files.full_feed import FullFeedSource
from connectors.files.mapping import RECORDS, load_mapping
from connectors.items.connector import ItemFileSource
from connectors.online_retail.connector import OnlineRetailSource
from connectors.publish import Publisher
from connectors.rejects import RejectsFile
from connectors.replay import Summary, replay
from streams.cli.catalogue import UseCatalogue, open_catalogue, user_errors
from streams.cli.overrides import BootstrapServers, settings_from
from streams.cli.replay_progress import replay_progress

app = typer.Typer(no_args_is_help=True, help="Feed files to the stock topics as channel events.")

Files = Annotated[
    list[Path], typer.Argument(metavar="FILE...", help="Files, plain or .gz, in order of time.")
]
Rate = Annotated[
    float | None, typer.Option("--rate", min=0.01, help="Events per second; full speed without.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the summary as one line of JSON.")]
RejectsPath = Annotated[
    Path | None,
    typer.Option(
        "--rejects", help="Where rows go that are no events; FIRST-FILE.rejects.jsonl here without."
    ),
]
AllowRejects = Annotated[
    bool, typer.Option("--allow-rejects", help="Exit with 0 even if rows were rejected.")
]
OpeningStock = Annotated[
    int | None,
    typer.Option("--opening-stock", min=1, help="First receive this many of each SKU at each location."),
]

EXIT_REJECTS = 1
EXIT_STOPPED = 130  # What shells report for a command that was interrupted.


@app.command("online-retail")
def online_retail(
    files: Files,
    rate: Rate = None,
    opening_stock: OpeningStock = None,
    bootstrap_servers: BootstrapServers = None,
    rejects: RejectsPath = None,
    allow_rejects: AllowRejects = False,
    as_json: AsJson = False,
) -> None:
    """Replay UCI Online Retail, sales of a real shop, with the ids that it always gets."""
    with user_errors():
        source = OnlineRetailSource(files, opening_stock)
        run(source, files, bootstrap_servers, rate, rejects, allow_rejects=allow_rejects, as_json=as_json)


@app.command("file")
def file(
    files: Files,
    mapping: Annotated[Path, typer.Option("--mapping", help="TOML file: how rows become events.")],
    rate: Rate = None,
    bootstrap_servers: BootstrapServers = None,
    rejects: RejectsPath = None,
    allow_rejects: AllowRejects = False,
    as_json: AsJson = False,
    catalogue: UseCatalogue = None,
) -> None:
    """Replay CSV or JSON-lines files, as a mapping file says."""
    with user_errors(), ExitStack() as opened:
        resolve = None
        rules = load_mapping(mapping)
        if catalogue is not None:
            servers = settings_from(bootstrap_servers=bootstrap_servers).bootstrap_servers
            items = opened.enter_context(open_catalogue(servers, catalogue))
            resolve = items.resolve
        plain = FileSource(files, rules, resolve)
        source = plain if rules.full_feed is None else FullFeedSource(plain, rules.full_feed)
        run(source, files, bootstrap_servers, rate, rejects, allow_rejects=allow_rejects, as_json=as_json)


def run(
    source: OnlineRetailSource | FileSource | FullFeedSource | ItemFileSource,
    files: list[Path],
    bootstrap_servers: str | None,
    rate: float | None,
    rejects_path: Path | None,
    *,
    allow_rejects: bool,
    as_json: bool,
    records: Iterable[str] = RECORDS,
) -> None:
    """Replay a source, print what was done, and exit with a code that tells."""
    servers = settings_from(bootstrap_servers=bootstrap_servers).bootstrap_servers
    rejects = RejectsFile(rejects_path or Path(f"{files[0].name}.rejects.jsonl"))
    publisher = Publisher(servers)
    publisher.require_topics(records)
    stop = _stop_on_signals()
    with replay_progress(f"Replaying {source.source_id}", source.files) as show:
        try:
            summary = replay(
                source,
                publisher,
                rate_per_second=rate,
                on_reject=rejects.add,
                on_progress=show,
                stopped=stop.is_set,
            )
        finally:
            rejects.close()
    print(_json(summary) if as_json else _text(summary, servers))
    if rejects.count:
        print(f"{rejects.count} rows were rejected; see {rejects.path} for why.", file=sys.stderr)
    if summary.stopped:
        raise typer.Exit(EXIT_STOPPED)
    if rejects.count and not allow_rejects:
        raise typer.Exit(EXIT_REJECTS)


def _stop_on_signals() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set; what is on its way by then is still delivered."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _json(summary: Summary) -> str:
    told = {field.name: getattr(summary, field.name) for field in fields(summary)}
    return json.dumps(told | {"events_total": summary.events_total})


def _text(summary: Summary, servers: str) -> str:
    per_second = summary.events_total / max(summary.seconds, 1e-9)
    done = "Stopped after" if summary.stopped else "Replayed"
    speed = f"in {summary.seconds:.1f} s ({per_second:,.0f}/s)"
    counts = sorted(summary.events.items())
    counts += sorted((f"ignored: {reason}", count) for reason, count in summary.ignored.items())
    counts += [("rejected", summary.rejected)] if summary.rejected else []
    lines = [f"  {count:>9,} {what}" for what, count in counts]
    return "\n".join([f"{done} {summary.events_total:,} events to {servers} {speed}", *lines])
