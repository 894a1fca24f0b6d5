"""
Open lines: what is still open of an order, an inbound delivery or a transfer.

A line keeps running totals, so that a shipment or cancellation that arrives before its order finds its place
and every order of arrival gives the same figures.
"""

from typing import NamedTuple

from streams.domain.days import day_of
from streams.domain.events import (
    GoodsReceived,
    InboundAnnounced,
    InboundCancelled,
    OrderCancelled,
    OrderPlaced,
    OrderShipped,
    StockEvent,
    TransferReceived,
    TransferShipped,
)
from streams.domain.stock import FutureSupply

ORDER, INBOUND, TRANSFER = "ORDER", "INBOUND", "TRANSFER"


class WaitingEvent(NamedTuple):
    """A shipment or cancellation whose order has not arrived: where it came from, and its bytes."""

    topic: str
    partition: int
    offset: int
    value: bytes


class OpenLine(NamedTuple):
    """
    Totals of one line at the location whose reserved, demand or incoming it counts in; units.

    deliver_at is an order's future day of delivery, touched_at the last change, waiting the events whose order
    has not arrived; times are UTC milliseconds.
    """

    kind: str
    line_id: str
    location_id: str
    opened: int = 0
    fulfilled: int = 0
    cancelled: int = 0
    opened_at: int | None = None
    eta: int | None = None
    deliver_at: int | None = None
    returned: int = 0
    touched_at: int = 0
    waiting: tuple[WaitingEvent, ...] = ()
    overdue_told: bool = False

    @property
    def open(self) -> int:
        """Units that the line still adds to reserved, incoming or the future."""
        return max(0, self.opened - self.fulfilled - self.cancelled)

    @property
    def excess(self) -> int:
        """Units fulfilled beyond what was opened, once it is known what was opened."""
        return 0 if self.opened_at is None else max(0, self.fulfilled + self.cancelled - self.opened)

    @property
    def settled(self) -> bool:
        """True when nothing can come of the line any more and it may be forgotten."""
        return self.opened == self.fulfilled + self.cancelled

    @property
    def is_unopened(self) -> bool:
        """True while the order, announcement or shipment that opens the line has not arrived."""
        return self.opened_at is None

    @property
    def missing(self) -> int:
        """Units closed beyond what was opened, whether or not the opening is still to come."""
        return max(0, self.fulfilled + self.cancelled - self.opened)

    @property
    def reserved(self) -> int:
        """Units that an order adds to reserved: none of one for a later day."""
        return self.open if self.kind == ORDER and self.deliver_at is None else 0

    @property
    def future(self) -> FutureSupply | None:
        """What the line adds to the future; None when it says nothing of a day."""
        if self.deliver_at is not None:
            return FutureSupply(self.location_id, day_of(self.deliver_at), demand=self.open)
        if self.eta is not None:
            return FutureSupply(self.location_id, day_of(self.eta), incoming=self.open)
        return None


def line_of(event: StockEvent) -> OpenLine | None:
    """Return the empty line that an event belongs to, None for one that belongs to none."""
    match event:
        case OrderPlaced() | OrderShipped() | OrderCancelled():
            return OpenLine(ORDER, event.order_id, event.location_id)
        case InboundAnnounced() | InboundCancelled():
            return OpenLine(INBOUND, event.inbound_id, event.location_id)
        case GoodsReceived(inbound_id=str() as inbound_id):
            return OpenLine(INBOUND, inbound_id, event.location_id)
        case TransferShipped():
            return OpenLine(TRANSFER, event.transfer_id, event.to_location_id)
        case TransferReceived():
            return OpenLine(TRANSFER, event.transfer_id, event.location_id)
    return None


def _opened(line: OpenLine, event: OrderPlaced | TransferShipped | InboundAnnounced, today: int) -> OpenLine:
    """
    Return the line opened further; the latest opening tells the day of all of it, whichever arrives last.

    An order's day that is not in the future any more counts as none: its units are reserved.
    """
    eta = None if isinstance(event, OrderPlaced) else event.eta
    deliver_at = event.deliver_at if isinstance(event, OrderPlaced) else None
    opened_at, eta, deliver_at = max(
        (event.occurred_at, eta, deliver_at), (line.opened_at or 0, line.eta, line.deliver_at), key=_age
    )
    if deliver_at is not None and day_of(deliver_at) <= today:
        deliver_at = None
    told = line.overdue_told and eta == line.eta
    opened = line.opened + event.quantity
    return line._replace(
        opened=opened, opened_at=opened_at, eta=eta, deliver_at=deliver_at, overdue_told=told
    )


def _age(opening: tuple[int, int | None, int | None]) -> tuple[int, int, int]:
    opened_at, eta, deliver_at = opening
    return opened_at, eta or 0, deliver_at or 0


def after(line: OpenLine, event: StockEvent, today: int = 0) -> OpenLine:
    """Return the line with an event counted in; today is the UTC day, for orders of a later one."""
    quantity = event.quantity
    match event:
        case OrderPlaced() | TransferShipped() | InboundAnnounced():
            return _opened(line, event, today)
        case OrderShipped() | GoodsReceived() | TransferReceived():
            return line._replace(fulfilled=line.fulfilled + quantity)
        case OrderCancelled() | InboundCancelled():
            return line._replace(cancelled=line.cancelled + quantity)
    raise AssertionError(f"{type(event).__name__} has no line")
