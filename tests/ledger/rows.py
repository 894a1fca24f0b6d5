"""Ledger rows made by hand."""

from __future__ import annotations

from typing import Any

from schemas import wire
from streams.ledger.movement import Movement

BEGAN_AT = 1_700_000_000_000
SALE: dict[str, Any] = {
    "event_id": "e-1",
    "source_id": "till-1",
    "sku": "A-1",
    "location_id": "shop",
    "channel_id": "pos",
    "quantity": 1,
    "occurred_at": BEGAN_AT,
    "event_type": "SaleRecorded",
    "outcome": "APPLIED",
    "reason": None,
    "late": False,
    "version": 1,
    "recorded_at": BEGAN_AT + 7,
    "unsellable_after": None,
    "reserved_after": None,
    "held_after": None,
    "safety_stock_after": None,
    "reference": None,
}


def row(event_type: str, before: int, after: int, **fields: Any) -> dict[str, Any]:
    """A row that moves on_hand; all of it is available unless said otherwise, the quantity is what moved."""
    figures = {"on_hand_before": before, "on_hand_after": after, "available_after": after}
    moved = {"event_type": event_type, "quantity": abs(after - before) or 1}
    return {**SALE, **moved, **figures, **fields}


def movement(event_type: str, before: int, after: int, **fields: Any) -> Movement:
    """The movement of such a row."""
    return Movement(0, 0, row(event_type, before, after, **fields))


def encoded(values: dict[str, Any]) -> bytes:
    """A row as it stands in the ledger."""
    return wire.encode("StockMovement", values)


def full(event_type: str, before: int, after: int, **fields: Any) -> Movement:
    """The movement of a row of the present release: what is available is what its figures leave."""
    kept = {name: fields.pop(name, 0) for name in ("unsellable", "reserved", "held", "safety_stock")}
    figures = {f"{name}_after": units for name, units in kept.items()}
    available = {"available_after": after - sum(kept.values())}
    return movement(event_type, before, after, **{**figures, **available, **fields})
