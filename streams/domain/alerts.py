"""What a person should know about a SKU (semantics 3 and 8)."""

from typing import NamedTuple

from streams.domain.events import StockEvent
from streams.domain.lines import ORDER, OpenLine
from streams.domain.stock import Level, Stock

OVERSOLD, OVERSOLD_RESOLVED, OVER_SHIPPED = "OVERSOLD", "OVERSOLD_RESOLVED", "OVER_SHIPPED"
DISCREPANCY = "DISCREPANCY"
AFFECTED_ORDERS_NAMED = 20  # A person can act on no more at once, and the alert stays small.


class Alert(NamedTuple):
    """
    One alert; deficit and quantity are in units, deficit is 0 when resolved.

    order_ids are the promises that it affects, references what else it names.
    """

    kind: str
    location_id: str
    deficit: int
    order_ids: tuple[str, ...] = ()
    quantity: int = 0
    references: tuple[str, ...] = ()


def oversell_alerts(before: tuple[Level, ...], after: tuple[Level, ...]) -> list[Alert]:
    """Return an alert for each location whose deficit has grown or ended."""
    short_before = {level.location_id: -level.available for level in before if level.available < 0}
    short_after = {level.location_id: -level.available for level in after if level.available < 0}
    grown = [
        Alert(OVERSOLD, location_id, deficit)
        for location_id, deficit in short_after.items()
        if deficit > short_before.get(location_id, 0)
    ]
    resolved = [Alert(OVERSOLD_RESOLVED, name, 0) for name in short_before if name not in short_after]
    return grown + resolved


def over_shipment(before: OpenLine, after: OpenLine, event: StockEvent) -> Alert | None:
    """Return an alert when an order has been shipped beyond what was ordered."""
    if after.kind == ORDER and after.excess > before.excess:
        return Alert(OVER_SHIPPED, event.location_id, after.excess, (after.line_id,))
    return None


def discrepancy(
    location_id: str, units: int, threshold: int | None, references: tuple[str, ...]
) -> Alert | None:
    """
    Return an alert when a count differs from what was believed by more than a threshold; None has none.

    units are counted less believed; references say who counted, and in which event.
    """
    if threshold is None or abs(units) <= threshold:
        return None
    return Alert(DISCREPANCY, location_id, max(0, -units), quantity=units, references=references)


def affected_orders(lines: list[OpenLine], location_id: str, deficit: int) -> list[str]:
    """Return the youngest open orders at a location that together hold the deficit, youngest first."""
    open_orders = [
        line for line in lines if line.kind == ORDER and line.location_id == location_id and line.open
    ]
    affected: list[str] = []
    for line in sorted(open_orders, key=lambda line: (line.opened_at or 0, line.line_id), reverse=True):
        if deficit <= 0 or len(affected) == AFFECTED_ORDERS_NAMED:
            break
        affected.append(line.line_id)
        deficit -= line.open
    return affected


def has_deficit(stock: Stock) -> bool:
    """Return True when more was promised or sold at some location than is there."""
    for _, on_hand, unsellable, reserved, held, safety_stock, _, _ in stock.locations:
        if on_hand < unsellable + reserved + held + safety_stock:
            return True
    return False
