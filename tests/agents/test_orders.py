"""Orders in the stock agent: on what terms they are promised, when they fall due, what waits for them (semantics 3)."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import wire
from streams.agents import lines as lines_module
from streams.domain.days import day_of
from streams.domain.events import (
    GoodsReceived,
    InboundAnnounced,
    InboundCancelled,
    OrderCancelled,
    OrderPlaced,
    OrderShipped,
    ReturnReceived,
    StockAdjusted,
    StockEvent,
    TransferReceived,
    TransferShipped,
)
from streams.domain.lines import WAITING_AT_MOST, WAITING_BYTES
from streams.domain.policy import LocationPolicy, StockPolicySet
from tests.agents.stockroom import Harvest, Stockroom
from tests.domain.checkout import confirm, place
from tests.domain.shop import DAY_MS, NOW, SKU, any_event, make, renamed

TODAY = day_of(NOW)
LINES, DEAD_LETTERS = "stock-open-lines", "stock-sales-dlq"
REASON, MESSAGE = "__streams.errors.exception", "__streams.errors.message"
WAITS_DAYS, REMEMBERS_DAYS = 8, 30  # The defaults of the settings.


def stocked(quantity: int = 10, **options: Any) -> Stockroom:
    """A room with so many units in the store."""
    room = Stockroom(**options)
    room.take(make(GoodsReceived, event_id="opening", quantity=quantity, inbound_id=None))
    return room


def at(room: Stockroom, location_id: str = "store") -> dict[str, Any]:
    """The figures of the SKU at a location."""
    level = room.level(SKU)
    assert level is not None
    return next(one for one in level["locations"] if one["location_id"] == location_id)


def order(quantity: int, days: int | None = None, **fields: Any) -> OrderPlaced:
    """An order, perhaps for a later day."""
    deliver_at = None if days is None else NOW + days * DAY_MS
    return make(
        OrderPlaced, **{"event_id": "order", "quantity": quantity, "deliver_at": deliver_at, **fields}
    )


def outcomes(harvest: Harvest) -> list[tuple[str, str | None]]:
    """What became of the events of a batch, and why."""
    return [(row["outcome"], row["reason"]) for row in harvest.movements()]


def kinds(harvest: Harvest) -> list[str]:
    """The alerts of a batch."""
    return [alert["kind"] for alert in harvest.alerts()]


def open_lines(room: Stockroom) -> list[bytes]:
    """Keys of the lines that the room still keeps, in its table and on the topic."""
    latest = {one.key or b"": one.value for one in room.all if one.topic == LINES}
    kept = sorted(key for key, value in latest.items() if value is not None)
    table = next(table for table in room.agent.tables if table.topic == LINES)
    assert kept == sorted(key for partition in range(4) for key in table.keys(partition))
    return kept


# On what terms ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "quantity", "outcome"),
    [
        (None, 10, "APPLIED"),
        (None, 11, "REJECTED"),
        (2, 12, "APPLIED"),
        (2, 13, "REJECTED"),
        (-3, 7, "APPLIED"),
        (-3, 8, "REJECTED"),
    ],
)
@pytest.mark.parametrize("days", [None, 3])
def test_orders_are_promised_up_to_the_policys_backorder_limit(
    limit: int | None, quantity: int, outcome: str, days: int | None
) -> None:
    """Beyond what is there, or short of it when the limit is negative; the same for a later day."""
    room = stocked()
    room.hear_globals(room.take(StockPolicySet("p", "desk", SKU, NOW, backorder_limit=limit)))
    ((found, _),) = outcomes(room.take(order(quantity, days)))
    assert found == outcome


def test_a_location_that_is_new_to_a_sku_keeps_its_safety_stock_back_from_the_first_order() -> None:
    """What is promised there by the backorder limit is less by the units kept back."""
    room = stocked()
    kept_back = (LocationPolicy("dc", 1),)
    policy = StockPolicySet("p", "desk", SKU, NOW, backorder_limit=2, locations=kept_back)
    room.hear_globals(room.take(policy))
    for event_id, quantity, outcome in (("two", 2, "REJECTED"), ("one", 1, "APPLIED")):
        placed = order(quantity, event_id=event_id, order_id=event_id, location_id="dc")
        assert room.take(placed).movements()[0]["outcome"] == outcome
    assert at(room, "dc")["safety_stock"] == 1


def test_a_confirmed_hold_may_order_more_up_to_the_backorder_limit() -> None:
    """Confirming goes through the same terms as an order."""
    for limit, accepted in ((2, True), (1, False)):
        room = stocked()
        room.hear_globals(room.take(StockPolicySet("p", "desk", SKU, NOW, backorder_limit=limit)))
        room.take(place("p-1", 10))
        (result,) = room.take(confirm("c-1", 12)).of("reservation-results")
        assert result.fields()["accepted"] is accepted


def test_an_order_for_later_asks_what_can_be_promised_by_then() -> None:
    """Supply that arrives in time counts, and what others were promised does not."""
    room = stocked(2)
    room.take(make(InboundAnnounced, quantity=10, eta=NOW + 3 * DAY_MS))
    late, soon = order(12, 3), order(3, 2, event_id="soon", order_id="order-2")
    assert outcomes(room.take(soon)) == [("REJECTED", "INSUFFICIENT_STOCK")]
    assert outcomes(room.take(late)) == [("APPLIED", None)]
    assert outcomes(room.take(order(1, 3, event_id="more", order_id="order-3"))) == [
        ("REJECTED", "INSUFFICIENT_STOCK")
    ]


# For a later day --------------------------------------------------------------------------------------------


def test_an_order_for_later_is_reserved_when_its_day_begins() -> None:
    """Until then it is demand; then the ledger says why, and channels hear of it."""
    room = stocked()
    harvest = room.take(order(4, 2))
    assert (at(room)["reserved"], harvest.told()) == (0, {})
    begins = (TODAY + 2) * DAY_MS
    assert not room.tick(begins - 1)
    harvest = room.tick(begins)
    assert at(room)["reserved"] == 4
    assert harvest.told() == {("pos", SKU): 6, ("web", SKU): 6}
    (row,) = harvest.movements()
    assert row["event_id"] == f"OrderFellDue:{SKU}:order-1:store:{TODAY + 2}"
    assert (row["source_id"], row["event_type"], row["outcome"]) == ("onhand", "OrderFellDue", "APPLIED")
    assert (row["quantity"], row["occurred_at"], row["reference"]) == (4, begins, "order-1")
    assert (row["on_hand_before"], row["on_hand_after"], row["reserved_after"]) == (10, 10, 4)
    level = room.level(SKU)
    assert level is not None
    assert (level["version"], level["occurred_at"], level["future"]) == (row["version"], begins, [])
    assert not room.tick(begins + 1)
    room.take(make(OrderShipped, quantity=4), now=begins + 2)
    assert (at(room)["on_hand"], at(room)["reserved"]) == (6, 0)


@pytest.mark.parametrize("in_the_same_batch", [True, False])
def test_what_is_cancelled_or_shipped_before_its_day_is_not_reserved_then(in_the_same_batch: bool) -> None:
    """Only what is still open."""
    room = stocked()
    closing = (
        make(OrderCancelled, event_id="c", quantity=1),
        make(OrderShipped, event_id="s", quantity=2),
    )
    if in_the_same_batch:
        room.take(order(4, 2), *closing)
    else:
        room.take(order(4, 2))
        room.take(*closing)
    room.tick((TODAY + 2) * DAY_MS)
    assert (at(room)["on_hand"], at(room)["reserved"]) == (8, 1)


def test_a_worker_that_was_away_over_midnight_reserves_when_it_is_back() -> None:
    """The index of days is rebuilt from the lines."""
    room = stocked()
    room.take(order(4, 2))
    again = Stockroom(room.all)
    assert again.tick((TODAY + 5) * DAY_MS).movements()[0]["event_type"] == "OrderFellDue"
    assert at(again)["reserved"] == 4


def test_an_aborted_day_begins_again() -> None:
    """What a batch took from the index comes back unless it commits."""
    room = stocked()
    room.take(order(4, 2))
    begins = (TODAY + 2) * DAY_MS
    assert room.take(now=begins, commits=False).movements()
    assert at(room)["reserved"] == 0
    assert len(room.tick(begins).movements()) == 1
    assert at(room)["reserved"] == 4


def test_a_day_begins_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many orders are due, a batch changes a bounded number and events behind them don't wait."""
    monkeypatch.setattr(lines_module, "CHANGED_AT_ONCE", 2)
    room = stocked()
    for number in range(5):
        room.take(order(1, 2, event_id=f"o-{number}", order_id=f"order-{number}"))
    begins = (TODAY + 2) * DAY_MS
    slices = [len(room.tick(begins).movements())]
    while room.agent.pending:
        slices.append(len(room.tick(begins).movements()))
    assert (slices, at(room)["reserved"]) == ([2, 2, 1], 5)


@pytest.mark.parametrize("asks", ["order", "hold"])
def test_what_is_due_is_reserved_before_anything_else_is_promised(
    asks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first batch of the day may bring an order or a hold: it must not get what is owed already."""
    monkeypatch.setattr(lines_module, "CHANGED_AT_ONCE", 0)
    room = stocked()
    room.take(order(8, 2))
    begins = (TODAY + 2) * DAY_MS
    if asks == "order":
        late = order(3, event_id="late", order_id="order-2", occurred_at=begins)
        assert outcomes(room.take(late, now=begins))[-1] == ("REJECTED", "INSUFFICIENT_STOCK")
    else:
        request = place("p-1", 3, occurred_at=begins, expires_at=begins + 60_000)
        (result,) = room.take(request, now=begins).of("reservation-results")
        assert (result.fields()["accepted"], result.fields()["reason"]) == (False, "INSUFFICIENT_STOCK")
    assert at(room)["reserved"] == 8


# In any order -----------------------------------------------------------------------------------------------


def figures(room: Stockroom) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What the table says of the SKU now and later."""
    level = room.level(SKU)
    assert level is not None
    return level["locations"], level["future"]


@pytest.mark.parametrize("days", [None, 2])
@pytest.mark.parametrize("restarts", [False, True])
def test_partial_shipments_and_cancellations_in_any_order_of_arrival(
    days: int | None, restarts: bool
) -> None:
    """Six ordered, shipped in two parts, some cancelled: every permutation ends in the same figures."""
    history: tuple[StockEvent, ...] = (
        order(6, days),
        make(OrderShipped, event_id="s-1", quantity=2),
        make(OrderShipped, event_id="s-2", quantity=1),
        make(OrderCancelled, event_id="c", quantity=1),
    )
    found = []
    for events in permutations(history):
        room = stocked()
        for event in events:
            room.take(event)
            room = Stockroom(room.all) if restarts else room
        found.append((figures(room), open_lines(room)))
    assert all(one == found[0] for one in found)
    ((here,), future), _ = found[0]
    assert (here["on_hand"], here["reserved"]) == (7, 2 if days is None else 0)
    assert [(entry["day"], entry["demand"]) for entry in future] == ([] if days is None else [(TODAY + 2, 2)])


ABOUT_ORDERS = (OrderPlaced, OrderShipped, OrderCancelled, ReturnReceived)


@settings(max_examples=100)
@given(st.data())
def test_any_history_of_orders_in_any_order_comes_to_the_same(data: st.DataObject) -> None:
    """Figures, future and the lines that stay, however the events fall into batches and wherever it restarts."""
    drawn = data.draw(st.lists(any_event(*ABOUT_ORDERS), max_size=9))
    events: list[StockEvent] = [renamed(event, f"e-{n}") for n, event in enumerate(drawn)]
    plenty = [
        make(StockAdjusted, event_id=f"plenty-{place}", location_id=place, quantity=10_000)
        for place in ("store", "warehouse", "yard")
    ]
    straight, other = Stockroom(), Stockroom()
    straight.take(*plenty, *events)
    other.take(*plenty)
    for event in data.draw(st.permutations(events)):
        other.take(event)
        if data.draw(st.booleans()):
            other = Stockroom(other.all)
    assert figures(other) == figures(straight)
    assert [key for key in open_lines(other) if not key.endswith(b"\x1f")] == [
        key for key in open_lines(straight) if not key.endswith(b"\x1f")
    ]


# More than was ordered, more than was shipped ---------------------------------------------------------------


def test_an_over_shipment_is_a_fact_and_raises_an_alert() -> None:
    """Whichever comes first, once it is known what was ordered."""
    shipped = make(OrderShipped, event_id="s", quantity=7)
    for first, second in ((order(5), shipped), (shipped, order(5))):
        room = stocked()
        room.take(first)
        (alert,) = room.take(second).alerts()
        assert (alert["kind"], alert["deficit"], alert["order_ids"]) == ("OVER_SHIPPED", 2, ["order-1"])
        assert (at(room)["on_hand"], at(room)["reserved"]) == (3, 0)


def test_cancelling_twice_is_no_over_shipment() -> None:
    """Nothing has left that was not ordered."""
    room = stocked()
    room.take(order(5), make(OrderCancelled, event_id="c", quantity=4))
    assert kinds(room.take(make(OrderCancelled, event_id="c-2", quantity=4))) == []


def back(number: int, quantity: int, **fields: Any) -> ReturnReceived:
    """Goods of the order that came back."""
    return make(ReturnReceived, **{"event_id": f"r-{number}", "quantity": quantity, **fields})


def test_an_over_return_is_a_fact_and_raises_an_alert() -> None:
    """Even when the order was shipped and forgotten, after a restart, and at another location than it left from."""
    room = stocked()
    room.take(order(5), make(OrderShipped, event_id="s", quantity=5))
    room = Stockroom(room.all)
    assert room.take(back(1, 4)).alerts() == []
    (alert,) = room.take(back(2, 3, location_id="yard")).alerts()
    assert (alert["kind"], alert["location_id"], alert["quantity"]) == ("OVER_RETURNED", "yard", 2)
    assert alert["order_ids"] == ["order-1"]
    assert (at(room)["on_hand"], at(room, "yard")["on_hand"]) == (9, 3)


def test_a_return_before_its_shipment_is_no_over_return() -> None:
    """What is ordered may have left already; only when it can't leave any more has too much come back."""
    room = stocked()
    room.take(order(5), make(OrderShipped, event_id="s", quantity=2))
    assert room.take(back(1, 4)).alerts() == []
    (alert,) = room.take(make(OrderCancelled, event_id="c", quantity=3)).alerts()
    assert (alert["kind"], alert["quantity"]) == ("OVER_RETURNED", 2)


def test_of_an_order_that_is_not_known_nothing_is_said_until_it_is() -> None:
    """It may be older than what is remembered; when it comes after all, the figures tell."""
    room = stocked()
    assert room.take(back(1, 4), make(OrderShipped, event_id="s", quantity=3)).alerts() == []
    (alert,) = room.take(order(3)).alerts()
    assert (alert["kind"], alert["quantity"]) == ("OVER_RETURNED", 1)


def test_a_shipped_order_is_remembered_for_a_while_only() -> None:
    """Thirty days; nothing of it stays then, and with a memory of none nothing is kept at all."""
    room = stocked()
    room.take(order(5), make(OrderShipped, event_id="s", quantity=5))
    assert len(open_lines(room)) == 1
    room.tick(NOW + REMEMBERS_DAYS * DAY_MS - 1)
    assert len(open_lines(room)) == 1
    room.tick(NOW + REMEMBERS_DAYS * DAY_MS)
    assert open_lines(room) == []
    assert room.take(back(1, 9)).alerts() == []
    forgetful = stocked(order_memory_days=0)
    forgetful.take(order(5), make(OrderShipped, event_id="s", quantity=5), back(1, 9))
    assert open_lines(forgetful) == []


def test_remembered_orders_are_not_asked_about_when_a_sku_is_short() -> None:
    """Only open lines are enumerated, however many orders were shipped."""
    room = stocked()
    room.take(order(5), make(OrderShipped, event_id="s", quantity=5))
    partition = next(one.partition for one in room.all if one.topic == LINES)
    assert room.agent._lines.of(partition, SKU.encode()) == []


# Waiting for an order ---------------------------------------------------------------------------------------

CANCELLED = make(OrderCancelled, event_id="c", quantity=2)


def test_a_cancellation_that_waits_in_vain_becomes_a_dead_letter() -> None:
    """As it came, with its own headers and where it stood; nothing of it stays."""
    room = stocked()
    record = room.record_of(CANCELLED, headers=[("ce_id", b"c")])
    room.take(record)
    before = room.level(SKU)
    room = Stockroom(room.all)
    assert not room.tick(NOW + WAITS_DAYS * DAY_MS - 1)
    harvest = room.tick(NOW + WAITS_DAYS * DAY_MS)
    (letter,) = harvest.of(DEAD_LETTERS)
    assert (letter.key, letter.value) == (record.key(), record.value())
    assert (letter.header("ce_id"), letter.header(REASON)) == ("c", "ORDER_UNKNOWN")
    assert letter.header(MESSAGE) == "order 'order-1' at 'store' has not come within 8 days"
    assert letter.header("__streams.errors.topic") == "stock-sales"
    assert letter.header("__streams.errors.partition") == str(record.partition())
    assert letter.header("__streams.errors.offset") == str(record.offset())
    assert room.monitor.reasons == {("stock-sales", "dead_letter", "ORDER_UNKNOWN"): 1}
    assert (open_lines(room), room.level(SKU), kinds(harvest)) == ([], before, [])


def test_an_order_that_comes_within_the_bound_finds_what_waited() -> None:
    """The cancellation counts and is no dead letter any more."""
    room = stocked()
    room.take(CANCELLED)
    room.take(order(5), now=NOW + WAITS_DAYS * DAY_MS - 1)
    assert at(room)["reserved"] == 3
    assert not room.tick(NOW + 3 * WAITS_DAYS * DAY_MS)


def test_an_order_that_comes_too_late_is_reserved_whole_until_the_dead_letter_is_replayed() -> None:
    """The identity is forgotten before the event is given up, so the replay is no duplicate."""
    room = stocked()
    record = room.record_of(CANCELLED)
    room.take(record)
    late = NOW + WAITS_DAYS * DAY_MS
    room.tick(late)
    room.take(order(5, occurred_at=late), now=late)
    assert at(room)["reserved"] == 5
    again = Stockroom(room.all)
    again.seen.sweep(late)
    for _ in range(200):  # Each sweep looks at some of the identities.
        again.seen.sweep(late)
    again.take(record, now=late)
    assert at(again)["reserved"] == 3


def test_an_aborted_batch_gives_up_nothing() -> None:
    """It is given up once, by the batch that commits."""
    room = stocked()
    room.take(CANCELLED)
    late = NOW + WAITS_DAYS * DAY_MS
    assert room.take(now=late, commits=False).of(DEAD_LETTERS)
    assert len(open_lines(room)) == 1
    assert len(room.tick(late).of(DEAD_LETTERS)) == 1
    assert not room.tick(late)


def test_a_shipment_without_an_order_stays_a_fact_and_a_person_is_told() -> None:
    """The goods are gone whoever ordered them: on_hand stays, no dead letter could be replayed without harm."""
    room = stocked()
    room.take(make(OrderShipped, event_id="s", quantity=2), CANCELLED)
    harvest = room.tick(NOW + WAITS_DAYS * DAY_MS)
    (alert,) = harvest.alerts()
    assert (alert["kind"], alert["location_id"], alert["quantity"]) == ("ORDER_MISSING", "store", 2)
    assert (alert["order_ids"], alert["references"]) == (["order-1"], [])
    assert [letter.fields()["event_id"] for letter in harvest.of(DEAD_LETTERS)] == ["c"]
    assert (at(room)["on_hand"], at(room)["reserved"]) == (8, 0)
    again = room.take(make(OrderShipped, event_id="s-2", quantity=2), now=NOW + 2 * WAITS_DAYS * DAY_MS)
    later = room.tick(NOW + 3 * WAITS_DAYS * DAY_MS)
    assert not again.alerts()
    assert later.alerts()[0]["alert_id"] != alert["alert_id"]


def test_what_waits_for_a_delivery_or_transfer_is_bounded_too() -> None:
    """A cancelled announcement is a dead letter, goods without one are everyday, a transfer nobody sent is told."""
    room = stocked()
    room.take(
        make(InboundCancelled, event_id="ic", quantity=2),
        make(GoodsReceived, event_id="g", quantity=3, inbound_id="inbound-2"),
        make(TransferReceived, event_id="tr", quantity=4),
    )
    harvest = room.tick(NOW + WAITS_DAYS * DAY_MS)
    (letter,) = harvest.of("stock-receipts-dlq")
    assert (letter.fields()["event_id"], letter.header(REASON)) == ("ic", "ORDER_UNKNOWN")
    (alert,) = harvest.alerts()
    assert (alert["kind"], alert["quantity"], alert["references"]) == ("ORDER_MISSING", 4, ["transfer-1"])
    assert (open_lines(room), at(room)["on_hand"]) == ([], 17)


def test_a_line_closed_beyond_what_was_opened_is_forgotten_in_time() -> None:
    """Nothing of it counts in any figure; it only waits for more to be ordered."""
    room = stocked()
    room.take(order(2), make(OrderCancelled, event_id="c", quantity=3))
    room.take(make(TransferShipped, event_id="t", quantity=2, eta=None))
    assert len(open_lines(room)) == 2
    assert not room.tick(NOW + WAITS_DAYS * DAY_MS).of(DEAD_LETTERS)
    (kept,) = open_lines(room)
    assert b"TRANSFER" in kept  # Two units are still under way.


def test_no_more_wait_for_an_order_than_a_line_can_keep() -> None:
    """The oldest gives way, a dead letter; what is too large is not kept at all."""
    room = stocked(1_000)
    many = [CANCELLED._replace(event_id=f"c-{number}", quantity=1) for number in range(WAITING_AT_MOST + 1)]
    (letter,) = room.take(*many).of(DEAD_LETTERS)
    assert (letter.fields()["event_id"], letter.header(REASON)) == ("c-0", "ORDER_UNKNOWN")
    assert letter.header(MESSAGE).endswith("has not come yet, and more waits for it than can be kept")
    large = room.record_of(CANCELLED._replace(event_id="large"), headers=[("big", b"x" * WAITING_BYTES)])
    (letter,) = room.take(large).of(DEAD_LETTERS)
    assert letter.header("big") == "x" * WAITING_BYTES
    room.take(order(100))
    assert at(room)["reserved"] == 100 - WAITING_AT_MOST


def test_lines_of_before_there_was_a_bound_wait_from_now_on() -> None:
    """A line that does not say when it was changed last is not given up at once."""
    room = stocked()
    room.take(CANCELLED)
    (old,) = [one for one in room.all if one.topic == LINES]
    aged = old._replace(value=wire.encode("OpenLine", old.fields() | {"touched_at": 0}))
    again = Stockroom([*room.all, aged])
    assert not again.tick(NOW + DAY_MS).of(DEAD_LETTERS)
    assert not again.tick(NOW + WAITS_DAYS * DAY_MS).of(DEAD_LETTERS)
    assert len(again.tick(NOW + (1 + WAITS_DAYS) * DAY_MS).of(DEAD_LETTERS)) == 1
