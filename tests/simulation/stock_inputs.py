"""What sources write in a stock scenario: real events, resent, shuffled, misplaced, and poison among them."""

from __future__ import annotations

import random
from typing import Any

from schemas import wire
from streams.domain.sku import normalise_sku
from streams.engine.partitioner import partition_for
from streams.topology import EVENT_TOPICS, ITEMS_IN_FORCE, SOURCES, STOCK_RETURNS
from tests.simulation.world import Input

LOCATIONS = ("dc-leeds", "store-london")
CHANNELS = ("marketplace", "pos", "web")
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
ANCIENT_MS = 600_000_000_000  # 1989: before any stock event.

DUPLICATE_SHARE = 0.2
POISON_SHARE = 0.12
MISPLACED_SHARE = 0.04
POLICY_SHARE = 0.1
FEEDS = (0, 0, 1, 2)
"""How many full feeds a schedule has."""
CATEGORIES = ("shoes", "shoes/trainers", None)
HEARD = ("till", "erp")
"""Sources that give signs of life; of wms that policies name as well nobody ever hears."""
REUSED_ID_SHARE = 0.04
CHECKOUT_SHARE = 0.2
LONGEST_HOLD_MS = (
    60_000  # A few times as long as a schedule takes: some holds end by themselves in it, some don't.
)


class Source:
    """Writes random events about a few SKUs."""

    def __init__(self, generator: random.Random, partitions: int, now_ms: int) -> None:
        self._random = generator
        self._partitions = partitions
        self._now_ms = now_ms
        self._skus = [normalise_sku(f"SKU-{number}") for number in range(generator.randint(1, 5))]
        self._written = 0

    def inputs(self) -> list[Input]:
        """Return everything in the order in which it is written."""
        found: list[Input] = []
        found += self._signs_of_life()
        for _ in range(self._random.randint(5, 40)):
            chance = self._random.random()
            if chance < POISON_SHARE:
                found.append(self._poison())
            elif chance < POISON_SHARE + POLICY_SHARE:
                self._write(found, self._policy())
            elif chance < POISON_SHARE + POLICY_SHARE + CHECKOUT_SHARE:
                for asked in self._checkout():
                    self._write(found, asked)
            else:
                self._write(found, self._event())
        for number in range(self._random.choice(FEEDS)):
            self._feed(found, f"feed-{number}")
        if self._random.random() < 0.3:
            found += found[: self._random.randint(0, len(found))]
        return found

    def _write(self, found: list[Input], item: Input) -> None:
        """Write a record, and perhaps once more somewhere before."""
        found.append(item)
        if self._random.random() < DUPLICATE_SHARE:
            found.insert(self._random.randrange(len(found)), item)

    def _placed(self, record: str, value: dict[str, Any]) -> Input:
        key = value["sku"].encode()
        partition = partition_for(key, self._partitions)
        if self._random.random() < MISPLACED_SHARE:
            partition = self._random.randrange(self._partitions)
        return Input(EVENT_TOPICS[record].name, partition, key, wire.encode(record, value))

    def _envelope(self) -> dict[str, Any]:
        self._written += 1
        reused = self._random.random() < REUSED_ID_SHARE
        return {
            "event_id": f"e{self._random.randint(1, self._written) if reused else self._written}",
            "source_id": self._random.choice(("till", "shop")),
            "sku": self._random.choice(self._skus),
            "location_id": self._random.choice(LOCATIONS),
            "channel_id": self._random.choice((None, *CHANNELS)),
            "quantity": self._random.randint(1, 9),
            "occurred_at": self._now_ms - self._random.randrange(2 * DAY_MS),
        }

    def _event(self) -> Input:
        value = self._envelope()
        record = self._random.choice(
            (
                *("SaleRecorded", "GoodsReceived", "GoodsReceived", "OrderPlaced", "OrderPlaced"),
                *("OrderShipped", "OrderCancelled", "ReturnReceived", "InboundAnnounced", "InboundCancelled"),
                *("TransferShipped", "TransferReceived", "StockAdjusted", "DispositionChanged"),
                *("StockCounted", "StockCounted"),
            )
        )
        return self._placed(record, value | self._rest(record, value))

    def _rest(self, record: str, value: dict[str, Any]) -> dict[str, Any]:
        """Return what a record has beyond the envelope; few ids, so that events meet on one line."""
        other = LOCATIONS[1 - LOCATIONS.index(value["location_id"])]
        line = str(self._random.randint(1, 3))
        disposition = self._random.choice(("SELLABLE", "DAMAGED", "QUALITY_CONTROL"))
        received = {"inbound_id": self._random.choice((None, line)), "quantity": self._random.randint(1, 30)}
        beyond: dict[str, dict[str, Any]] = {
            "OrderPlaced": {
                "order_id": line,
                "hold_id": self._random.choice((None, None, self._hold_id())),
                "deliver_at": self._random.choice((None, self._some_day())),
            },
            "OrderShipped": {"order_id": line},
            "OrderCancelled": {"order_id": line},
            "ReturnReceived": {"disposition": disposition},
            "DispositionChanged": {"disposition": disposition},
            "GoodsReceived": received,
            "InboundAnnounced": {"inbound_id": line, "eta": self._some_day()},
            "InboundCancelled": {"inbound_id": line},
            "TransferShipped": {
                "transfer_id": line,
                "to_location_id": other,
                "eta": self._random.choice((None, self._some_day())),
            },
            "TransferReceived": {"transfer_id": line, "from_location_id": other},
            "StockAdjusted": {"reason": "CORRECTION", "quantity": self._random.choice((-3, -1, 2, 5))},
            "StockCounted": self._counted(value),
        }
        return beyond.get(record, {})

    def _some_day(self) -> int:
        """Return a time of yesterday, today, tomorrow or later."""
        return self._now_ms + self._random.choice((-1, 0, 1, 1, 1, 1, 3, 40)) * DAY_MS

    def _counted(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return what a count has: most are young enough to count, and of few moments, so that they meet."""
        hours = self._random.choice((1, 2, 3, 20, 47))
        return {
            "as_of": self._now_ms - hours * HOUR_MS,
            "basis": self._random.choice(("PHYSICAL", "NET_OF_ORDERS")),
            "quantity": self._random.randint(0, 12),
            "occurred_at": min(value["occurred_at"], self._now_ms - hours * HOUR_MS),
            "feed_id": None,
            "feed_kind": None,
            "sequence": None,
            "total": None,
        }

    def _feed(self, found: list[Input], feed_id: str) -> None:
        """Write the rows of a full feed anywhere among the rest; of some feeds a row never comes."""
        source_id, place = self._random.choice(("till", "shop")), self._random.choice(LOCATIONS)
        named = self._random.sample(self._skus, self._random.randint(1, len(self._skus)))
        as_of = self._now_ms - self._random.choice((1, 2, 20, 47)) * HOUR_MS
        count = {"as_of": as_of, "basis": self._random.choice(("PHYSICAL", "NET_OF_ORDERS"))}
        feed = {"feed_id": feed_id, "feed_kind": "FULL", "total": len(named)}
        for sequence, sku in enumerate(named, start=1):
            if sequence > 1 and self._random.random() < 0.05:
                continue
            value = self._envelope() | count | feed | {"sequence": sequence, "sku": sku}
            value |= {"source_id": source_id, "location_id": place, "quantity": self._random.randint(0, 12)}
            item = self._placed("StockCounted", value | {"occurred_at": as_of})
            for _ in range(1 + (self._random.random() < DUPLICATE_SHARE)):
                found.insert(self._random.randint(0, len(found)), item)

    def _hold_id(self) -> str:
        """Return one of few, so that requests meet on one hold."""
        return f"h{self._random.randint(1, 3)}"

    def _checkout(self) -> list[Input]:
        """Return what a checkout asks about a hold of goods that have come in: to place, to change and to end it."""
        sku, hold_id, place = self._random.choice(self._skus), self._hold_id(), self._random.choice(LOCATIONS)
        received = self._envelope() | {"sku": sku, "location_id": place, "quantity": 5, "inbound_id": None}
        found = [self._placed("GoodsReceived", received)] if self._random.random() < 0.5 else []
        for record in (
            "PlaceHold",
            "PlaceHold",
            self._random.choice(("ConfirmHold", "ReleaseHold", "OrderPlaced")),
        ):
            if self._random.random() < 0.7:
                value = self._envelope() | {"sku": sku, "location_id": place, "hold_id": hold_id}
                found.append(self._placed(record, value | self._asked(record)))
        return found

    def _asked(self, record: str) -> dict[str, Any]:
        """Return what a request has of its own."""
        asked: dict[str, Any] = {}
        if record != "OrderPlaced":
            asked["owner"] = self._random.choice(("ann", "ann", "ann", "ann", "bob"))
        if record == "PlaceHold":
            asked["location_id"] = self._random.choice((None, *LOCATIONS))
            asked["quantity"] = self._random.randint(1, 4)
            asked["expires_at"] = self._now_ms + self._random.randint(-100, LONGEST_HOLD_MS)
        if record in {"ConfirmHold", "OrderPlaced"}:
            asked["order_id"] = str(self._random.randint(1, 3))
            asked["quantity"] = self._random.randint(1 if record == "OrderPlaced" else 0, 4)
        if record == "OrderPlaced":
            asked["deliver_at"] = self._random.choice((None, self._some_day()))
        return asked

    def _signs_of_life(self) -> list[Input]:
        """Return a source's heartbeat, half an hour old or new, and what categories SKUs are in."""
        heard_at = self._now_ms - self._random.choice((0, HOUR_MS // 2))
        source_id = self._random.choice(HEARD)
        heard = {"source_id": source_id, "heard_at": heard_at, "heard_by": "heartbeat"}
        found = [self._global(SOURCES.name, source_id, wire.encode("SourceHeard", heard))]
        for sku in self._skus:
            item = {"sku": sku, "category": self._random.choice(CATEGORIES)}
            found.append(self._global(ITEMS_IN_FORCE.name, sku, wire.encode("Item", item)))
        return self._random.sample(found, self._random.randint(0, len(found)))

    def _global(self, topic: str, name: str, value: bytes) -> Input:
        key = name.encode()
        return Input(topic, partition_for(key, self._partitions), key, value)

    def _policy(self) -> Input:
        """Return a policy for one SKU, a category or all."""
        self._written += 1
        chosen = self._random.sample((*CHANNELS, "*"), self._random.randint(0, 2))
        channels = [
            {
                "channel_id": channel_id,
                "location_ids": self._random.choice((None, [LOCATIONS[0]])),
                "share_basis_points": self._random.choice((None, 0, 3_333, 10_000)),
                "buffer": self._random.choice((None, 1)),
                "cap": self._random.choice((None, 3)),
                "ring_fence": self._random.choice((None, 2, 50)),
                "priority": self._random.choice((None, 1)),
                "location_group_ids": self._random.choice((None, None, ["north"])),
                "maximum_staleness_seconds": self._random.choice((None, 10, 3_600)),
            }
            for channel_id in chosen
        ]
        sku = self._random.choice((*self._skus, "*", "*", "*/shoes", "*/shoes/trainers"))
        zero_shares = (None, 0, 10_000) if sku == "*" else (None,)
        value = {
            "event_id": f"p{self._written}",
            "source_id": "desk",
            "sku": sku,
            "occurred_at": self._now_ms - self._random.randrange(HOUR_MS),
            "network_safety": self._random.choice((None, 2)),
            "channels": channels,
            "locations": [{"location_id": self._random.choice((*LOCATIONS, "*")), "safety_stock": 1}],
            "low_stock_threshold": self._random.choice((None, 0, 5)),
            "backorder_limit": self._random.choice((None, None, 0, 4, -2)),
            "location_groups": self._random.choice(
                ([], [{"group_id": "north", "location_ids": [LOCATIONS[1], "nowhere"]}])
            ),
            "sources": [
                {
                    "location_id": location_id,
                    "source_ids": [self._random.choice((*HEARD, "wms"))],
                    "trusted_count_source_ids": self._random.choice((None, None, ["till"])),
                    "feed_zero_share_basis_points": self._random.choice(zero_shares),
                }
                for location_id in self._random.sample((*LOCATIONS, "*"), self._random.randint(0, 2))
            ],
        }
        return self._placed("StockPolicySet", value)

    def _poison(self) -> Input:
        """Return a record that can only become a dead letter."""
        value = self._envelope()
        good = self._placed("SaleRecorded", value)
        data = good.value or b""
        wrong = self._random.choice(({"quantity": 0}, {"quantity": -4}, {"location_id": ""}))
        untimely = {"occurred_at": self._random.choice((ANCIENT_MS, self._now_ms + 30 * DAY_MS))}
        return self._random.choice(
            (
                good._replace(value=data[: self._random.randrange(len(data))]),
                good._replace(value=self._random.randbytes(self._random.randint(0, 40))),
                good._replace(value=None),
                good._replace(key=self._random.choice((None, b"", b"\xff\xfe", b"another"))),
                good._replace(topic=STOCK_RETURNS.name),
                self._placed("SaleRecorded", value | wrong),
                self._placed("SaleRecorded", value | untimely),
            )
        )
