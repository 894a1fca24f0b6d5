"""How events fall into batches decides nothing but how often the channels hear of it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.events import GoodsReceived, OrderPlaced, SaleRecorded, StockEvent
from streams.domain.policy import ChannelPolicy, LocationPolicy, StockPolicySet
from tests.agents.stockroom import Stockroom
from tests.domain.shop import NOW, SKU, histories, make, renamed

POLICY = StockPolicySet(
    "p-1",
    "erp",
    "*",
    NOW,
    1,
    (ChannelPolicy("web", ("store", "yard"), 5_000, 1), ChannelPolicy("pos", ring_fence=3)),
    (LocationPolicy("*", 2), LocationPolicy("warehouse", 5)),
)
OPENING = make(GoodsReceived, event_id="opening", quantity=25, inbound_id=None, occurred_at=NOW - 100)


def outcome(room: Stockroom) -> tuple[list[dict[str, Any]], dict[str, Any] | None, dict[bytes | None, Any]]:
    """Ledger, table and lines, without what says when a batch was."""
    ledger = [one.fields() for one in room.all if one.topic == "stock-movements"]
    level = room.level(SKU)
    if level is not None:
        level["availability"] = [
            (one["channel_id"], one["available_to_sell"]) for one in level["availability"]
        ]
    lines = {one.key: one.value for one in room.all if one.topic == "stock-open-lines"}
    return ledger, level, {key: value for key, value in lines.items() if value is not None}


@settings(max_examples=60)
@given(histories(max_size=25), st.lists(st.integers(1, 6)), st.booleans())
def test_batches_decide_nothing(events: list[StockEvent], sizes: list[int], with_policy: bool) -> None:
    """One by one or all at once: the same ledger, figures, versions and lines, and the same last word to channels."""
    together, apart = Stockroom(), Stockroom()
    for room in (together, apart):
        if with_policy:
            room.take(POLICY)
    history: list[StockEvent] = [OPENING, *events]
    together.take(*history)
    for size in sizes:
        apart.take(*history[:size])
        history = history[size:]
    apart.take(*history)
    assert outcome(apart) == outcome(together)


@settings(max_examples=60)
@given(st.lists(histories(max_size=5), max_size=6), st.booleans())
def test_versions_only_rise_and_channels_hear_of_changes_only(
    batches: list[list[StockEvent]], with_policy: bool
) -> None:
    """Per SKU and per channel; two words to a channel that follow each other differ."""
    room = Stockroom()
    for number, batch in enumerate(batches):
        room.take(*(renamed(event, f"{number}-{event.event_id}") for event in batch))
        if with_policy and number == len(batches) // 2:
            room.take(POLICY)
            room.tick()
    applied = sum(1 for row in _rows(room, "stock-movements") if row["outcome"] == "APPLIED")
    levels = [one["version"] for one in _rows(room, "stock-levels")]
    assert all(before < after for before, after in pairwise(levels))
    assert not levels or applied <= levels[-1] <= applied + with_policy
    for channel in ("pos", "web"):
        words = _rows(room, f"availability-{channel}")
        assert all(before["version"] < after["version"] for before, after in pairwise(words))
        assert all(
            before["available_to_sell"] != after["available_to_sell"] for before, after in pairwise(words)
        )
        assert all(word["available_to_sell"] >= 0 for word in words)
        assert {word["version"] for word in words} <= set(levels)


def _rows(room: Stockroom, topic: str) -> list[dict[str, Any]]:
    return [one.fields() for one in room.all if one.topic == topic]


def test_a_channel_hears_once_a_batch() -> None:
    """The last value wins; one that comes back to where it was is not told at all."""
    room = Stockroom()
    first = room.take(OPENING, *(make(SaleRecorded, event_id=str(n)) for n in range(10)))
    assert first.told() == {("pos", SKU): 15, ("web", SKU): 15}
    assert len(first.of("stock-levels")) == 1
    there_and_back: list[StockEvent] = [
        make(SaleRecorded, event_id="a"),
        make(GoodsReceived, event_id="b", inbound_id=None),
    ]
    assert room.take(*there_and_back).told() == {}


def test_a_refused_order_tells_nobody() -> None:
    """Nothing changed."""
    room = Stockroom()
    room.take(OPENING)
    harvest = room.take(make(OrderPlaced, quantity=26))
    assert harvest.told() == {}
    assert harvest.of("stock-levels") == []
