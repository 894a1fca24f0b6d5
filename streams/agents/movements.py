"""Movements: events that change stock by a quantity, and the lines that they belong to (semantics 3)."""

from streams import topology
from streams.agents import stock_codec as codec
from streams.agents.policies import PolicyBook
from streams.agents.writing import Writing
from streams.domain import alerts, availability, fold, lines
from streams.domain.events import (
    GoodsReceived,
    InboundAnnounced,
    InboundCancelled,
    OrderCancelled,
    OrderPlaced,
    OrderShipped,
    ReturnReceived,
    StockEvent,
    TransferReceived,
    TransferShipped,
)
from streams.domain.lines import OpenLine
from streams.domain.stock import Stock
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


class MovementDesk:
    """Folds movements into stock and lines."""

    def __init__(self, writing: Writing, policies: PolicyBook) -> None:
        self._writing = writing
        self._policies = policies
        self.lines: Table[OpenLine] = Table(
            topology.OPEN_LINES.name, codec.encode_line, codec.decode_line, codec.sku_of_line
        )

    def apply(self, partition: int, key: bytes, stock: Stock, event: StockEvent, envelope: bytes) -> str:
        """Apply a movement and write its ledger row; return its outcome."""
        found = self._fold(partition, key, stock, event)
        self._record(partition, key, event, envelope, found)
        return found.outcome

    def repeat(self, partition: int, key: bytes, stock: Stock, event: StockEvent, envelope: bytes) -> str:
        """Write the ledger row of a movement that has been applied before."""
        level = stock.level(event.location_id)
        found = fold.Outcome(stock, None, level, level, fold.DUPLICATE)
        self._record(partition, key, event, envelope, found)
        return found.outcome

    def _fold(self, partition: int, key: bytes, stock: Stock, event: StockEvent) -> fold.Outcome:
        """Fold an event into its SKU, and into the line that it belongs to."""
        empty = lines.line_of(event)
        if empty is None:
            outcome = fold.apply(stock, event)
        else:
            line_key = codec.line_key(key, empty)
            line = self.lines.get(partition, line_key) or empty
            outcome = fold.apply(stock, event, line)
            if outcome.outcome is fold.APPLIED and outcome.line is not None:
                self.lines.put(partition, line_key, None if outcome.line.settled else outcome.line)
                if alert := alerts.over_shipment(line, outcome.line, event):
                    self._writing.alert(partition, key, outcome.stock, alert)
        if outcome.outcome is fold.APPLIED:
            if len(outcome.stock.locations) > len(stock.locations):
                outcome = self._with_new_location(key, event, outcome)
            self._writing.levels.put(partition, key, outcome.stock)
        return outcome

    def _with_new_location(self, key: bytes, event: StockEvent, outcome: fold.Outcome) -> fold.Outcome:
        """Keep a new location's safety stock back at once: the next order in the same batch asks for it."""
        stock = availability.with_safety_stock(outcome.stock, self._policies.plan(key))
        return outcome._replace(stock=stock, after=stock.level(event.location_id))

    def _record(
        self, partition: int, key: bytes, event: StockEvent, envelope: bytes, outcome: fold.Outcome
    ) -> None:
        kind = type(event)
        field = REFERENCES.get(kind)
        self._writing.movement(
            partition,
            key,
            envelope,
            kind.__name__,
            outcome.outcome,
            outcome.reason,
            event.occurred_at,
            outcome.before,
            outcome.after,
            outcome.stock[1],
            None if field is None else event[field],  # type: ignore[arg-type] # All these fields hold ids.
        )
