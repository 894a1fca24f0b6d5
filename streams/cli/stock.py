"""`onhand stock SKU`: what there is of one SKU, where, what each channel may sell, what can be promised when."""

import asyncio
import json
import time
import unicodedata
from typing import Annotated, Any

import typer
from redis.exceptions import RedisError
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams.cli import atp
from streams.cli.overrides import RedisUrl, settings_from
from streams.dlq.describe import printable
from streams.domain.days import day_of
from streams.settings import Settings
from streams.view.connection import connect
from streams.view.reader import SkuView, ViewNotServedError, ViewReader

EXIT_UNANSWERED = 1  # The SKU is unknown or the view can't be asked; 2 is for wrong usage.
FIGURES = ("on_hand", "unsellable", "reserved", "held", "safety_stock", "incoming", "available")


class UnansweredError(Exception):
    """The question has no answer now; the message says why and what to do."""


def stock(
    sku: Annotated[str, typer.Argument(help="Stock keeping unit, as the shop writes it.")],
    redis_url: RedisUrl = None,
    by_day: Annotated[
        bool, typer.Option("--atp", help="Also show what can be promised for delivery from each day on.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Show the stock of one SKU at every location and what each channel may sell."""
    settings = settings_from(redis_url=redis_url)
    normal = unicodedata.normalize("NFC", sku).strip()
    try:
        found = asyncio.run(_ask(settings, normal))
    except UnansweredError as error:
        typer.echo(f"onhand stock: {error}", err=True)
        raise typer.Exit(EXIT_UNANSWERED) from None
    described = describe(normal, found)
    if by_day:
        today = day_of(time.time_ns() // 1_000_000)
        rows = atp.by_day(found.level, today, settings.promise_horizon_days)
        described["available_to_promise"] = rows
    if as_json:
        typer.echo(json.dumps(described, ensure_ascii=False))
    else:
        _print(described)


def describe(sku: str, found: SkuView) -> dict[str, Any]:
    """Return a SKU's stock for people and machines; `available` may be negative (semantics, words)."""
    level = found.level or {"version": 0, "locations": [], "occurred_at": None, "updated_at": None}
    return {
        "sku": sku,
        "version": level["version"],
        "locations": [{**location, "available": _available(location)} for location in level["locations"]],
        "channels": list(found.availability.values()),
        "occurred_at": level["occurred_at"],
        "updated_at": level["updated_at"],
    }


async def _ask(settings: Settings, sku: str) -> SkuView:
    redis = connect(settings.redis_url)
    try:
        found = await ViewReader(redis).sku(sku)
    except ViewNotServedError as error:
        raise UnansweredError(str(error)) from error
    except (RedisError, OSError) as error:
        raise UnansweredError(
            f"Redis at {settings.redis_url} does not answer ({error}): start it, or check --redis-url."
        ) from error
    finally:
        await redis.aclose()
    if not found.known:
        raise UnansweredError(f"SKU {sku!r} is unknown: no event has named it yet.")
    return found


def _available(location: dict[str, Any]) -> int:
    kept_back: int = sum(location[name] for name in ("unsellable", "reserved", "held", "safety_stock"))
    on_hand: int = location["on_hand"]
    return on_hand - kept_back


def _table() -> Table:
    """Return an empty table that leaves room for all figures on 80 columns."""
    return Table(box=SIMPLE_HEAD, padding=0, pad_edge=False)


def _print(described: dict[str, Any]) -> None:
    console = Console()
    console.print(Text(f"{printable(described['sku'])} (version {described['version']})"))
    console.print(_locations(described["locations"]))
    console.print(_channels(described["channels"]))
    if "available_to_promise" in described:
        console.print(atp.table_of(described["available_to_promise"]))


def _locations(rows: list[dict[str, Any]]) -> Table:
    """Return the figures by location; a long location folds, a figure never does."""
    table = _table()
    table.add_column("location", overflow="fold")
    for name in FIGURES:
        shown = [*name.split("_"), *(f"{row[name]:,}" for row in rows)]
        table.add_column(name.replace("_", " "), justify="right", min_width=max(map(len, shown)))
    for row in rows:
        table.add_row(Text(printable(row["location_id"])), *(_figure(row, name) for name in FIGURES))
    return table


def _figure(row: dict[str, Any], name: str) -> Text:
    is_short = name == "available" and row[name] < 0
    return Text(f"{row[name]:,}", style="red" if is_short else "")


def _channels(rows: list[dict[str, Any]]) -> Table:
    table = _table()
    table.add_column("channel", no_wrap=True)
    table.add_column("available to sell", justify="right")
    table.add_column("version", justify="right")
    for row in rows:
        table.add_row(Text(row["channel_id"]), f"{row['available_to_sell']:,}", str(row["version"]))
    return table
