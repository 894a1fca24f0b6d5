"""`onhand items`: what the catalogue knows of SKUs, and files of items into it."""

import json
import time
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from connectors.items.client import Catalogue
from connectors.items.connector import ItemFileSource
from connectors.items.identifiers import Identifiers, Unresolved
from connectors.items.translate import RECORD
from streams.cli.catalogue import user_errors
from streams.cli.overrides import BootstrapServers, settings_from
from streams.cli.replay import AllowRejects, AsJson, Files, RejectsPath, run
from streams.cli.times import MILLISECONDS_PER_SECOND, moment_ms
from streams.dlq.describe import printable, time_text
from streams.domain.catalogue import Item
from streams.domain.sku import InvalidSku, normalise_sku

app = typer.Typer(no_args_is_help=True, help="Look into the catalogue of SKUs, and describe them.")

EXIT_UNANSWERED = 1  # Nobody knows the identifier, or two SKUs claim it; 2 is for wrong usage.
JsonRows = Annotated[bool, typer.Option("--json", help="Print JSON for machines, a line an item.")]


@app.command("show")
def show(
    identifier: Annotated[str, typer.Argument(help="SKU, alias or GTIN, of a unit or of a package.")],
    bootstrap_servers: BootstrapServers = None,
    as_json: JsonRows = False,
) -> None:
    """Show what an identifier stands for, and what is known of its SKU and from whom."""
    identifiers = _read(bootstrap_servers)
    try:
        meaning = identifiers.meaning_of(normalise_sku(identifier))
    except (Unresolved, InvalidSku) as error:
        typer.echo(f"onhand items: {error}.", err=True)
        raise typer.Exit(EXIT_UNANSWERED) from None
    item = identifiers.item(meaning.sku)
    assert item is not None, "whatever has a meaning is an item"
    if as_json:
        typer.echo(json.dumps({"quantity": meaning.units, **fields_of(item)}, ensure_ascii=False))
    else:
        _print(item, identifier, meaning.units)


@app.command("list")
def list_items(
    category: Annotated[
        str | None, typer.Option("--category", help="Only of this category and those below it.")
    ] = None,
    bundles: Annotated[bool, typer.Option("--bundles", help="Only bundles.")] = False,
    bootstrap_servers: BootstrapServers = None,
    as_json: JsonRows = False,
) -> None:
    """List the items in force, in order of their SKU."""
    items = [
        item
        for item in _read(bootstrap_servers).items()
        if (item.components or not bundles) and (category is None or _is_within(item, category))
    ]
    if as_json:
        for item in items:
            typer.echo(json.dumps(fields_of(item), ensure_ascii=False))
        return
    table = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False)
    for name in ("SKU", "name", "category", "also known as", "consists of"):
        table.add_column(name, overflow="fold")
    for item in items:
        table.add_row(
            *(Text(printable(cell)) for cell in (item.sku, item.name or "", item.category or "")),
            Text(printable(_others(item))),
            Text(printable(_contents(item))),
        )
    Console().print(table)


@app.command("import")
def import_items(
    files: Files,
    source: Annotated[str, typer.Option("--source", help="Who says so: the source_id of every description.")],
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            metavar="TIME",
            help="When that was true: 90m, 24h or 7d ago, or a date or time (UTC). When a file changed last without.",
        ),
    ] = None,
    bootstrap_servers: BootstrapServers = None,
    rejects: RejectsPath = None,
    allow_rejects: AllowRejects = False,
    as_json: AsJson = False,
) -> None:
    """
    Describe items by CSV or JSON-lines files: sku, name, category, gtins, aliases, units, components.

    In CSV a list is written a;b, a unit case=12 or case=12=GTIN, a component SKU=2; an empty cell says nothing, and
    a dash takes back what was said. Importing a file again is harmless.
    """
    occurred_at = None
    if as_of is not None:
        occurred_at = moment_ms(as_of, int(time.time() * MILLISECONDS_PER_SECOND))
    with user_errors():
        items = ItemFileSource(files, source, occurred_at)
        run(
            items,
            files,
            bootstrap_servers,
            None,
            rejects,
            allow_rejects=allow_rejects,
            as_json=as_json,
            records=(RECORD,),
        )


def _read(bootstrap_servers: str | None) -> Identifiers:
    servers = settings_from(bootstrap_servers=bootstrap_servers).bootstrap_servers
    with user_errors(), Catalogue(servers) as catalogue:
        return catalogue.identifiers


def fields_of(item: Item) -> dict[str, Any]:
    """Return an item for machines: what is unknown is null."""
    return {
        "sku": item.sku,
        "name": item.name,
        "category": item.category,
        "gtins": item.gtins,
        "aliases": item.aliases,
        "units": None if item.units is None else [unit._asdict() for unit in item.units],
        "components": None if item.components is None else [part._asdict() for part in item.components],
        "origins": [origin._asdict() for origin in item.origins],
    }


def _is_within(item: Item, category: str) -> bool:
    own = item.category or ""
    return own == category or own.startswith(f"{category}/")


def _others(item: Item) -> str:
    packages = [f"{unit.gtin} ({unit.units})" for unit in item.units or () if unit.gtin is not None]
    return ", ".join([*(item.gtins or ()), *(item.aliases or ()), *packages])


def _contents(item: Item) -> str:
    return ", ".join(f"{part.quantity} of {part.sku}" for part in item.components or ())


def _print(item: Item, identifier: str, units: int) -> None:
    console = Console()
    console.print(Text(f"{printable(identifier)} stands for {units} of SKU {printable(item.sku)}"))
    origins = {origin.attribute: origin for origin in item.origins}
    shown = {
        "name": item.name or "",
        "category": item.category or "",
        "gtins": ", ".join(item.gtins or ()),
        "aliases": ", ".join(item.aliases or ()),
        "units": ", ".join(_unit(*unit) for unit in item.units or ()),
        "components": _contents(item),
    }
    table = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False)
    for name in ("attribute", "value", "source", "as of (UTC)"):
        table.add_column(name, overflow="fold")
    for name, origin in origins.items():
        said = Text(printable(shown[name]) or "(none)")
        table.add_row(name, said, Text(printable(origin.source_id)), time_text(origin.occurred_at))
    console.print(table)


def _unit(unit: str, units: int, gtin: str | None) -> str:
    return f"{unit} of {units}" + ("" if gtin is None else f" ({gtin})")
