"""Recomputed stock of one partition: verification's own fold (semantics 3)."""

from typing import Any, NamedTuple

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


class _LineRule(NamedTuple):
    """How an event concerns a line: the figure that it adds to, its kind, and where its id and place stand."""

    figure: int
    kind: str
    id_field: str
    location_field: str
    sign: int


_LINE_RULES = {
    "OrderPlaced": _LineRule(RESERVED, "ORDER", "order_id", "location_id", 1),
    "OrderShipped": _LineRule(RESERVED, "ORDER", "order_id", "location_id", -1),
    "OrderCancelled": _LineRule(RESERVED, "ORDER", "order_id", "location_id", -1),
    "InboundAnnounced": _LineRule(INCOMING, "INBOUND", "inbound_id", "location_id", 1),
    "InboundCancelled": _LineRule(INCOMING, "INBOUND", "inbound_id", "location_id", -1),
    "GoodsReceived": _LineRule(INCOMING, "INBOUND", "inbound_id", "location_id", -1),
    "TransferShipped": _LineRule(INCOMING, "TRANSFER", "transfer_id", "to_location_id", 1),
    "TransferReceived": _LineRule(INCOMING, "TRANSFER", "transfer_id", "location_id", -1),
}


def _unsellable_change(record: str, value: dict[str, Any]) -> int:
    quantity: int = value["quantity"]
    if record == "ReturnReceived":
        return 0 if value["disposition"] == "SELLABLE" else quantity
    if record == "DispositionChanged":
        return -quantity if value["disposition"] == "SELLABLE" else quantity
    return 0


class SkuStock:
    """One SKU: figures by location, how many events were applied, and the latest occurred_at of them."""

    __slots__ = ("applied", "latest", "locations")

    def __init__(self) -> None:
        self.applied = 0
        self.latest = 0
        self.locations: dict[str, list[int]] = {}

    def at(self, location_id: str) -> list[int]:
        """Return the figures at a location, in the order of FIGURES."""
        return self.locations.setdefault(location_id, [0, 0, 0, 0])


class Fold:
    """Stock of one partition, recomputed; the order of events does not matter to it."""

    def __init__(self) -> None:
        self.skus: dict[str, SkuStock] = {}
        self._open: dict[tuple[str, str, str, str], int] = {}

    def add(self, record: str, value: dict[str, Any]) -> None:
        """Add one applied event."""
        sku: str = value["sku"]
        stock = self.skus.get(sku)
        if stock is None:
            stock = self.skus[sku] = SkuStock()
        stock.applied += 1
        stock.latest = max(stock.latest, value["occurred_at"])
        figures = stock.at(value["location_id"])
        figures[ON_HAND] += ON_HAND_SIGN.get(record, 0) * value["quantity"]
        figures[UNSELLABLE] += _unsellable_change(record, value)
        rule = _LINE_RULES.get(record)
        if rule is not None and value[rule.id_field] is not None:
            self._count_in(stock, value, rule)

    def _count_in(self, stock: SkuStock, value: dict[str, Any], rule: _LineRule) -> None:
        """Add what is open of a line, never less than zero: more closed than opened waits for the opening."""
        location_id: str = value[rule.location_field]
        key = (value["sku"], rule.kind, value[rule.id_field], location_id)
        before = self._open.pop(key, 0)
        after = before + rule.sign * value["quantity"]
        if after:
            self._open[key] = after
        stock.at(location_id)[rule.figure] += max(0, after) - max(0, before)
