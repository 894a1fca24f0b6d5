"""Promising the future in the stock agent: what the table says of days to come, and what is overdue (semantics 10)."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.agents import stock as stock_module
from streams.domain.days import day_of
from streams.domain.events import (
    GoodsReceived,
    InboundAnnounced,
    InboundCancelled,
    OrderCancelled,
    OrderPlaced,
    OrderShipped,
    SaleRecorded,
    StockEvent,
    TransferReceived,
    TransferShipped,
)
from streams.domain.policy import StockPolicySet
from streams.domain.promise import pooled, promise_on, promises
from streams.domain.stock import FutureSupply, Level, Promise, Stock
from tests.agents.stockroom import Harvest, Stockroom
from tests.domain.shop import DAY_MS, NOW, SKU, any_event, make, renamed

TODAY = day_of(NOW)
HORIZON_DAYS = 7
OVERDUE = (TODAY + 4) * DAY_MS  # When what the page expects on day 3 is overdue.

PAGE: tuple[StockEvent, ...] = (
    make(GoodsReceived, event_id="opening", quantity=20, inbound_id=None),
    make(OrderPlaced, event_id="o-1", order_id="order-1", quantity=3, deliver_at=NOW + DAY_MS),
    make(InboundAnnounced, event_id="i-3", inbound_id="inbound-3", quantity=10, eta=NOW + 3 * DAY_MS),
    make(OrderPlaced, event_id="o-4", order_id="order-4", quantity=15, deliver_at=NOW + 4 * DAY_MS),
    make(InboundAnnounced, event_id="i-5", inbound_id="inbound-5", quantity=1, eta=NOW + 5 * DAY_MS),
    make(InboundAnnounced, event_id="i-6", inbound_id="inbound-6", quantity=3, eta=NOW + 6 * DAY_MS),
)
"""Twenty available, and what is expected and demanded; the page's own figures."""


def room_of_the_page(*events: StockEvent, **options: Any) -> Stockroom:
    """A room that has taken events, a batch each."""
    room = Stockroom(promise_horizon_days=HORIZON_DAYS, **options)
    for event in events or PAGE:
        room.take(event)
    return room


def stock_in(room: Stockroom, sku: str = SKU) -> Stock:
    """A SKU's latest value on the table's topic."""
    level = room.level(sku)
    assert level is not None
    return Stock(
        sku,
        level["version"],
        tuple(Level(**one) for one in level["locations"]),
        future=tuple(FutureSupply(**one) for one in level["future"]),
        promises=tuple(Promise(**one) for one in level["promises"]),
    )


def by_day(room: Stockroom, today: int = TODAY, sku: str = SKU) -> list[int]:
    """What the table promises for each day from tomorrow to the horizon."""
    stock = stock_in(room, sku)
    days = range(today + 1, today + HORIZON_DAYS + 1)
    return [promise_on(stock.promises, day, pooled(stock)) for day in days]


def kinds(harvest: Harvest) -> list[str]:
    """The alerts of a batch."""
    return [alert["kind"] for alert in harvest.alerts()]


# What the table says ----------------------------------------------------------------------------------------


def test_example_of_the_page_through_the_agent() -> None:
    """Semantics 10, word for word, in the table that everybody reads."""
    room = room_of_the_page()
    assert by_day(room) == [12, 12, 12, 12, 13, 16, 16]
    assert stock_in(room).promises == (Promise(TODAY, 12), Promise(TODAY + 5, 13), Promise(TODAY + 6, 16))


def test_example_of_the_page_in_every_order_of_arrival() -> None:
    """All 720 permutations, a SKU each; the policy lets orders be promised before there are goods."""
    room = Stockroom(promise_horizon_days=HORIZON_DAYS)
    room.hear_globals(room.take(StockPolicySet("p", "desk", "*", NOW, backorder_limit=100)))
    arrivals = [
        [event._replace(sku=f"SKU-{number}", event_id=f"{event.event_id}-{number}") for event in events]
        for number, events in enumerate(permutations(PAGE))
    ]
    for batch in zip(*arrivals, strict=True):
        room.take(*batch)
    assert len(arrivals) == 720
    assert {tuple(by_day(room, sku=events[0].sku)) for events in arrivals} == {(12, 12, 12, 12, 13, 16, 16)}


def test_a_sku_without_a_future_has_no_promises() -> None:
    """They would only repeat what is available; and they go when the future is over."""
    room = room_of_the_page(PAGE[0])
    assert stock_in(room).promises == ()
    room.take(PAGE[2])
    assert stock_in(room).promises == (Promise(TODAY, 20), Promise(TODAY + 3, 30))
    room.take(make(InboundCancelled, event_id="c", inbound_id="inbound-3", quantity=10))
    assert (stock_in(room).promises, stock_in(room).future) == ((), ())


def test_the_horizon_is_a_setting() -> None:
    """What lies behind it is not looked at, until days have gone by."""
    room = Stockroom(promise_horizon_days=2)
    room.take(*PAGE[:4])
    assert stock_in(room).promises == (Promise(TODAY, 17),)
    room.tick((TODAY + 2) * DAY_MS)
    assert stock_in(room).promises == (Promise(TODAY + 2, 12),)


def test_received_goods_net_what_was_announced() -> None:
    """In one step: never promised twice; what comes short stays expected, what comes beyond is simply there."""
    room = room_of_the_page(PAGE[0], PAGE[2])
    received = make(GoodsReceived, event_id="g", inbound_id="inbound-3", quantity=4)
    room.take(received)
    assert by_day(room) == [24, 24, 30, 30, 30, 30, 30]
    room.take(received._replace(event_id="g-2", quantity=9))
    assert by_day(room) == [33] * HORIZON_DAYS
    assert stock_in(room).level("store") == Level("store", 33)


def test_announcing_again_moves_the_day() -> None:
    """The whole line is expected then; a transfer with a day is supply as well."""
    room = room_of_the_page(PAGE[0], PAGE[2])
    again = make(InboundAnnounced, event_id="again", inbound_id="inbound-3", quantity=1, occurred_at=NOW + 1)
    room.take(again._replace(eta=NOW + 6 * DAY_MS))
    assert by_day(room) == [20] * 5 + [31, 31]
    room.take(make(TransferShipped, event_id="t", quantity=5, eta=NOW + 2 * DAY_MS))
    assert by_day(room) == [15, 20, 20, 20, 20, 31, 31]
    arrived = make(TransferReceived, event_id="r", quantity=5, location_id="warehouse")
    room.take(arrived._replace(from_location_id="store"))
    assert by_day(room) == [20] * 5 + [31, 31]


def test_what_is_sold_now_is_not_promised_later() -> None:
    """Every sale of a SKU with a future moves its promises."""
    room = room_of_the_page(*PAGE, make(SaleRecorded, event_id="sale", quantity=2))
    assert by_day(room) == [10, 10, 10, 10, 11, 14, 14]


SUPPLY = (InboundAnnounced, InboundCancelled, GoodsReceived, TransferShipped, TransferReceived)
DEMAND = (OrderPlaced, OrderShipped, OrderCancelled)


def dated(event: Any, days: dict[str, int]) -> StockEvent:
    """The event with the day of its line, which is the same for all that opens it: what is settled is forgotten."""
    for named, name in (("order_id", "deliver_at"), ("inbound_id", "eta")):
        if name in event._fields and named in event._fields:
            event = event._replace(**{name: NOW + days[getattr(event, named)] * DAY_MS})
    found: StockEvent = event
    return found


@settings(max_examples=60)
@given(st.data())
def test_any_future_in_any_order_promises_the_same(data: st.DataObject) -> None:
    """Events in any order, in batches or alone, with restarts; and the table says what the rules make of them."""
    drawn = data.draw(st.lists(any_event(*SUPPLY, *DEMAND), max_size=9))
    days = {name: data.draw(st.integers(-1, 9), label=name) for name in ("order-2", "inbound-1", "inbound-2")}
    events = [
        dated(renamed(event, f"e-{number}"), {"order-1": 1} | days) for number, event in enumerate(drawn)
    ]
    policy = StockPolicySet("p", "desk", "*", NOW, backorder_limit=1_000)
    rooms = [Stockroom(promise_horizon_days=HORIZON_DAYS) for _ in range(2)]
    for room in rooms:
        room.hear_globals(room.take(policy))
    straight, other = rooms
    straight.take(*PAGE, *events)
    for event in data.draw(st.permutations([*PAGE, *events])):
        other.take(event)
        if data.draw(st.booleans()):
            other = Stockroom(other.all, promise_horizon_days=HORIZON_DAYS)
    found = stock_in(other)
    assert found[2:] == stock_in(straight)[2:]
    assert found.promises == promises(found, TODAY, HORIZON_DAYS)


# Days go by -------------------------------------------------------------------------------------------------


def test_when_the_day_turns_promises_are_looked_at_again() -> None:
    """Demand that comes into sight, supply that is overdue: without any event."""
    room = room_of_the_page()
    before = stock_in(room).version
    assert not room.tick((TODAY + 1) * DAY_MS - 1)
    room.tick((TODAY + 1) * DAY_MS)  # The first order is reserved.
    assert by_day(room, TODAY + 1) == [12, 12, 12, 13, 16, 16, 16]
    assert stock_in(room).version == before + 1
    room.tick((TODAY + 4) * DAY_MS)  # Ten units are overdue, fifteen to be delivered.
    assert by_day(room, TODAY + 4) == [3, 6, 6, 6, 6, 6, 6]
    assert stock_in(room).level("store") == Level("store", 20, reserved=18, incoming=14)


def test_a_day_that_changes_nothing_writes_nothing() -> None:
    """Each midnight would write every SKU with a future otherwise."""
    room = room_of_the_page(PAGE[0], PAGE[2])
    for days in (1, 2, 3):
        assert not room.tick((TODAY + days) * DAY_MS)
    assert room.tick((TODAY + 4) * DAY_MS).of("stock-levels")
    assert not room.tick((TODAY + 5) * DAY_MS)


def test_the_day_turns_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """SKUs with a future only, a bounded number in each batch; events behind them don't wait."""
    monkeypatch.setattr(stock_module, "SKUS_REEVALUATED", 2)
    room = Stockroom()
    for number in range(5):
        event = make(InboundAnnounced, event_id=f"i-{number}", sku=f"with-{number}", quantity=4)
        room.take(event, make(SaleRecorded, event_id=f"s-{number}", sku=f"without-{number}"))
    overdue = (TODAY + 2) * DAY_MS
    slices = [len(room.tick(overdue).of("stock-levels"))]
    while room.agent.pending:
        slices.append(len(room.tick(overdue).of("stock-levels")))
    assert slices == [2, 2, 1]


def test_a_sku_whose_future_is_over_is_not_looked_at_any_more() -> None:
    """The index holds what has a future, not what ever had one."""
    room = room_of_the_page(PAGE[0], PAGE[2])
    room.take(make(GoodsReceived, event_id="g", inbound_id="inbound-3", quantity=10))
    partition = room.all[0].partition
    assert room.agent._lines.with_future(partition) == {SKU.encode()}
    room.tick((TODAY + 1) * DAY_MS)
    assert room.agent._lines.with_future(partition) == set()


@pytest.mark.parametrize("aborts", [False, True])
@pytest.mark.parametrize("channels", [("pos", "web"), ()])
def test_a_worker_that_was_away_over_midnight_catches_up(aborts: bool, channels: tuple[str, ...]) -> None:
    """When it takes the partition over, and again if that batch is aborted; with channels to tell or without."""
    room = room_of_the_page(PAGE[0], PAGE[2], channels=channels)
    again = Stockroom(room.all, promise_horizon_days=HORIZON_DAYS, channels=channels)
    if aborts:
        again.take(now=OVERDUE, commits=False)
    again.tick(OVERDUE)
    assert by_day(again, TODAY + 4) == [20] * HORIZON_DAYS


def test_a_partition_that_is_taken_over_after_midnight_catches_up() -> None:
    """By a worker whose own day has turned already."""
    room = room_of_the_page(PAGE[0], PAGE[2], channels=())
    partition = room.all[0].partition
    room.agent.revoked(partition)
    assert not room.tick(OVERDUE)
    room.agent.assigned(partition)
    room.tick(OVERDUE)
    assert by_day(room, TODAY + 4) == [20] * HORIZON_DAYS


def test_a_restarted_worker_knows_what_has_a_future() -> None:
    """Demand that comes into sight days later changes promises, though nothing happens to its line."""
    room = Stockroom(promise_horizon_days=2)
    room.take(PAGE[0], PAGE[3])
    again = Stockroom(room.all, promise_horizon_days=2)
    assert not again.tick()
    again.tick((TODAY + 2) * DAY_MS)
    assert stock_in(again).promises == (Promise(TODAY + 2, 5),)


# Overdue ----------------------------------------------------------------------------------------------------

EXPECTED = PAGE[2]


def overdue_room() -> tuple[Stockroom, Harvest]:
    """A room in which a delivery is overdue, and what was told of it."""
    room = room_of_the_page(PAGE[0], EXPECTED)
    assert kinds(room.tick(OVERDUE - 1)) == []
    return room, room.tick(OVERDUE)


def test_overdue_supply_counts_as_nothing_and_is_told_once() -> None:
    """On the day after its own, whatever restarts; it stays announced."""
    room, harvest = overdue_room()
    (alert,) = harvest.alerts()
    assert (alert["kind"], alert["location_id"], alert["quantity"]) == ("OVERDUE_INBOUND", "store", 10)
    assert (alert["references"], alert["deficit"]) == (["inbound-3"], 0)
    assert by_day(room, TODAY + 4) == [20] * HORIZON_DAYS
    assert stock_in(room).level("store").incoming == 10
    assert kinds(room.tick(OVERDUE + DAY_MS)) == []
    assert kinds(Stockroom(room.all).tick(OVERDUE + 2 * DAY_MS)) == []


def test_an_aborted_alert_is_raised_again() -> None:
    """It commits together with the mark that it was told."""
    room = room_of_the_page(PAGE[0], EXPECTED)
    assert kinds(room.take(now=OVERDUE, commits=False)) == ["OVERDUE_INBOUND"]
    assert kinds(room.tick(OVERDUE)) == ["OVERDUE_INBOUND"]


@pytest.mark.parametrize(
    ("event", "is_resolved"),
    [
        (make(GoodsReceived, event_id="g", inbound_id="inbound-3", quantity=10), True),
        (make(GoodsReceived, event_id="g", inbound_id="inbound-3", quantity=9), False),
        (make(InboundCancelled, event_id="c", inbound_id="inbound-3", quantity=10), True),
        (EXPECTED._replace(event_id="same", occurred_at=NOW + 1, quantity=1), False),
        (EXPECTED._replace(event_id="new", occurred_at=NOW + 1, quantity=1, eta=OVERDUE + DAY_MS), True),  # type: ignore[call-arg]
    ],
    ids=["received", "received in part", "cancelled", "announced for the same day", "announced anew"],
)
def test_what_ends_an_overdue_delivery_resolves_its_alert(event: StockEvent, is_resolved: bool) -> None:
    """It came, it will not come, or it is expected on another day."""
    room, told = overdue_room()
    harvest = room.take(event, now=OVERDUE + 1)
    assert kinds(harvest) == (["OVERDUE_INBOUND_RESOLVED"] if is_resolved else [])
    if is_resolved:
        (alert,) = harvest.alerts()
        assert (alert["references"], alert["location_id"]) == (["inbound-3"], "store")
        assert alert["alert_id"] != told.alerts()[0]["alert_id"]


def test_a_delivery_that_is_announced_anew_may_be_overdue_again() -> None:
    """A new day, a new promise, and a new alert when it is broken."""
    room, _ = overdue_room()
    room.take(
        make(
            InboundAnnounced,
            event_id="new",
            inbound_id="inbound-3",
            quantity=1,
            occurred_at=NOW + 1,
            eta=OVERDUE + DAY_MS,
        ),
        now=OVERDUE,
    )
    assert by_day(room, TODAY + 4)[:2] == [31, 31]
    assert kinds(room.tick(OVERDUE + DAY_MS)) == []
    (alert,) = room.tick(OVERDUE + 2 * DAY_MS).alerts()
    assert (alert["kind"], alert["quantity"]) == ("OVERDUE_INBOUND", 11)


def test_a_delivery_announced_for_a_day_gone_by_is_overdue_at_once() -> None:
    """With the next tick; a transfer that does not arrive is told alike."""
    room = Stockroom()
    room.take(make(TransferShipped, quantity=3, eta=NOW - DAY_MS))
    (alert,) = room.tick().alerts()
    assert (alert["kind"], alert["location_id"], alert["references"]) == (
        "OVERDUE_INBOUND",
        "warehouse",
        ["transfer-1"],
    )
