"""
The rules of stock once more, as plainly as possible: lists of what has happened, and figures summed from them.

Nothing here is incremental, fast or clever, and nothing of it comes from streams: it is what the semantics say,
for the state machine to compare the agent with.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
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
DAYS = {"OrderPlaced": "deliver_at", "InboundAnnounced": "eta", "TransferShipped": "eta"}
DAY_MS = 86_400_000
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
    order_id: str | None = None
    ended_at: int = 0


@dataclass(frozen=True)
class Line:
    """An order, delivery or transfer; latest is when it was opened last and the day told then, 0 for none."""

    opened: int = 0
    closed: int = 0
    latest: tuple[int, int] = (0, 0)

    @property
    def open(self) -> int:
        """Units that may still move."""
        return max(0, self.opened - self.closed)

    @property
    def day(self) -> int | None:
        """The UTC day on which it is wanted or expected, None for now or not known."""
        return self.latest[1] // DAY_MS or None

    def opened_with(self, record: str, event: dict[str, Any], now: int) -> Line:
        """Opened further: the latest opening tells the day, and an order's day that has come is none."""
        latest = max(self.latest, (event["occurred_at"], event[DAYS[record]] or 0))
        if record == "OrderPlaced" and latest[1] // DAY_MS <= now // DAY_MS:
            latest = latest[0], 0
        return replace(self, opened=self.opened + event["quantity"], latest=latest)


@dataclass
class Sku:
    """Everything that has happened to one SKU."""

    on_hand_moves: list[Moved] = field(default_factory=list)
    reserved_moves: list[Moved] = field(default_factory=list)
    unsellable: dict[str, int] = field(default_factory=dict)
    counts: dict[str, Counted] = field(default_factory=dict)
    lines: dict[tuple[str, str, str], Line] = field(default_factory=dict)
    holds: dict[str, Held] = field(default_factory=dict)
    safety_stock: int = 0
    mistrusts: bool = False
    known: bool = False

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

    def open_units(self, kinds: tuple[str, ...], location_id: str, *, days: bool) -> int:
        """Units still open of lines; with days also of those that name one."""
        return sum(
            line.open
            for (kind, _, place), line in self.lines.items()
            if kind in kinds and place == location_id and (days or line.day is None)
        )

    def begin_day(self, now: int) -> None:
        """Reserve what is wanted on a day that has begun."""
        for key, line in self.lines.items():
            if key[0] == "ORDER" and line.open and line.day is not None and line.day <= now // DAY_MS:
                self.lines[key] = replace(line, latest=(line.latest[0], 0))

    def future(self) -> dict[tuple[str, int], tuple[int, int]]:
        """Units (expected, wanted) by location and day."""
        found: dict[tuple[str, int], tuple[int, int]] = {}
        for (kind, _, place), line in self.lines.items():
            if line.open and line.day is not None:
                expected, wanted = found.get((place, line.day), (0, 0))
                units = (0, line.open) if kind == "ORDER" else (line.open, 0)
                found[place, line.day] = expected + units[0], wanted + units[1]
        return found

    def promised(self, location_id: str, day: int, now: int, horizon_days: int) -> int:
        """Available to promise at a location from a day on: the page's formula, read literally (semantics 10)."""
        today = now // DAY_MS
        sums = []
        for last in range(day, max(day, today + horizon_days) + 1):
            here = [(when, units) for (place, when), units in self.future().items() if place == location_id]
            expected = sum(units[0] for when, units in here if today <= when <= last)
            wanted = sum(units[1] for when, units in here if when <= last)
            sums.append(self.available(location_id, now) + expected - wanted)
        return min(sums)

    def overdue(self, now: int) -> set[str]:
        """Names of what is expected on a day that is over."""
        return {
            name
            for (kind, name, _), line in self.lines.items()
            if kind != "ORDER" and line.open and line.day is not None and line.day < now // DAY_MS
        }

    def held(self, location_id: str, now: int) -> int:
        """Sum of the active holds."""
        return sum(
            hold.quantity
            for hold in self.holds.values()
            if hold.location_id == location_id and hold.state == "ACTIVE" and hold.expires_at > now
        )

    def available(self, location_id: str, now: int) -> int:
        """What can still be promised at a location."""
        reserved = self.open_units(("ORDER",), location_id, days=False)
        bound = reserved + self.held(location_id, now) + self.safety_stock
        return self.on_hand(location_id) - self.unsellable.get(location_id, 0) - bound

    def promises(self, order: dict[str, Any], now: int, horizon_days: int) -> bool:
        """
        Tell whether an order is covered: by what is available, for the units that it adds to what is open.

        Units that left or were cancelled before their order came ask for nothing any more, and a count net of
        orders has made room for an order that is older than it. One for a later day asks for all of its units what
        can be promised then, as if none of it had been promised before.
        """
        key = "ORDER", order["order_id"], order["location_id"]
        before = self.lines.get(key, Line())
        after = before.opened_with("OrderPlaced", order, now)
        room = order["quantity"] if self.covered("OrderPlaced", order) else 0
        if before.day is None and after.day is None:
            wanted = after.open - before.open
            return not wanted or self.available(order["location_id"], now) + room >= wanted
        without = replace(self, lines={known: line for known, line in self.lines.items() if known != key})
        day = after.day
        if day is None:
            left = without.available(order["location_id"], now)
        else:
            left = without.promised(order["location_id"], day, now, horizon_days)
        return after.open <= max(0, left + room)

    def figures(self, location_id: str, now: int) -> dict[str, int]:
        """The figures of stock-levels at a location."""
        return {
            "on_hand": self.on_hand(location_id),
            "unsellable": self.unsellable.get(location_id, 0),
            "reserved": self.open_units(("ORDER",), location_id, days=False),
            "held": self.held(location_id, now),
            "incoming": self.open_units(("INBOUND", "TRANSFER"), location_id, days=True),
        }

    def move(self, record: str, event: dict[str, Any], now: int) -> None:
        """Take a movement that applies."""
        self.known = True
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
        if record in OPENS or record in CLOSES:
            self._move_line(record, event, now)

    def _move_line(self, record: str, event: dict[str, Any], now: int) -> None:
        """Open or close a line; one of which nothing is left is forgotten, its day with it."""
        kind, id_field, place_field = OPENS.get(record) or CLOSES[record]
        if event[id_field] is None:
            return
        key = kind, event[id_field], event[place_field]
        line = self.lines.pop(key, Line())
        if record in OPENS:
            line = line.opened_with(record, event, now)
        else:
            line = replace(line, closed=line.closed + event["quantity"])
        if line.opened != line.closed:
            self.lines[key] = line

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
        self.known = True
        return True
