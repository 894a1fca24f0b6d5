"""Orders: promises now, beyond what is there, and for later days (semantics 3 and 10)."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain import fold, lines
from streams.domain.days import day_of
from streams.domain.events import (
    InboundAnnounced,
    InboundCancelled,
    OrderCancelled,
    OrderPlaced,
    OrderShipped,
    StockEvent,
    TransferReceived,
    TransferShipped,
)
from streams.domain.fold import APPLIED, REJECTED
from streams.domain.orders import Terms
from streams.domain.stock import FutureSupply, Level, Stock
from tests.domain.shop import DAY_MS, NOW, PLENTY, SKU, Shelf, full_stock, make, renamed

TODAY = day_of(NOW)


def store(available: int) -> Stock:
    """One location that has so much."""
    return Stock(SKU, locations=(Level("store", available),))


def answers(stock: Stock, *events: StockEvent, limit: int = 0, today: int = TODAY) -> list[str]:
    """What becomes of events, one after the other."""
    shelf = Shelf(stock, terms=Terms(limit, today)).take(*events)
    return [outcome.outcome for _, outcome in shelf.outcomes]


def order(number: int, quantity: int, days: int | None = None, **fields: Any) -> OrderPlaced:
    """An order of its own; days from today on which it is wanted."""
    deliver_at = None if days is None else NOW + days * DAY_MS
    named = {"event_id": f"o-{number}", "order_id": f"order-{number}", **fields}
    return make(OrderPlaced, quantity=quantity, deliver_at=deliver_at, **named)


def inbound(number: int, quantity: int, days: int, **fields: Any) -> InboundAnnounced:
    """A delivery of its own, and in how many days it is expected."""
    named = {"event_id": f"i-{number}", "inbound_id": f"inbound-{number}", **fields}
    return make(InboundAnnounced, quantity=quantity, eta=NOW + days * DAY_MS, **named)


@pytest.mark.parametrize(
    ("limit", "quantity", "outcome"),
    [
        (0, 5, APPLIED),
        (0, 6, REJECTED),
        (2, 7, APPLIED),
        (2, 8, REJECTED),
        (-2, 3, APPLIED),
        (-2, 4, REJECTED),
    ],
)
def test_a_backorder_limit_is_signed(limit: int, quantity: int, outcome: str) -> None:
    """Promised beyond what is there up to the limit; below zero, so many units are never promised."""
    assert answers(store(5), order(1, quantity), limit=limit) == [outcome]


def test_an_order_asks_for_what_is_left_of_it() -> None:
    """Three of five left before their order arrived: two must still be there, in whichever order they come."""
    shipped = make(OrderShipped, event_id="s", order_id="order-1", quantity=3)
    for first, second in ((order(1, 5), shipped), (shipped, order(1, 5))):
        shelf = Shelf(store(5)).take(first, second)
        assert shelf.stock.level("store") == Level("store", 2, reserved=2)
    assert answers(store(4), shipped, order(1, 5)) == [APPLIED, REJECTED]


def test_a_future_order_is_demand_and_not_reserved() -> None:
    """What is available now stays available now; the day's promise falls."""
    shelf = Shelf(store(5), terms=Terms(0, TODAY)).take(order(1, 5, days=3))
    assert shelf.stock.level("store") == Level("store", 5)
    assert shelf.stock.future == (FutureSupply("store", TODAY + 3, demand=5),)


def test_a_future_order_asks_for_the_promise_of_its_day() -> None:
    """Goods that arrive by then can be promised, those that come later or that others were promised can't."""
    expected = inbound(1, 10, days=3)
    assert answers(store(2), expected, order(1, 12, days=3)) == [APPLIED, APPLIED]
    assert answers(store(2), expected, order(1, 3, days=2)) == [APPLIED, REJECTED]
    assert answers(store(2), expected, order(1, 13, days=3)) == [APPLIED, REJECTED]
    later = order(1, 12, days=9)
    assert answers(store(2), expected, later, order(2, 1, days=3)) == [APPLIED, APPLIED, REJECTED]
    assert answers(store(2), expected, order(1, 14, days=3), limit=2) == [APPLIED, APPLIED]


def test_a_future_order_asks_its_own_location() -> None:
    """Supply of another location does not cover it."""
    elsewhere = inbound(1, 10, days=1, location_id="warehouse")
    assert answers(store(2), elsewhere, order(1, 3, days=3)) == [APPLIED, REJECTED]


def test_an_order_for_today_or_a_day_gone_by_is_an_order_for_now() -> None:
    """It asks what is available and is reserved."""
    for days in (0, -3):
        shelf = Shelf(store(5), terms=Terms(0, TODAY)).take(order(1, 5, days=days), inbound(1, 9, days=0))
        assert shelf.stock.level("store") == Level("store", 5, reserved=5, incoming=9)


def test_an_order_raised_for_another_day_moves_all_of_it_and_asks_for_all_of_it() -> None:
    """Five wanted in three days and one more wanted now: six must be there now."""
    raised = order(1, 1, event_id="again", occurred_at=NOW + 1)
    first = (inbound(1, 9, days=3), order(1, 5, days=3))
    assert answers(store(5), *first, raised) == [APPLIED, APPLIED, REJECTED]
    shelf = Shelf(store(6), terms=Terms(0, TODAY)).take(*first, raised)
    assert shelf.stock.level("store").reserved == 6
    assert shelf.stock.future == (FutureSupply("store", TODAY + 3, incoming=9),)


def test_when_its_day_comes_demand_becomes_reserved() -> None:
    """On the day itself, and only what is still open."""
    cancelled = make(OrderCancelled, event_id="c", order_id="order-1", quantity=2)
    shelf = Shelf(store(5), terms=Terms(0, TODAY)).take(order(1, 5, days=3), cancelled)
    (line,) = shelf.lines.values()
    found = fold.deliver_now(shelf.stock, line)
    assert found.stock.level("store") == Level("store", 5, reserved=3)
    assert (found.stock.future, found.stock.version) == ((), shelf.stock.version + 1)
    assert (found.line, found.stock.occurred_at) == (line._replace(deliver_at=None), (TODAY + 3) * DAY_MS)


def test_announcing_again_moves_the_day_of_the_whole_line() -> None:
    """Whichever arrives last; a transfer without a day is incoming and not promised."""
    announcements = [inbound(1, 4, days=2), inbound(1, 3, days=5, event_id="again", occurred_at=NOW + 1)]
    for events in (announcements, announcements[::-1]):
        shelf = Shelf().take(*events)
        assert shelf.stock.future == (FutureSupply("store", TODAY + 5, incoming=7),)
    transfer = make(TransferShipped, event_id="t", eta=None, quantity=2)
    assert Shelf().take(transfer).stock.future == ()
    known = Shelf().take(transfer._replace(eta=NOW))
    assert known.stock.future == (FutureSupply("warehouse", TODAY, incoming=2),)
    received = make(
        TransferReceived, event_id="r", quantity=2, location_id="warehouse", from_location_id="store"
    )
    assert known.take(received).stock.future == ()


def dated() -> st.SearchStrategy[list[StockEvent]]:
    """Orders and deliveries with days, what closes them included; few ids, so that they meet."""
    numbers, quantities = st.integers(1, 2), st.integers(1, 9)
    days, ages = st.none() | st.integers(-1, 4), st.integers(0, 5)
    orders = st.builds(
        lambda n, q, d, age: order(n, q, d, occurred_at=NOW - age), numbers, quantities, days, ages
    )
    inbounds = st.builds(
        lambda n, q, d, age: inbound(n, q, d or 0, occurred_at=NOW - age), numbers, quantities, days, ages
    )
    closing = st.builds(
        lambda kind, n, q: make(kind, order_id=f"order-{n}", inbound_id=f"inbound-{n}", quantity=q),
        st.sampled_from([OrderShipped, OrderCancelled, InboundCancelled]),
        numbers,
        quantities,
    )
    return st.lists(st.one_of(orders, inbounds, closing), max_size=20).map(
        lambda events: [renamed(event, f"e-{n}") for n, event in enumerate(events)]
    )


@given(dated(), st.randoms(use_true_random=False))
def test_days_do_not_depend_on_the_order_of_arrival(events: list[StockEvent], chance: random.Random) -> None:
    """Figures, the future and lines: the latest opening decides, an order of a day gone by is reserved."""
    terms = Terms(0, TODAY)
    straight = Shelf(full_stock(), forget_settled=False, terms=terms).take(*events)
    other = events + [event for event in events if chance.random() < 0.4]
    chance.shuffle(other)
    again = Shelf(full_stock(), forget_settled=False, terms=terms).take(*other)
    assert again.stock == straight.stock
    assert again.lines == straight.lines


@given(dated(), st.integers(0, 30), st.integers(-5, 10))
def test_no_order_is_promised_beyond_the_terms(events: list[StockEvent], opening: int, limit: int) -> None:
    """An accepted order leaves its location with no less than the limit allows, unless it asked for nothing."""
    shelf = Shelf(store(opening), terms=Terms(limit, TODAY))
    for event in events:
        before = shelf.stock
        _, outcome = shelf.take(event).outcomes[-1]
        if type(event) is OrderPlaced and outcome.outcome == APPLIED:
            reserved = shelf.stock.level("store").reserved - before.level("store").reserved
            assert reserved <= 0 or shelf.stock.level("store").available >= -limit
        assert sum(line.reserved for line in shelf.lines.values()) == shelf.stock.level("store").reserved


@given(dated())
def test_the_future_is_what_its_lines_say(events: list[StockEvent]) -> None:
    """Units by location and day, of what is still open."""
    shelf = Shelf(full_stock(), terms=Terms(0, TODAY)).take(*events)
    expected: dict[tuple[str, int], list[int]] = {}
    for line in shelf.lines.values():
        at = line.eta if line.kind != lines.ORDER else line.deliver_at
        if at is not None and line.open:
            units = expected.setdefault((line.location_id, day_of(at)), [0, 0])
            units[line.kind == lines.ORDER] += line.open
    found = {(entry.location_id, entry.day): [entry.incoming, entry.demand] for entry in shelf.stock.future}
    assert found == expected
    assert PLENTY - shelf.stock.level("store").on_hand == sum(
        event.quantity for event in events if type(event) is OrderShipped
    )
