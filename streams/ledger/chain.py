"""
Balances of one SKU, followed row by row.

A row's figures must go on from where the row before it left them: on_hand by location, the version by SKU. What
is available may also move between events, when a policy keeps other stock back; that is explained, not a gap.
"""

from dataclasses import dataclass
from typing import NamedTuple

from streams.ledger.movement import Movement

ON_HAND_FACTORS = {
    "SaleRecorded": -1,
    "OrderPlaced": 0,
    "OrderShipped": -1,
    "OrderCancelled": 0,
    "ReturnReceived": 1,
    "GoodsReceived": 1,
    "InboundAnnounced": 0,
    "InboundCancelled": 0,
    "TransferShipped": -1,
    "TransferReceived": 1,
    "StockAdjusted": 1,
    "DispositionChanged": 0,
}
"""What one unit of an applied event does to on_hand at its location (semantics 3); others are not judged."""

AVAILABLE_FACTORS = {
    **{name: (factor, factor) for name, factor in ON_HAND_FACTORS.items()},
    "OrderPlaced": (-1, 0),  # Less when a part was shipped or cancelled before the order arrived.
    "OrderShipped": (-1, 0),  # What was reserved for it leaves what is available alone.
    "OrderCancelled": (0, 1),
    "ReturnReceived": (0, 1),  # Damaged goods come back without becoming available.
    "DispositionChanged": (-1, 1),
}
"""The least and the most that one unit may do to what is available there; a row does not hold the rest."""

WITHOUT_EFFECT = frozenset({"DUPLICATE", "REJECTED", "EXPLODED"})


class Balance(NamedTuple):
    """Units at one location after its last row."""

    on_hand: int
    available: int


@dataclass(frozen=True, slots=True)
class Entry:
    """
    A row with what there is to say about it, in sentences.

    gaps are places where the ledger contradicts itself; notes explain what moved between events.
    """

    movement: Movement
    gaps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Chain:
    """
    The balances of one SKU; memory follows the number of its locations, not of its rows.

    With `complete`, the rows begin with the SKU's first, so that every balance begins at zero; without, at
    what the first row of a location says.
    """

    def __init__(self, *, complete: bool) -> None:
        self.complete = complete
        self.balances: dict[str, Balance] = {}
        self.rows_total = 0
        self.gaps_total = 0
        self.version: int | None = None

    def add(self, movement: Movement) -> Entry:
        """Take the next row."""
        before = self.balances.get(movement.location_id)
        if before is None and self.complete:
            before = Balance(0, 0)
        gaps = [*self._on_hand_gaps(movement, before), *self._version_gaps(movement)]
        self.rows_total += 1
        self.gaps_total += len(gaps)
        self.balances[movement.location_id] = Balance(movement.on_hand[1], movement.available_after)
        self.version = movement.version
        # After a gap nobody knows what was available before.
        notes = () if gaps or before is None else _notes(movement, before)
        return Entry(movement, tuple(gaps), notes)

    def add_unreadable(self, where: str, reason: str) -> str:
        """Count a row that can't be read, which is a gap; return the sentence that says so."""
        self.rows_total += 1
        self.gaps_total += 1
        return f"The row at {where} can't be read: {reason}."

    def _on_hand_gaps(self, movement: Movement, before: Balance | None) -> list[str]:
        found = []
        place, (on_hand_before, _) = movement.location_id, movement.on_hand
        if before is not None and on_hand_before != before.on_hand:
            found.append(
                f"on hand at {place} was {before.on_hand:,} after the row before and is {on_hand_before:,} here"
            )
        expected = _expected_change(movement)
        if expected is not None and movement.change != expected:
            found.append(
                f"{movement.event_type} {movement.outcome} of {movement.quantity:,} changes on hand by "
                f"{expected:+,}, the row has {movement.change:+,}"
            )
        return found

    def _version_gaps(self, movement: Movement) -> list[str]:
        last = self.version
        if last is None:
            return []
        least = last if movement.outcome in WITHOUT_EFFECT else last + 1
        if movement.version >= least:
            return []
        return [f"version {movement.version} follows version {last}: it only ever rises"]


def _expected_change(movement: Movement) -> int | None:
    """Return what the event does to on_hand, None for one that this command does not know."""
    if movement.outcome in WITHOUT_EFFECT:
        return 0
    factor = ON_HAND_FACTORS.get(movement.event_type)
    if factor is None or movement.outcome != "APPLIED":
        return None
    return factor * movement.quantity


def _notes(movement: Movement, before: Balance) -> tuple[str, ...]:
    """Explain the part of a change of what is available that the event can't have made."""
    span = _available_span(movement)
    if span is None:
        return ()
    change = movement.available_after - before.available
    beyond = change - min(max(change, span[0]), span[1])
    if not beyond:
        return ()
    place = movement.location_id
    return (
        f"between events, available at {place} changed by {beyond:+,}: a policy set another safety stock",
    )


def _available_span(movement: Movement) -> tuple[int, int] | None:
    """Return the least and most that an event may do to what is available; None if it is not known."""
    if movement.outcome in WITHOUT_EFFECT:
        return 0, 0
    factors = AVAILABLE_FACTORS.get(movement.event_type)
    if factors is None or movement.outcome != "APPLIED":
        return None
    least, most = sorted(factor * movement.quantity for factor in factors)
    return least, most
