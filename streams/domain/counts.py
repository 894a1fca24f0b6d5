"""
Counts against deltas (semantics 5).

    on_hand = count.quantity + Σ deltas with occurred_at after count.as_of

Deltas come from any source and in any order, so those of the last hours are remembered as notes: a count looks
back at those that happened after it, and a delta that happened before the count in force changes nothing more.
"""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from struct import Struct
from typing import NamedTuple

from streams.domain.events import NET_OF_ORDERS, StockCounted
from streams.domain.lines import ORDER, OpenLine
from streams.domain.stock import Level

LOCATIONS_REMEMBERED = 10_000  # Hashes of location ids; a network with more of them hashes some again.
LOCATION_BYTES = 6  # Of a thousand locations two share a hash once in half a billion networks.
_NOTE = Struct(f">HI{LOCATION_BYTES}sii")
NOTE_BYTES = _NOTE.size


class CountInForce(NamedTuple):
    """The single count that a location is based on, in the order of its schema; as_of in UTC milliseconds."""

    location_id: str
    as_of: int
    quantity: int
    basis: str
    source_id: str
    event_id: str

    @classmethod
    def of(cls, event: StockCounted) -> "CountInForce":
        """Return what is kept of a count."""
        return cls(
            event.location_id, event.as_of, event.quantity, event.basis, event.source_id, event.event_id
        )


def supersedes(event: StockCounted, counted_at: int, in_force: CountInForce | None) -> bool:
    """
    Return True when a count is newer than what its location is based on, a count or a feed of counted_at.

    Of two counts of one moment the greater (source_id, event_id) wins, whichever arrives first; a single count
    wins over a feed.
    """
    if event.as_of != counted_at or in_force is None or in_force.as_of != counted_at:
        return event.as_of >= counted_at
    return (event.source_id, event.event_id) > (in_force.source_id, in_force.event_id)


def counted(level: Level, quantity: int, as_of: int, basis: str, notes: bytes, open_orders: int) -> Level:
    """
    Return a location's level after a count of it, which must be newer than the one in force.

    notes are those of the SKU, all since as_of at the least. open_orders, from nominal_reserved, is asked for only
    when the source has subtracted open orders: then those that were open at as_of are added again. Nothing but
    on_hand and counted_at changes. The difference of on_hand is what the count has found, or missed.
    """
    moved, reserved = changes_after(notes, level.location_id, as_of)
    open_then = open_orders - reserved if basis == NET_OF_ORDERS else 0
    return level._replace(on_hand=quantity + open_then + moved, counted_at=as_of)


def nominal_reserved(lines: Iterable[OpenLine], location_id: str) -> int:
    """
    Return the units of a SKU that orders at a location have reserved, less what was shipped or cancelled.

    An order that was shipped beyond what was ordered counts below zero, unlike in `reserved`: only so does a sum of
    changes, in any order, come to the same.
    """
    return sum(
        line.opened - line.fulfilled - line.cancelled
        for line in lines
        if line.kind == ORDER and line.location_id == location_id
    )


def note(occurred_at: int, location_id: str, on_hand: int, reserved: int) -> bytes:
    """
    Return what is remembered of a delta: when, where, its change of on_hand and its nominal change of reserved.

    Times in UTC milliseconds, changes in units that fit into 32 bits, as validated quantities do.
    """
    return _NOTE.pack(occurred_at >> 32, occurred_at & 0xFFFFFFFF, _hashed(location_id), on_hand, reserved)


def changes_after(notes: bytes, location_id: str, as_of: int) -> tuple[int, int]:
    """Return what the deltas noted for a location after a moment come to: (on_hand, nominal reserved)."""
    here, moved, promised = _hashed(location_id), 0, 0
    for high, low, place, on_hand, reserved in _NOTE.iter_unpack(notes):
        if place == here and (high << 32 | low) > as_of:
            moved += on_hand
            promised += reserved
    return moved, promised


@lru_cache(LOCATIONS_REMEMBERED)
def _hashed(location_id: str) -> bytes:
    return blake2b(location_id.encode(), digest_size=LOCATION_BYTES).digest()
