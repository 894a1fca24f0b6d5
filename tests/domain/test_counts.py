"""Counts against deltas: every order of arrival gives the same stock (semantics 5 and 7)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain import counts, fold
from streams.domain.counts import CountInForce
from streams.domain.events import (
    NET_OF_ORDERS,
    PHYSICAL,
    STOCK_EVENTS,
    GoodsReceived,
    OrderCancelled,
    OrderPlaced,
    OrderShipped,
    SaleRecorded,
    StockAdjusted,
    StockCounted,
    StockEvent,
)
from streams.domain.lines import OpenLine, line_of
from streams.domain.stock import Level, Stock
from streams.engine import recent
from tests.domain.shop import LOCATIONS, NOW, PLENTY, SKU, Shelf, any_event, line_key, make

Event = StockEvent | StockCounted


class CountedShelf(Shelf):
    """A shelf that takes counts too, and notes deltas for them, as the agent's desks do."""

    def __init__(self) -> None:
        super().__init__()
        self.in_force: dict[str, CountInForce] = {}
        self.notes = b""
        self.found: list[int] = []

    def take(self, *events: Event) -> CountedShelf:
        """Take movements and counts."""
        for event in events:
            if (event.source_id, event.event_id) not in self._seen:
                self._seen.add((event.source_id, event.event_id))
                self._count(event) if isinstance(event, StockCounted) else self._move(event)
        return self

    def _count(self, event: StockCounted) -> None:
        before = self.stock.level(event.location_id)
        if counts.supersedes(event, before.counted_at, self.in_force.get(event.location_id)):
            open_orders = counts.nominal_reserved(self.lines.values(), event.location_id)
            after = counts.counted(before, event.quantity, event.as_of, event.basis, self.notes, open_orders)
            self.stock = self.stock._replace(locations=fold.with_level(self.stock.locations, after))
            self.in_force[event.location_id] = CountInForce.of(event)
            self.found.append(after.on_hand - before.on_hand)

    def _move(self, event: StockEvent) -> None:
        in_force = self.in_force.get(event.location_id)
        net = in_force is not None and in_force.basis == NET_OF_ORDERS
        line: OpenLine | None = line_of(event)
        if line is not None:
            line = self.lines.get(line_key(line), line)
        found = fold.apply(self.stock, event, line, net_of_orders=net)
        self.outcomes.append((event, found))
        self.stock = found.stock
        if found.outcome == fold.REJECTED:
            return
        if found.line is not None:
            self.lines[line_key(found.line)] = found.line
            if found.line.settled:
                del self.lines[line_key(found.line)]
        if event.occurred_at > found.before.counted_at:
            on_hand = fold.ON_HAND_SIGNS.get(type(event), 0) * event.quantity
            reserved = fold.RESERVED_SIGNS.get(type(event), 0) * event.quantity
            self.notes += counts.note(event.occurred_at, event.location_id, on_hand, reserved)

    def levels(self) -> dict[str, Level]:
        """Figures by location, those without any left out."""
        return {level.location_id: level for level in self.stock.locations if any(level[1:])}


def store(shelf: CountedShelf) -> Level:
    """The level at the store."""
    return shelf.stock.level("store")


OPENING = make(StockAdjusted, event_id="opening", quantity=102, occurred_at=NOW - 3_600_000)
EXAMPLE = (
    make(StockAdjusted, event_id="2", quantity=-2, occurred_at=NOW + 2),
    make(StockCounted, event_id="3", quantity=100, as_of=NOW + 3),
    make(StockAdjusted, event_id="4", quantity=-1, occurred_at=NOW + 4),
)
"""The page's: -2 at 12:02, counted 100 at 12:03, -1 at 12:04."""


@pytest.mark.parametrize("events", list(permutations(EXAMPLE)))
def test_page_s_example_gives_99_in_every_order(events: Sequence[Event]) -> None:
    """Also when each arrives twice, and wherever the second copy comes."""
    assert store(CountedShelf().take(OPENING, *events)).on_hand == 99
    assert store(CountedShelf().take(OPENING, *events, *events)).on_hand == 99


def test_page_s_steps_in_between() -> None:
    """We receive -1 (101), the count (99), then the late -2 (ignored, 99)."""
    shelf = CountedShelf().take(OPENING)
    figures = [store(shelf.take(event)).on_hand for event in (EXAMPLE[2], EXAMPLE[1], EXAMPLE[0])]
    assert figures == [101, 99, 99]
    assert [outcome.outcome for _, outcome in shelf.outcomes] == ["APPLIED", "APPLIED", "LATE"]
    assert shelf.found == [-2]


def test_a_delta_of_the_very_moment_is_in_the_count() -> None:
    """Deltas count from after as_of on, to the millisecond."""
    count = make(StockCounted, event_id="c", quantity=10, as_of=NOW)
    sales = [make(SaleRecorded, event_id=str(at), occurred_at=NOW + at) for at in (-1, 0, 1)]
    assert store(CountedShelf().take(count, *sales)).on_hand == 9
    assert store(CountedShelf().take(*sales, count)).on_hand == 9


def test_what_a_count_covers_still_has_its_other_effects() -> None:
    """A late damaged return is unsellable all the same, a late shipment closes its order."""
    shelf = CountedShelf().take(
        make(GoodsReceived, event_id="g", quantity=20, inbound_id=None, occurred_at=NOW - 9),
        make(OrderPlaced, event_id="o", quantity=5, occurred_at=NOW - 8),
        make(StockCounted, event_id="c", quantity=17, as_of=NOW - 5),
        make(OrderShipped, event_id="s", quantity=3, occurred_at=NOW - 7),
    )
    assert store(shelf)[1:4] == (17, 0, 2)
    assert shelf.outcomes[-1][1].outcome == "LATE"
    (line,) = shelf.lines.values()
    assert line.open == 2


def test_count_touches_nothing_but_on_hand() -> None:
    """Neither holds nor reservations nor what is on its way (semantics 5)."""
    level = Level("store", 5, 1, 2, 3, 4, 6, NOW - 1)
    assert counts.counted(level, 50, NOW, PHYSICAL, b"", 2) == Level("store", 50, 1, 2, 3, 4, 6, NOW)


ORDERS: tuple[Event, ...] = (
    make(OrderPlaced, event_id="1", order_id="a", quantity=5, occurred_at=NOW - 9),
    make(OrderShipped, event_id="2", order_id="a", quantity=2, occurred_at=NOW - 8),
    make(StockCounted, event_id="3", quantity=90, as_of=NOW - 5, basis=NET_OF_ORDERS),
    make(OrderPlaced, event_id="4", order_id="b", quantity=4, occurred_at=NOW - 3),
    make(OrderCancelled, event_id="5", order_id="a", quantity=1, occurred_at=NOW - 2),
)
GOODS = make(GoodsReceived, event_id="g", quantity=200, inbound_id=None, occurred_at=NOW - 20)


@pytest.mark.parametrize("order", list(permutations(range(5))))
def test_orders_that_a_source_has_subtracted_are_added_again(order: Sequence[int]) -> None:
    """93 lay there at the count, 3 of them for the open rest of order a; since then order b was placed."""
    shelf = CountedShelf().take(GOODS, *(ORDERS[index] for index in order))
    assert (store(shelf).on_hand, store(shelf).reserved) == (93, 6)


def test_late_order_is_covered_by_the_count_that_knew_it() -> None:
    """The source kept the units back: nothing has to be free for it. One more than it knew is refused as ever."""
    net = make(StockCounted, event_id="c", quantity=0, as_of=NOW, basis=NET_OF_ORDERS)
    late = make(OrderPlaced, event_id="o", quantity=5, occurred_at=NOW - 1)
    shelf = CountedShelf().take(net, late, late._replace(event_id="n", order_id="n", occurred_at=NOW + 1))
    assert [found.outcome for _, found in shelf.outcomes] == ["LATE", "REJECTED"]
    assert (store(shelf).on_hand, store(shelf).reserved, store(shelf).available) == (5, 5, 0)


@pytest.mark.parametrize("basis", [PHYSICAL, NET_OF_ORDERS])
def test_outcome_is_late_only_where_a_count_decides(basis: str) -> None:
    """A late order does what it always does unless the source had subtracted it."""
    count = make(StockCounted, event_id="c", quantity=9, as_of=NOW, basis=basis)
    shelf = CountedShelf().take(count, make(OrderPlaced, event_id="o"), make(SaleRecorded, event_id="s"))
    assert [found.outcome for _, found in shelf.outcomes] == [
        "LATE" if basis == NET_OF_ORDERS else "APPLIED",
        "LATE",
    ]


# Which count counts -------------------------------------------------------------------------------------


def test_older_count_is_ignored() -> None:
    """Whichever arrives last, the later as_of stands."""
    older = make(StockCounted, event_id="1", quantity=5, as_of=NOW - 1)
    newer = make(StockCounted, event_id="2", quantity=8, as_of=NOW)
    assert store(CountedShelf().take(older, newer)) == store(CountedShelf().take(newer, older))
    assert store(CountedShelf().take(older, newer)).on_hand == 8


def test_ids_decide_between_counts_of_one_moment() -> None:
    """The greater source, then the greater event, whichever arrives first."""
    found = [
        make(StockCounted, source_id=source, event_id=event, quantity=quantity)
        for source, event, quantity in (("a", "9", 1), ("b", "1", 2), ("b", "2", 3))
    ]
    for order in permutations(found):
        assert store(CountedShelf().take(*order)).on_hand == 3


def test_single_count_wins_over_a_feed_of_the_same_moment() -> None:
    """A level that says as_of without such a count is based on a feed."""
    count = make(StockCounted)
    in_force = CountInForce.of(count)
    assert counts.supersedes(count, NOW, None)
    assert counts.supersedes(count, NOW, in_force._replace(as_of=NOW - 1))
    assert not counts.supersedes(count, NOW, in_force)
    assert not counts.supersedes(count, NOW + 1, None)
    assert counts.supersedes(count, NOW - 1, in_force._replace(as_of=NOW - 1, source_id="zzz"))


# Any order ----------------------------------------------------------------------------------------------


def any_count() -> st.SearchStrategy[StockCounted]:
    """Counts that leave enough for every order, moments that meet those of movements."""
    fields = {
        "location_id": st.sampled_from(LOCATIONS),
        "source_id": st.sampled_from(["erp", "wms"]),
        "quantity": st.integers(PLENTY, PLENTY + 50),
        "as_of": st.integers(NOW - 6, NOW),
        "basis": st.sampled_from([PHYSICAL, NET_OF_ORDERS]),
    }
    return st.fixed_dictionaries(fields).map(lambda found: make(StockCounted, **found))


def with_counts() -> st.SearchStrategy[list[Event]]:
    """Movements and counts, each with an id of its own."""
    events = st.lists(st.one_of(any_event(), any_event(), any_count()), max_size=25)
    return events.map(lambda found: [event._replace(event_id=f"e-{n}") for n, event in enumerate(found)])


FULL = [
    make(StockAdjusted, event_id=place, location_id=place, quantity=PLENTY, occurred_at=NOW - 99)
    for place in LOCATIONS
]


@given(with_counts(), st.randoms(use_true_random=False))
def test_any_order_of_counts_and_deltas_gives_the_same_stock(
    events: list[Event], chance: random.Random
) -> None:
    """Whatever arrives when, how often: figures, and what each location is based on."""
    straight = CountedShelf().take(*FULL, *events)
    repeated = events + [event for event in events if chance.random() < 0.4]
    chance.shuffle(repeated)
    other = CountedShelf().take(*FULL, *repeated)
    assert other.levels() == straight.levels()
    assert other.in_force == straight.in_force


@given(with_counts(), st.randoms(use_true_random=False))
def test_on_hand_is_the_last_count_and_what_came_after_it(events: list[Event], chance: random.Random) -> None:
    """The rule itself, summed up from all that has happened, whatever order it came in."""
    shuffled = chance.sample(events, len(events))
    shelf = CountedShelf().take(*FULL, *shuffled)
    assert all(found.outcome != "REJECTED" for _, found in shelf.outcomes)
    for place in LOCATIONS:
        here = [event for event in events if event.location_id == place]
        found = [event for event in here if isinstance(event, StockCounted)]
        last = max(found, key=lambda count: (count.as_of, count.source_id, count.event_id), default=None)
        since = -1 if last is None else last.as_of
        expected = PLENTY if last is None else last.quantity
        expected += sum(signed(event, fold.ON_HAND_SIGNS) for event in here if event.occurred_at > since)
        if last is not None and last.basis == NET_OF_ORDERS:
            expected += sum(
                signed(event, fold.RESERVED_SIGNS) for event in here if event.occurred_at <= since
            )
        assert shelf.stock.level(place).on_hand == expected, place


def signed(event: Event, signs: dict[type[StockEvent], int]) -> int:
    """The event's quantity with its sign, 0 for one that has none, as counts."""
    return 0 if isinstance(event, StockCounted) else signs.get(type(event), 0) * event.quantity


# Notes --------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 2**48 - 1), st.sampled_from(LOCATIONS), st.integers(-9, 9))))
def test_notes_are_summed_by_place_and_time(
    deltas: list[tuple[int, str, int]],
) -> None:
    """Any times and changes that fit; what is of another location or not after the moment is left out."""
    notes = b"".join(counts.note(at, place, change, -2 * change) for at, place, change in deltas)
    moment = deltas[0][0] if deltas else 0
    expected = sum(change for at, place, change in deltas if place == "store" and at > moment)
    assert counts.changes_after(notes, "store", moment) == (expected, -2 * expected)


def test_a_note_begins_with_its_time_as_the_engine_forgets_by() -> None:
    """The engine drops notes by their first bytes; the largest quantities fit."""
    extreme = counts.note(NOW, "store", -1_000_000_000, 1_000_000_000)
    assert extreme.startswith(recent.stamp(NOW))
    assert len(extreme) == counts.NOTE_BYTES == 20
    assert counts.changes_after(extreme, "store", NOW - 1) == (-1_000_000_000, 1_000_000_000)


@pytest.mark.parametrize("kind", STOCK_EVENTS)
def test_what_is_noted_of_a_movement_is_what_it_does(kind: type[StockEvent]) -> None:
    """The signs that counts look back by agree with the fold."""
    line = line_of(make(kind))
    opened = None if line is None else line._replace(opened=50, opened_at=NOW)
    stock = Stock(SKU, locations=(Level("store", 100, reserved=50),))
    found = fold.apply(stock, make(kind, quantity=3), opened)
    assert found.after.on_hand - found.before.on_hand == 3 * fold.ON_HAND_SIGNS.get(kind, 0)
    assert found.after.reserved - found.before.reserved == 3 * fold.RESERVED_SIGNS.get(kind, 0)
