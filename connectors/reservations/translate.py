"""Requests to records, and records to answers: pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from schemas import wire
from streams.domain.sku import normalise_sku

RESULT = "HoldResult"


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What the stock agent answered: the fields of HoldResult.

    quantity, location_id and expires_at are those of the hold as it stands, in units and UTC milliseconds; of a
    confirmed one, what it reserved. A request that was sent twice gets the same answer twice, but for
    available_after, version and decided_at.
    """

    request_id: str
    source_id: str
    sku: str
    hold_id: str
    owner: str
    accepted: bool
    state: str
    reason: str | None
    location_id: str | None
    quantity: int
    expires_at: int
    available_after: int | None
    version: int
    decided_at: int

    @property
    def identity(self) -> tuple[str, str]:
        """(source_id, event_id) of the request that it answers."""
        return self.source_id, self.request_id


class CartLine(NamedTuple):
    """So many units of one SKU, wherever they are."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Cart:
    """What is held for a cart, by SKU; cart_id is the hold_id of all its holds."""

    cart_id: str
    holds: tuple[Answer, ...]

    @property
    def expires_at(self) -> int:
        """When the first of its holds ends, UTC milliseconds."""
        return min(held.expires_at for held in self.holds)


def summed(lines: Iterable[tuple[str, int]]) -> list[CartLine]:
    """
    Return the lines with those of one SKU as one (semantics 1), in order of SKU.

    Raises ValueError for a line without units, and InvalidSku, which is one, for a text that can't be a SKU.
    """
    units: dict[str, int] = {}
    for sku, quantity in lines:
        if quantity < 1:
            raise ValueError(f"a line of {quantity} units of {sku} is none")
        normal = normalise_sku(sku)
        units[normal] = units.get(normal, 0) + quantity
    return [CartLine(sku, quantity) for sku, quantity in sorted(units.items())]


def answer_of(data: bytes | None) -> Answer:
    """Return the answer in a record. Raises schemas.wire.UndecodableRecord."""
    record, value = wire.decode(data or b"")
    if record != RESULT:
        raise wire.UndecodableRecord(f"{record} is no {RESULT}")
    return Answer(**value)


def cancellation(confirmed: Answer, order_id: str, now: int) -> dict[str, Any]:
    """
    Return the OrderCancelled that undoes a confirmation.

    The same confirmation is undone by the same event, however often: its time is when the hold would have ended,
    which has passed whenever a cart's confirmation is refused for its age.
    """
    return {
        "event_id": f"{confirmed.hold_id}:{confirmed.sku}:{order_id}:undone",
        "source_id": confirmed.source_id,
        "sku": confirmed.sku,
        "location_id": confirmed.location_id,
        "channel_id": None,
        "quantity": confirmed.quantity,
        "occurred_at": min(confirmed.expires_at, now),
        "order_id": order_id,
    }
