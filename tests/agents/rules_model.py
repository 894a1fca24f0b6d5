"""
The rules of stock once more, as plainly as possible: lists of what has happened, and figures summed from them.

Nothing here is incremental, fast or clever, and nothing of it comes from streams: it is what the semantics say,
for the state machine to compare the agent with.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

ON_HAND = {
    "SaleRecorded": -1,
    "OrderShipped": -1,
    "TransferShipped": -1,
    "ReturnReceived": 1,
    "GoodsReceived": 1,
    "TransferReceived": 1,
    "StockAdjusted": 1,
}
RESERVED = {"OrderPlaced": 1, "OrderShipped": -1, "OrderCancelled": -1}
OPENS = {
    "OrderPlaced": ("ORDER", "order_id", "location_id"),
    "InboundAnnounced": ("INBOUND", "inbound_id", "location_id"),
    "TransferShipped": ("TRANSFER", "transfer_id", "to_location_id"),
}
CLOSES = {
    "OrderShipped": ("ORDER", "order_id", "location_id"),
    "OrderCancelled": ("ORDER", "order_id", "location_id"),
    "GoodsReceived": ("INBOUND", "inbound_id", "location_id"),
    "InboundCancelled": ("INBOUND", "inbound_id", "location_id"),
    "TransferReceived": ("TRANSFER", "transfer_id", "location_id"),
}


class Moved(NamedTuple):
    """One change of a figure at a location, at the time when it happened."""

    occurred_at: int
    location_id: str
    units: int


class Counted(NamedTuple):
    """A count; the greatest is in force."""

    as_of: int
    source_id: str
    event_id: str
    quantity: int
    basis: str


@dataclass
class Held:
    """A hold; it has ended once expires_at has come, whether anybody noticed or not."""

    owner: str
    location_id: str
    quantity: int
    expires_at: int
    state: str


@dataclass
class Sku:
    """Everything that has happened to one SKU."""

    on_hand_moves: list[Moved] = field(default_factory=list)
    reserved_moves: list[Moved] = field(default_factory=list)
    unsellable: dict[str, int] = field(default_factory=dict)
    counts: dict[str, Counted] = field(default_factory=dict)
    lines: dict[tuple[str, str, str], int] = field(default_factory=dict)
    holds: dict[str, Held] = field(default_factory=dict)
    safety_stock: int = 0

    def on_hand(self, location_id: str) -> int:
        """Counted base and later facts (semantics 5)."""
        count = self.counts.get(location_id)
        since = -1 if count is None else count.as_of
        moved = sum(
            move.units
            for move in self.on_hand_moves
            if move.location_id == location_id and move.occurred_at > since
        )
        return moved if count is None else count.quantity + moved + self._open_when(count, location_id)

    def _open_when(self, count: Counted, location_id: str) -> int:
        """Units of orders that a count net of orders had subtracted."""
        if count.basis == "PHYSICAL":
            return 0
        return sum(
            move.units
            for move in self.reserved_moves
            if move.location_id == location_id and move.occurred_at <= count.as_of
        )

    def open_units(self, kinds: tuple[str, ...], location_id: str) -> int:
        """Units still open of lines."""
        return sum(
            max(0, units)
            for (kind, _, place), units in self.lines.items()
            if kind in kinds and place == location_id
        )

    def held(self, location_id: str, now: int) -> int:
        """Sum of the active holds."""
        return sum(
            hold.quantity
            for hold in self.holds.values()
            if hold.location_id == location_id and hold.state == "ACTIVE" and hold.expires_at > now
        )

    def available(self, location_id: str, now: int) -> int:
        """What can still be promised at a location."""
        bound = self.open_units(("ORDER",), location_id) + self.held(location_id, now) + self.safety_stock
        return self.on_hand(location_id) - self.unsellable.get(location_id, 0) - bound

    def promises(self, order: dict[str, Any], now: int) -> bool:
        """
        Tell whether an order is covered: by what is available, for the units that it adds to what is open.

        Units that left or were cancelled before their order came ask for nothing any more, and a count net of
        orders has made room for an order that is older than it.
        """
        known = self.lines.get(("ORDER", order["order_id"], order["location_id"]), 0)
        wanted = max(0, known + order["quantity"]) - max(0, known)
        room = order["quantity"] if self.covered("OrderPlaced", order) else 0
        return not wanted or self.available(order["location_id"], now) + room >= wanted

    def figures(self, location_id: str, now: int) -> dict[str, int]:
        """The figures of stock-levels at a location."""
        return {
            "on_hand": self.on_hand(location_id),
            "unsellable": self.unsellable.get(location_id, 0),
            "reserved": self.open_units(("ORDER",), location_id),
            "held": self.held(location_id, now),
            "incoming": self.open_units(("INBOUND", "TRANSFER"), location_id),
        }

    def move(self, record: str, event: dict[str, Any]) -> None:
        """Take a movement that applies."""
        place, quantity, when = event["location_id"], event["quantity"], event["occurred_at"]
        if sign := ON_HAND.get(record):
            self.on_hand_moves.append(Moved(when, place, sign * quantity))
        if sign := RESERVED.get(record):
            self.reserved_moves.append(Moved(when, place, sign * quantity))
        if record == "ReturnReceived" and event["disposition"] != "SELLABLE":
            self.unsellable[place] = self.unsellable.get(place, 0) + quantity
        if record == "DispositionChanged":
            change = -quantity if event["disposition"] == "SELLABLE" else quantity
            self.unsellable[place] = self.unsellable.get(place, 0) + change
        for rules, sign in ((OPENS, 1), (CLOSES, -1)):
            if record in rules:
                kind, id_field, place_field = rules[record]
                if event[id_field] is not None:
                    line = kind, event[id_field], event[place_field]
                    self.lines[line] = self.lines.get(line, 0) + sign * quantity

    def covered(self, record: str, event: dict[str, Any]) -> bool:
        """
        Tell whether a count has seen what a movement does to on_hand.

        Orders do nothing to it, unless the count had subtracted them.
        """
        count = self.counts.get(event["location_id"])
        if count is None or event["occurred_at"] > count.as_of:
            return False
        return record in ON_HAND or (record in RESERVED and count.basis == "NET_OF_ORDERS")

    def count(self, event: dict[str, Any]) -> bool:
        """Take a count; return False when a greater one is in force."""
        found = Counted(
            event["as_of"], event["source_id"], event["event_id"], event["quantity"], event["basis"]
        )
        known = self.counts.get(event["location_id"])
        if known is not None and known[:3] > found[:3]:
            return False
        self.counts[event["location_id"]] = found
        return True
