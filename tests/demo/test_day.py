"""The demo's day is seeded, plausible, and says truly what is to come of each of its messages."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import pytest

from schemas import wire
from streams.demo.catalogue import ARTICLES, COLOURS, LOCATIONS
from streams.demo.day import BULK_UNITS, DAY_MS, Day, clock, write_day
from streams.demo.message import Expected, Message
from streams.topology import EVENT_TOPICS

DAY_START_MS = 1_700_000_000_000
LATENESS_HORIZON_MS = 24 * 3_600_000
EVENTS_TOTAL = 6_000


@pytest.fixture(scope="module")
def day() -> Day:
    """A day of about 6,000 messages."""
    return write_day(7, EVENTS_TOTAL, DAY_START_MS, "run")


def value_of(message: Message) -> dict[str, Any]:
    """Return what a sound message says."""
    return wire.decode(message.value)[1]


def test_same_seed_gives_the_same_day(day: Day) -> None:
    """A run that fails can be had again."""
    assert write_day(7, EVENTS_TOTAL, DAY_START_MS, "run") == day
    assert write_day(8, EVENTS_TOTAL, DAY_START_MS, "run") != day


def test_a_day_has_about_as_many_messages_as_were_asked_for(day: Day) -> None:
    """The rate on the command line is the rate on the screen."""
    assert len(day.messages) == pytest.approx(EVENTS_TOTAL, rel=0.1)


def test_a_day_has_all_that_goes_wrong_on_real_days(day: Day) -> None:
    """Duplicates, late events, poison and refused orders all occur in a day this long."""
    expected = Counter(message.expected for message in day.messages)
    assert min(expected[kind] for kind in (Expected.RECORDED, Expected.DUPLICATE, Expected.DEAD_LETTER)) > 0
    sound = [value_of(message) for message in day.messages if message.event_id]
    assert any(value["occurred_at"] < DAY_START_MS + DAY_MS - LATENESS_HORIZON_MS for value in sound)
    assert any(value["quantity"] == BULK_UNITS for value in sound)


def test_every_sound_message_is_on_the_topic_of_its_record_under_its_sku(day: Day) -> None:
    """Nothing but what is meant to be poison can end as a dead letter."""
    for message in (*day.opening, *day.messages):
        if message.expected is not Expected.DEAD_LETTER:
            record, value = wire.decode(message.value)
            assert message.topic == EVENT_TOPICS[record].name
            assert message.key == value["sku"].encode()
            assert value["occurred_at"] <= DAY_START_MS + DAY_MS


def test_ids_are_unique_but_for_duplicates(day: Day) -> None:
    """A duplicate is the same bytes again; everything else has an id of its own."""
    first: dict[str, bytes] = {}
    for message in (*day.opening, *day.messages):
        if message.expected is Expected.RECORDED:
            assert message.event_id is not None
            assert message.event_id not in first
            first[message.event_id] = message.value
        elif message.expected is Expected.DUPLICATE:
            assert first[str(message.event_id)] == message.value


def test_parcels_follow_their_orders(day: Day) -> None:
    """An order is placed before it is shipped or cancelled."""
    placed = set()
    for message in day.messages:
        if message.expected is Expected.RECORDED and message.record.startswith("Order"):
            order_id = value_of(message)["order_id"]
            assert message.record == "OrderPlaced" or order_id in placed
            placed.add(order_id)


def test_doors_open_with_every_sku_at_every_location(day: Day) -> None:
    """The shelves are full, so that there is something to sell."""
    filled = defaultdict(set)
    for message in day.opening:
        if message.record == "GoodsReceived":
            filled[value_of(message)["sku"]].add(value_of(message)["location_id"])
    assert len(filled) == len(ARTICLES) * len(COLOURS)
    assert all(places == set(LOCATIONS) for places in filled.values())


def test_demand_is_skewed(day: Day) -> None:
    """A few SKUs sell all day and most hardly ever, as in a shop."""
    sold = Counter(message.key for message in day.messages if message.expected is Expected.RECORDED)
    busiest = {sku.encode() for sku in day.busiest[:3]}
    assert {sku for sku, _ in sold.most_common(3)} == busiest
    assert sold.most_common(1)[0][1] > 10 * (sum(sold.values()) / len(sold))


@pytest.mark.parametrize(("at", "shown"), [(0.0, "08:00"), (0.5, "14:00"), (0.999, "19:59")])
def test_clock_shows_shop_hours(at: float, shown: str) -> None:
    """The demo's clock runs from 8:00 to 20:00."""
    assert clock(at) == shown
