"""Available to promise by day, as `onhand stock SKU --atp` shows it (semantics 10)."""

from datetime import UTC, datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from streams.domain.days import start_of
from streams.domain.promise import pooled, promise_on
from streams.domain.stock import Level, Promise, Stock

MILLISECONDS_PER_SECOND = 1_000


def by_day(level: dict[str, Any] | None, today: int, horizon_days: int) -> list[dict[str, Any]]:
    """
    Return a row for each UTC day from today to the horizon, of a stock-levels value.

    incoming and demand are what the day itself brings and takes over all locations, available_to_promise is what can
    still be promised for delivery from that day on; units. Values of version 1 of the schema know no future.
    """
    known = level or {}
    promises = tuple(Promise(**entry) for entry in known.get("promises", ()))
    locations = tuple(Level(**location) for location in known.get("locations", ()))
    now = pooled(Stock("", locations=locations))
    future = known.get("future", ())
    return [
        {
            "day": date_of(day),
            "incoming": sum(entry["incoming"] for entry in future if entry["day"] == day),
            "demand": sum(entry["demand"] for entry in future if entry["day"] == day),
            "available_to_promise": promise_on(promises, day, now),
        }
        for day in range(today, today + horizon_days + 1)
    ]


def date_of(day: int) -> str:
    """Return a UTC day as ISO 8601 writes it, such as 2026-11-25."""
    return datetime.fromtimestamp(start_of(day) / MILLISECONDS_PER_SECOND, UTC).date().isoformat()


def table_of(rows: list[dict[str, Any]]) -> Table:
    """Return the rows for people; a day that neither brings nor takes anything shows only what can be promised."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column("day (UTC)", no_wrap=True)
    for name in ("incoming", "demand", "available to promise"):
        table.add_column(name, justify="right")
    for row in rows:
        moves = (f"{row[name]:,}" if row[name] else "" for name in ("incoming", "demand"))
        table.add_row(row["day"], *moves, f"{row['available_to_promise']:,}")
    return table
