"""Orders for bundles: every component promises its part, or none does (semantics 1 and 3)."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import wire
from streams import topology
from streams.domain.catalogue import BundleComponent
from streams.domain.events import OrderCancelled, OrderPlaced, OrderShipped, SaleRecorded, StockEvent
from tests.agents.gift_shop import (
    ANSWERS,
    CONTENTS,
    INPUTS,
    MUG,
    SET,
    SPOON,
    Shop,
    bundle,
    open_shop,
    parts_of,
    received,
)
from tests.agents.stockroom import Emitted, Harvest, Stockroom, as_record
from tests.domain.checkout import confirm, place
from tests.domain.shop import NOW, make

ORDERS = topology.BUNDLE_ORDERS.name


def order(number: int = 1, quantity: int = 1, **fields: Any) -> OrderPlaced:
    """An order for gift sets."""
    return make(
        OrderPlaced,
        **{
            "sku": SET,
            "event_id": f"o-{number}",
            "order_id": f"order-{number}",
            "quantity": quantity,
            **fields,
        },
    )


def of_order(kind: type[StockEvent], number: int = 1, quantity: int = 1) -> StockEvent:
    """What becomes of an order."""
    return make(
        kind, sku=SET, event_id=f"{kind.__name__}-{number}", order_id=f"order-{number}", quantity=quantity
    )


def level(shop: Shop, sku: str) -> tuple[int, int]:
    """What lies in the store, and what of it is reserved."""
    found = shop.room.level(sku) or {"locations": []}
    places = [one for one in found["locations"] if one["location_id"] == "store"]
    return sum(one["on_hand"] for one in places), sum(one["reserved"] for one in places)


def rows(harvests: list[Harvest], sku: str = SET) -> list[tuple[str, str, str | None]]:
    """What the ledger says of a SKU: event, outcome and reason."""
    return [
        (row["event_type"], row["outcome"], row["reason"])
        for harvest in harvests
        for row in harvest.movements()
        if row["sku"] == sku
    ]


def open_orders(shop: Shop) -> dict[bytes | None, dict[str, Any]]:
    """Orders for bundles as they stand in their table."""
    latest = {one.key: one for one in shop.room.all if one.topic == ORDERS}
    return {key: one.fields() for key, one in latest.items() if one.value is not None}


def test_an_order_that_every_component_covers_is_accepted() -> None:
    """Asked first, in the batch that took it; its row is written when all have answered."""
    shop = open_shop(mugs=5, spoons=7)
    asked = shop.take(order(quantity=3))
    assert parts_of(asked) == [("OrderPlaced", MUG, 3), ("OrderPlaced", SPOON, 6)]
    assert asked.movements() == []
    harvests = shop.settle()
    assert rows(harvests) == [("OrderPlaced", "EXPLODED", None)]
    assert (level(shop, MUG), level(shop, SPOON)) == ((5, 3), (7, 6))
    assert shop.told(SET) == {"pos": 0, "web": 0}
    assert shop.room.monitor.outcomes["stock-sales", "EXPLODED"] == 1


def test_an_order_that_one_component_does_not_cover_leaves_no_trace_in_the_others() -> None:
    """Refused with the component's reason; what others had reserved is free again."""
    shop = open_shop(mugs=5, spoons=7)
    shop.take(order(quantity=4))
    harvests = shop.settle()
    assert rows(harvests) == [("OrderPlaced", "REJECTED", "INSUFFICIENT_STOCK")]
    assert rows(harvests, MUG) == [("OrderPlaced", "APPLIED", None), ("OrderCancelled", "APPLIED", None)]
    assert (level(shop, MUG), level(shop, SPOON)) == ((5, 0), (7, 0))
    assert shop.told(SET) == {"pos": 3, "web": 3}
    assert open_orders(shop) == {}


@pytest.mark.parametrize("kind", [OrderShipped, OrderCancelled])
def test_what_becomes_of_an_order_becomes_of_its_components(kind: type[StockEvent]) -> None:
    """Also in parts; then the order is forgotten."""
    shop = open_shop(mugs=5, spoons=7)
    shop.take(order(quantity=2))
    shop.settle()
    shop.take(of_order(kind, quantity=1))
    shop.settle()
    taken = 1 if kind is OrderShipped else 0
    assert (level(shop, MUG), level(shop, SPOON)) == ((5 - taken, 1), (7 - 2 * taken, 2))
    shop.take(make(kind, sku=SET, event_id="rest", order_id="order-1"))
    shop.settle()
    assert (level(shop, MUG)[1], level(shop, SPOON)[1]) == (0, 0)
    assert open_orders(shop) == {}


@pytest.mark.parametrize("early", [True, False])
def test_a_cancellation_before_or_during_the_question_ends_in_the_same_figures(early: bool) -> None:
    """Components count their lines in any order."""
    shop = open_shop()
    events = [of_order(OrderCancelled), order()]
    shop.take(*(events if early else reversed(events)))
    assert rows(shop.settle()) == [("OrderPlaced", "EXPLODED", None)]
    assert (level(shop, MUG)[1], level(shop, SPOON)[1]) == (0, 0)


def test_a_shipment_without_an_order_is_a_fact_and_leaves_nothing_to_remember() -> None:
    """As from a warehouse that never tells of orders."""
    shop = open_shop()
    shop.take(of_order(OrderShipped))
    shop.settle()
    assert (level(shop, MUG), level(shop, SPOON)) == ((4, 0), (5, 0))
    assert open_orders(shop) == {}


def test_an_order_is_shipped_as_it_was_promised() -> None:
    """Whatever the bundle consists of by then, and even if it is none any more."""
    for contents in ((BundleComponent("PLATE", 1),), ()):
        shop = open_shop(mugs=5, spoons=7)
        shop.take(order())
        shop.settle()
        shop.take(bundle(*contents, number=2))
        shop.settle()
        shop.take(of_order(OrderShipped))
        shop.settle()
        assert (level(shop, MUG), level(shop, SPOON)) == ((4, 0), (5, 0))
        assert open_orders(shop) == {}


def test_components_that_are_held_for_the_order_are_taken() -> None:
    """A checkout holds what is in the set under one id, and orders the set by it."""
    shop = open_shop(mugs=1, spoons=2)
    held: dict[str, Any] = {"hold_id": "cart-1", "location_id": "store"}
    shop.take(place("r-1", sku=MUG, **held), place("r-2", 2, sku=SPOON, **held))
    shop.take(order(1), order(2, hold_id="cart-1"))
    harvests = shop.settle()
    assert rows(harvests) == [
        ("OrderPlaced", "REJECTED", "INSUFFICIENT_STOCK"),
        ("OrderPlaced", "EXPLODED", None),
    ]
    assert (level(shop, MUG), level(shop, SPOON)) == ((1, 1), (2, 2))


def test_components_that_were_confirmed_for_the_order_are_counted_once() -> None:
    """What a ConfirmHold has reserved, the order only names."""
    shop = open_shop(mugs=1, spoons=2)
    held: dict[str, Any] = {"hold_id": "cart-1", "location_id": "store"}
    shop.take(place("r-1", sku=MUG, **held), place("r-2", 2, sku=SPOON, **held))
    shop.take(confirm("r-3", sku=MUG, **held), confirm("r-4", sku=SPOON, **held))
    shop.take(order(hold_id="cart-1"))
    assert rows(shop.settle()) == [("OrderPlaced", "EXPLODED", None)]
    assert (level(shop, MUG), level(shop, SPOON)) == ((1, 1), (2, 2))


def test_a_repeated_order_is_asked_once() -> None:
    """While it is being asked, and after it was decided."""
    shop = open_shop()
    assert len(parts_of(shop.take(order(), order()))) == 2
    shop.settle()
    assert parts_of(shop.take(order())) == []
    assert (level(shop, MUG), level(shop, SPOON)) == ((5, 1), (7, 2))


def test_a_repeated_answer_decides_nothing_twice() -> None:
    """Not even the acceptance of an order that was accepted and forgotten."""
    shop = open_shop()
    shop.take(order())
    shop.settle()
    shop.take(of_order(OrderShipped))
    shop.settle()
    answers = [as_record(one) for one in shop.room.all if one.topic == ANSWERS]
    assert len(answers) == 2
    assert shop.take(*answers) == []
    assert (level(shop, MUG), level(shop, SPOON)) == ((4, 0), (5, 0))


def test_a_component_that_a_strict_catalogue_does_not_know_refuses_at_once() -> None:
    """Its part is a dead letter, not put off; replayed and accepted later, it is taken back."""
    shop = Shop(Stockroom(catalogue="strict"))
    shop.take(received(MUG, 5), bundle(*CONTENTS))
    shop.take(order())
    harvests = shop.settle()
    assert rows(harvests) == [("OrderPlaced", "REJECTED", "UNKNOWN_SKU")]
    assert [one.topic for harvest in harvests for one in harvest if "retry" in one.topic] == []
    (letter,) = [one for harvest in harvests for one in harvest.of("stock-sales-dlq")]
    shop.take(received(SPOON, 9))
    replayed = Emitted("stock-sales", letter.partition, letter.key, letter.value, letter.headers)
    shop.take(as_record(replayed))
    shop.settle()
    assert (level(shop, MUG), level(shop, SPOON)) == ((5, 0), (9, 0))


def test_an_answer_that_is_none_is_left_alone() -> None:
    """Somebody wrote to the internal topic."""
    shop = open_shop()
    shop.take(order())
    rubbish = [b"", b"rubbish", None, shop.waiting[0].value]
    assert shop.take(*(shop.room.record(ANSWERS, SET.encode(), value) for value in rubbish)) == []
    assert rows(shop.settle()) == [("OrderPlaced", "EXPLODED", None)]


def test_a_reason_that_only_a_newer_worker_knows_refuses_all_the_same() -> None:
    """While workers of two versions run, none may fall over what the other says."""
    shop = open_shop()
    shop.take(order())
    shop.take(*map(as_record, shop.waiting))
    answers = [one for one in shop.waiting if one.topic == ANSWERS]
    fields = {**answers[0].fields(), "accepted": False, "reason": "MOON_IN_THE_WRONG_PHASE"}
    shop.waiting = [answers[0]._replace(value=wire.encode("BundlePartAnswered", fields)), *answers[1:]]
    assert rows(shop.settle()) == [("OrderPlaced", "REJECTED", "INSUFFICIENT_STOCK")]


def test_a_restarted_worker_decides_what_was_asked_before() -> None:
    """The question stands in its table, the parts and answers in their topics."""
    shop = open_shop()
    shop.take(order())
    again = Shop(Stockroom(shop.room.all))
    again.waiting = shop.waiting
    assert rows(again.settle()) == [("OrderPlaced", "EXPLODED", None)]
    assert (level(again, MUG), level(again, SPOON)) == ((5, 1), (7, 2))


class Chaos:
    """Delivers what waits in any order that Kafka allows, with aborts and restarts in between."""

    def __init__(self, shop: Shop, seed: int) -> None:
        self.shop = shop
        self.random = random.Random(seed)

    def run(self) -> None:
        """Until nothing waits; after each batch no component has promised more than it has."""
        while self.shop.waiting:
            first = self.random.choice(self.shop.waiting)
            # A consumer takes from some partitions, from each in order; how many records is chance.
            queue = [one for one in self.shop.waiting if self._stream(one) == self._stream(first)]
            batch = queue[: self.random.randint(1, len(queue))]
            if self.random.random() < 0.2:
                self.shop.take(*map(as_record, batch), commits=False)
                continue
            if self.random.random() < 0.1:
                self._restart()
            for one in batch:
                self.shop.waiting.remove(one)
            self.shop.take(*map(as_record, batch))
            for sku in (MUG, SPOON):
                on_hand, reserved = level(self.shop, sku)
                assert reserved <= on_hand, f"{sku} has promised {reserved} of {on_hand}"

    @staticmethod
    def _stream(record: Emitted) -> tuple[str, int]:
        return record.topic, record.partition

    def _restart(self) -> None:
        self.shop.room = Stockroom(self.shop.room.all)


@given(
    st.lists(st.tuples(st.sampled_from((SET, MUG, SPOON)), st.integers(1, 4)), min_size=1, max_size=8),
    st.integers(0, 2**32),
)
def test_orders_of_sets_and_components_in_any_order_promise_what_there_is(
    wanted: list[tuple[str, int]], seed: int
) -> None:
    """Each is decided, an accepted one is reserved in full, a refused one not at all."""
    shop = open_shop(mugs=5, spoons=7)
    orders = [order(n, quantity, sku=sku) for n, (sku, quantity) in enumerate(wanted)]
    records = [shop.room.record_of(one) for one in orders]
    shop.waiting = [
        Emitted(one.topic(), one.partition(), one.key(), one.value(), ())
        for one in records
        if one.topic() in INPUTS
    ]
    Chaos(shop, seed).run()
    ledger = [one.fields() for one in shop.room.all if one.topic == "stock-movements"]
    outcomes = {row["event_id"]: row["outcome"] for row in ledger}
    accepted = [one for one in orders if outcomes[one.event_id] in {"APPLIED", "EXPLODED"}]
    sets = sum(one.quantity for one in accepted if one.sku == SET)
    for sku, needed in ((MUG, 1), (SPOON, 2)):
        alone = sum(one.quantity for one in accepted if one.sku == sku)
        assert level(shop, sku)[1] == alone + needed * sets
    assert {one["units"] for one in open_orders(shop).values()} == {
        one.quantity for one in accepted if one.sku == SET
    }


def test_a_sale_as_a_fact_and_an_order_compete_for_the_same_spoons() -> None:
    """The fact applies, the promise asks."""
    shop = open_shop(mugs=5, spoons=3)
    shop.take(make(SaleRecorded, sku=SET, event_id="s-1", occurred_at=NOW), order())
    harvests = shop.settle()
    assert rows(harvests) == [("OrderPlaced", "REJECTED", "INSUFFICIENT_STOCK")]
    assert (level(shop, MUG), level(shop, SPOON)) == ((4, 0), (1, 0))
