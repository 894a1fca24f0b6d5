"""Holds, orders and time at random: what always holds of them, in whatever batches they come."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.events import GoodsReceived, OrderCancelled, OrderPlaced, OrderShipped
from streams.domain.hold_requests import ConfirmHold, PlaceHold, ReleaseHold
from tests.agents.stockroom import Stockroom
from tests.domain.checkout import FIELDS, ask
from tests.domain.shop import FIELDS as SHOP_FIELDS
from tests.domain.shop import NOW, SKU, make

STEP_MS = 10
KINDS: tuple[Any, ...] = (
    PlaceHold,
    PlaceHold,
    PlaceHold,
    ConfirmHold,
    ReleaseHold,
    OrderPlaced,
    OrderShipped,
    OrderCancelled,
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "hold_id": st.sampled_from(["h1", "h2", "h3"]),
    "owner": st.sampled_from(["ann", "ann", "bob"]),
    "order_id": st.sampled_from(["o1", "o2"]),
    "expires_at": st.integers(NOW, NOW + 12 * STEP_MS),
    "channel_id": st.sampled_from([None, None, "web", "pos"]),
}


@st.composite
def inputs(draw: st.DrawFn) -> list[Any]:
    """Requests and orders that meet on few holds and orders."""
    found: list[Any] = []
    for number in range(draw(st.integers(0, 25))):
        kind = draw(st.sampled_from(KINDS))
        fields = {name: draw(VALUES[name]) for name in kind._fields if name in VALUES}
        fields["quantity"] = draw(st.integers(0 if kind is ConfirmHold else 1, 6))
        is_request = kind in {PlaceHold, ConfirmHold, ReleaseHold}
        places = [None, "store", "yard"] if is_request else ["store", "yard"]
        fields["location_id"] = draw(st.sampled_from(places))
        event_id = f"e-{number}"
        found.append(ask(kind, event_id, **fields) if is_request else make(kind, event_id=event_id, **fields))
    return found


def opened() -> Stockroom:
    """Eight units in the store, four in the yard."""
    room = Stockroom()
    for location_id, quantity in (("store", 8), ("yard", 4)):
        event_id = f"opening {location_id}"
        room.take(
            make(
                GoodsReceived, event_id=event_id, location_id=location_id, quantity=quantity, inbound_id=None
            )
        )
    return room


def rows(room: Stockroom, topic: str) -> list[dict[str, Any]]:
    """All values of a topic."""
    return [one.fields() for one in room.all if one.topic == topic and one.value is not None]


def active(room: Stockroom) -> Counter[str]:
    """Units of active holds by location, from the table of holds."""
    latest = {one.key: one for one in room.all if one.topic == "stock-holds"}
    values = [one.fields() for one in latest.values() if one.value is not None]
    found: Counter[str] = Counter()
    for value in values:
        if value["state"] == "ACTIVE":
            found[value["location_id"]] += value["quantity"]
    return found


@settings(max_examples=150)
@given(inputs(), st.lists(st.integers(1, 5)))
def test_held_is_the_sum_of_active_holds_and_no_promise_lacks_its_goods(
    events: list[Any], sizes: list[int]
) -> None:
    """After every batch, with time going on and an abort before each; the ledger chains through all of it."""
    room = opened()
    for number, size in enumerate([*sizes, len(events), 0]):
        batch, events = events[:size], events[size:]
        now = NOW + number * STEP_MS
        room.take(*batch, now=now, commits=False)
        room.take(*batch, now=now)
        level = room.level(SKU)
        assert level is not None
        held = {place["location_id"]: place["held"] for place in level["locations"]}
        assert {name: units for name, units in held.items() if units} == dict(active(room))
        for place in level["locations"]:
            # An order that was shipped further than ordered is the only fact here that takes promised goods.
            overshipped = place["on_hand"] < {"store": 8, "yard": 4}[place["location_id"]]
            assert overshipped or place["on_hand"] - place["reserved"] - place["held"] >= 0
    last: dict[str, int] = {}
    movements = rows(room, "stock-movements")
    for row in movements:
        if row["held_after"] != last.get(row["location_id"], 0):
            assert "Hold" in row["event_type"], f"{row['event_type']} has no say in what is held"
        last[row["location_id"]] = row["held_after"]
    applied = [row["version"] for row in movements if row["outcome"] == "APPLIED"]
    assert all(before < after for before, after in pairwise(applied))


@settings(max_examples=100)
@given(inputs(), st.lists(st.integers(1, 5)))
def test_batches_decide_nothing_about_holds(events: list[Any], sizes: list[int]) -> None:
    """At one time, one by one or all at once: the same answers, rows and figures."""
    together, apart = opened(), opened()
    together.take(*events)
    for size in sizes:
        apart.take(*events[:size])
        events = events[size:]
    apart.take(*events)
    for topic in ("reservation-results", "stock-movements"):
        assert rows(apart, topic) == rows(together, topic)
    assert active(apart) == active(together)


def test_fields_of_requests_and_events_agree() -> None:
    """What both fill in is spelled alike, so that orders and holds of these tests meet."""
    assert FIELDS["sku"] == SHOP_FIELDS["sku"]
    assert FIELDS["order_id"] == SHOP_FIELDS["order_id"]
