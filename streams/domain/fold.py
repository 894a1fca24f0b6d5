"""
The fold: one event into one SKU's stock (semantics 3, 5 and 7).

Facts always apply, even below zero. Promises apply only while there is enough. Everything else is addition, so
any order of the same facts gives the same stock. What happened before a location's last count is in the count: it
leaves on_hand alone, whenever it arrives.
"""

from collections.abc import Callable
from typing import NamedTuple

from streams.domain import lines, orders
from streams.domain.days import day_of, start_of
from streams.domain.errors import Reason
from streams.domain.events import (
    SELLABLE,
    DispositionChanged,
    GoodsReceived,
    InboundAnnounced,
    InboundCancelled,
    OrderCancelled,
    OrderPlaced,
    OrderShipped,
    ReturnReceived,
    SaleRecorded,
    StockAdjusted,
    StockEvent,
    TransferReceived,
    TransferShipped,
)
from streams.domain.lines import ORDER, OpenLine
from streams.domain.orders import PLAIN_TERMS, Terms
from streams.domain.stock import FutureSupply, Level, Stock, with_future

APPLIED, DUPLICATE, REJECTED = "APPLIED", "DUPLICATE", "REJECTED"
LATE, SUPERSEDED, NOT_TRUSTED = "LATE", "SUPERSEDED", "NOT_TRUSTED"
"""A movement that a count covers already; a count older than the one in force; a count by a source without a say."""
EXPLODED = "EXPLODED"
"""A movement of a bundle: its components move instead."""


class Outcome(NamedTuple):
    """
    What became of an event: the stock after it, and the line it belongs to, as it is now.

    before and after are the levels of the event's own location; on rejection nothing has changed.
    """

    stock: Stock
    line: OpenLine | None
    before: Level
    after: Level
    outcome: str = APPLIED
    reason: Reason | None = None


def _takes(event: StockEvent) -> tuple[int, int]:
    return -event.quantity, 0


def _adds(event: StockEvent) -> tuple[int, int]:
    return event.quantity, 0


def _moves_nothing(_event: StockEvent) -> tuple[int, int]:
    return 0, 0


def _return(event: ReturnReceived) -> tuple[int, int]:
    return event.quantity, 0 if event.disposition == SELLABLE else event.quantity


def _disposition(event: DispositionChanged) -> tuple[int, int]:
    return 0, -event.quantity if event.disposition == SELLABLE else event.quantity


_GOODS: dict[type[StockEvent], Callable[..., tuple[int, int]]] = {
    SaleRecorded: _takes,
    OrderPlaced: _moves_nothing,
    OrderShipped: _takes,
    OrderCancelled: _moves_nothing,
    ReturnReceived: _return,
    GoodsReceived: _adds,
    InboundAnnounced: _moves_nothing,
    InboundCancelled: _moves_nothing,
    TransferShipped: _takes,
    TransferReceived: _adds,
    StockAdjusted: _adds,
    DispositionChanged: _disposition,
}
"""Change of (on_hand, unsellable) at the event's location."""

ON_HAND_SIGNS: dict[type[StockEvent], int] = {
    SaleRecorded: -1,
    OrderShipped: -1,
    ReturnReceived: 1,
    GoodsReceived: 1,
    TransferShipped: -1,
    TransferReceived: 1,
    StockAdjusted: 1,
}
"""What one unit of an event does to on_hand at its location, unless a count covers it; of others, nothing."""

RESERVED_SIGNS: dict[type[StockEvent], int] = {OrderPlaced: 1, OrderShipped: -1, OrderCancelled: -1}
"""What one unit of an event does to reserved at its location nominally: if its order is there and open."""


def apply(
    stock: Stock,
    event: StockEvent,
    line: OpenLine | None = None,
    terms: Terms = PLAIN_TERMS,
    *,
    net_of_orders: bool = False,
    fed_at: int = 0,
) -> Outcome:
    """
    Fold one event into a SKU's stock.

    Pure: the same arguments give the same outcome. line is the open line that the event belongs to, empty when it
    is new, and None for an event without one. terms are those on which orders are promised. net_of_orders says
    that the location's last count had subtracted open orders; it matters to orders that happened before it only.
    fed_at is as_of of the feed that all SKUs of the location are based on, unless they were counted later.
    """
    before = stock.level(event.location_id)
    if fed_at > before[7]:
        before = before._replace(counted_at=fed_at)
    on_hand, unsellable = _GOODS[type(event)](event)
    outcome = APPLIED
    if event.occurred_at <= before[7]:
        on_hand, outcome = _covered(event, on_hand, net_of_orders)
    counted = None if line is None else lines.after(line, event, terms.today)
    if type(event) is OrderPlaced and not _may_promise(stock, event, (line, counted), terms, on_hand):
        return Outcome(stock, line, before, before, REJECTED, Reason.INSUFFICIENT_STOCK)
    level = Level(
        before[0],
        before[1] + on_hand,
        before[2] + unsellable,
        before[3],
        before[4],
        before[5],
        before[6],
        before[7],
    )
    locations = with_level(stock.locations, level)
    sku, version, _, availability, occurred_at, updated_at, future, promises, standing = stock
    if line is not None and counted is not None:
        locations = _with_line(locations, line, counted)
        future = _future_with_line(future, line, counted)
    latest = max(occurred_at, event.occurred_at)
    changed = Stock(sku, version + 1, locations, availability, latest, updated_at, future, promises, standing)
    after = level if line is None else changed.level(level.location_id)
    return Outcome(changed, counted, before, after, outcome)


def _covered(event: StockEvent, on_hand: int, net_of_orders: bool) -> tuple[int, str]:  # noqa: FBT001 - private.
    """
    Return the change of on_hand by an event that happened before its location's last count, and its outcome.

    A count net of orders was raised by the orders known to have been open: one more order, or less, is made good.
    """
    change = RESERVED_SIGNS.get(type(event), 0) * event.quantity if net_of_orders else 0
    return change, LATE if on_hand or change else APPLIED


def deliver_now(stock: Stock, line: OpenLine) -> Outcome:
    """Reserve an order's units: the day that they were demanded for has come (semantics 10)."""
    assert line.deliver_at is not None, "only demand of a later day can fall due"
    now = line._replace(deliver_at=None)
    before = stock.level(line.location_id)
    changed = stock._replace(
        version=stock.version + 1,
        locations=_with_line(stock.locations, line, now),
        occurred_at=max(stock.occurred_at, start_of(day_of(line.deliver_at))),
        future=_future_with_line(stock.future, line, now),
    )
    return Outcome(changed, now, before, changed.level(line.location_id))


def _may_promise(
    stock: Stock,
    event: StockEvent,
    line: tuple[OpenLine | None, OpenLine | None],
    terms: Terms,
    more_on_hand: int,
) -> bool:
    """Return True when an order is covered; line is as it was and would be, more_on_hand what the order itself adds."""
    if more_on_hand:
        terms = terms._replace(backorder_limit=terms.backorder_limit + more_on_hand)
    was, would_be = line
    if was is None or would_be is None:
        return event.quantity <= stock.level(event.location_id).available + terms.backorder_limit
    return orders.is_covered(stock, was, would_be, terms)


def _with_line(locations: tuple[Level, ...], line: OpenLine, counted: OpenLine) -> tuple[Level, ...]:
    """Count a line's change into reserved or incoming at its location."""
    level = Stock("", locations=locations).level(line.location_id)
    if line.kind == ORDER:
        level = level._replace(reserved=level.reserved + counted.reserved - line.reserved)
    else:
        level = level._replace(incoming=level.incoming + counted.open - line.open)
    return with_level(locations, level)


def _future_with_line(
    future: tuple[FutureSupply, ...], line: OpenLine, counted: OpenLine
) -> tuple[FutureSupply, ...]:
    """Take a line out of its day and count it into the one that it has now."""
    was, is_now = line.future, counted.future
    if was is not None:
        future = with_future(future, was._replace(incoming=-was.incoming, demand=-was.demand))
    return future if is_now is None else with_future(future, is_now)


def with_level(locations: tuple[Level, ...], level: Level) -> tuple[Level, ...]:
    """Return locations with one level replaced or, in order of location_id, added."""
    location_id = level[0]
    for index, held in enumerate(locations):
        if held[0] == location_id:
            return (*locations[:index], level, *locations[index + 1 :])
    return tuple(sorted((*locations, level)))
