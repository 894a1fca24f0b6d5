"""Recomputed stock of one partition: verification's own fold (semantics 3 and 5)."""

from typing import Any

from streams.verify.counts import Counts
from streams.verify.lines import Line, Lines

ON_HAND, UNSELLABLE, RESERVED, INCOMING = range(4)
FIGURES = ("on_hand", "unsellable", "reserved", "incoming")
ON_HAND_SIGN = {
    "SaleRecorded": -1,
    "OrderShipped": -1,
    "TransferShipped": -1,
    "ReturnReceived": 1,
    "GoodsReceived": 1,
    "TransferReceived": 1,
    "StockAdjusted": 1,
}
"""How an event's quantity changes on_hand at its location; others do not."""
RESERVED_SIGN = {"OrderPlaced": 1, "ConfirmHold": 1, "OrderShipped": -1, "OrderCancelled": -1}
"""How an event's quantity changes what orders have open at its location."""


def _unsellable_change(record: str, value: dict[str, Any]) -> int:
    quantity: int = value["quantity"]
    if record == "ReturnReceived":
        return 0 if value["disposition"] == "SELLABLE" else quantity
    if record == "DispositionChanged":
        return -quantity if value["disposition"] == "SELLABLE" else quantity
    return 0


class SkuStock:
    """One SKU: figures by location, what is still to come and to go, and the latest occurred_at of its events."""

    __slots__ = ("future", "latest", "locations")

    def __init__(self) -> None:
        self.latest = 0
        self.locations: dict[str, list[int]] = {}
        self.future: dict[tuple[str, int], list[int]] = {}
        """Units incoming and demanded by location and UTC day."""

    def at(self, location_id: str) -> list[int]:
        """Return the figures at a location, in the order of FIGURES."""
        return self.locations.setdefault(location_id, [0, 0, 0, 0])

    def expect(self, line: Line) -> None:
        """Add what an open line brings or takes on its day, if it has one."""
        if line.day:
            units = self.future.setdefault((line.location_id, line.day), [0, 0])
            units[0] += line.incoming
            units[1] += 0 if line.incoming else line.open


class Fold:
    """
    Stock of one partition, recomputed; call finish when all is in.

    What the order of events matters to, which day a line is for, goes by the numbers of their ledger rows.
    """

    def __init__(self, counts: Counts | None = None, lines: Lines | None = None) -> None:
        self.skus: dict[str, SkuStock] = {}
        self.counts = counts or Counts(frozenset())
        self.lines = lines or Lines()

    def of(self, sku: str) -> SkuStock:
        """Return what is known of a SKU."""
        stock = self.skus.get(sku)
        if stock is None:
            stock = self.skus[sku] = SkuStock()
        return stock

    def touch(self, value: dict[str, Any]) -> SkuStock:
        """Note when an event happened that was applied, without what it does."""
        stock = self.of(value["sku"])
        stock.latest = max(stock.latest, value["occurred_at"])
        return stock

    def add(self, record: str, value: dict[str, Any], number: int = 0) -> None:
        """Add one applied event, which has that number in the ledger."""
        sku, location_id, quantity = value["sku"], value["location_id"], value["quantity"]
        figures = self.touch(value).at(location_id)
        moved = ON_HAND_SIGN.get(record, 0) * quantity
        figures[ON_HAND] += moved
        figures[UNSELLABLE] += _unsellable_change(record, value)
        self.counts.move(sku, value, moved, RESERVED_SIGN.get(record, 0) * quantity)
        self.lines.add(record, value, number)

    def finish(self) -> None:
        """Set what counts say, and add what lines have open."""
        for (sku, location_id), on_hand in self.counts.on_hand():
            self.of(sku).at(location_id)[ON_HAND] = on_hand
        for line in self.lines.replayed():
            figures = self.of(line.sku).at(line.location_id)
            figures[RESERVED] += line.reserved
            figures[INCOMING] += line.incoming
            self.of(line.sku).expect(line)
