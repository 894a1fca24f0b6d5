"""What `onhand hold` prints: answers and holds, for people and for machines."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from connectors.reservations.translate import Answer
from streams.cli.held import Held, Hold
from streams.dlq.describe import printable, time_text
from streams.domain.holds import ACTIVE, CONFIRMED

WHY = {
    "INSUFFICIENT_STOCK": "not so many units are available",
    "HOLD_EXPIRED": "its time is over",
    "HOLD_UNKNOWN": "this SKU has no such hold",
    "HOLD_ENDED": "it was confirmed or released",
    "NOT_OWNER": "it is somebody else's; see --owner",
    "UNKNOWN_SKU": "no event has named the SKU yet",
    "INVALID_TIME": "nothing is held for so long; see ONHAND_HOLD_MAXIMUM_HOURS",
    "IS_BUNDLE": "it is a bundle; hold its components",
}
"""Reasons of a refusal, in words."""
COLUMNS = ("hold", "state", "units", "location", "channel", "owner", "ends (UTC)", "order")


def print_answer(answer: Answer, *, as_json: bool) -> None:
    """Print an answer: a line on standard output, or of a refusal on standard error; as JSON always the former."""
    if as_json:
        print(json.dumps(asdict(answer), ensure_ascii=False))
    elif answer.accepted:
        print(printable(sentence(answer)))
    else:
        print(printable(f"onhand hold: {sentence(answer)}"), file=sys.stderr)


def sentence(answer: Answer) -> str:
    """Return what was answered, in a sentence."""
    of = f"hold {answer.hold_id} of {answer.sku}"
    if not answer.accepted:
        reason = answer.reason or "refused"
        return f"{reason}: {WHY.get(reason, 'refused')} ({of} is {answer.state})."
    units = f"{answer.quantity:,} at {answer.location_id}"
    left = "" if answer.available_after is None else f"; {answer.available_after:,} left available there"
    until = f" until {time_text(answer.expires_at)} UTC" if answer.state == ACTIVE else ""
    return f"{answer.state}: {of}, {units}{until}{left}."


def print_holds(held: Held, limit: int, *, ended_too: bool, as_json: bool) -> None:
    """Print a SKU's holds, those that end first, and what they come to."""
    shown = held.holds if ended_too else held.active
    if as_json:
        print(json.dumps(_as_json(held, shown), ensure_ascii=False))
        return
    part = shown[:limit] if limit else shown
    if not sys.stdout.isatty():
        for hold in part:
            print("\t".join(_cells(hold)))
    elif part:
        Console().print(_table(part))
    more = len(shown) - len(part)
    print(verdict(held) + (f" {more:,} more are not shown." if more else ""), file=sys.stderr)


def verdict(held: Held) -> str:
    """Return what the holds come to, in a sentence."""
    sku, units = printable(held.sku), _units(held.active)
    if not units:
        return f"Nothing of {sku} is held."
    places = ", ".join(f"{printable(place)} {count:,}" for place, count in sorted(units.items()))
    first = time_text(held.active[0]["expires_at"])
    return f"{len(held.active):,} active holds of {sku}: {places}; the first ends {first} UTC."


def _units(holds: Sequence[Hold]) -> Counter[str]:
    units: Counter[str] = Counter()
    for hold in holds:
        units[hold["location_id"]] += hold["quantity"]
    return units


def _as_json(held: Held, shown: Sequence[Hold]) -> dict[str, object]:
    """Return all fields of the holds but the answers that were given about them."""
    return {
        "sku": held.sku,
        "at": held.at,
        "active_total": len(held.active),
        "held": dict(sorted(_units(held.active).items())),
        "holds": [{name: value for name, value in hold.items() if name != "answers"} for hold in shown],
    }


def _cells(hold: Hold) -> tuple[str, ...]:
    order = hold["order_id"] if hold["state"] == CONFIRMED else None
    shown = (
        hold["hold_id"],
        hold["state"],
        f"{hold['quantity']:,}",
        hold["location_id"] or "-",
        hold["channel_id"] or "-",
        hold["owner"],
        time_text(hold["expires_at"]),
        order or "-",
    )
    return tuple(printable(cell) for cell in shown)


def _table(holds: Sequence[Hold]) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in COLUMNS:
        table.add_column(name, overflow="fold", justify="right" if name == "units" else "left")
    for hold in holds:
        table.add_row(*(Text(cell) for cell in _cells(hold)))
    return table
