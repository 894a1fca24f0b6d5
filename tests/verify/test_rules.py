"""When verification takes an input record for a bad one."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.wire import encode
from streams.verify.rules import Event, examine
from tests.verify.world import NOON, PLAN, fact


def problems(record: str, value: dict[str, Any], key: bytes | None = None) -> set[str]:
    """Return the problems of an event on its own topic."""
    allowed = next(records for records in PLAN.inputs.values() if record in records)
    event = examine(value["sku"].encode() if key is None else key, encode(record, value), allowed)
    return set(event.problems if isinstance(event, Event) else event)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, set()),
        ({"quantity": 0}, {"INVALID_QUANTITY"}),
        ({"quantity": -1}, {"INVALID_QUANTITY"}),
        ({"quantity": 1_000_000_001}, {"INVALID_QUANTITY"}),
        ({"occurred_at": 946_684_799_999}, {"INVALID_TIME"}),
        ({"event_id": ""}, {"INVALID_IDENTITY"}),
        ({"location_id": ""}, {"INVALID_IDENTITY"}),
        ({"source_id": "x" * 600}, {"INVALID_IDENTITY"}),
        ({"sku": " A"}, {"INVALID_SKU"}),
        ({"sku": "e\u0301"}, {"INVALID_SKU"}),
        ({"sku": "A\x07"}, {"INVALID_SKU"}),
        ({"sku": "\xfc" * 101}, {"INVALID_SKU"}),
        ({"sku": "\xfc"}, set()),
    ],
)
def test_rules_name_what_is_wrong(changes: dict[str, Any], expected: set[str]) -> None:
    """Each broken rule gives its reason, and a good sale gives none."""
    assert problems("SaleRecorded", fact("A", "1", 1) | changes) == expected


def test_key_must_be_the_sku() -> None:
    """A missing, foreign or damaged key is a problem of its own."""
    for key in (b"", b"B", b"\xff"):
        assert problems("SaleRecorded", fact("A", "1", 1), key) == {"INVALID_KEY"}


def test_adjustments_may_be_negative_but_not_zero() -> None:
    """A correction is signed."""
    assert problems("StockAdjusted", fact("A", "1", -5, reason="STOLEN")) == set()
    assert problems("StockAdjusted", fact("A", "1", 0, reason="STOLEN")) == {"INVALID_QUANTITY"}


def test_transfer_to_itself_is_refused() -> None:
    """Goods can't be moved to where they are."""
    value = fact("A", "1", 1, transfer_id="T", to_location_id="store")
    assert problems("TransferShipped", value) == {"INVALID_IDENTITY"}


def test_undecodable_and_foreign_records_are_told() -> None:
    """Damaged bytes, nothing at all, and a record of another topic each have no event."""
    allowed = PLAN.inputs["stock-returns"]
    good = encode("SaleRecorded", fact("A", "1", 1))
    assert examine(b"A", None, allowed) == frozenset({"UNDECODABLE"})
    assert examine(b"A", good[:-1], PLAN.inputs["stock-sales"]) == frozenset({"UNDECODABLE"})
    assert examine(b"A", good + b"\x00", PLAN.inputs["stock-sales"]) == frozenset({"UNDECODABLE"})
    assert examine(b"A", b"\x00\x00\x00\x03\xe7" + good[5:], allowed) == frozenset({"UNDECODABLE"})
    found = examine(b"A", good, allowed)
    assert not isinstance(found, Event)
    assert "UNEXPECTED_RECORD" in found


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, set()),
        ({"gtins": ["4006381333931"], "aliases": ["B"]}, set()),
        ({"gtins": ["4006381333932"]}, {"INVALID_ITEM"}),
        ({"aliases": ["A"]}, {"INVALID_ITEM"}),
        ({"aliases": ["B", "B"]}, {"INVALID_ITEM"}),
        ({"category": "shoes//trainers"}, {"INVALID_ITEM"}),
        ({"category": "x" * 199}, {"INVALID_ITEM"}),
        ({"name": "x" * 501}, {"INVALID_ITEM"}),
        ({"units": [{"unit": "case", "units": 0, "gtin": None}]}, {"INVALID_ITEM"}),
        ({"components": [{"sku": "A", "quantity": 1}]}, {"INVALID_ITEM"}),
        ({"components": [{"sku": "B", "quantity": 2}]}, set()),
        ({"event_id": ""}, {"INVALID_IDENTITY"}),
    ],
)
def test_descriptions_of_items_are_judged(changes: dict[str, Any], expected: set[str]) -> None:
    """What is wrong with one has its reason."""
    plain = {"event_id": "1", "source_id": "pim", "sku": "A", "occurred_at": NOON}
    assert problems("ItemDescribed", plain | changes) == expected


@pytest.mark.parametrize(
    ("record", "changes", "expected"),
    [
        ("StockCounted", {}, set()),
        ("StockCounted", {"quantity": 0}, set()),
        ("StockCounted", {"quantity": -1}, {"INVALID_QUANTITY"}),
        ("StockCounted", {"as_of": 0}, {"INVALID_TIME"}),
        ("StockCounted", {"feed_id": "f"}, {"INVALID_COUNT"}),
        (
            "StockCounted",
            {"feed_id": "f", "feed_kind": "PARTIAL", "sequence": 2, "total": 1},
            {"INVALID_COUNT"},
        ),
        ("StockCounted", {"feed_id": "f", "feed_kind": "PARTIAL", "sequence": 1, "total": 1}, set()),
        ("PlaceHold", {}, set()),
        ("PlaceHold", {"location_id": None}, set()),
        ("PlaceHold", {"location_id": ""}, {"INVALID_IDENTITY"}),
        ("PlaceHold", {"quantity": 0}, {"INVALID_QUANTITY"}),
        ("PlaceHold", {"expires_at": 0}, {"INVALID_TIME"}),
        ("PlaceHold", {"owner": ""}, {"INVALID_IDENTITY"}),
        ("ConfirmHold", {"quantity": 0}, set()),
        ("ReleaseHold", {"quantity": -7}, set()),
    ],
)
def test_counts_and_requests_are_judged(record: str, changes: dict[str, Any], expected: set[str]) -> None:
    """What is wrong with one has its reason."""
    count: dict[str, Any] = {"as_of": NOON, "basis": "PHYSICAL"}
    hold: dict[str, Any] = {"hold_id": "h", "owner": "ann"}
    beyond: dict[str, dict[str, Any]] = {
        "PlaceHold": hold | {"expires_at": NOON},
        "ConfirmHold": hold | {"order_id": "o"},
        "ReleaseHold": hold,
    }
    assert problems(record, fact("A", "1", 1) | beyond.get(record, count) | changes) == expected
