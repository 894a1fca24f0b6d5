"""Which events may touch stock (semantics 2, 3 and 7): every limit, and one step beyond."""

from __future__ import annotations

from typing import Any

import pytest

from streams.domain import validation
from streams.domain.errors import EventRefused, GiveUp, NotYet, Reason
from streams.domain.events import (
    STOCK_EVENTS,
    GoodsReceived,
    InboundAnnounced,
    InboundCancelled,
    OrderCancelled,
    OrderPlaced,
    OrderShipped,
    SaleRecorded,
    StockAdjusted,
    StockEvent,
    TransferReceived,
    TransferShipped,
)
from tests.domain.shop import DAY_MS, NOW, make

YEAR_2000 = 946_684_800_000
MILLIARD = 1_000_000_000
HOUR_MS = 3_600_000
ALL_BUT_ADJUSTMENTS = [kind for kind in STOCK_EVENTS if kind is not StockAdjusted]


def refusal(event: StockEvent) -> EventRefused:
    """Why an event is given up."""
    with pytest.raises(GiveUp) as refused:
        validation.check(event, NOW)
    assert refused.value.message
    return refused.value


@pytest.mark.parametrize("kind", STOCK_EVENTS)
def test_limits_themselves_pass(kind: type[StockEvent]) -> None:
    """The smallest and the largest quantity, the oldest and the most forward clock, the longest ids."""
    for fields in (
        {"quantity": 1},
        {"quantity": MILLIARD},
        {"occurred_at": YEAR_2000, "eta": YEAR_2000, "deliver_at": YEAR_2000},
        {"occurred_at": NOW + 300_000},
        {"event_id": "x" * 500, "source_id": "s", "location_id": "l" * 11},
        {"channel_id": "c" * 400},
        {"order_id": "o" * 512, "inbound_id": "i" * 512, "transfer_id": "t" * 512},
    ):
        validation.check(make(kind, **fields), NOW)


@pytest.mark.parametrize("kind", ALL_BUT_ADJUSTMENTS)
@pytest.mark.parametrize("quantity", [0, -1, MILLIARD + 1, -(2**63), 2**63 - 1])
def test_quantity_must_be_one_to_a_milliard(kind: type[StockEvent], quantity: int) -> None:
    """A sale of -3 is no return, and a barcode scanned into the quantity is no sale."""
    assert refusal(make(kind, quantity=quantity)).reason is Reason.INVALID_QUANTITY


def test_only_an_adjustment_may_be_negative() -> None:
    """Signed, never zero, within the same milliard either way."""
    validation.check(make(StockAdjusted, quantity=-1), NOW)
    validation.check(make(StockAdjusted, quantity=-MILLIARD), NOW)
    for quantity in (0, -MILLIARD - 1, MILLIARD + 1):
        assert refusal(make(StockAdjusted, quantity=quantity)).reason is Reason.INVALID_QUANTITY


@pytest.mark.parametrize("kind", STOCK_EVENTS)
@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"occurred_at": YEAR_2000 - 1}, Reason.INVALID_TIME),
        ({"occurred_at": -(2**63)}, Reason.INVALID_TIME),
        ({"occurred_at": NOW + 300_001}, Reason.FUTURE_EVENT),
        ({"occurred_at": 2**63 - 1}, Reason.FUTURE_EVENT),
        ({"event_id": ""}, Reason.INVALID_IDENTITY),
        ({"source_id": ""}, Reason.INVALID_IDENTITY),
        ({"location_id": ""}, Reason.INVALID_IDENTITY),
        ({"event_id": "x" * 513}, Reason.INVALID_IDENTITY),
        ({"channel_id": "x" * 513}, Reason.INVALID_IDENTITY),
        ({"event_id": "x" * 300, "source_id": "y" * 300}, Reason.INVALID_IDENTITY),
    ],
)
def test_envelope_that_makes_no_sense_is_given_up(
    kind: type[StockEvent], fields: dict[str, Any], reason: Reason
) -> None:
    """The same for every kind of event."""
    assert refusal(make(kind, **fields)).reason is reason


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (OrderPlaced, "order_id"),
        (OrderPlaced, "hold_id"),
        (OrderShipped, "order_id"),
        (OrderCancelled, "order_id"),
        (GoodsReceived, "inbound_id"),
        (InboundAnnounced, "inbound_id"),
        (InboundCancelled, "inbound_id"),
        (TransferShipped, "transfer_id"),
        (TransferShipped, "to_location_id"),
        (TransferReceived, "transfer_id"),
        (TransferReceived, "from_location_id"),
    ],
)
@pytest.mark.parametrize("text", ["", "x" * 513])
def test_what_an_event_refers_to_must_have_a_name(kind: type[StockEvent], field: str, text: str) -> None:
    """Orders, holds, inbound lines, transfers and other locations."""
    assert refusal(make(kind, **{field: text})).reason is Reason.INVALID_IDENTITY


def test_a_transfer_leads_elsewhere() -> None:
    """From a location to itself nothing is transferred."""
    shipped = make(TransferShipped, location_id="a", to_location_id="a")
    received = make(TransferReceived, location_id="a", from_location_id="a")
    assert refusal(shipped).reason is Reason.INVALID_IDENTITY
    assert refusal(received).reason is Reason.INVALID_IDENTITY


def test_nothing_is_expected_before_the_year_2000() -> None:
    """An eta may be far ahead or overdue, not absurd."""
    validation.check(make(InboundAnnounced, eta=YEAR_2000), NOW)
    assert refusal(make(InboundAnnounced, eta=YEAR_2000 - 1)).reason is Reason.INVALID_TIME
    in_two_years = NOW + 731 * DAY_MS
    days: list[tuple[type[StockEvent], str]] = [
        (InboundAnnounced, "eta"),
        (TransferShipped, "eta"),
        (OrderPlaced, "deliver_at"),
    ]
    for kind, name in days:
        validation.check(make(kind, **{name: in_two_years}), NOW)
        assert refusal(make(kind, **{name: in_two_years + 1})).reason is Reason.INVALID_TIME


def test_late_is_older_than_the_horizon() -> None:
    """Exactly at the horizon is not late yet; what is late still passes."""
    on_time, late = make(SaleRecorded, occurred_at=NOW - 24 * HOUR_MS), NOW - 24 * HOUR_MS - 1
    assert not validation.is_late(on_time.occurred_at, NOW, 24)
    assert validation.is_late(late, NOW, 24)
    validation.check(make(SaleRecorded, occurred_at=late), NOW)


def test_refusals_say_retry_or_give_up() -> None:
    """Two kinds and no third: whoever catches one knows what to do."""
    assert issubclass(GiveUp, EventRefused)
    assert issubclass(NotYet, EventRefused)
    assert not issubclass(NotYet, GiveUp)
