"""
What a person should know about a SKU (semantics 3 and 8 to 10).

Three kinds of life: what is oversold alerts whenever it grows and when it is over, as the figures before and after
show; what stands in the table (`Stock.standing`: low stock, shrunk ring-fences) alerts when it begins or grows; back
in stock is told when it happens. A line of an order or a delivery knows itself what was told of it.
"""

from typing import NamedTuple

from streams.domain import availability
from streams.domain.events import StockEvent
from streams.domain.lines import INBOUND, ORDER, OpenLine
from streams.domain.policy import ANY, Plan
from streams.domain.stock import Level, StandingAlert, Stock

OVERSOLD, OVERSOLD_RESOLVED = "OVERSOLD", "OVERSOLD_RESOLVED"
OVER_SHIPPED, OVER_RETURNED, ORDER_MISSING = "OVER_SHIPPED", "OVER_RETURNED", "ORDER_MISSING"
OVERDUE_INBOUND, OVERDUE_INBOUND_RESOLVED = "OVERDUE_INBOUND", "OVERDUE_INBOUND_RESOLVED"
DISCREPANCY = "DISCREPANCY"
LOW_STOCK, BACK_IN_STOCK = "LOW_STOCK", "BACK_IN_STOCK"
RING_FENCE_SHRUNK, RING_FENCE_RESTORED = "RING_FENCE_SHRUNK", "RING_FENCE_RESTORED"
STALE_SOURCE, STALE_SOURCE_RESOLVED = "STALE_SOURCE", "STALE_SOURCE_RESOLVED"
FEED_QUARANTINED, FEED_ABANDONED = "FEED_QUARANTINED", "FEED_ABANDONED"
AFFECTED_ORDERS_NAMED = 20  # A person can act on no more at once, and the alert stays small.


class Alert(NamedTuple):
    """
    One alert; deficit and quantity are in units, deficit is 0 when resolved.

    location_id is * for what concerns all locations together; order_ids are the promises that it affects, references
    what else it names.
    """

    kind: str
    location_id: str
    deficit: int
    order_ids: tuple[str, ...] = ()
    quantity: int = 0
    references: tuple[str, ...] = ()


def oversell_alerts(before: tuple[Level, ...], after: tuple[Level, ...]) -> list[Alert]:
    """Return an alert for each location, and for all of several together, whose deficit has grown or ended."""
    short_before, short_after = deficits(before), deficits(after)
    grown = [
        Alert(OVERSOLD, location_id, deficit)
        for location_id, deficit in short_after.items()
        if deficit > short_before.get(location_id, 0)
    ]
    resolved = [Alert(OVERSOLD_RESOLVED, name, 0) for name in short_before if name not in short_after]
    return grown + resolved


def deficits(levels: tuple[Level, ...]) -> dict[str, int]:
    """Return what is short by location; under * in total, where there are several locations."""
    short = {level.location_id: -level.available for level in levels if level.available < 0}
    if short and len(levels) > 1 and (balance := sum(level.available for level in levels)) < 0:
        short[ANY] = -balance
    return short


def over_shipment(before: OpenLine, after: OpenLine, event: StockEvent) -> Alert | None:
    """Return an alert when an order has been shipped beyond what was ordered."""
    if after.kind == ORDER and after.over_shipped > before.over_shipped:
        return Alert(OVER_SHIPPED, event.location_id, after.over_shipped, (after.line_id,))
    return None


def over_return(location_id: str, order_id: str, before: int, after: int) -> Alert | None:
    """Return an alert when more units of an order have come back than have left; from returns.over_returned."""
    return Alert(OVER_RETURNED, location_id, 0, (order_id,), after) if after > before else None


def order_missing(line: OpenLine) -> Alert | None:
    """
    Return an alert about goods that moved for an order or a transfer of which nobody has heard, when it is given up.

    Goods that came in without having been announced are everyday.
    """
    if not line.is_unopened or not line.fulfilled or line.kind == INBOUND:
        return None
    names = (line.line_id,)
    is_order = line.kind == ORDER
    orders, references = (names, ()) if is_order else ((), names)
    return Alert(ORDER_MISSING, line.location_id, 0, orders, line.fulfilled, references)


def overdue(line: OpenLine) -> Alert:
    """Return the alert about a line that was expected on a day that is over; told once, until it is resolved."""
    return Alert(OVERDUE_INBOUND, line.location_id, 0, quantity=line.open, references=(line.line_id,))


def overdue_resolved(before: OpenLine, after: OpenLine) -> Alert | None:
    """Return an alert when an overdue line has come in, was cancelled, or is expected on another day."""
    if before.overdue_told and not (after.overdue_told and after.open):
        return Alert(OVERDUE_INBOUND_RESOLVED, after.location_id, 0, references=(after.line_id,))
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
    """
    Return the youngest open orders at a location (or under * all) that hold the deficit, youngest first.

    Orders for a later day hold nothing of what is there now.
    """
    reserving = [line for line in lines if location_id in {line.location_id, ANY} and line.reserved]
    affected: list[str] = []
    for line in sorted(reserving, key=lambda line: (line.opened_at or 0, line.line_id), reverse=True):
        if deficit <= 0 or len(affected) == AFFECTED_ORDERS_NAMED:
            break
        affected.append(line.line_id)
        deficit -= line.reserved
    return affected


def has_deficit(stock: Stock) -> bool:
    """Return True when more was promised or sold at some location than is there."""
    for _, on_hand, unsellable, reserved, held, safety_stock, _, _ in stock.locations:
        if on_hand < unsellable + reserved + held + safety_stock:
            return True
    return False


def standing(locations: tuple[Level, ...], plan: Plan) -> tuple[StandingAlert, ...]:
    """Return which alerts stand as the figures and the plan are, in order of kind."""
    found = []
    threshold = plan.low_stock_threshold
    if threshold is not None and (units := availability.total(locations)) <= threshold:
        found.append(StandingAlert(LOW_STOCK, units))
    if lost := sum(_lost_of_ring_fences(locations, plan).values()):
        found.append(StandingAlert(RING_FENCE_SHRUNK, lost))
    return tuple(found)


def standing_alerts(
    before: tuple[StandingAlert, ...],
    after: tuple[StandingAlert, ...],
    locations: tuple[Level, ...],
    plan: Plan,
) -> list[Alert]:
    """
    Return what is new about standing alerts, given what stands now and the locations and plan that it follows from.

    Low stock is told once until it is over, a ring-fence whenever it loses more and when it is whole again.
    """
    known, now = dict(before), dict(after)
    alerts = []
    if LOW_STOCK in now and LOW_STOCK not in known:
        alerts.append(Alert(LOW_STOCK, ANY, 0, quantity=now[LOW_STOCK]))
    lost = now.get(RING_FENCE_SHRUNK, 0)
    if lost > known.get(RING_FENCE_SHRUNK, 0):
        channels = tuple(_lost_of_ring_fences(locations, plan))
        alerts.append(Alert(RING_FENCE_SHRUNK, ANY, 0, quantity=lost, references=channels))
    elif not lost and RING_FENCE_SHRUNK in known:
        alerts.append(Alert(RING_FENCE_RESTORED, ANY, 0))
    return alerts


def back_in_stock(before: Stock, after: Stock, plan: Plan) -> Alert | None:
    """
    Return an alert when channels were told of nothing, and now some may sell again.

    plan is the one without regard to silent sources: that a source is heard again brings no goods.
    """
    if not any(level.available_to_sell for level in after.availability):
        return None
    if not before.availability or any(level.available_to_sell for level in before.availability):
        return None
    if any(units for _, units in availability.available_to_sell(before.locations, plan)):
        return None
    return Alert(BACK_IN_STOCK, ANY, 0, quantity=availability.total(after.locations))


def _lost_of_ring_fences(locations: tuple[Level, ...], plan: Plan) -> dict[str, int]:
    """Return what each channel's ring-fence lacks, for those that lack something."""
    if not any(channel.ring_fence for channel in plan.channels):
        return {}
    kept = availability.kept_ring_fences(locations, plan)
    lost = {
        channel.channel_id: channel.ring_fence - kept.get(channel.channel_id, 0) for channel in plan.channels
    }
    return {channel_id: units for channel_id, units in lost.items() if units}
