"""
Why an event is not applied.

    EventRefused
    ├── GiveUp    it can never be applied as it is: dead letter
    └── NotYet    it may be applicable later: retry, then dead letter
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why an event is refused; dead letters and the ledger carry these words."""

    UNDECODABLE = "UNDECODABLE"
    UNEXPECTED_RECORD = "UNEXPECTED_RECORD"
    INVALID_KEY = "INVALID_KEY"
    INVALID_SKU = "INVALID_SKU"
    INVALID_QUANTITY = "INVALID_QUANTITY"
    INVALID_TIME = "INVALID_TIME"
    FUTURE_EVENT = "FUTURE_EVENT"
    TOO_LATE = "TOO_LATE"
    INVALID_COUNT = "INVALID_COUNT"
    INVALID_IDENTITY = "INVALID_IDENTITY"
    INVALID_POLICY = "INVALID_POLICY"
    INVALID_ITEM = "INVALID_ITEM"
    IDEMPOTENCY_CONFLICT = "IDEMPOTENCY_CONFLICT"
    UNKNOWN_SKU = "UNKNOWN_SKU"
    ORDER_UNKNOWN = "ORDER_UNKNOWN"
    RETRIES_EXHAUSTED = "RETRIES_EXHAUSTED"
    INSUFFICIENT_STOCK = "INSUFFICIENT_STOCK"
    IS_BUNDLE = "IS_BUNDLE"
    HOLD_EXPIRED = "HOLD_EXPIRED"
    HOLD_UNKNOWN = "HOLD_UNKNOWN"
    HOLD_ENDED = "HOLD_ENDED"
    NOT_OWNER = "NOT_OWNER"


class EventRefused(Exception):
    """An event can't be applied; reason is for machines, the message for people."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class GiveUp(EventRefused):
    """The event can never be applied as it is."""


class NotYet(EventRefused):
    """The event may be applicable later, when something else has arrived."""
