"""Counts through the agent: what a location is based on, and what its ledger says (semantics 5)."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from streams.domain.events import GoodsReceived, StockAdjusted, StockCounted, StockEvent
from tests.agents.stockroom import Stockroom
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


def test_full_feed_is_a_dead_letter_until_it_is_taken() -> None:
    """It must not end the worker, nor be remembered as seen."""
    room = Stockroom()
    row = make(StockCounted, feed_id="f", feed_kind="FULL", sequence=1, total=1)
    (letter,) = room.take(row)
    assert letter.topic == "stock-counts-dlq"
    assert letter.header("__streams.errors.exception") == "INVALID_COUNT"


def test_count_older_than_the_horizon_is_a_dead_letter() -> None:
    """What happened since is not remembered; one that was taken before is a duplicate all the same."""
    room, day = Stockroom(), 24 * 60 * MINUTE_MS
    count = make(StockCounted, as_of=NOW - day)
    room.take(make(GoodsReceived, event_id="g", inbound_id=None), count)
    later = room.take(count._replace(event_id="too late"), count, now=NOW + 1)
    assert [one.header("__streams.errors.exception") for one in later.of("stock-counts-dlq")] == ["TOO_LATE"]
    assert [row["outcome"] for row in later.movements()] == ["DUPLICATE"]
