"""A retail day as messages: skewed, with rush hours, and with all that goes wrong on real days. Seeded."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from streams.demo.catalogue import (
    CHANNEL_LOCATION,
    CHANNEL_WEIGHTS,
    LOCATIONS,
    STORE,
    WAREHOUSE,
    WMS,
    Catalogue,
)
from streams.demo.message import Expected, Message, event
from streams.demo.poison import contradicting, poisoned
from streams.demo.shelf import Shelf

DAY_HOURS = 12
DAY_MS = DAY_HOURS * 3_600_000
OPENING_HOUR = 8
# Shoppers by half hour from 8:00 to 20:00: a lunch rush, and a longer one after work.
FOOTFALL = (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 12, 9, 8, 8, 8, 9, 10, 12, 14, 15, 13, 9, 6, 3)

# What a customer or a warehouse does, in parts of a thousand.
DOINGS = {"buy": 880, "return": 45, "restock": 40, "adjust": 15, "transfer": 10, "bulk": 10}
DUPLICATES_PER_MILLE = 20  # A webhook that is sent twice.
LATE_PER_MILLE = 8  # A till that was offline for days.
POISON_PER_MILLE = 4
CONFLICTS_PER_MILLE = 1  # A source that uses an id again for something else.

OPENING_UNITS_AT_LEAST = 40
OPENING_UNITS_BY_POPULARITY = 3_000
RESTOCK_UNITS = (25, 45)
MARGIN_UNITS = (
    5  # An order below it could be refused: topics are read side by side, a receipt may come later.
)
BULK_UNITS = 100_000  # More than there ever is: such an order must be refused.
BASKET = (1, 1, 1, 1, 2, 2, 3)  # Units that one customer takes.
CANCELLED_SHARE = 0.1
OVERSOLD_SHARE = 0.2  # Tills sell what the system believes is gone.
SHIPPING_DELAY = (0.01, 0.08)  # Parts of the day between an order and its parcel.
LATE_DAYS = 2  # Beyond the lateness horizon of 24 h.
MESSAGES_PER_MOMENT = 1.39  # An order is two, and some are sent twice.
CLOSING = 0.999  # What follows an order is done by closing time.

Value = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Day:
    """The opening (policies and stock, before the doors open) and the day, in the order to be sent."""

    opening: list[Message]
    messages: list[Message]
    busiest: list[str]


def write_day(seed: int, events_total: int, day_start_ms: int, run_id: str, busiest_total: int = 8) -> Day:
    """
    Write a day of about events_total messages that began at day_start_ms, UTC milliseconds.

    The same arguments give the same day. run_id makes its event ids differ from those of other runs.
    """
    return _DayWriter(random.Random(seed), day_start_ms, run_id).write(events_total, busiest_total)


def clock(at: float) -> str:
    """Return a moment of the day, 0.0 to 1.0, as a shop's clock shows it."""
    minutes = int(at * DAY_HOURS * 60)
    return f"{OPENING_HOUR + minutes // 60:02d}:{minutes % 60:02d}"


class _DayWriter:
    def __init__(self, source: random.Random, day_start_ms: int, run_id: str) -> None:
        self._source = source
        self._day_start_ms = day_start_ms
        self._run_id = run_id
        self._catalogue = Catalogue(source)
        self._shelf = Shelf()
        self._messages: list[Message] = []
        self._events_total = 0
        self._doings: dict[str, Callable[[float], None]] = {
            "buy": self._buy,
            "return": self._return,
            "restock": self._restock,
            "adjust": self._adjust,
            "transfer": self._transfer,
            "bulk": self._bulk_order,
        }

    def write(self, events_total: int, busiest_total: int) -> Day:
        """Write the opening, then as many moments as make about events_total messages."""
        busiest = self._catalogue.busiest(busiest_total)
        self._set_policies(busiest[0])
        self._fill_shelves()
        opening, self._messages = self._messages, []
        names, weights = list(self._doings), [DOINGS[name] for name in self._doings]
        # In the order of the clock, so that the shelf knows what has happened before.
        for at in sorted(self._moment() for _ in range(round(events_total / MESSAGES_PER_MOMENT))):
            self._doings[self._source.choices(names, weights)[0]](at)
        # A stable sort by moment: what was written later at the same moment stays later.
        return Day(opening, sorted(self._messages, key=lambda message: message.at), busiest)

    def _moment(self) -> float:
        slot = self._source.choices(range(len(FOOTFALL)), FOOTFALL)[0]
        return min(CLOSING, (slot + self._source.random()) / len(FOOTFALL))

    def _value(self, at: float, source_id: str, sku: str, location_id: str, quantity: int) -> Value:
        self._events_total += 1
        return {
            "event_id": f"{self._run_id}-{self._events_total}",
            "source_id": source_id,
            "sku": sku,
            "location_id": location_id,
            "channel_id": None,
            "quantity": quantity,
            "occurred_at": self._day_start_ms + int(at * DAY_MS),
        }

    def _add(self, at: float, record: str, value: Value) -> None:
        message = event(at, record, value)
        self._messages.append(message)
        if self._source.random() * 1000 < DUPLICATES_PER_MILLE:
            self._messages.append(replace(message, expected=Expected.DUPLICATE))
        if self._source.random() * 1000 < CONFLICTS_PER_MILLE:
            self._messages.append(contradicting(message, value))

    def _set_policies(self, favourite: str) -> None:
        """Keep a unit on the store's shelves, give the marketplace less and the web shop some of its own."""
        base = {"source_id": "merchandising", "occurred_at": self._day_start_ms, "network_safety": None}
        marketplace = {"channel_id": "marketplace", "share_basis_points": 8_000, "buffer": 2}
        shelves = {"location_id": STORE, "safety_stock": 1}
        fence = {"channel_id": "web", "ring_fence": 20}
        policies: list[Value] = [
            {
                "event_id": f"{self._run_id}-all",
                "sku": "*",
                "channels": [marketplace],
                "locations": [shelves],
            },
            {"event_id": f"{self._run_id}-web", "sku": favourite, "channels": [fence], "locations": []},
        ]
        for policy in policies:
            self._messages.append(event(0.0, "StockPolicySet", base | policy, Expected.IN_FORCE))

    def _fill_shelves(self) -> None:
        for sku in self._catalogue.skus:
            popular = int(OPENING_UNITS_BY_POPULARITY * self._catalogue.popularity[sku])
            for location_id in LOCATIONS:
                quantity = OPENING_UNITS_AT_LEAST + popular
                value = self._value(0.0, WMS, sku, location_id, quantity)
                self._messages.append(event(0.0, "GoodsReceived", value))
                self._shelf.put(sku, location_id, quantity)

    def _buy(self, at: float) -> None:
        channel_id = self._source.choices(list(CHANNEL_WEIGHTS), list(CHANNEL_WEIGHTS.values()))[0]
        sku, location_id = self._catalogue.pick(), CHANNEL_LOCATION[channel_id]
        quantity = self._source.choice(BASKET)
        is_there = self._shelf.units(sku, location_id) >= quantity + MARGIN_UNITS
        if not is_there and not (channel_id == "pos" and self._source.random() < OVERSOLD_SHARE):
            self._receive(at, sku, location_id)
            return
        self._shelf.take(sku, location_id, quantity)
        value = self._value(at, channel_id, sku, location_id, quantity) | {"channel_id": channel_id}
        if channel_id == "pos":
            self._sell(at, value)
        else:
            self._order(at, value)

    def _sell(self, at: float, value: Value) -> None:
        chance = self._source.random() * 1000
        if chance < LATE_PER_MILLE:
            value["occurred_at"] = self._day_start_ms - LATE_DAYS * 24 * 3_600_000
        self._add(at, "SaleRecorded", value)
        if chance > 1000 - POISON_PER_MILLE:
            # A broken copy under an id of its own, so that the sale itself still counts.
            broken = value | {"event_id": f"{value['event_id']}-broken"}
            copy = event(at, "SaleRecorded", broken)
            self._messages.append(poisoned(copy, broken, self._source))

    def _order(self, at: float, value: Value) -> None:
        order_id = f"order-{value['event_id']}"
        self._add(at, "OrderPlaced", value | {"order_id": order_id})
        ending = "OrderCancelled" if self._source.random() < CANCELLED_SHARE else "OrderShipped"
        later = min(CLOSING, at + self._source.uniform(*SHIPPING_DELAY))
        follow_up = self._value(
            later, value["source_id"], value["sku"], value["location_id"], value["quantity"]
        )
        self._add(later, ending, follow_up | {"channel_id": value["channel_id"], "order_id": order_id})

    def _bulk_order(self, at: float) -> None:
        value = self._value(at, "web", self._catalogue.pick(), WAREHOUSE, BULK_UNITS)
        self._add(at, "OrderPlaced", value | {"channel_id": "web", "order_id": f"order-{value['event_id']}"})

    def _return(self, at: float) -> None:
        channel_id = self._source.choice(list(CHANNEL_LOCATION))
        sku, location_id = self._catalogue.pick(), CHANNEL_LOCATION[channel_id]
        disposition = self._source.choice(("SELLABLE", "SELLABLE", "SELLABLE", "DAMAGED"))
        value = self._value(at, channel_id, sku, location_id, 1)
        self._add(at, "ReturnReceived", value | {"channel_id": channel_id, "disposition": disposition})

    def _restock(self, at: float) -> None:
        self._receive(at, self._catalogue.pick(), self._source.choice(LOCATIONS))

    def _receive(self, at: float, sku: str, location_id: str) -> None:
        quantity = self._source.randint(*RESTOCK_UNITS)
        self._shelf.put(sku, location_id, quantity)
        self._add(at, "GoodsReceived", self._value(at, WMS, sku, location_id, quantity))

    def _adjust(self, at: float) -> None:
        sku, location_id = self._catalogue.pick(), self._source.choice(LOCATIONS)
        quantity, reason = self._source.choice(((-1, "DAMAGED"), (-1, "STOLEN"), (1, "FOUND")))
        self._shelf.put(sku, location_id, quantity)
        self._add(at, "StockAdjusted", self._value(at, WMS, sku, location_id, quantity) | {"reason": reason})

    def _transfer(self, at: float) -> None:
        sku = self._catalogue.pick()
        quantity = self._source.choice(BASKET)
        if self._shelf.units(sku, WAREHOUSE) < quantity + MARGIN_UNITS:
            self._receive(at, sku, WAREHOUSE)
            return
        self._shelf.take(sku, WAREHOUSE, quantity)
        shipped = self._value(at, WMS, sku, WAREHOUSE, quantity)
        transfer_id = f"transfer-{shipped['event_id']}"
        self._add(at, "TransferShipped", shipped | {"transfer_id": transfer_id, "to_location_id": STORE})
        later = min(CLOSING, at + self._source.uniform(*SHIPPING_DELAY))
        received = self._value(later, WMS, sku, STORE, quantity)
        self._add(
            later, "TransferReceived", received | {"transfer_id": transfer_id, "from_location_id": WAREHOUSE}
        )
