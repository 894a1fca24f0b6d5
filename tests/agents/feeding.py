"""Full feeds for tests: rows, rooms that go on until there is nothing left to do, and what stock comes to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from streams.domain.events import GoodsReceived, SaleRecorded, StockCounted
from streams.domain.feeds import FeedId
from tests.agents.stockroom import Emitted, Harvest, Stockroom
from tests.domain.shop import NOW, make

MINUTE_MS = 60_000
AS_OF = NOW - MINUTE_MS
FEED = FeedId("wms", "store", "monday")
SKUS = tuple(f"SKU-{number:02d}" for number in range(20))
"""They fall into all four partitions."""


def full_feed(
    quantities: Mapping[str, int], feed: FeedId = FEED, as_of: int = AS_OF, **fields: Any
) -> list[StockCounted]:
    """The rows of a feed that names these SKUs."""
    return [
        make(
            StockCounted,
            **{
                "event_id": f"{feed.feed_id}:{number}",
                "source_id": feed.source_id,
                "location_id": feed.location_id,
                "sku": sku,
                "quantity": quantity,
                "occurred_at": as_of,
                "as_of": as_of,
                "feed_id": feed.feed_id,
                "feed_kind": "FULL",
                "sequence": number,
                "total": len(quantities),
                **fields,
            },
        )
        for number, (sku, quantity) in enumerate(quantities.items(), start=1)
    ]


def goods(quantities: Mapping[str, int], location_id: str = "store") -> list[GoodsReceived]:
    """Receipts an hour before the feed."""
    return [
        make(
            GoodsReceived,
            event_id=f"goods:{location_id}:{sku}",
            sku=sku,
            location_id=location_id,
            quantity=quantity,
            inbound_id=None,
            occurred_at=AS_OF - 60 * MINUTE_MS,
        )
        for sku, quantity in quantities.items()
    ]


def sale(sku: str, event_id: str, minutes: int, quantity: int = 1) -> SaleRecorded:
    """A sale in the store some minutes after the feed's moment, before it if negative."""
    found: SaleRecorded = make(
        SaleRecorded, event_id=event_id, sku=sku, quantity=quantity, occurred_at=AS_OF + minutes * MINUTE_MS
    )
    return found


def settle(*rooms: Stockroom, now: int = NOW) -> Harvest:
    """Everything that is left to do, and what it emitted; each room hears what the others say."""
    found = Harvest()
    while any(room.agent.pending for room in rooms):
        for room in rooms:
            if room.agent.pending:
                harvest = room.tick(now)
                hear(harvest, rooms)
                found += harvest
    return found


def hear(harvest: Harvest, rooms: Iterable[Stockroom]) -> None:
    """Bring what one room has written round to all, itself included."""
    for room in rooms:
        room.hear_globals(harvest)


def opened(quantities: Mapping[str, int], **settings: Any) -> Stockroom:
    """A room with stock in the store."""
    room = Stockroom(**settings)
    room.take(*goods(quantities))
    settle(room)
    return room


def figures(room: Stockroom, location_id: str = "store") -> dict[str, int]:
    """on_hand by SKU at a location, zeros left out."""
    levels = {one.key: one for one in room.all if one.topic == "stock-levels"}
    found = {}
    for level in levels.values():
        fields = level.fields()
        for place in fields["locations"]:
            if place["location_id"] == location_id and place["on_hand"]:
                found[fields["sku"]] = place["on_hand"]
    return found


def stages(room: Stockroom, feed: FeedId = FEED) -> dict[int, str]:
    """What each partition has said last of a feed."""
    found = {}
    for one in said_of(room.all, feed):
        if "stage" in one:
            found[one["partition"]] = one["stage"]
    return found


def decisions(emitted: Sequence[Emitted], feed: FeedId = FEED) -> list[str]:
    """What was decided about a feed, in order."""
    return [one["decision"] for one in said_of(emitted, feed) if "decision" in one]


def said_of(emitted: Sequence[Emitted], feed: FeedId) -> list[dict[str, Any]]:
    """The records of the topic of feeds about one."""
    found = [one.fields() for one in emitted if one.topic == "stock-feeds" and one.value is not None]
    return [one for one in found if (one["source_id"], one["location_id"], one["feed_id"]) == feed]


def waiting_rows(room: Stockroom) -> int:
    """Records of rows that nobody has deleted."""
    latest = {(one.partition, one.key): one.value for one in room.all if one.topic == "stock-feed-rows"}
    return sum(value is not None for value in latest.values())
