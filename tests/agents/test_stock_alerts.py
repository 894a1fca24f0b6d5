"""Alerts of the stock agent: what is short, since when, and whom it hits."""

from __future__ import annotations

from typing import Any

from streams.domain.events import (
    GoodsReceived,
    OrderCancelled,
    OrderPlaced,
    OrderShipped,
    SaleRecorded,
    StockAdjusted,
)
from streams.domain.policy import ChannelPolicy, StockPolicySet
from tests.agents.stockroom import Harvest, Stockroom
from tests.domain.shop import NOW, SKU, make


def short_room() -> Stockroom:
    """Nine units, three orders of three."""
    room = Stockroom()
    room.take(make(GoodsReceived, event_id="goods", quantity=9, inbound_id=None))
    for age, order_id in enumerate(("youngest", "middle", "oldest")):
        room.take(make(OrderPlaced, event_id=order_id, order_id=order_id, quantity=3, occurred_at=NOW - age))
    return room


def test_oversold_names_deficit_and_youngest_orders() -> None:
    """A till sells what was promised: the alert says how much is missing and whose order it hits, youngest first."""
    room = short_room()
    (alert,) = room.take(make(SaleRecorded, event_id="s", quantity=4), now=NOW + 1).alerts()
    assert alert == {
        "alert_id": f"OVERSOLD:{SKU}:store:5",
        "sku": SKU,
        "location_id": "store",
        "kind": "OVERSOLD",
        "deficit": 4,
        "order_ids": ["youngest", "middle"],
        "version": 5,
        "occurred_at": NOW,
        "raised_at": NOW + 1,
        "quantity": 0,
        "references": [],
    }
    assert room.monitor.oversold_units == 4


def test_deficit_alerts_when_it_grows_and_when_it_ends() -> None:
    """Not while it shrinks; only the growth counts as oversold units."""
    room = short_room()
    steps = [(-2, 2), (-1, 3), (2, None), (0, None), (1, 0), (5, None)]
    for number, (change, deficit) in enumerate(steps):
        events = [make(StockAdjusted, event_id=str(number), quantity=change)] if change else []
        alerts = [alert for alert in room.take(*events).alerts() if alert["kind"] != "BACK_IN_STOCK"]
        assert [alert["deficit"] for alert in alerts] == ([] if deficit is None else [deficit]), number
        if deficit == 0:
            assert [(alert["kind"], alert["order_ids"]) for alert in alerts] == [("OVERSOLD_RESOLVED", [])]
    assert room.monitor.oversold_units == 3


def test_what_is_made_good_within_a_batch_is_no_news() -> None:
    """Only what stands at the end of the batch is told."""
    room = short_room()
    harvest = room.take(
        make(SaleRecorded, event_id="s", quantity=4), make(GoodsReceived, event_id="g", quantity=4)
    )
    assert harvest.alerts() == []


def test_orders_of_the_same_batch_are_named() -> None:
    """Lines that are not committed yet are promises too, and those that just ended are none."""
    room = Stockroom()
    (alert,) = room.take(
        make(GoodsReceived, event_id="goods", quantity=6, inbound_id=None),
        make(OrderPlaced, event_id="1", order_id="kept", quantity=3),
        make(OrderPlaced, event_id="2", order_id="gone", quantity=3),
        make(OrderCancelled, event_id="3", order_id="gone", quantity=3),
        make(SaleRecorded, event_id="4", quantity=5),
    ).alerts()
    assert (alert["deficit"], alert["order_ids"]) == (2, ["kept"])


def test_a_deficit_at_one_location_is_told_there_and_hides_nothing_elsewhere() -> None:
    """The channels still sell what the warehouse has."""
    room = Stockroom()
    harvest = room.take(
        make(GoodsReceived, event_id="1", location_id="warehouse", quantity=8, inbound_id=None),
        make(SaleRecorded, event_id="2", quantity=5),
    )
    assert [(alert["location_id"], alert["deficit"]) for alert in harvest.alerts()] == [("store", 5)]
    assert harvest.told() == {("pos", SKU): 8, ("web", SKU): 8}


def test_shipping_beyond_the_order_is_told_and_applies() -> None:
    """The goods are gone, out of what was promised to others: the alert names the order that took too many."""
    room = short_room()
    harvest = room.take(make(OrderShipped, event_id="s", order_id="oldest", quantity=5))
    told = [(alert["kind"], alert["deficit"], alert["order_ids"]) for alert in harvest.alerts()]
    assert told == [("OVER_SHIPPED", 2, ["oldest"]), ("OVERSOLD", 2, ["youngest"])]
    level = room.level(SKU)
    assert level is not None
    (store,) = level["locations"]
    assert (store["on_hand"], store["reserved"]) == (4, 6)


def test_aborted_alerts_count_nothing() -> None:
    """Oversold units are counted once the batch has committed."""
    room = short_room()
    sale = make(SaleRecorded, event_id="s", quantity=4)
    room.take(sale, commits=False)
    assert room.monitor.oversold_units == 0
    room.take(sale)
    assert room.monitor.oversold_units == 4


def policy(event_id: str, sku: str = SKU, **fields: Any) -> StockPolicySet:
    """A policy document."""
    return StockPolicySet(event_id, "erp", sku, NOW, **fields)


def adjust(room: Stockroom, event_id: str, change: int, **options: Any) -> Harvest:
    """A batch with one adjustment."""
    return room.take(make(StockAdjusted, event_id=event_id, quantity=change), **options)


def kinds(harvest: Harvest) -> list[str]:
    """What a batch alerts of."""
    return [alert["kind"] for alert in harvest.alerts()]


def settled(room: Stockroom) -> list[dict[str, Any]]:
    """The alerts of all ticks until nothing waits to be re-evaluated."""
    found: list[dict[str, Any]] = []
    while room.agent.pending:
        found += room.tick().alerts()
    return found


def test_what_is_short_in_total_is_told_as_well() -> None:
    """One location can't make up for the other: the total names the youngest orders anywhere."""
    room = short_room()
    room.take(make(GoodsReceived, event_id="w", location_id="warehouse", quantity=2, inbound_id=None))
    alerts = room.take(make(SaleRecorded, event_id="s", quantity=4)).alerts()
    told = [(alert["location_id"], alert["deficit"], alert["order_ids"]) for alert in alerts]
    assert told == [("store", 4, ["youngest", "middle"]), ("*", 2, ["youngest"])]
    assert room.monitor.oversold_units == 4, "units are counted where they are short"
    assert room.monitor.alerts_by_kind == {"OVERSOLD": 2, "BACK_IN_STOCK": 1}


def test_low_stock_lives_through_a_restart() -> None:
    """Told when it falls to the threshold, not again by who takes over, and anew after it has risen."""
    room = Stockroom()
    room.take(policy("p", "*", low_stock_threshold=5))
    assert kinds(adjust(room, "1", 6)) == []
    (alert,) = adjust(room, "2", -1).alerts()
    assert (alert["alert_id"], alert["quantity"]) == (f"LOW_STOCK:{SKU}:*:2", 5)
    room = Stockroom(room.all)
    assert settled(room) == []
    assert kinds(adjust(room, "3", -2)) == []
    assert kinds(adjust(room, "4", 5)) == []
    (again,) = adjust(room, "5", -3).alerts()
    assert again["alert_id"] == f"LOW_STOCK:{SKU}:*:5"


def test_low_stock_is_told_when_the_threshold_rises_above_it() -> None:
    """A change of policy is a change too, found again with the same id when its batch was aborted."""
    room = Stockroom()
    adjust(room, "1", 6)
    room.take(policy("p", low_stock_threshold=6))
    (lost,) = room.take(commits=False).alerts()
    (alert,) = settled(room)
    assert lost["alert_id"] == alert["alert_id"] == f"LOW_STOCK:{SKU}:*:2"
    assert settled(Stockroom(room.all)) == []


def test_ring_fences_that_shrink_and_come_back_are_told() -> None:
    """By sales, by a restart in between, and by the fence itself being taken down."""
    room = Stockroom()
    adjust(room, "1", 9)
    fence = (ChannelPolicy("pos", ring_fence=4), ChannelPolicy("web", ring_fence=7, priority=1))
    room.take(policy("p-1", channels=fence))
    (shrunk,) = settled(room)
    assert (shrunk["kind"], shrunk["quantity"], shrunk["references"]) == ("RING_FENCE_SHRUNK", 2, ["web"])
    assert shrunk["alert_id"] == f"RING_FENCE_SHRUNK:{SKU}:*:2"
    room = Stockroom(room.all)
    assert settled(room) == []
    (more,) = adjust(room, "2", -6).alerts()
    assert (more["quantity"], more["references"]) == (8, ["pos", "web"])
    assert kinds(adjust(room, "3", 2)) == []
    room.take(policy("p-2", channels=()))
    assert [alert["kind"] for alert in settled(room)] == ["RING_FENCE_RESTORED"]
    assert room.level(SKU) is not None
    assert room.level(SKU)["standing"] == []  # type: ignore[index] # It is not None.


def test_back_in_stock_is_told_after_nothing() -> None:
    """Not of a SKU that is new, nor while some channel could still sell."""
    room = Stockroom()
    assert kinds(adjust(room, "1", 1)) == []
    assert kinds(adjust(room, "2", 1)) == []
    assert kinds(adjust(room, "3", -2)) == []
    (alert,) = adjust(room, "4", 3).alerts()
    assert (alert["alert_id"], alert["quantity"]) == (f"BACK_IN_STOCK:{SKU}:*:4", 3)
    assert kinds(adjust(room, "5", -3)) == []
    assert [alert["alert_id"] for alert in adjust(room, "6", 1).alerts()] == [f"BACK_IN_STOCK:{SKU}:*:6"]
