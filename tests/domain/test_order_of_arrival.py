"""Any order and any duplication of the same events gives the same stock (semantics 7)."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.events import (
    GoodsReceived,
    InboundAnnounced,
    OrderCancelled,
    OrderPlaced,
    OrderShipped,
    StockEvent,
)
from tests.domain.shop import DELTAS, NOW, Shelf, full_stock, histories, make


def rearranged(events: list[StockEvent], chance: random.Random) -> list[StockEvent]:
    """The same events in another order, some of them several times."""
    repeated = events + [event for event in events if chance.random() < 0.4]
    chance.shuffle(repeated)
    return repeated


@given(histories(), st.randoms(use_true_random=False))
def test_any_order_and_duplication_gives_the_same_stock(
    events: list[StockEvent], chance: random.Random
) -> None:
    """Orders too, as long as there is enough for all of them: figures, version, time and what lines still owe."""
    straight = Shelf(full_stock()).take(*events)
    other = Shelf(full_stock()).take(*rearranged(events, chance))
    assert other.stock == straight.stock
    assert other.owed() == straight.owed()


@given(histories(*DELTAS), st.randoms(use_true_random=False))
def test_without_orders_nothing_need_be_in_stock(events: list[StockEvent], chance: random.Random) -> None:
    """From nothing and through negative figures: facts add up in any order."""
    straight = Shelf().take(*events)
    other = Shelf().take(*rearranged(events, chance))
    assert other.stock == straight.stock
    assert other.owed() == straight.owed()


@given(histories(max_size=20), st.randoms(use_true_random=False))
def test_lines_are_the_same_in_any_order_until_they_are_forgotten(
    events: list[StockEvent], chance: random.Random
) -> None:
    """Totals, time of opening and expected arrival do not depend on who came last."""
    straight = Shelf(full_stock(), forget_settled=False).take(*events)
    other = Shelf(full_stock(), forget_settled=False).take(*rearranged(events, chance))
    assert other.lines == straight.lines


@given(histories(max_size=20), st.randoms(use_true_random=False))
def test_forgetting_settled_lines_changes_no_stock(events: list[StockEvent], chance: random.Random) -> None:
    """A line with nothing open may be deleted at any time: what comes later finds the same figures."""
    order = rearranged(events, chance)
    assert (
        Shelf(full_stock()).take(*order).stock == Shelf(full_stock(), forget_settled=False).take(*order).stock
    )


@given(histories(OrderPlaced, OrderShipped, OrderCancelled, max_size=12))
def test_accepted_events_alone_give_the_same_stock(events: list[StockEvent]) -> None:
    """Refused orders leave nothing behind, in the stock or in the lines."""
    scarce = Shelf().take(make(GoodsReceived, event_id="opening", quantity=15, inbound_id=None), *events)
    accepted = [event for event, outcome in scarce.outcomes if outcome.outcome == "APPLIED"]
    again = Shelf().take(*accepted)
    assert again.stock == scarce.stock
    assert again.lines == scarce.lines


@pytest.mark.parametrize("latest_first", [True, False])
def test_the_latest_announcement_tells_when_goods_arrive(latest_first: bool) -> None:
    """A delivery announced again for another day: whichever arrives last, the later word counts."""
    announcements = [
        make(InboundAnnounced, event_id="1", occurred_at=NOW - 10, eta=NOW + 900),
        make(InboundAnnounced, event_id="2", occurred_at=NOW, eta=NOW + 500),
    ]
    shelf = Shelf().take(*(reversed(announcements) if latest_first else announcements))
    (line,) = shelf.lines.values()
    assert (line.opened, line.opened_at, line.eta) == (2, NOW, NOW + 500)
