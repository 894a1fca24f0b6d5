"""Counts through the agent: what a location is based on, and what its ledger says (semantics 5)."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from streams.domain.events import (
    GoodsReceived,
    OrderPlaced,
    OrderShipped,
    SaleRecorded,
    StockAdjusted,
    StockCounted,
    StockEvent,
)
from streams.domain.policy import LocationPolicy, LocationSources, StockPolicySet
from tests.agents.stockroom import Harvest, Stockroom
from tests.domain.shop import NOW, SKU, make

MINUTE_MS = 60_000
OPENING = make(StockAdjusted, event_id="opening", quantity=102, occurred_at=NOW - 60 * MINUTE_MS)
EXAMPLE: tuple[StockEvent | StockCounted, ...] = (
    make(StockAdjusted, event_id="2", quantity=-2, occurred_at=NOW - 3 * MINUTE_MS),
    make(StockCounted, event_id="3", quantity=100, as_of=NOW - 2 * MINUTE_MS),
    make(StockAdjusted, event_id="4", quantity=-1, occurred_at=NOW - MINUTE_MS),
)
"""The page's: we hold 102; a source adjusts -2 at 12:02, counts 100 at 12:03, adjusts -1 at 12:04."""


def at(room: Stockroom, location_id: str = "store") -> dict[str, Any]:
    """The figures of a location in the table."""
    level = room.level(SKU)
    assert level is not None
    found: dict[str, Any] = next(one for one in level["locations"] if one["location_id"] == location_id)
    return found


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("batches", ["one", "each"])
def test_every_order_of_arrival_gives_99(order: tuple[int, ...], batches: str) -> None:
    """In one batch or one each, each event twice: the example of semantics 5."""
    room = Stockroom()
    room.take(OPENING)
    events = [EXAMPLE[index] for index in order for _ in range(2)]
    if batches == "one":
        room.take(*events)
    else:
        for event in events:
            room.take(event)
    assert at(room)["on_hand"] == 99
    assert at(room)["counted_at"] == EXAMPLE[1].as_of  # type: ignore[union-attr] # It is the count.


def test_ledger_tells_what_a_count_found_and_what_it_covers() -> None:
    """The count's row has what was believed and what is now; a movement before it is LATE and moves nothing."""
    room = Stockroom()
    room.take(OPENING)
    rows = room.take(EXAMPLE[2], EXAMPLE[1], EXAMPLE[0]).movements()
    seen = [(row["event_type"], row["outcome"], row["on_hand_before"], row["on_hand_after"]) for row in rows]
    assert seen == [
        ("StockAdjusted", "APPLIED", 102, 101),
        ("StockCounted", "APPLIED", 101, 99),
        ("StockAdjusted", "LATE", 99, 99),
    ]
    assert [row["version"] for row in rows] == [2, 3, 4]


def test_count_remembers_what_it_is_through_a_restart() -> None:
    """Deltas that a count looks back at, and the count in force, come back from the topics."""
    room = Stockroom()
    room.take(OPENING, EXAMPLE[2])
    room = Stockroom(room.all)
    room.take(EXAMPLE[1])
    assert at(room)["on_hand"] == 99
    room = Stockroom(room.all)
    older = make(StockCounted, event_id="older", quantity=5, as_of=NOW - 3 * MINUTE_MS)
    (row,) = room.take(older).movements()
    assert row["outcome"] == "SUPERSEDED"
    room.take(EXAMPLE[0])
    assert at(room)["on_hand"] == 99


def test_counts_and_movements_of_an_aborted_batch_leave_nothing() -> None:
    """Neither notes nor the count in force."""
    room = Stockroom()
    records = [room.record_of(event) for event in (OPENING, *EXAMPLE)]
    assert room.take(*records, commits=False) == room.take(*records)
    assert at(room)["on_hand"] == 99


def test_count_makes_a_sku_known_to_a_strict_catalogue() -> None:
    """Who has counted it knows it."""
    room = Stockroom(catalogue="strict")
    room.take(make(StockCounted, quantity=4))
    assert at(room)["on_hand"] == 4


def test_count_older_than_the_horizon_is_a_dead_letter() -> None:
    """What happened since is not remembered; one that was taken before is a duplicate all the same."""
    room, day = Stockroom(), 24 * 60 * MINUTE_MS
    count = make(StockCounted, as_of=NOW - day)
    room.take(make(GoodsReceived, event_id="g", inbound_id=None), count)
    later = room.take(count._replace(event_id="too late"), count, now=NOW + 1)
    assert [one.header("__streams.errors.exception") for one in later.of("stock-counts-dlq")] == ["TOO_LATE"]
    assert [row["outcome"] for row in later.movements()] == ["DUPLICATE"]


# Whose counts count -------------------------------------------------------------------------------------


def ruled(trusted: tuple[str, ...] | None = None, threshold: int | None = None, **settings: Any) -> Stockroom:
    """A room where a policy names whose counts set stock, and which differences people are told of."""
    room = Stockroom(**settings)
    sources = (LocationSources("store", trusted_count_source_ids=trusted),)
    policy = StockPolicySet("p", "desk", "*", NOW, discrepancy_threshold=threshold, sources=sources)
    room.hear_globals(room.take(policy))
    room.take(make(GoodsReceived, event_id="goods", quantity=10, inbound_id=None, occurred_at=NOW - 9))
    return room


def outcomes(harvest: Harvest) -> list[tuple[str, int, int, int]]:
    """Outcome, on_hand before and after, and version of each ledger row."""
    return [
        (row["outcome"], row["on_hand_before"], row["on_hand_after"], row["version"])
        for row in harvest.movements()
    ]


def test_untrusted_count_only_raises_a_discrepancy() -> None:
    """The ledger has it, people are told, stock and what it is based on stay; each count has an alert of its own."""
    room = ruled(trusted=("wms",))
    before = room.level(SKU)
    harvest = room.take(make(StockCounted, source_id="erp", event_id="c", quantity=7, occurred_at=NOW - 1))
    assert outcomes(harvest) == [("NOT_TRUSTED", 10, 10, 1)]
    assert {one.topic for one in harvest} == {"stock-movements", "stock-alerts", "stock-seen-events"}
    assert room.level(SKU) == before
    (alert,) = harvest.alerts()
    assert alert == {
        "alert_id": f"DISCREPANCY:{SKU}:store:1:erp/c",
        "sku": SKU,
        "location_id": "store",
        "kind": "DISCREPANCY",
        "deficit": 3,
        "order_ids": [],
        "version": 1,
        "occurred_at": NOW - 1,
        "raised_at": NOW,
        "quantity": -3,
        "references": ["erp", "c"],
    }
    (second,) = room.take(make(StockCounted, source_id="erp", event_id="d", quantity=12)).alerts()
    assert (second["alert_id"], second["deficit"], second["quantity"]) == (
        f"DISCREPANCY:{SKU}:store:1:erp/d",
        0,
        2,
    )
    assert room.monitor.discrepancies.total() == 0
    assert room.take(make(StockCounted, source_id="erp", event_id="e", quantity=10)).alerts() == []


def test_trusted_count_sets_what_an_untrusted_one_could_not() -> None:
    """Also when the untrusted one is of a later moment; other locations trust everybody."""
    room = ruled(trusted=("wms",))
    room.take(make(StockCounted, source_id="erp", event_id="late", quantity=1, as_of=NOW))
    assert outcomes(room.take(make(StockCounted, source_id="wms", quantity=8, as_of=NOW - 2))) == [
        ("APPLIED", 10, 8, 2)
    ]
    elsewhere = make(StockCounted, source_id="erp", event_id="yard", location_id="yard", quantity=4)
    assert outcomes(room.take(elsewhere)) == [("APPLIED", 0, 4, 3)]


def test_untrusted_count_of_what_is_older_than_the_last_count_is_no_discrepancy() -> None:
    """It can't be compared with what is known now."""
    room = ruled(trusted=("wms",))
    room.take(make(StockCounted, source_id="wms", quantity=8))
    harvest = room.take(make(StockCounted, source_id="erp", event_id="o", quantity=1, as_of=NOW - 1))
    assert outcomes(harvest) == [("NOT_TRUSTED", 8, 8, 2)]
    assert harvest.alerts() == []


def test_untrusted_count_does_not_introduce_a_sku() -> None:
    """Nothing is written of a SKU that only such a count has named."""
    room = ruled(trusted=("wms",), catalogue="lenient")
    harvest = room.take(make(StockCounted, sku="SKU-9", source_id="erp", quantity=4))
    assert [row["outcome"] for row in harvest.movements()] == ["NOT_TRUSTED"]
    assert room.level("SKU-9") is None


# Discrepancies ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("threshold", "counted", "told"),
    [(None, 0, []), (0, 10, []), (0, 9, [-1]), (2, 8, []), (2, 7, [-3]), (2, 12, []), (2, 13, [3])],
)
def test_discrepancy_beyond_the_threshold_is_told(
    threshold: int | None, counted: int, told: list[int]
) -> None:
    """Counted less believed; without a policy nobody is told, and 0 tells of any difference."""
    room = ruled(threshold=threshold)
    harvest = room.take(make(StockCounted, source_id="wms", event_id="c", quantity=counted))
    assert [alert["quantity"] for alert in harvest.alerts()] == told
    assert [alert["alert_id"] for alert in harvest.alerts()] == [f"DISCREPANCY:{SKU}:store:2:wms/c"] * len(
        told
    )
    found, lost = max(0, counted - 10), max(0, 10 - counted)
    assert room.monitor.discrepancies == {("store", "found"): found, ("store", "lost"): lost}


def test_what_happened_since_the_count_is_no_discrepancy() -> None:
    """Believed at as_of: 10, counted 9; sold one since, so 8 are there and one unit was missing."""
    room = ruled(threshold=0)
    room.take(make(SaleRecorded, event_id="since", occurred_at=NOW))
    (alert,) = (harvest := room.take(make(StockCounted, quantity=9, as_of=NOW - 1))).alerts()
    assert alert["quantity"] == -1
    assert outcomes(harvest) == [("APPLIED", 9, 8, 3)]


def test_first_count_of_a_location_is_no_discrepancy() -> None:
    """Nothing was believed of it: an opening balance is neither found nor an alert; the next difference is."""
    room = ruled(threshold=0)
    assert room.take(make(StockCounted, event_id="1", location_id="yard", quantity=50)).alerts() == []
    assert room.monitor.discrepancies.total() == 0
    (alert,) = room.take(make(StockCounted, event_id="2", location_id="yard", quantity=49)).alerts()
    assert alert["quantity"] == -1
    assert room.monitor.discrepancies["yard", "lost"] == 1


def test_repeated_count_is_told_and_counted_once() -> None:
    """In the same batch and later; an aborted one counts when it has committed."""
    room = ruled(threshold=0)
    record = room.record_of(make(StockCounted, quantity=4))
    room.take(record, commits=False)
    assert room.monitor.discrepancies.total() == 0
    assert len(room.take(record, record).alerts()) == 1
    assert room.take(record).alerts() == []
    assert room.monitor.discrepancies["store", "lost"] == 6
    topic = "stock-counts"
    assert room.monitor.outcomes[topic, "APPLIED"] == 1
    assert room.monitor.outcomes[topic, "DUPLICATE"] == 2


def test_count_below_what_is_promised_is_oversold() -> None:
    """Holds and reservations stay; channels hear of the new figure, people of the deficit."""
    room = ruled()
    room.take(make(OrderPlaced, event_id="o", quantity=6))
    harvest = room.take(make(StockCounted, event_id="c", quantity=4))
    assert [(alert["kind"], alert["deficit"]) for alert in harvest.alerts()] == [("OVERSOLD", 2)]
    assert harvest.told() == {("pos", SKU): 0, ("web", SKU): 0}
    assert (at(room)["on_hand"], at(room)["reserved"]) == (4, 6)


def test_count_that_agrees_moves_as_of_and_tells_nobody() -> None:
    """Table and ledger only: typically 95 of 100 rows (semantics 6)."""
    room = ruled(threshold=0)
    harvest = room.take(make(StockCounted, quantity=10))
    assert harvest.told() == {}
    assert harvest.alerts() == []
    assert at(room)["counted_at"] == NOW


def test_new_location_keeps_its_safety_stock_back_at_once() -> None:
    """The next order in the same batch asks for it."""
    room = Stockroom()
    policy = StockPolicySet("p", "desk", "*", NOW, locations=(LocationPolicy("*", 3),))
    room.hear_globals(room.take(policy))
    count = make(StockCounted, quantity=5, as_of=NOW - 1)
    harvest = room.take(count, make(OrderPlaced, event_id="o", quantity=3))
    assert [row["outcome"] for row in harvest.movements()] == ["APPLIED", "REJECTED"]
    assert harvest.movements()[0]["available_after"] == 2


def test_rows_of_a_partial_feed_are_single_counts() -> None:
    """They take effect as they come; the ledger names their feed."""
    room = ruled()
    rows = [
        make(StockCounted, event_id=str(n), quantity=n, as_of=NOW + n, feed_id="f", feed_kind="PARTIAL")
        for n in (1, 2)
    ]
    harvest = room.take(*(row._replace(sequence=row.quantity, total=2) for row in rows))
    assert outcomes(harvest) == [("APPLIED", 10, 1, 2), ("APPLIED", 1, 2, 3)]
    assert {row["reference"] for row in harvest.movements()} == {"f"}


# Orders that a source has subtracted --------------------------------------------------------------------

NET: tuple[StockEvent | StockCounted, ...] = (
    make(OrderPlaced, event_id="1", order_id="a", quantity=3, occurred_at=NOW - 5),
    make(OrderShipped, event_id="2", order_id="a", quantity=1, occurred_at=NOW - 4),
    make(StockCounted, event_id="3", quantity=6, as_of=NOW - 3, basis="NET_OF_ORDERS"),
    make(OrderPlaced, event_id="4", order_id="b", quantity=2, occurred_at=NOW - 2),
)


@pytest.mark.parametrize("order", list(permutations(range(4))))
@pytest.mark.parametrize("restarts", [True, False])
def test_open_orders_are_added_again_in_every_order(order: tuple[int, ...], restarts: bool) -> None:
    """8 lay there at the count, 2 of them for order a; the base is remembered through restarts."""
    room = ruled()
    for index in order:
        room.take(NET[index])
        if restarts:
            room = Stockroom(room.all)
    assert (at(room)["on_hand"], at(room)["reserved"]) == (8, 4)


def test_late_order_under_a_net_count_says_so_in_the_ledger() -> None:
    """Its row is LATE and raises on_hand by what the count had subtracted; available stays."""
    room = ruled()
    room.take(NET[2])
    (row,) = room.take(NET[0]).movements()
    assert (row["outcome"], row["on_hand_before"], row["on_hand_after"]) == ("LATE", 6, 9)
    assert (row["available_after"], row["reserved_after"]) == (6, 3)


# What makes no sense ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"quantity": -1}, "INVALID_QUANTITY"),
        ({"as_of": NOW + 300_001}, "FUTURE_EVENT"),
        ({"as_of": NOW - 24 * 60 * MINUTE_MS - 1}, "TOO_LATE"),
        ({"as_of": 0}, "INVALID_TIME"),
        ({"feed_id": "f"}, "INVALID_COUNT"),
        ({"feed_kind": "PARTIAL", "sequence": 1, "total": 1}, "INVALID_COUNT"),
        ({"feed_id": "f", "feed_kind": "PARTIAL", "sequence": 2, "total": 1}, "INVALID_COUNT"),
        ({"feed_id": "", "feed_kind": "PARTIAL", "sequence": 1, "total": 1}, "INVALID_IDENTITY"),
    ],
)
def test_count_that_makes_no_sense_is_a_dead_letter(wrong: dict[str, Any], reason: str) -> None:
    """With a reason, and its id free for the count as it was meant."""
    room = ruled()
    (letter,) = room.take(make(StockCounted, **wrong))
    assert letter.header("__streams.errors.exception") == reason
    assert outcomes(room.take(make(StockCounted, quantity=3))) == [("APPLIED", 10, 3, 2)]


def test_movements_older_than_the_horizon_are_not_remembered() -> None:
    """No count that is taken looks back so far; they count all the same."""
    room, day = Stockroom(), 24 * 60 * MINUTE_MS
    room.take(make(SaleRecorded, event_id="old", occurred_at=NOW - 2 * day))
    assert len(room.agent.recent) == 0
    room.take(make(SaleRecorded, event_id="young", occurred_at=NOW - day))
    assert len(room.agent.recent) == 1
    assert at(room)["on_hand"] == -2
