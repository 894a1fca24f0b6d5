"""Requests of a checkout, with everything filled in that a test does not name."""

from __future__ import annotations

from typing import Any, TypeVar

from streams.domain.hold_requests import ConfirmHold, PlaceHold, ReleaseHold, Request
from tests.domain.shop import NOW, SKU

MINUTE_MS = 60_000

FIELDS: dict[str, Any] = {
    "event_id": "r-1",
    "source_id": "checkout",
    "sku": SKU,
    "location_id": None,
    "channel_id": None,
    "quantity": 1,
    "occurred_at": NOW,
    "hold_id": "hold-1",
    "owner": "ann",
    "expires_at": NOW + 15 * MINUTE_MS,
    "order_id": "order-1",
}

AnyRequest = TypeVar("AnyRequest", bound=Request)


def ask(kind: type[AnyRequest], event_id: str, **fields: Any) -> AnyRequest:
    """A request with these fields; what is not named has a sensible value."""
    given = {"event_id": event_id, **fields}
    return kind(**{name: given.get(name, FIELDS[name]) for name in kind._fields})


def place(event_id: str, quantity: int = 1, **fields: Any) -> PlaceHold:
    """A request to hold units."""
    return ask(PlaceHold, event_id, quantity=quantity, **fields)


def confirm(event_id: str, quantity: int = 0, **fields: Any) -> ConfirmHold:
    """A request to confirm a hold, all of it by default."""
    return ask(ConfirmHold, event_id, quantity=quantity, **fields)


def release(event_id: str, **fields: Any) -> ReleaseHold:
    """A request to release a hold."""
    return ask(ReleaseHold, event_id, quantity=0, **fields)
