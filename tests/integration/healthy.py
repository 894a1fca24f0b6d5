"""Good events for all inputs, from a seed, and a fold of their own that knows nothing of Onhand's."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from schemas import wire
from streams.engine.partitioner import partition_for
from streams.topology import EVENT_TOPICS

SKUS_TOTAL = 300
LOCATIONS = ("shop", "warehouse", "Zürich-3")
CHANNELS = ("pos", "web", "marketplace", None)
SOURCES = ("till-1", "till-2", "wms", "https://shop.example/hooks")
LARGEST_QUANTITY = 1_000_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
DISPOSITIONS = ("SELLABLE", "DAMAGED", "QUALITY_CONTROL", "EXPIRED")

SHARES = {
    "SaleRecorded": 40,
    "GoodsReceived": 15,
    "ReturnReceived": 10,
    "StockAdjusted": 10,
    "OrderShipped": 6,
    "OrderCancelled": 3,
    "DispositionChanged": 6,
    "TransferShipped": 4,
    "TransferReceived": 3,
    "InboundAnnounced": 3,
}
"""How often each record comes; orders are left out, since whether they are accepted depends on arrival."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One message as it is sent; reason is why it must become a dead letter, None for a good one."""

    kind: str
    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    reason: str | None = None
    event: dict[str, Any] = field(default_factory=dict)
    record: str = ""
    headers: tuple[tuple[str, bytes | None], ...] = ()


class Shop:
    """Makes good events; event ids count up, so that none comes twice unless asked for."""

    def __init__(self, generator: random.Random, now_ms: int, partitions: int) -> None:
        self.random = generator
        self.now_ms = now_ms
        self.partitions = partitions
        self.skus = [f"SKU-{number}" for number in range(SKUS_TOTAL - 4)] + ["čaj 7", "茶", "a b", "x" * 200]
        self._count = 0

    def event(self, record: str | None = None) -> tuple[str, dict[str, Any]]:
        """Return a record's name and a good value of it."""
        name = record or self.random.choices(list(SHARES), list(SHARES.values()))[0]
        self._count += 1
        value: dict[str, Any] = {
            "event_id": f"e-{self._count}",
            "source_id": self.random.choice(SOURCES),
            "sku": self.random.choice(self.skus),
            "location_id": self.random.choice(LOCATIONS),
            "channel_id": self.random.choice(CHANNELS),
            "quantity": self._quantity(),
            "occurred_at": self.now_ms - self.random.randrange(3 * DAY_MS),
        }
        return name, value | self._extra(name, value)

    def message(self, record: str | None = None, kind: str = "good") -> Sent:
        """Return a good message."""
        name, value = self.event(record)
        return self.of(kind, name, value)

    def of(self, kind: str, record: str, value: dict[str, Any], reason: str | None = None) -> Sent:
        """Return the message of a value, keyed by its SKU and on that key's partition."""
        key = value["sku"].encode()
        partition = partition_for(key, self.partitions)
        data = wire.encode(record, value)
        return Sent(kind, EVENT_TOPICS[record].name, partition, key, data, reason, value, record)

    def _quantity(self) -> int:
        return self.random.choice((1, 1, 1, 2, 3, 12, 144, LARGEST_QUANTITY))

    def _extra(self, record: str, value: dict[str, Any]) -> dict[str, Any]:
        """Return the fields that only some records have."""
        one_of = self.random.choice
        line_id = f"line-{self._count}"
        elsewhere = one_of([place for place in LOCATIONS if place != value["location_id"]])
        order = {"order_id": line_id}
        disposition = {"disposition": one_of(DISPOSITIONS)}
        signed = {"quantity": one_of((-1, 1)) * value["quantity"], "reason": one_of(("FOUND", "STOLEN"))}
        extras: dict[str, dict[str, Any]] = {
            "OrderShipped": order,
            "OrderCancelled": order,
            "ReturnReceived": disposition,
            "DispositionChanged": disposition,
            "StockAdjusted": signed,
            "TransferShipped": {"transfer_id": line_id, "to_location_id": elsewhere},
            "TransferReceived": {"transfer_id": line_id, "from_location_id": elsewhere},
            "InboundAnnounced": {"inbound_id": line_id, "eta": self.now_ms + one_of(range(30)) * DAY_MS},
        }
        return extras.get(record, {})


Figures = dict[tuple[str, str], tuple[int, int, int]]
"""on_hand, unsellable and incoming by SKU and location, where any of them is not zero."""


def fold(messages: Iterable[Sent]) -> Figures:
    """Return what the good events among messages, each once, make of stock (semantics 3)."""
    figures: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    seen: set[tuple[str, str]] = set()
    for message in messages:
        identity = (message.event.get("source_id", ""), message.event.get("event_id", ""))
        if message.reason is None and message.record in SHARES and identity not in seen:
            seen.add(identity)
            _apply(figures, message.record, message.event)
    return {place: (a, b, c) for place, (a, b, c) in figures.items() if a or b or c}


def _apply(figures: defaultdict[tuple[str, str], list[int]], record: str, event: dict[str, Any]) -> None:
    sku, quantity = event["sku"], event["quantity"]
    here = figures[sku, event["location_id"]]
    good = event.get("disposition") == "SELLABLE"
    match record:
        case "SaleRecorded" | "OrderShipped":
            here[0] -= quantity
        case "GoodsReceived" | "StockAdjusted" | "TransferReceived":
            here[0] += quantity
        case "ReturnReceived":
            here[0] += quantity
            here[1] += 0 if good else quantity
        case "DispositionChanged":
            here[1] += -quantity if good else quantity
        case "TransferShipped":
            here[0] -= quantity
            figures[sku, event["to_location_id"]][2] += quantity
        case "InboundAnnounced":
            here[2] += quantity
