"""When a person is told (semantics 3 and 8)."""

from __future__ import annotations

import pytest
from hypothesis import given

from streams.domain.alerts import (
    AFFECTED_ORDERS_NAMED,
    BACK_IN_STOCK,
    LOW_STOCK,
    OVER_SHIPPED,
    OVERSOLD,
    OVERSOLD_RESOLVED,
    RING_FENCE_RESTORED,
    RING_FENCE_SHRUNK,
    Alert,
    affected_orders,
    back_in_stock,
    has_deficit,
    over_shipment,
    oversell_alerts,
    standing,
    standing_alerts,
)
from streams.domain.events import OrderCancelled, OrderPlaced, OrderShipped, TransferReceived
from streams.domain.lines import OpenLine, after, line_of
from streams.domain.policy import ChannelPlan, Plan, plain_plan
from streams.domain.stock import ChannelLevel, Level, StandingAlert, Stock
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
    gone = {level.location_id for level in before} - {level.location_id for level in now}
    now = tuple(sorted((*now, *map(Level, gone))))  # A location once known stays, with nothing in it.
    alerts = oversell_alerts(before, now)
    short = Stock(SKU, locations=now)
    if not has_deficit(Stock(SKU, locations=before)) and not has_deficit(short):
        assert alerts == []
    for alert in alerts:
        meant = [level for level in now if alert.location_id in {level.location_id, "*"}]
        assert alert.deficit == max(0, -sum(level.available for level in meant))
        assert (alert.kind == OVERSOLD) == (alert.deficit > 0)
    assert has_deficit(short) == any(level.available < 0 for level in now)


def test_several_locations_together_are_told_apart_from_each() -> None:
    """In total nothing is short while another location makes up for it; a single location is its own total."""
    short, ample = Level("store", -3), Level("warehouse", 2)
    assert oversell_alerts((), (short, ample)) == [
        Alert(OVERSOLD, "store", 3),
        Alert(OVERSOLD, "*", 1),
    ]
    assert oversell_alerts((short, ample), (short, Level("warehouse", 3))) == [
        Alert(OVERSOLD_RESOLVED, "*", 0)
    ]
    assert oversell_alerts((), (short,)) == [Alert(OVERSOLD, "store", 3)]


def test_orders_everywhere_are_affected_by_what_is_short_in_total() -> None:
    """The youngest first, wherever they are."""
    lines = [order("here", 1, NOW), order("there", 1, NOW + 1, location_id="warehouse")]
    assert affected_orders(lines, "*", 2) == ["there", "here"]


FENCED = Plan((ChannelPlan("a", ring_fence=4), ChannelPlan("b", ring_fence=3, priority=1)), plain=False)
LOW = Plan((), low_stock_threshold=5)


@pytest.mark.parametrize(("units", "stands"), [(6, False), (5, True), (0, True), (-2, True)])
def test_low_stock_stands_at_the_threshold_and_below(units: int, stands: bool) -> None:
    """What can be sold is never less than nothing."""
    expected = (StandingAlert(LOW_STOCK, max(0, units)),) if stands else ()
    assert standing((Level("store", units),), LOW) == expected
    assert standing((Level("store", units),), Plan(())) == ()


def test_low_stock_looks_at_all_locations_together() -> None:
    """What is short at one does not make the other's stock less."""
    assert standing((Level("store", -9), Level("warehouse", 6)), LOW) == ()
    assert standing((Level("store", 3), Level("warehouse", 2)), LOW) == (StandingAlert(LOW_STOCK, 5),)


def test_low_stock_is_told_once_until_it_is_over() -> None:
    """Falling further is no news; after rising above the threshold it is told again."""
    told = []
    known: tuple[StandingAlert, ...] = ()
    for units in (6, 5, 2, 5, 6, 5):
        levels_now = (Level("store", units),)
        now = standing(levels_now, LOW)
        told.append([alert.quantity for alert in standing_alerts(known, now, levels_now, LOW)])
        known = now
    assert told == [[], [5], [], [], [], [5]]


def test_a_shrunk_ring_fence_is_told_as_it_grows_and_when_it_is_whole() -> None:
    """With the units that are lost and the channels that lost them, in order of priority."""
    told = []
    known: tuple[StandingAlert, ...] = ()
    for units in (7, 5, 5, 6, 3, 7):
        levels_now = (Level("store", units),)
        now = standing(levels_now, FENCED)
        found = standing_alerts(known, now, levels_now, FENCED)
        told.append([(alert.kind, alert.quantity, alert.references) for alert in found])
        known = now
    assert told == [
        [],
        [(RING_FENCE_SHRUNK, 2, ("b",))],
        [],
        [],
        [(RING_FENCE_SHRUNK, 4, ("a", "b"))],
        [(RING_FENCE_RESTORED, 0, ())],
    ]


def test_a_ring_fence_that_is_taken_down_is_restored() -> None:
    """Nobody waits for units any more."""
    levels_now = (Level("store", 3),)
    known = standing(levels_now, FENCED)
    open_plan = Plan((ChannelPlan("a"), ChannelPlan("b")))
    (alert,) = standing_alerts(known, standing(levels_now, open_plan), levels_now, open_plan)
    assert alert.kind == RING_FENCE_RESTORED


def told_of(units: int, *told: int) -> Stock:
    """So much in the store, and what channels a, b, … were told."""
    channels = tuple(ChannelLevel(name, figure, 1) for name, figure in zip("ab", told, strict=False))
    return Stock(SKU, locations=(Level("store", units),), availability=channels)


@pytest.mark.parametrize(
    ("before", "after", "is_back"),
    [
        (told_of(0, 0, 0), told_of(3, 0, 3), True),
        (told_of(0, 0, 0), told_of(1, 0, 0), False),
        (told_of(1, 0, 1), told_of(3, 3, 3), False),
        (told_of(0, 0, 0), told_of(0, 0, 0), False),
        (told_of(3, 0, 0), told_of(3, 3, 3), False),
    ],
    ids=["from nothing", "kept back", "some could sell", "still nothing", "only its source was silent"],
)
def test_back_in_stock_is_from_nothing_to_more(before: Stock, after: Stock, is_back: bool) -> None:
    """When no channel could sell and now one can; not when goods were there all along."""
    alert = back_in_stock(before, after, plain_plan("ab"))
    assert (alert is not None) == is_back
    assert alert is None or alert == Alert(BACK_IN_STOCK, "*", 0, quantity=3)


def test_the_youngest_orders_are_affected_youngest_first() -> None:
    """As many as the deficit reaches; the last of them perhaps in part."""
    lines = [order("old", 5, NOW - 3), order("young", 2, NOW - 1), order("middle", 3, NOW - 2)]
    assert affected_orders(lines, "store", 2) == ["young"]
    assert affected_orders(lines, "store", 3) == ["young", "middle"]
    assert affected_orders(lines, "store", 99) == ["young", "middle", "old"]
    assert affected_orders(lines, "store", 0) == []


def test_orders_elsewhere_and_closed_ones_are_not_affected() -> None:
    """Nor what is expected or wanted later: only orders that reserve something at the location that is short."""
    lines = [
        order("elsewhere", 5, location_id="warehouse"),
        order("shipped", 5)._replace(fulfilled=5),
        order("for later", 5)._replace(deliver_at=NOW + 1),
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


def test_cancelling_twice_is_no_over_shipment() -> None:
    """Until something leaves that was not ordered any more."""
    ordered = after(order("order-1", 5), make(OrderCancelled, quantity=4))
    twice = after(ordered, make(OrderCancelled, quantity=4))
    assert over_shipment(ordered, twice, make(OrderCancelled, quantity=4)) is None
    shipped = make(OrderShipped, quantity=1)
    assert over_shipment(twice, after(twice, shipped), shipped) == over_shipped(1)


def test_shipping_what_was_ordered_is_not_told() -> None:
    """Up to the last unit; and receiving more than was transferred is the warehouse's affair, not an over-shipment."""
    ordered, shipped = order("order-1", 5), make(OrderShipped, quantity=5)
    assert over_shipment(ordered, after(ordered, shipped), shipped) is None
    transfer = OpenLine("TRANSFER", "transfer-1", "store", 5, opened_at=NOW)
    received = make(TransferReceived, quantity=9)
    assert over_shipment(transfer, after(transfer, received), received) is None
