"""Verification's own sums: lines, counts and what can be promised, against figures worked out by hand."""

from __future__ import annotations

from itertools import permutations
from typing import Any

from streams.verify.counts import Counts
from streams.verify.lines import DAY_MS, Lines
from streams.verify.promises import promised, told
from streams.verify.stock import Fold
from tests.verify.world import NOON, fact


def at(location_id: str, on_hand: int, **more: int) -> dict[str, Any]:
    """Return a location of the table."""
    zeros = dict.fromkeys(("unsellable", "reserved", "held", "safety_stock", "incoming"), 0)
    return zeros | {"location_id": location_id, "on_hand": on_hand} | more


def test_lines_give_the_same_figures_in_any_order() -> None:
    """A shipment before its order waits for it in the line; reserved is never below zero."""
    placed = ("OrderPlaced", fact("A", "1", 5, order_id="O"))
    shipped = ("OrderShipped", fact("A", "2", 3, order_id="O"))
    cancelled = ("OrderCancelled", fact("A", "3", 1, order_id="O"))
    for order in ([placed, shipped, cancelled], [shipped, cancelled, placed], [cancelled, placed, shipped]):
        fold = Fold()
        for number, (record, value) in enumerate(order):
            fold.add(record, value, number)
        fold.finish()
        assert fold.skus["A"].locations == {"store": [-3, 0, 1, 0]}
    fold = Fold()
    fold.add(*shipped)
    fold.finish()
    assert fold.skus["A"].locations == {"store": [-3, 0, 0, 0]}


def test_received_goods_net_their_inbound_line() -> None:
    """Announced 10, received 4 of them and 2 of no line: incoming 6, on hand 6."""
    fold = Fold()
    fold.add("InboundAnnounced", fact("A", "1", 10, inbound_id="I", eta=NOON))
    fold.add("GoodsReceived", fact("A", "2", 4, inbound_id="I"), 1)
    fold.add("GoodsReceived", fact("A", "3", 2, inbound_id=None), 2)
    fold.finish()
    assert fold.skus["A"].locations == {"store": [6, 0, 0, 6]}


def test_example_of_semantics_10() -> None:
    """The page's supply and demand give 12, 12, 12, 12, 13, 16, 16 for the days from 1 to 7, and then again as told."""
    future = [
        {"location_id": "store", "day": day, "incoming": incoming, "demand": demand}
        for day, incoming, demand in ((1, 0, 3), (3, 10, 0), (4, 0, 15), (5, 1, 0), (6, 3, 0))
    ]
    level = {"locations": [at("store", 20)], "future": future}
    assert promised(level, 0, 7)[1:] == [12, 12, 12, 12, 13, 16, 16]
    entries = [{"day": day, "units": units} for day, units in ((1, 12), (5, 13), (6, 16))]
    assert told(level | {"promises": entries}, 1, 6) == [12, 12, 12, 12, 13, 16, 16]


def test_a_deficit_at_one_location_promises_nothing_of_another() -> None:
    """Each location promises for itself; what was expected yesterday is not counted on, what was demanded is."""
    future = [
        {"location_id": "a", "day": 9, "incoming": 5, "demand": 2},
        {"location_id": "b", "day": 10, "incoming": 8, "demand": 0},
    ]
    level = {"locations": [at("a", 3), at("b", -4)], "future": future}
    assert promised(level, 10, 2) == [5, 5, 5]


def test_an_order_for_later_is_reserved_when_its_day_comes() -> None:
    """Until then it is demand of that day; the latest opening says which day it is."""
    fold = Fold()
    later = NOON + 3 * DAY_MS
    fold.add("OrderPlaced", fact("A", "1", 5, order_id="O", deliver_at=later), 0)
    fold.finish()
    assert fold.skus["A"].locations == {"store": [0, 0, 0, 0]}
    assert fold.skus["A"].future == {("store", later // DAY_MS): [0, 5]}
    fold = Fold()
    fold.add("OrderPlaced", fact("A", "1", 5, order_id="O", deliver_at=later), 0)
    fold.lines.fall_due("A", "O", "store", 1)
    fold.finish()
    assert fold.skus["A"].locations == {"store": [0, 0, 5, 0]}
    assert fold.lines.changes == {0: 0, 1: 5}


def test_goods_that_left_for_an_order_that_never_came_wait_for_it_so_long() -> None:
    """The order that comes after all is reserved whole."""
    for waited, reserved in ((DAY_MS - 1, 2), (DAY_MS, 5)):
        fold = Fold(lines=Lines([NOON, NOON + waited], DAY_MS))
        fold.add("OrderShipped", fact("A", "1", 3, order_id="O"), 0)
        fold.add("OrderPlaced", fact("A", "2", 5, order_id="O"), 1)
        fold.finish()
        assert fold.skus["A"].locations == {"store": [-3, 0, reserved, 0]}


def test_every_arrival_order_of_a_count_and_its_deltas_gives_99() -> None:
    """The example of semantics 5, with what is before and after the count in a list."""
    for order in permutations((("StockAdjusted", -2, 2), ("StockCounted", 100, 3), ("StockAdjusted", -1, 4))):
        fold = Fold(Counts({("A", "store")}))
        for record, quantity, minute in order:
            value = fact("A", f"{minute}", quantity, occurred_at=NOON + minute)
            if record == "StockCounted":
                fold.counts.take(value | {"as_of": NOON + minute, "basis": "PHYSICAL"})
            else:
                fold.add(record, value)
        fold.finish()
        assert fold.skus["A"].locations["store"][0] == 99
