"""
Open lines: what is still open of an order, an inbound delivery or a transfer.

A line keeps running totals, so that a shipment or cancellation that arrives before its order finds its place
and every order of arrival gives the same figures.
"""

from typing import NamedTuple

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
        """Units that the line still adds to reserved or incoming."""
        return max(0, self.opened - self.fulfilled - self.cancelled)

    @property
    def excess(self) -> int:
        """Units fulfilled beyond what was opened, once it is known what was opened."""
        return 0 if self.opened_at is None else max(0, self.fulfilled + self.cancelled - self.opened)

    @property
    def settled(self) -> bool:
        """True when nothing can come of the line any more and it may be forgotten."""
        return self.opened == self.fulfilled + self.cancelled


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


def _opened(line: OpenLine, event: OrderPlaced | TransferShipped | InboundAnnounced) -> OpenLine:
    """Return the line opened further; the latest opening tells when, whichever arrives last."""
    eta = event.eta if isinstance(event, InboundAnnounced) else None
    opened_at, eta = max((event.occurred_at, eta), (line.opened_at or 0, line.eta), key=_openings_order)
    return line._replace(opened=line.opened + event.quantity, opened_at=opened_at, eta=eta)


def _openings_order(opening: tuple[int, int | None]) -> tuple[int, int]:
    opened_at, eta = opening
    return opened_at, eta or 0


def after(line: OpenLine, event: StockEvent) -> OpenLine:
    """Return the line with an event counted in."""
    quantity = event.quantity
    match event:
        case OrderPlaced() | TransferShipped() | InboundAnnounced():
            return _opened(line, event)
        case OrderShipped() | GoodsReceived() | TransferReceived():
            return line._replace(fulfilled=line.fulfilled + quantity)
        case OrderCancelled() | InboundCancelled():
            return line._replace(cancelled=line.cancelled + quantity)
    raise AssertionError(f"{type(event).__name__} has no line")
