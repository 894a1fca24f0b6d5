"""What each kind of ledger row may do to the figures of its location (semantics 3 to 5)."""

from typing import Any

from streams.verify.rules import COUNT_RECORD, REQUESTS
from streams.verify.stock import ON_HAND_SIGN, RESERVED_SIGN

OWN_SOURCE = "onhand"
EXPIRED, MOVED, CONFIRMED = "HoldExpired", "HoldMoved", "HoldConfirmed"
FELL_DUE, ZEROED = "OrderFellDue", "FeedZeroed"
OF_HOLDS = frozenset({EXPIRED, MOVED, CONFIRMED, *REQUESTS})
"""Rows about a hold, which they name as their reference."""
OWN_EVENTS = frozenset({EXPIRED, MOVED, CONFIRMED, FELL_DUE, ZEROED})
"""What the stock agent does of its own: no input record is behind such a row."""

EXPLODED = "EXPLODED"
"""The outcome of what moves a bundle's components instead of it."""
OUTCOMES = frozenset({"APPLIED", "DUPLICATE", "REJECTED", "LATE", "SUPERSEDED", "NOT_TRUSTED", EXPLODED})
CHANGING = frozenset({"APPLIED", "LATE"})
"""Outcomes that change a SKU; all others leave it as it was."""


def is_own(row: dict[str, Any]) -> bool:
    """Tell whether a row is of something that no source sent."""
    return row["source_id"] == OWN_SOURCE and row["event_type"] in OWN_EVENTS


def is_possible(row: dict[str, Any]) -> bool:
    """Tell whether a row has an outcome that its event can have: a fact can't be rejected, only a count mistrusted."""
    kind, outcome = row["event_type"], row["outcome"]
    if outcome == "REJECTED":
        return kind == "OrderPlaced" or kind in REQUESTS
    if outcome == "SUPERSEDED":
        return kind in {COUNT_RECORD, "OrderPlaced"} or kind in REQUESTS
    return outcome in OUTCOMES and (outcome != "NOT_TRUSTED" or kind == COUNT_RECORD)


def may_change_on_hand(row: dict[str, Any], change: int) -> bool:
    """Tell whether a row may change on_hand by so much; a count may set it to anything."""
    kind, outcome = row["event_type"], row["outcome"]
    if outcome == "APPLIED":
        return kind in {COUNT_RECORD, ZEROED} or bool(change == ON_HAND_SIGN.get(kind, 0) * row["quantity"])
    if change and outcome == "LATE":
        # A count net of orders took an order that came after it for goods, or goods that left for an order.
        return bool(change == RESERVED_SIGN.get(kind, 0) * row["quantity"])
    return not change


def may_change_unsellable(row: dict[str, Any], change: int) -> bool:
    """Tell whether a row may change unsellable by so much; it does not say in which state its goods are."""
    if not change:
        return row["event_type"] != "DispositionChanged" or row["outcome"] not in CHANGING
    returned = row["event_type"] == "ReturnReceived" and change == row["quantity"]
    moved = row["event_type"] == "DispositionChanged" and abs(change) == row["quantity"]
    return row["outcome"] in CHANGING and (returned or moved)


def may_change_reserved(row: dict[str, Any]) -> bool:
    """Tell whether a row may change reserved; by how much follows from its order (lines.py)."""
    kind = row["event_type"]
    return row["outcome"] in CHANGING and (kind in RESERVED_SIGN or kind == FELL_DUE)
