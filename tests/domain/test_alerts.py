"""When a person is told (semantics 3 and 8)."""

from __future__ import annotations

from hypothesis import given

from streams.domain.alerts import (
    AFFECTED_ORDERS_NAMED,
    OVER_SHIPPED,
    OVERSOLD,
    OVERSOLD_RESOLVED,
    Alert,
    affected_orders,
    has_deficit,
    over_shipment,
    oversell_alerts,
)
from streams.domain.events import OrderCancelled, OrderPlaced, OrderShipped, TransferReceived
from streams.domain.lines import OpenLine, after, line_of
from streams.domain.stock import Level, Stock
from tests.domain.plans import levels
from tests.domain.shop import NOW, SKU, make


def order(line_id: str, units: int, opened_at: int = NOW, location_id: str = "store") -> OpenLine:
    """An open order."""
    return OpenLine("ORDER", line_id, location_id, units, opened_at=opened_at)


def test_falling_below_zero_is_oversold_by_as_much() -> None:
    """The deficit counts promises too, not only goods."""
    before, now = (Level("store", 2, reserved=2),), (Level("store", 0, reserved=2),)
    assert oversell_alerts(before, now) == [Alert(OVERSOLD, "store", 2)]
    assert oversell_alerts((), (Level("store", -1),)) == [Alert(OVERSOLD, "store", 1)]


def test_a_deficit_alerts_again_only_when_it_grows() -> None:
    """Shrinking is no news until it is over."""
    assert oversell_alerts((Level("store", -2),), (Level("store", -3),)) == [Alert(OVERSOLD, "store", 3)]
    assert oversell_alerts((Level("store", -3),), (Level("store", -3),)) == []
    assert oversell_alerts((Level("store", -3),), (Level("store", -1),)) == []


def test_coming_back_to_zero_resolves() -> None:
    """Zero is enough: nothing is owed any more."""
    assert oversell_alerts((Level("store", -3),), (Level("store", 0),)) == [
        Alert(OVERSOLD_RESOLVED, "store", 0)
    ]


def test_each_location_is_told_apart() -> None:
    """One location resolved while another falls short."""
    before = (Level("store", -1), Level("warehouse", 4))
    now = (Level("store", 4), Level("warehouse", -1))
    assert set(oversell_alerts(before, now)) == {
        Alert(OVERSOLD, "warehouse", 1),
        Alert(OVERSOLD_RESOLVED, "store", 0),
    }


@given(levels(), levels())
def test_alerts_and_deficits_tell_the_same_story(before: tuple[Level, ...], now: tuple[Level, ...]) -> None:
    """No alert without a deficit before or after, and the deficit is what is missing."""
    alerts = oversell_alerts(before, now)
    short = Stock(SKU, locations=now)
    if not has_deficit(Stock(SKU, locations=before)) and not has_deficit(short):
        assert alerts == []
    for alert in alerts:
        assert alert.deficit == max(0, -short.level(alert.location_id).available)
        assert (alert.kind == OVERSOLD) == (alert.deficit > 0)
    assert has_deficit(short) == any(level.available < 0 for level in now)


def test_the_youngest_orders_are_affected_youngest_first() -> None:
    """As many as the deficit reaches; the last of them perhaps in part."""
    lines = [order("old", 5, NOW - 3), order("young", 2, NOW - 1), order("middle", 3, NOW - 2)]
    assert affected_orders(lines, "store", 2) == ["young"]
    assert affected_orders(lines, "store", 3) == ["young", "middle"]
    assert affected_orders(lines, "store", 99) == ["young", "middle", "old"]
    assert affected_orders(lines, "store", 0) == []


def test_orders_elsewhere_and_closed_ones_are_not_affected() -> None:
    """Nor what is expected: only open orders at the location that is short."""
    lines = [
        order("elsewhere", 5, location_id="warehouse"),
        order("shipped", 5)._replace(fulfilled=5),
        OpenLine("INBOUND", "delivery", "store", 5, opened_at=NOW),
    ]
    assert affected_orders(lines, "store", 10) == []


def test_an_alert_names_no_more_orders_than_a_person_can_act_on() -> None:
    """The alert stays small however many promises there are."""
    lines = [order(f"order-{n:04}", 1, NOW - n) for n in range(1_000)]
    named = affected_orders(lines, "store", 1_000)
    assert named == [f"order-{n:04}" for n in range(AFFECTED_ORDERS_NAMED)]


def over_shipped(units: int) -> Alert:
    """So many units of order-1 too many."""
    return Alert(OVER_SHIPPED, "store", units, ("order-1",))


def test_shipping_beyond_the_order_is_told() -> None:
    """In either order of arrival, once it is known what was ordered; a cancelled unit can't be shipped either."""
    placed, shipped = make(OrderPlaced, quantity=5), make(OrderShipped, quantity=7)
    empty = line_of(placed)
    assert empty is not None
    ordered = after(empty, placed)
    assert over_shipment(ordered, after(ordered, shipped), shipped) == over_shipped(2)
    waiting = after(empty, shipped)
    assert over_shipment(empty, waiting, shipped) is None
    assert over_shipment(waiting, after(waiting, placed), placed) == over_shipped(2)
    cancelled = after(ordered, make(OrderCancelled, quantity=5))
    assert over_shipment(cancelled, after(cancelled, shipped), shipped) == over_shipped(7)


def test_shipping_what_was_ordered_is_not_told() -> None:
    """Up to the last unit; and receiving more than was transferred is the warehouse's affair, not an over-shipment."""
    ordered, shipped = order("order-1", 5), make(OrderShipped, quantity=5)
    assert over_shipment(ordered, after(ordered, shipped), shipped) is None
    transfer = OpenLine("TRANSFER", "transfer-1", "store", 5, opened_at=NOW)
    received = make(TransferReceived, quantity=9)
    assert over_shipment(transfer, after(transfer, received), received) is None
