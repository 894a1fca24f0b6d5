"""Alerts of the stock agent: what is short, since when, and whom it hits."""

from __future__ import annotations

from streams.domain.events import (
    GoodsReceived,
    OrderCancelled,
    OrderPlaced,
    OrderShipped,
    SaleRecorded,
    StockAdjusted,
)
from tests.agents.stockroom import Stockroom
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
        alerts = room.take(*events).alerts()
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
