"""What each event does to stock (semantics 3), and that it does nothing else."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given

from streams.domain import fold, lines
from streams.domain.days import day_of
from streams.domain.errors import Reason
from streams.domain.events import (
    STOCK_EVENTS,
    DispositionChanged,
    GoodsReceived,
    InboundAnnounced,
    InboundCancelled,
    OrderCancelled,
    OrderPlaced,
    OrderShipped,
    ReturnReceived,
    SaleRecorded,
    StockAdjusted,
    StockEvent,
    TransferReceived,
    TransferShipped,
)
from streams.domain.fold import APPLIED, REJECTED
from streams.domain.lines import OpenLine
from streams.domain.stock import FutureSupply, Level, Stock
from tests.domain.shop import DAY_MS, LOCATIONS, NOW, SKU, Shelf, any_event, full_stock, histories, make

START = Level("store", on_hand=10, unsellable=1, reserved=4, held=1, safety_stock=2, incoming=6)
ORDER = OpenLine("ORDER", "order-1", "store", opened=4, opened_at=NOW)
INBOUND = OpenLine("INBOUND", "inbound-1", "store", opened=6, opened_at=NOW)
TRANSFER = OpenLine("TRANSFER", "transfer-1", "store", opened=6, opened_at=NOW)

# The table of semantics 3: event, the line it belongs to, and what it changes at its location.
TABLE: list[tuple[StockEvent, OpenLine | None, dict[str, Any]]] = [
    (make(SaleRecorded, quantity=3), None, {"on_hand": 7}),
    (make(OrderPlaced, quantity=2), ORDER, {"reserved": 6}),
    (make(OrderShipped, quantity=3), ORDER, {"reserved": 1, "on_hand": 7}),
    (make(OrderCancelled, quantity=3), ORDER, {"reserved": 1}),
    (make(ReturnReceived, quantity=3, disposition="SELLABLE"), None, {"on_hand": 13}),
    (make(ReturnReceived, quantity=3, disposition="DAMAGED"), None, {"on_hand": 13, "unsellable": 4}),
    (make(GoodsReceived, quantity=3, inbound_id=None), None, {"on_hand": 13}),
    (make(GoodsReceived, quantity=3), INBOUND, {"on_hand": 13, "incoming": 3}),
    (make(InboundAnnounced, quantity=3), INBOUND, {"incoming": 9}),
    (make(InboundCancelled, quantity=3), INBOUND, {"incoming": 3}),
    (make(TransferReceived, quantity=3), TRANSFER, {"on_hand": 13, "incoming": 3}),
    (make(StockAdjusted, quantity=3), None, {"on_hand": 13}),
    (make(StockAdjusted, quantity=-3), None, {"on_hand": 7}),
    (make(DispositionChanged, quantity=3, disposition="DAMAGED"), None, {"unsellable": 4}),
    (make(DispositionChanged, quantity=3, disposition="EXPIRED"), None, {"unsellable": 4}),
    (make(DispositionChanged, quantity=1, disposition="SELLABLE"), None, {"unsellable": 0}),
]

# How on_hand changes by one unit of each event, stated a second time and without the fold's own table.
ON_HAND_SIGN: dict[type[StockEvent], int] = {
    SaleRecorded: -1,
    OrderPlaced: 0,
    OrderShipped: -1,
    OrderCancelled: 0,
    ReturnReceived: 1,
    GoodsReceived: 1,
    InboundAnnounced: 0,
    InboundCancelled: 0,
    TransferShipped: -1,
    TransferReceived: 1,
    StockAdjusted: 1,
    DispositionChanged: 0,
}


def name_of(value: object) -> str | None:
    """Name a case after its event."""
    return type(value).__name__ if isinstance(value, STOCK_EVENTS) else ""


@pytest.mark.parametrize(("event", "line", "changes"), TABLE, ids=name_of)
def test_event_changes_exactly_what_the_table_says(
    event: StockEvent, line: OpenLine | None, changes: dict[str, Any]
) -> None:
    """Each row of semantics 3: those figures at that location, and nothing else."""
    outcome = fold.apply(Stock(SKU, 7, (START,), (), NOW, NOW), event, line)
    expected = START._replace(**changes)
    assert outcome.outcome == APPLIED
    # Of these events only the announcement names a day; it is the day of all that its line still expects.
    announced = FutureSupply("store", day_of(NOW + DAY_MS), incoming=9)
    future = (announced,) if type(event) is InboundAnnounced else ()
    assert outcome.stock == Stock(SKU, 8, (expected,), (), NOW, NOW, future)
    assert (outcome.before, outcome.after) == (START, expected)


def test_every_event_is_in_the_table() -> None:
    """No event may be without an example; a transfer's shipment has its own below."""
    assert {type(event) for event, _, _ in TABLE} | {TransferShipped} == set(STOCK_EVENTS)


def test_transfer_leaves_one_location_and_is_expected_at_the_other() -> None:
    """on_hand falls where goods leave, incoming rises where they go, and both end when they arrive."""
    shelf = Shelf(Stock(SKU, locations=(Level("store", 10),)))
    shelf.take(make(TransferShipped, event_id="1", quantity=4, to_location_id="yard"))
    assert shelf.stock.locations == (Level("store", 6), Level("yard", incoming=4))
    shelf.take(make(TransferReceived, event_id="2", quantity=4, location_id="yard", from_location_id="store"))
    assert shelf.stock.locations == (Level("store", 6), Level("yard", 4))
    assert not shelf.lines


def test_facts_apply_below_zero() -> None:
    """Goods that were sold are gone, whatever the table believed."""
    shelf = Shelf().take(make(SaleRecorded, quantity=3), make(OrderShipped, event_id="e-2", quantity=2))
    assert shelf.stock.level("store") == Level("store", -5)


def test_order_applies_up_to_what_is_available_and_no_further() -> None:
    """The last unit can be promised once: available 2 takes an order for 2, not one for 3."""
    stock = Stock(SKU, 7, (START,))
    assert START.available == 2
    assert fold.apply(stock, make(OrderPlaced, quantity=2), ORDER).outcome == APPLIED
    refused = fold.apply(stock, make(OrderPlaced, quantity=3), ORDER)
    assert (refused.outcome, refused.reason) == (REJECTED, Reason.INSUFFICIENT_STOCK)
    assert (refused.stock, refused.line, refused.before, refused.after) == (stock, ORDER, START, START)


def test_order_asks_its_own_location_only() -> None:
    """Stock elsewhere does not cover an order here."""
    stock = Stock(SKU, locations=(Level("store", 1), Level("warehouse", 50)))
    assert (
        fold.apply(stock, make(OrderPlaced, quantity=2), lines.line_of(make(OrderPlaced))).outcome == REJECTED
    )


def test_second_order_for_the_last_unit_is_refused() -> None:
    """Of many orders for one unit exactly one is accepted."""
    shelf = Shelf(Stock(SKU, locations=(Level("store", 1),)))
    shelf.take(*(make(OrderPlaced, event_id=str(n), order_id=str(n)) for n in range(1_000)))
    assert [outcome.outcome for _, outcome in shelf.outcomes].count(APPLIED) == 1
    assert shelf.stock.level("store") == Level("store", 1, reserved=1)


@pytest.mark.parametrize("closing", [OrderShipped, OrderCancelled])
def test_closing_before_the_order_waits_for_it(closing: type[StockEvent]) -> None:
    """A shipment or cancellation that overtakes its order leaves nothing reserved once the order is there."""
    shelf = Shelf(full_stock())
    shelf.take(make(closing, event_id="1", quantity=3))
    assert shelf.stock.level("store").reserved == 0
    shelf.take(make(OrderPlaced, event_id="2", quantity=5))
    assert shelf.stock.level("store").reserved == 2
    shelf.take(make(OrderCancelled, event_id="3", quantity=2))
    assert shelf.stock.level("store").reserved == 0
    assert not shelf.lines


def test_goods_that_overtake_their_announcement_are_not_expected_twice() -> None:
    """Receipt first, announcement second: nothing is incoming any more."""
    shelf = Shelf().take(
        make(GoodsReceived, event_id="1", quantity=5), make(InboundAnnounced, event_id="2", quantity=5)
    )
    assert shelf.stock.level("store") == Level("store", 5)


def test_shipping_more_than_ordered_never_frees_what_others_reserved() -> None:
    """A line adds its own units to reserved, and no less than zero of them."""
    shelf = Shelf(full_stock()).take(make(OrderPlaced, event_id="1", order_id="a", quantity=5))
    shelf.take(make(OrderPlaced, event_id="2", order_id="b", quantity=3))
    shelf.take(make(OrderShipped, event_id="3", order_id="a", quantity=9))
    assert shelf.stock.level("store").reserved == 3


def test_orders_shipped_from_elsewhere_stay_reserved_where_they_were_promised() -> None:
    """A line belongs to a location; the shop cancels at the one when it ships from the other."""
    shelf = Shelf(full_stock()).take(make(OrderPlaced, event_id="1", quantity=5))
    shelf.take(make(OrderShipped, event_id="2", quantity=5, location_id="warehouse"))
    assert shelf.stock.level("store").reserved == 5
    assert shelf.stock.level("warehouse").reserved == 0


@given(histories(max_size=40))
def test_ledger_adds_up(events: list[StockEvent]) -> None:
    """Each figure starts where the last one at that location ended, and the changes add up to the stock."""
    shelf = Shelf().take(*events)
    last = dict.fromkeys(LOCATIONS, 0)
    for event, outcome in shelf.outcomes:
        assert outcome.before.on_hand == last[event.location_id]
        change = outcome.after.on_hand - outcome.before.on_hand
        assert change == (ON_HAND_SIGN[type(event)] * event.quantity if outcome.outcome == APPLIED else 0)
        last[event.location_id] = outcome.after.on_hand
    assert {name: shelf.stock.level(name).on_hand for name in LOCATIONS} == last


@given(histories(max_size=40))
def test_version_counts_applied_events(events: list[StockEvent]) -> None:
    """One up for each event that applied; a refused order leaves version and stock as they were."""
    shelf, version = Shelf(), 0
    for event in events:
        before = shelf.stock
        shelf.take(event)
        applied = shelf.outcomes[-1][1].outcome == APPLIED
        version += applied
        assert shelf.stock.version == version
        assert applied or shelf.stock == before


@given(histories(max_size=40))
def test_open_lines_are_what_reserved_and_incoming_hold(events: list[StockEvent]) -> None:
    """Reserved is the sum of the open orders of a location, incoming that of its inbound and transfer lines."""
    shelf = Shelf().take(*events)
    for level in shelf.stock.locations:
        of_location = [line for line in shelf.lines.values() if line.location_id == level.location_id]
        assert level.reserved == sum(line.open for line in of_location if line.kind == "ORDER")
        assert level.incoming == sum(line.open for line in of_location if line.kind != "ORDER")


@given(histories(max_size=20))
def test_locations_stay_in_order_and_single(events: list[StockEvent]) -> None:
    """Equal stock has equal bytes, because locations have one order."""
    names = [level.location_id for level in Shelf().take(*events).stock.locations]
    assert names == sorted(set(names))


@given(histories(max_size=10), any_event())
def test_fold_changes_none_of_its_inputs(events: list[StockEvent], event: StockEvent) -> None:
    """The same stock, event and line give the same outcome again, and are as they were."""
    shelf = Shelf().take(*events)
    inputs: tuple[Any, ...] = (shelf.stock, event, lines.line_of(event))
    copies = copy.deepcopy(inputs)
    first, second = fold.apply(*inputs), fold.apply(*inputs)
    assert first == second
    assert inputs == copies
