"""
What may be asked about a hold, and what a request must fulfil before it is decided (semantics 2, 4 and 7).

The fields of each are those of its schema, in order; quantities are whole units, times UTC milliseconds.
"""

from typing import NamedTuple

from streams.domain.errors import GiveUp, Reason
from streams.domain.validation import (
    EARLIEST_MILLISECONDS,
    FUTURE_TOLERANCE_MILLISECONDS,
    MAXIMUM_ID_CHARACTERS,
    MAXIMUM_QUANTITY,
)


class PlaceHold(NamedTuple):
    """Asks to hold units, or to change how many or until when; location None is chosen by policy."""

    event_id: str
    source_id: str
    sku: str
    location_id: str | None
    channel_id: str | None
    quantity: int
    occurred_at: int
    hold_id: str
    owner: str
    expires_at: int


class ConfirmHold(NamedTuple):
    """Asks to turn a hold into an order's reservation; quantity 0 means all of it, what is left is given back."""

    event_id: str
    source_id: str
    sku: str
    location_id: str | None
    channel_id: str | None
    quantity: int
    occurred_at: int
    hold_id: str
    owner: str
    order_id: str


class ReleaseHold(NamedTuple):
    """Asks to give a hold's units back, all of them."""

    event_id: str
    source_id: str
    sku: str
    location_id: str | None
    channel_id: str | None
    quantity: int
    occurred_at: int
    hold_id: str
    owner: str


Request = PlaceHold | ConfirmHold | ReleaseHold
REQUESTS: tuple[type[Request], ...] = (PlaceHold, ConfirmHold, ReleaseHold)


def check(request: Request, now: int) -> None:
    """Raise GiveUp unless a request's identity, names, quantity and times make sense at `now`."""
    _check_identity(request)
    least = 1 if isinstance(request, PlaceHold) else 0
    if not isinstance(request, ReleaseHold) and not least <= request.quantity <= MAXIMUM_QUANTITY:
        raise GiveUp(
            Reason.INVALID_QUANTITY,
            f"quantity {request.quantity} is not between {least} and {MAXIMUM_QUANTITY}",
        )
    for name in ("occurred_at", "expires_at"):
        moment = getattr(request, name, EARLIEST_MILLISECONDS)
        if moment < EARLIEST_MILLISECONDS:
            raise GiveUp(Reason.INVALID_TIME, f"{name} {moment} lies before the year 2000")
    if request.occurred_at > now + FUTURE_TOLERANCE_MILLISECONDS:
        ahead = (request.occurred_at - now) // 1000
        raise GiveUp(
            Reason.FUTURE_EVENT, f"occurred_at lies {ahead} s in the future, more than the 300 s allowed"
        )


def _check_identity(request: Request) -> None:
    event_id, source_id, _, location_id, channel_id = request[:5]
    if not event_id or not source_id:
        raise GiveUp(Reason.INVALID_IDENTITY, "event_id and source_id must not be empty")
    if location_id == "":
        raise GiveUp(Reason.INVALID_IDENTITY, "location_id is empty; null leaves the choice to policy")
    length = len(event_id) + len(source_id) + len(location_id or "") + len(channel_id or "")
    if length > MAXIMUM_ID_CHARACTERS:
        raise GiveUp(
            Reason.INVALID_IDENTITY, f"the ids have more than {MAXIMUM_ID_CHARACTERS} characters together"
        )
    for name in ("hold_id", "owner", "order_id"):
        text = getattr(request, name, "-")
        if not 0 < len(text) <= MAXIMUM_ID_CHARACTERS:
            raise GiveUp(Reason.INVALID_IDENTITY, f"{name} has {len(text)} characters")
