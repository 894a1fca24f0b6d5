"""What `onhand ledger` prints: rows, what there is to say about them, the verdict, and how far the scan is."""

import json
import sys
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from streams.dlq.describe import printable, time_text
from streams.ledger.chain import Entry
from streams.ledger.movement import Figures, Movement
from streams.ledger.reading import Reading
from streams.ledger.words import words

PROGRESS_FROM_RECORDS = 100_000  # Fewer are read in about a second.
PLAIN_INTERVAL_SECONDS = 5.0  # Enough to see life in a log, not enough to fill it.
LOCATIONS_SHOWN = 10  # In the sentence at the end; a chain of shops has thousands.
RIGHT_ALIGNED = frozenset({"change", "on hand", "reserved", "held", "available", "version"})
COLUMNS = (
    "occurred (UTC)",
    "event",
    "change",
    "location",
    "channel",
    "source / event",
    "outcome",
    "on hand",
    "reserved",
    "held",
    "available",
    "version",
)


def print_newest(entries: Collection[Entry | str], *, as_json: bool) -> None:
    """Print rows, oldest first: as a table on a terminal, else a line each."""
    if as_json or not sys.stdout.isatty():
        print_lines(entries, as_json=as_json)
    elif entries:
        Console().print(_table(entries))


def print_lines(entries: Iterable[Entry | str], *, as_json: bool) -> None:
    """Print a line a row as they come; holds none of them."""
    for entry in entries:
        _print_line(entry, as_json=as_json)


def print_summary(reading: Reading, *, as_json: bool) -> None:
    """Print the verdict: a sentence on standard error, with --json also as the last line of the output."""
    if as_json:
        print(json.dumps({"summary": _summary(reading)}, ensure_ascii=False))
    print(verdict(reading), file=sys.stderr)


def agrees(reading: Reading) -> bool:
    """Tell whether there was anything to look at and its balances chain; an empty span of time does agree."""
    return not reading.chain.gaps_total and bool(reading.chain.rows_total or reading.question.since)


def verdict(reading: Reading) -> str:
    """Return what the rows come to, in a sentence."""
    chain, question = reading.chain, reading.question
    place = f" at {printable(question.location_id)}" if question.location_id else ""
    what = f"of {printable(question.sku)}{place}"
    if not chain.rows_total:
        if question.since is not None:
            return f"No movement {what} was recorded since {time_text(question.since)} UTC."
        return f"There is no movement {what}: no event has named it yet, or all are older than what is kept."
    rows = f"{chain.rows_total:,} movements {what}"
    if chain.gaps_total:
        return f"GAP: {rows}, with {chain.gaps_total:,} gaps; `onhand verify` finds out what is true."
    begin = "from zero" if chain.complete else "from the first one read"
    return f"{rows}: balances chain without a gap {begin}. On hand now: {_on_hand_now(reading)}."


def _on_hand_now(reading: Reading) -> str:
    balances = sorted(reading.chain.balances.items())
    shown = [f"{printable(place)} {_balance(figures)}" for place, figures in balances[:LOCATIONS_SHOWN]]
    more = len(balances) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more locations" if more else "")


def _balance(figures: Figures) -> str:
    """Return on_hand, and what of it is promised."""
    promised = ((figures.reserved, "reserved"), (figures.held, "held"))
    parts = [f"{units:,} {name}" for units, name in promised if units]
    return f"{figures.on_hand:,}" + (f" ({', '.join(parts)})" if parts else "")


def _summary(reading: Reading) -> dict[str, Any]:
    chain = reading.chain
    return {
        "sku": reading.question.sku,
        "movements_total": chain.rows_total,
        "gaps_total": chain.gaps_total,
        "chained": not chain.gaps_total,
        "from_zero": chain.complete,
        "version": chain.version,
        "locations": [
            {"location_id": place, **figures._asdict()} for place, figures in sorted(chain.balances.items())
        ],
    }


def _print_line(entry: Entry | str, *, as_json: bool) -> None:
    if isinstance(entry, str):
        print(json.dumps({"gaps": [entry]}, ensure_ascii=False) if as_json else f"GAP: {printable(entry)}")
    elif as_json:
        print(json.dumps(_as_json(entry), ensure_ascii=False))
    else:
        print("\t".join(cells(entry.movement)), *_remarks(entry), sep="\t")


def _as_json(entry: Entry) -> dict[str, Any]:
    """Return a row with all fields of StockMovement, and what was worked out."""
    movement = entry.movement
    place = {"partition": movement.partition, "offset": movement.offset}
    return {
        **movement.values,
        "change": movement.change,
        "words": words(movement),
        **place,
        "gaps": list(entry.gaps),
        "notes": list(entry.notes),
    }


def cells(movement: Movement) -> tuple[str, ...]:
    """Return a row's cells in the order of COLUMNS, without anything that could steer a terminal."""
    values = movement.values
    figures, (before, after) = movement.after, movement.on_hand
    outcome = " ".join(filter(None, (movement.outcome, values["reason"], "late" if values["late"] else "")))
    shown = (
        time_text(values["occurred_at"]),
        movement.event_type,
        f"{movement.change:+,}" if movement.change else "0",
        movement.location_id or "-",
        values["channel_id"] or "-",
        f"{values['source_id']} / {values['event_id']}",
        outcome,
        f"{before:,} → {after:,}",
        _figure(figures.reserved),
        _figure(figures.held),
        f"{figures.available:,}",
        str(movement.version),
    )
    return tuple(printable(cell) for cell in shown)


def _figure(units: int | None) -> str:
    return "-" if units is None else f"{units:,}"


def _remarks(entry: Entry) -> list[str]:
    said = words(entry.movement)
    remarks = [*(f"GAP: {gap}" for gap in entry.gaps), *entry.notes, *([said] if said else [])]
    return [printable(remark) for remark in remarks]


def _table(entries: Iterable[Entry | str]) -> Table:
    """Return the rows with their remarks beneath them; narrow terminals fold cells rather than cut them."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in COLUMNS:
        table.add_column(name, overflow="fold", justify="right" if name in RIGHT_ALIGNED else "left")
    for entry in entries:
        if isinstance(entry, str):
            _add_remark(table, f"GAP: {printable(entry)}")
            continue
        table.add_row(*(Text(cell) for cell in cells(entry.movement)))
        for remark in _remarks(entry):
            _add_remark(table, remark)
    return table


def _add_remark(table: Table, remark: str) -> None:
    """Put a remark into the widest column, where it folds least."""
    style = "red" if remark.startswith("GAP") else "dim"
    filled = [Text("")] * len(COLUMNS)
    filled[COLUMNS.index("source / event")] = Text(remark, style=style)
    table.add_row(*filled)


class ReadProgress:
    """How far a scan has come, on standard error: a bar on a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        self._read = self._total = 0
        self._shown_at = 0.0
        self._bar: Progress | None = None

    @contextmanager
    def of(self, total: int, *, beside_rows: bool) -> Iterator[None]:
        """
        Show progress towards so many records while this lasts; short scans stay silent.

        beside_rows says that rows are printed meanwhile: on the same terminal they show life enough.
        """
        self._total, self._shown_at = total, time.monotonic()
        hidden = beside_rows and sys.stdout.isatty()
        if total < PROGRESS_FROM_RECORDS or hidden or not sys.stderr.isatty():
            yield
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        # What is printed meanwhile goes to a file, and must not be led to the bar's terminal.
        with Progress(
            *columns, console=Console(stderr=True), transient=True, redirect_stdout=False
        ) as self._bar:
            self._bar.add_task("records read", total=total)
            yield

    def advance(self, count: int) -> None:
        """Take so many more records as read."""
        self._read += count
        if self._bar is not None:
            self._bar.advance(self._bar.task_ids[0], count)
        elif not sys.stderr.isatty() and self._total >= PROGRESS_FROM_RECORDS:
            self._say()

    def _say(self) -> None:
        if time.monotonic() - self._shown_at >= PLAIN_INTERVAL_SECONDS:
            self._shown_at = time.monotonic()
            print(
                f"onhand ledger: {self._read:,} of {self._total:,} records read", file=sys.stderr, flush=True
            )
