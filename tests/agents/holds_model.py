"""
The rules of holds once more (semantics 4), as plainly as those of stock beside it (rules_model.py).

Each decision is (granted, state, reason, location_id, quantity): what the answer must say. Nothing comes from streams.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from tests.agents.rules_model import Held, Line, Sku

KEPT_MS = 24 * 3_600_000  # A hold that has ended is known for a day.


class Told(NamedTuple):
    """What a request is answered."""

    accepted: bool
    state: str
    reason: str | None
    location_id: str | None
    quantity: int


def pass_time(sku: Sku, now: int) -> None:
    """End the holds whose time has come, and forget those that ended a day ago."""
    for hold_id, hold in list(sku.holds.items()):
        if hold.state != "ACTIVE" and hold.ended_at + KEPT_MS <= now:
            del sku.holds[hold_id]
        elif hold.state == "ACTIVE" and hold.expires_at <= now:
            sku.holds[hold_id] = replace(hold, state="EXPIRED", ended_at=now)


def place(sku: Sku, request: dict[str, Any], now: int, locations: tuple[str, ...]) -> Told:
    """Hold units, or change a hold; it never competes with itself."""
    hold_id, quantity, named = request["hold_id"], request["quantity"], request["location_id"]
    hold = sku.holds.get(hold_id)
    if not sku.known:
        return Told(False, "REJECTED", "UNKNOWN_SKU", named, 0)
    if (no := _not_for(hold, request)) is not None:
        return no
    if hold is not None and hold.state != "ACTIVE":
        reason = "HOLD_EXPIRED" if hold.state == "EXPIRED" else "HOLD_ENDED"
        return _refusal(hold, named, reason)
    if request["expires_at"] <= now:
        return _refusal(hold, named, "HOLD_EXPIRED")
    without = replace(sku, holds={known: one for known, one in sku.holds.items() if known != hold_id})
    found = _location(without, sku, hold, request, now, locations)
    if found is None:
        return _refusal(hold, named, "INSUFFICIENT_STOCK")
    sku.holds[hold_id] = Held(request["owner"], found, quantity, request["expires_at"], "ACTIVE")
    return Told(True, "ACTIVE", None, found, quantity)


def _location(
    without: Sku, sku: Sku, hold: Held | None, request: dict[str, Any], now: int, locations: tuple[str, ...]
) -> str | None:
    """Where units can be held: at the place that is named, else where they are held, else where most are."""
    quantity, named = request["quantity"], request["location_id"]
    if hold is not None and named in {None, hold.location_id}:
        kept = quantity <= hold.quantity
        if kept or without.available(hold.location_id, now) >= quantity:
            return hold.location_id
    if named is not None:
        return named if without.available(named, now) >= quantity else None
    fullest = min(locations, key=lambda one: (-sku.available(one, now), one))
    return fullest if sku.available(fullest, now) >= quantity else None


def confirm(sku: Sku, request: dict[str, Any], order: dict[str, Any], now: int, horizon_days: int) -> Told:
    """Turn a hold into the order's reservation; order is the OrderPlaced that it stands for, at its location."""
    hold = sku.holds.get(request["hold_id"])
    if hold is None:
        return Told(False, "REJECTED", "HOLD_UNKNOWN", None, 0)
    if (no := _not_for(hold, request)) is not None:
        return no
    if (hold.state, hold.order_id) == ("CONFIRMED", request["order_id"]):
        return Told(True, "CONFIRMED", None, hold.location_id, hold.quantity)
    if hold.state not in {"ACTIVE", "EXPIRED"}:
        return _refusal(hold, None, "HOLD_ENDED")
    if not takes(sku, request["hold_id"], order, now, horizon_days):
        return _refusal(hold, None, "HOLD_EXPIRED" if hold.state == "EXPIRED" else "INSUFFICIENT_STOCK")
    quantity = order["quantity"]
    sku.holds[request["hold_id"]] = replace(
        hold, state="CONFIRMED", quantity=quantity, order_id=request["order_id"], ended_at=now
    )
    return Told(True, "CONFIRMED", None, hold.location_id, quantity)


def takes(sku: Sku, hold_id: str, order: dict[str, Any], now: int, horizon_days: int) -> bool:
    """Tell whether an order that takes a hold's units may be promised: they are never asked for again."""
    hold = sku.holds[hold_id]
    without = replace(sku, holds={known: one for known, one in sku.holds.items() if known != hold_id})
    if without.promises(order, now, horizon_days):
        return True
    own = hold.quantity if hold.state == "ACTIVE" and hold.location_id == order["location_id"] else 0
    before = sku.lines.get(("ORDER", order["order_id"], order["location_id"]), Line())
    after = before.opened_with("OrderPlaced", order, now)
    asked = after.open - before.open if before.day is None and after.day is None else after.open
    return asked <= own


def release(sku: Sku, request: dict[str, Any], now: int) -> Told:
    """Give a hold's units back; one that has ended without an order has none any more."""
    hold = sku.holds.get(request["hold_id"])
    if hold is None:
        return Told(False, "REJECTED", "HOLD_UNKNOWN", None, 0)
    if (no := _not_for(hold, request)) is not None:
        return no
    if hold.state == "CONFIRMED":
        return _refusal(hold, None, "HOLD_ENDED")
    if hold.state == "ACTIVE":
        hold = sku.holds[request["hold_id"]] = replace(hold, state="RELEASED", ended_at=now)
    return Told(True, hold.state, None, hold.location_id, hold.quantity)


def _not_for(hold: Held | None, request: dict[str, Any]) -> Told | None:
    """Refuse somebody else, who learns nothing."""
    if hold is None or hold.owner == request["owner"]:
        return None
    return Told(False, "REJECTED", "NOT_OWNER", None, 0)


def _refusal(hold: Held | None, named: str | None, reason: str) -> Told:
    """Refuse, and say how the hold stands."""
    if hold is None:
        return Told(False, "REJECTED", reason, named, 0)
    return Told(False, hold.state, reason, hold.location_id, hold.quantity)
