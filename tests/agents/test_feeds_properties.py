"""Whatever arrives when, how often, in which batches, through restarts and aborts: a feed gives the same stock."""

from __future__ import annotations

import random
from typing import Any
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.events import NET_OF_ORDERS, PHYSICAL, OrderPlaced, SaleRecorded, StockCounted
from streams.domain.policy import LocationSources, StockPolicySet
from tests.agents.feeding import AS_OF, SKUS, figures, full_feed, goods, settle, stages
from tests.agents.stockroom import Stockroom
from tests.domain.shop import NOW, make

NAMED, UNNAMED, NEW = SKUS[:6], SKUS[6:9], ("NEW-1", "NEW-2")
EVERYTHING = (*NAMED, *UNNAMED, *NEW)
OPENING = 100
LATER = NOW + 2_000
CLEARING = StockPolicySet(
    "p", "desk", "*", NOW, sources=(LocationSources("store", feed_zero_share_basis_points=10_000),)
)


@st.composite
def happenings(draw: st.DrawFn) -> list[Any]:
    """A feed's rows, sales and orders around its moment, single counts before and after it."""
    basis = draw(st.sampled_from([PHYSICAL, NET_OF_ORDERS]))
    quantities = {
        sku: draw(st.sampled_from([OPENING, OPENING, OPENING - 1, 0, 50])) for sku in (*NAMED, NEW[0])
    }
    events: list[Any] = list(full_feed(quantities, basis=basis))
    moments = st.integers(-3, 3)
    for number in range(draw(st.integers(0, 12))):
        kind = draw(st.sampled_from([SaleRecorded, SaleRecorded, OrderPlaced, StockCounted]))
        moment = AS_OF + draw(moments)
        fields = {"event_id": f"{number}", "sku": draw(st.sampled_from(EVERYTHING)), "occurred_at": moment}
        if kind is StockCounted:
            fields |= {"as_of": moment, "quantity": draw(st.integers(1_000, 1_005)), "source_id": "erp"}
        if kind is OrderPlaced:
            fields |= {"order_id": f"order {number}", "sku": draw(st.sampled_from(UNNAMED))}
        events.append(make(kind, **fields))
    return events


def expected(events: list[Any]) -> dict[str, int]:
    """The rule itself: the last count and what came after it; orders that a count has subtracted added again."""
    rows = {event.sku: event for event in events if isinstance(event, StockCounted) and event.feed_id}
    basis = next(iter(rows.values())).basis
    found = {}
    for sku in EVERYTHING:
        mine = [event for event in events if event.sku == sku]
        singles = [event for event in mine if isinstance(event, StockCounted) and not event.feed_id]
        last = max(singles, key=lambda count: (count.as_of, count.event_id), default=None)
        if last is not None and last.as_of >= AS_OF:
            on_hand, since, net = last.quantity, last.as_of, False
        else:
            on_hand, since, net = rows[sku].quantity if sku in rows else 0, AS_OF, basis == NET_OF_ORDERS
        for event in mine:
            if isinstance(event, SaleRecorded) and event.occurred_at > since:
                on_hand -= event.quantity
            if isinstance(event, OrderPlaced) and net and event.occurred_at <= since:
                on_hand += event.quantity
        if on_hand:
            found[sku] = on_hand
    return found


@settings(max_examples=60)
@given(happenings(), st.randoms(use_true_random=False))
def test_any_order_gives_the_same_stock(events: list[Any], chance: random.Random) -> None:
    """Duplicates, batches of any size, slices of two SKUs, restarts and aborts included."""
    backorders = CLEARING._replace(backorder_limit=1_000_000)  # No order is refused, whenever it comes.
    with mock.patch("streams.agents.feeds.EFFORT", 60):
        room = Stockroom()
        room.hear_globals(room.take(backorders))
        room.take(*goods(dict.fromkeys((*NAMED, *UNNAMED), OPENING)))
        left = chance.sample(events, len(events)) + chance.choices(events, k=len(events) // 3)
        while left:
            size = chance.randint(1, 5)
            batch, left = left[:size], left[size:]
            if chance.random() < 0.2:
                room.take(*batch, commits=False)
            room.hear_globals(room.take(*batch))
            for _ in range(chance.randint(0, 3)):
                room.hear_globals(room.tick())
            if chance.random() < 0.2:
                room = Stockroom(room.all)
        room.hear_globals(room.tick(LATER))  # What an abort put off is found again.
        settle(room, now=LATER)
    assert set(stages(room).values()) == {"APPLIED"}
    assert figures(room) == expected(events)
