"""Movements: events that change stock by a quantity, and the lines that they belong to (semantics 3)."""

from collections.abc import Callable

from streams import topology
from streams.agents import stock_codec as codec
from streams.agents.feed_book import FeedBook
from streams.agents.holds import HoldDesk
from streams.agents.lines import LineDesk
from streams.agents.policies import PolicyBook
from streams.agents.writing import Writing
from streams.domain import availability, fold, holds, lines
from streams.domain.counts import CountInForce
from streams.domain.days import day_of
from streams.domain.events import (
    NET_OF_ORDERS,
    STOCK_EVENTS,
    GoodsReceived,
    InboundAnnounced,
    InboundCancelled,
    OrderCancelled,
    OrderPlaced,
    OrderShipped,
    ReturnReceived,
    StockCounted,
    StockEvent,
    TransferReceived,
    TransferShipped,
)
from streams.domain.lines import ORDER, OpenLine
from streams.domain.orders import PLAIN_TERMS, Terms
from streams.domain.stock import Stock
from streams.engine.log import Record
from streams.engine.table import Table

REFERENCES: dict[type[StockEvent], int] = {
    kind: kind._fields.index(name)
    for name, kinds in {
        "order_id": (OrderPlaced, OrderShipped, OrderCancelled, ReturnReceived),
        "inbound_id": (GoodsReceived, InboundAnnounced, InboundCancelled),
        "transfer_id": (TransferShipped, TransferReceived),
    }.items()
    for kind in kinds
}
"""The field of an event that says what it belongs to, for the ledger."""


def reference_of(event: StockEvent | StockCounted) -> str | None:
    """Return what an event belongs to, for the ledger: its order, inbound line or transfer."""
    field = REFERENCES.get(type(event))  # type: ignore[arg-type] # A count belongs to none of them.
    return None if field is None else event[field]  # type: ignore[return-value] # All these fields hold ids.


NOTED = {kind: (fold.ON_HAND_SIGNS.get(kind, 0), fold.RESERVED_SIGNS.get(kind, 0)) for kind in STOCK_EVENTS}
"""What one unit of a movement changes that a count which looks back must know: on_hand, nominal reserved."""


class CountsInForce:
    """What each location is based on, as far as it was ever counted."""

    def __init__(self) -> None:
        self.table: Table[CountInForce] = Table(
            topology.COUNTS_IN_FORCE.name, codec.encode_count, codec.decode_count
        )

    def get(self, partition: int, key: bytes, location_id: str) -> CountInForce | None:
        """Return the last single count of a SKU at a location; a feed may have superseded it."""
        return self.table.get(partition, codec.count_key(key, location_id))

    def put(self, partition: int, key: bytes, count: CountInForce) -> None:
        """Let a single count be the last one of its location."""
        self.table.put(partition, codec.count_key(key, count.location_id), count)


class MovementDesk:
    """Folds movements into stock and lines, and notes them for counts that look back."""

    def __init__(
        self,
        writing: Writing,
        policies: PolicyBook,
        is_bundle: Callable[[bytes], bool],
        feeds: FeedBook,
    ) -> None:
        self._writing = writing
        self._policies = policies
        self.feeds = feeds
        self.counts = CountsInForce()
        self.lines = LineDesk(writing)
        self.holds = HoldDesk(writing, policies, self._fold, is_bundle)

    def apply(
        self,
        partition: int,
        key: bytes,
        stock: Stock,
        event: StockEvent,
        envelope: bytes,
        record: Record | None = None,
    ) -> str:
        """
        Apply a movement and write its ledger row; return its outcome.

        record is the event's own, to be kept when it has to wait; without one it does not wait.
        """
        if type(event) is OrderPlaced:
            found = self._order(partition, key, stock, event)
        else:
            found = self._fold(partition, key, stock, event, record=record)
        self._record(partition, key, event, envelope, found)
        return found.outcome

    def repeat(
        self,
        partition: int,
        key: bytes,
        stock: Stock,
        event: StockEvent,
        envelope: bytes,
        _record: Record | None = None,
    ) -> str:
        """Write the ledger row of a movement that has been applied before."""
        level = stock.level(event.location_id)
        found = fold.Outcome(stock, None, level, level, fold.DUPLICATE)
        self._record(partition, key, event, envelope, found)
        return found.outcome

    def _order(self, partition: int, key: bytes, stock: Stock, order: OrderPlaced) -> fold.Outcome:
        """Fold an order; the units of a hold that it names are its own."""
        if self.holds.settle(partition, key, order.hold_id) | self.lines.settle(partition, key):
            stock = self._writing.levels.get(partition, key) or stock
        found = self._promise(partition, key, stock, order)
        while found.outcome is fold.REJECTED and self.holds.settle_more(partition, key):
            found = self._promise(partition, key, self._writing.levels.get(partition, key) or stock, order)
        return found

    def _promise(self, partition: int, key: bytes, stock: Stock, order: OrderPlaced) -> fold.Outcome:
        """Fold an order with the hold that it names; a refusal has no effect."""
        hold = self.holds.named_by(partition, key, order)
        if hold is not None and holds.reserved_for(hold, order):
            self.holds.take(partition, key, hold, order)
            level = stock.level(order.location_id)
            return fold.Outcome(stock, None, level, level, fold.SUPERSEDED)
        if hold is None or not holds.serves(hold, order):
            return self._fold(partition, key, stock, order)
        room = holds.touched(holds.given_back(stock, hold), order.occurred_at)
        found = self._fold(partition, key, room, order, holds.promised(hold, order.location_id))
        if found.outcome is fold.REJECTED:
            level = stock.level(order.location_id)
            return found._replace(stock=stock, before=level, after=level)
        self.holds.confirm_for(partition, key, hold, order, stock, room)
        return found

    def _fold(
        self,
        partition: int,
        key: bytes,
        stock: Stock,
        event: StockEvent,
        promised: int = 0,
        record: Record | None = None,
    ) -> fold.Outcome:
        """Fold an event into its SKU, and into the line that it belongs to; a hold has promised so many units."""
        fed_at = self.feeds.counted_at(partition, key, event.location_id) if self.feeds.in_force else 0
        empty = lines.line_of(event)
        if empty is None:
            outcome = fold.apply(stock, event, fed_at=fed_at)
        else:
            outcome = self._fold_line(partition, key, stock, event, empty, promised, fed_at, record)
        if outcome.outcome is not fold.REJECTED:
            if len(outcome.stock.locations) > len(stock.locations):
                outcome = self._with_new_location(key, event, outcome)
            self._writing.levels.put(partition, key, outcome.stock)
            if event.occurred_at > outcome.before.counted_at:
                self._note(partition, key, event)
            if type(event) is ReturnReceived and event.order_id is not None:
                place, order_id, quantity = event.location_id, event.order_id, event.quantity
                self.lines.came_back(partition, key, outcome.stock, place, order_id, quantity)
        return outcome

    def _fold_line(
        self,
        partition: int,
        key: bytes,
        stock: Stock,
        event: StockEvent,
        empty: OpenLine,
        promised: int,
        fed_at: int,
        record: Record | None,
    ) -> fold.Outcome:
        line_key = codec.line_key(key, empty)
        line = self.lines.table.get(partition, line_key) or empty
        terms = self._terms(key, stock, event, promised) if type(event) is OrderPlaced else PLAIN_TERMS
        is_order = line.kind == ORDER
        net_of_orders = is_order and self._is_net_of_orders(partition, key, stock, event, fed_at)
        outcome = fold.apply(stock, event, line, terms, net_of_orders=net_of_orders, fed_at=fed_at)
        if outcome.outcome is not fold.REJECTED:
            self.lines.changed(partition, key, line_key, event, line, outcome, record)
        return outcome

    def _terms(self, key: bytes, stock: Stock, order: OrderPlaced, promised: int) -> Terms:
        """Return on what terms an order may be promised now."""
        today, horizon_days = day_of(self._writing.batch.now), self._writing.settings.promise_horizon_days
        plan = self._policies.plan(key)
        limit = plan.backorder_limit
        if limit > 0 and all(level.location_id != order.location_id for level in stock.locations):
            limit -= plan.safety_stock_at(
                order.location_id
            )  # It will be kept back there once there is a level.
        return Terms(limit, today, horizon_days, promised)

    def _is_net_of_orders(
        self, partition: int, key: bytes, stock: Stock, event: StockEvent, fed_at: int
    ) -> bool:
        """
        Return True for an order that happened before its location's last count, which had subtracted orders.

        To others it doesn't matter, so nothing is looked up for them. fed_at is the location's feed's as_of.
        """
        location_id = event.location_id
        counted_at = max(fed_at, stock.level(location_id).counted_at)
        if event.occurred_at > counted_at:
            return False
        count = self.counts.get(partition, key, location_id)
        if count is not None and count.as_of >= counted_at:
            return count.basis == NET_OF_ORDERS
        return self.feeds.basis(partition, location_id, counted_at) == NET_OF_ORDERS

    def _note(self, partition: int, key: bytes, event: StockEvent) -> None:
        """Remember a movement for counts that look back."""
        on_hand, reserved = NOTED[type(event)]
        if on_hand or reserved:
            quantity = event.quantity
            self._writing.note(
                partition, key, event.location_id, event.occurred_at, on_hand * quantity, reserved * quantity
            )

    def _with_new_location(self, key: bytes, event: StockEvent, outcome: fold.Outcome) -> fold.Outcome:
        """Keep a new location's safety stock back at once: the next order in the same batch asks for it."""
        stock = availability.with_safety_stock(outcome.stock, self._policies.plan(key))
        return outcome._replace(stock=stock, after=stock.level(event.location_id))

    def _record(
        self, partition: int, key: bytes, event: StockEvent, envelope: bytes, outcome: fold.Outcome
    ) -> None:
        self._writing.movement(
            partition,
            key,
            envelope,
            type(event).__name__,
            outcome.outcome,
            outcome.reason,
            event.occurred_at,
            outcome.before,
            outcome.after,
            outcome.stock[1],
            reference_of(event),
        )
