"""Statements of orders become events that come to the same figures in any order of arrival."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.order_desk import Told, tell
from connectors.orders import Item, Order
from connectors.translation import Account
from tests.connectors.translating import Shelf, brief

ACCOUNT = Account("shop", "shop", "web", default_location_id="warehouse")
AT = 1_772_000_000_000


def item(ordered: int, *, cancelled: int = 0, shipped: int = 0, sku: str = "MUG") -> Item:
    """Return what is stated of a SKU in the warehouse."""
    return Item(f"line-{sku}", sku, "warehouse", ordered, cancelled, shipped)


def order(revision: int, *items: Item, whole: bool = True) -> Order:
    """Return an order as it stands at a revision."""
    return Order("1", revision, AT, AT + revision * 1_000, items, whole=whole)


def records(*orders: Order) -> list[list[tuple[str, int]]]:
    """Return (record, quantity) of what each statement adds."""
    told, found = Told(), []
    for statement in orders:
        events, told = tell(ACCOUNT, statement, told)
        found.append([(record, value["quantity"]) for record, value in events])
    return found


def test_an_order_is_placed_then_shipped() -> None:
    """As a channel states it, step by step, partial shipment included."""
    steps = records(order(1, item(3)), order(2, item(3, shipped=2)), order(3, item(3, shipped=3)))
    assert steps == [[("OrderPlaced", 3)], [("OrderShipped", 2)], [("OrderShipped", 1)]]


def test_a_quantity_that_is_edited_up_and_down_leaves_what_it_says_last() -> None:
    """3, then 1, then 2: deltas of what was told, not of what was ordered first."""
    steps = records(order(1, item(3)), order(2, item(1)), order(3, item(2)))
    assert steps == [[("OrderPlaced", 3)], [("OrderCancelled", 2)], [("OrderPlaced", 1)]]


def test_an_order_that_is_cancelled_and_taken_up_again_is_placed_again() -> None:
    """Under an id of its own."""
    shelf = Shelf(ACCOUNT)
    for statement in (order(1, item(3)), order(2, item(3, cancelled=3)), order(3, item(3))):
        shelf.state(statement)
    assert shelf.figures() == {("MUG", "warehouse"): (0, 3)}


def test_what_was_cancelled_before_anyone_heard_of_it_is_not_told() -> None:
    """A cancellation without its order would wait for it, and end as a dead letter."""
    assert records(order(1, item(3, cancelled=3))) == [[]]


def test_what_has_left_when_first_heard_of_is_a_sale() -> None:
    """A fact: it must not hang on a promise that may be refused. The rest is promised."""
    assert records(order(1, item(3, shipped=2))) == [[("SaleRecorded", 2), ("OrderPlaced", 1)]]


def test_more_shipped_than_ordered_is_a_fact_too() -> None:
    """Nothing was promised for it, so nothing waits for a promise."""
    assert records(order(1, item(1)), order(2, item(1, shipped=3))) == [
        [("OrderPlaced", 1)],
        [("SaleRecorded", 2), ("OrderShipped", 1)],
    ]


def test_a_shipment_that_is_taken_back_is_returned_and_promised_again() -> None:
    """Goods are on the shelf, and still owed."""
    steps = records(order(1, item(2)), order(2, item(2, shipped=2)), order(3, item(2)))
    assert steps[2] == [("ReturnReceived", 2), ("OrderPlaced", 2)]


def test_a_sale_that_is_undone_is_a_return() -> None:
    """What was restocked after it was shipped."""
    steps = records(order(1, item(3, shipped=3)), order(2, item(3, cancelled=1, shipped=2)))
    assert steps == [[("SaleRecorded", 3)], [("ReturnReceived", 1)]]


def test_a_line_that_is_taken_out_of_an_order_is_no_longer_promised() -> None:
    """When the whole is stated; a statement of one line says nothing of others."""
    both = order(1, item(1), item(2, sku="CUP"))
    assert records(both, order(2, item(1)))[1] == [("OrderCancelled", 2)]
    assert records(both, order(2, item(1), whole=False))[1] == []


def test_a_stale_line_does_not_come_back() -> None:
    """Neither after it was taken out, nor if it is heard of for the first time."""
    both = order(1, item(1), item(2, sku="CUP"))
    assert records(both, order(2, item(1)), both)[2] == []
    assert records(order(2, item(1)), both) == [[("OrderPlaced", 1)], []]


def test_within_one_second_the_further_state_is_the_later() -> None:
    """A shop's clock ticks in seconds, and an order is placed, paid and packed within one."""
    paid, packed = order(1, item(2)), order(1, item(2, shipped=2))
    unpaid = order(1, item(0))
    assert records(unpaid, paid, packed, unpaid, paid) == [
        [],
        [("OrderPlaced", 2)],
        [("OrderShipped", 2)],
        [],
        [],
    ]


def test_ids_name_line_and_state() -> None:
    """The first telling needs no state: it is the same whenever the same body comes first."""
    told = Told()
    ids = []
    for statement in (order(1, item(3)), order(2, item(3, shipped=2))):
        events, told = tell(ACCOUNT, statement, told)
        ids += [event_id for _, event_id, *_ in brief(events)]
    assert ids == ["order:1:line:line-MUG:placed", "order:1:line:line-MUG:shipped:2.2.0.3"]


def test_orders_of_two_accounts_are_two_orders() -> None:
    """Two shops may both have an order 1, and its lines must not be netted."""
    (_, value), *_ = tell(ACCOUNT, order(1, item(3)))[0]
    assert value["order_id"] == "shop:1"


def test_times_are_those_of_what_happened() -> None:
    """Placed when it was placed, shipped when it left, cancelled when it changed: counts depend on it."""
    shipped = Item("line-MUG", "MUG", "warehouse", 3, 0, 2, AT + 500)
    events, told = tell(ACCOUNT, order(1, item(3)))
    later, told = tell(ACCOUNT, order(2, shipped), told)
    last, _ = tell(ACCOUNT, order(9, item(3, cancelled=1, shipped=2)), told)
    times = [value["occurred_at"] for _, value in (*events, *later, *last)]
    assert times == [AT, AT + 500, AT + 9_000]


SKUS = ("MUG", "CUP")


@st.composite
def histories(draw: st.DrawFn) -> list[Order]:
    """Statements of one order, some of equal revision, some of the whole, in no order."""

    def some_item(sku: str) -> Item:
        ordered = draw(st.integers(0, 4))
        shipped = draw(st.integers(0, 5))
        return item(
            ordered, cancelled=draw(st.integers(0, max(0, ordered - shipped))), shipped=shipped, sku=sku
        )

    revisions = draw(st.lists(st.integers(1, 5), min_size=1, max_size=8))
    return [
        order(
            revision,
            *(some_item(sku) for sku in SKUS if draw(st.booleans())),
            whole=draw(st.booleans()),
        )
        for revision in revisions
    ]


def expected(history: Sequence[Order]) -> dict[tuple[str, str], tuple[int, int]]:
    """Return (on_hand, reserved) by a plain reading: the latest statement of each item, if still in the order."""
    figures = {}
    for sku in SKUS:
        stated = [
            ((statement.revision, said.shipped + said.cancelled, said.cancelled, said.ordered), said)
            for statement in history
            for said in statement.items
            if said.sku == sku
        ]
        if not stated:
            continue
        rank, latest = max(stated, key=lambda pair: pair[0])
        if any(
            statement.whole
            and statement.revision > rank[0]
            and sku not in {said.sku for said in statement.items}
            for statement in history
        ):
            continue
        promised = max(latest.ordered - latest.cancelled, latest.shipped)
        if promised:
            figures[sku, "warehouse"] = (-latest.shipped, promised - latest.shipped)
    return figures


@settings(max_examples=1_500)
@given(history=histories(), data=st.data())
def test_every_order_of_arrival_comes_to_the_latest_state(history: list[Order], data: st.DataObject) -> None:
    """With any duplication, and never more shipped or cancelled than was promised on the way."""
    again = data.draw(st.lists(st.sampled_from(history), max_size=4))
    shelf = Shelf(ACCOUNT)
    for statement in data.draw(st.permutations([*history, *again])):
        shelf.state(statement)
    assert shelf.figures() == expected(history)


@pytest.mark.parametrize("told", [Told(), tell(ACCOUNT, order(4, item(3, shipped=1)))[1]])
def test_what_was_told_can_be_stored(told: Told) -> None:
    """As JSON, without loss."""
    assert Told.from_json(told.to_json()) == told
