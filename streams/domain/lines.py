"""
Open lines: what is still open of an order, an inbound delivery or a transfer.

A line keeps running totals, so that a shipment or cancellation that arrives before its order finds its place
and every order of arrival gives the same figures. That it waits there is bounded: what time does to a line says
`due_at`.
"""

from typing import NamedTuple

from streams.domain.days import day_of, start_of
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

WHOLE_ORDER = ""
"""The location of what is remembered of an order as a whole (returns.py); no event may name it."""

WAITING_AT_MOST = 32  # Cancellations on one line: more than any order has.
WAITING_BYTES = 16_384  # Of one of them with its headers, so that a line stays below a topic's 1 MB.


class WaitingHeader(NamedTuple):
    """One header of a record."""

    name: str
    value: bytes


class WaitingEvent(NamedTuple):
    """A cancellation whose order has not arrived: where it came from, the record itself, and its units."""

    topic: str
    partition: int
    offset: int
    value: bytes
    quantity: int
    headers: tuple[WaitingHeader, ...] = ()

    @property
    def size_bytes(self) -> int:
        """About what keeping it takes."""
        return len(self.value) + sum(len(name) + len(value) for name, value in self.headers)


class OpenLine(NamedTuple):
    """
    Totals of one line at the location whose reserved, demand or incoming it counts in; units.

    deliver_at is an order's future day of delivery, touched_at the last change, waiting the cancellations that came
    before what they cancel; times are UTC milliseconds.
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
    def over_shipped(self) -> int:
        """Units fulfilled beyond what was opened; what was cancelled twice never left."""
        return min(self.fulfilled, self.excess)

    @property
    def settled(self) -> bool:
        """True when nothing can come of the line any more and it may be forgotten."""
        return self.opened == self.fulfilled + self.cancelled

    @property
    def is_unopened(self) -> bool:
        """True while the order, announcement or shipment that opens the line has not arrived."""
        return self.opened_at is None

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
    return line._replace(
        opened=line.opened + event.quantity,
        opened_at=opened_at,
        eta=eta,
        deliver_at=deliver_at,
        overdue_told=line.overdue_told and eta == line.eta,
        waiting=(),
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


def is_withdrawal(event: StockEvent) -> bool:
    """Return True for an event that only takes back what opened its line: without that it has no effect."""
    return type(event) is OrderCancelled or type(event) is InboundCancelled


def with_waiting(line: OpenLine, event: WaitingEvent) -> tuple[OpenLine, tuple[WaitingEvent, ...]]:
    """
    Return a line on which one more cancellation waits, counted already, and those that are given up for it.

    Those no longer count: the oldest beyond WAITING_AT_MOST, or the new one itself when it is too large to keep.
    """
    waiting = (*line.waiting, event)
    kept, given_up = waiting[-WAITING_AT_MOST:], waiting[:-WAITING_AT_MOST]
    if event.size_bytes > WAITING_BYTES:
        kept, given_up = line.waiting, (event,)
    cancelled = line.cancelled - sum(one.quantity for one in given_up)
    return line._replace(waiting=kept, cancelled=cancelled), given_up


def due_at(line: OpenLine, waits_milliseconds: int, remembers_milliseconds: int) -> int | None:
    """
    Return when time changes a line, UTC milliseconds; None when it never does.

    An order's units are reserved when its day begins, what is announced is overdue when its day is over. A line that
    adds to no figure waits for what it lacks, after its last change, and is then given up; what is remembered of a
    whole order is forgotten after its own time.
    """
    if line.location_id == WHOLE_ORDER:
        return line.touched_at + remembers_milliseconds
    if not line.open:
        return line.touched_at + waits_milliseconds
    if line.deliver_at is not None:
        return start_of(day_of(line.deliver_at))
    if line.eta is not None and not line.overdue_told:
        return start_of(day_of(line.eta) + 1)
    return None
