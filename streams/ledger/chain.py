"""
Balances of one SKU, followed row by row.

A row's figures must go on from where the row before it left them: on_hand, reserved, held and unsellable by location,
the version by SKU. What is available may also move between events, when a policy keeps other stock back; that is
explained, not a gap. What each event may do to which figure is said in effects.py.
"""

from dataclasses import dataclass

from streams.ledger import effects
from streams.ledger.movement import NOTHING, Figures, Movement


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
        self.balances: dict[str, Figures] = {}
        self.rows_total = 0
        self.gaps_total = 0
        self.version: int | None = None

    def add(self, movement: Movement) -> Entry:
        """Take the next row."""
        before = self.balances.get(movement.location_id)
        if before is None and self.complete:
            before = NOTHING
        gaps = [
            *_on_hand_gaps(movement, before),
            *_figure_gaps(movement, before),
            *_sum_gaps(movement),
            *self._version_gaps(movement),
        ]
        self.rows_total += 1
        self.gaps_total += len(gaps)
        if movement.location_id:  # A request that was refused may have none.
            self.balances[movement.location_id] = movement.after
        self.version = movement.version
        # After a gap nobody knows what was available before.
        notes = () if gaps or before is None else _notes(movement, before)
        return Entry(movement, tuple(gaps), notes)

    def add_unreadable(self, where: str, reason: str) -> str:
        """Count a row that can't be read, which is a gap; return the sentence that says so."""
        self.rows_total += 1
        self.gaps_total += 1
        return f"The row at {where} can't be read: {reason}."

    def _version_gaps(self, movement: Movement) -> list[str]:
        last = self.version
        if last is None:
            return []
        least = last if movement.outcome in effects.WITHOUT_EFFECT else last + 1
        if movement.version >= least:
            return []
        return [f"version {movement.version} follows version {last}: it only ever rises"]


def _on_hand_gaps(movement: Movement, before: Figures | None) -> list[str]:
    found = []
    place, (on_hand_before, _) = movement.location_id, movement.on_hand
    if before is not None and on_hand_before != before.on_hand:
        found.append(
            f"on hand at {place} was {before.on_hand:,} after the row before and is {on_hand_before:,} here"
        )
    expected = effects.on_hand_change(movement)
    if expected is not None and movement.change != expected:
        found.append(
            f"{movement.event_type} {movement.outcome} of {movement.quantity:,} changes on hand by "
            f"{expected:+,}, the row has {movement.change:+,}"
        )
    return found


def _figure_gaps(movement: Movement, before: Figures | None) -> list[str]:
    """Find figures beside on_hand that an event changed which has no say in them, or not like that."""
    found: list[str] = []
    if before is None:
        return found
    for name in effects.MOVERS:
        was, is_now = getattr(before, name), getattr(movement.after, name)
        if was is None or is_now is None:
            continue
        span = effects.span_of(name, movement)
        if span is None or span[0] <= is_now - was <= span[1]:
            continue
        found.append(
            f"{name} at {movement.location_id} was {was:,} after the row before and is {is_now:,} after "
            f"{movement.event_type} {movement.outcome} of {movement.quantity:,}"
        )
    return found


def _sum_gaps(movement: Movement) -> list[str]:
    """Find what is available not to be on_hand less all that is kept from sale."""
    on_hand, available, *kept = movement.after
    parts = [units for units in kept if units is not None]
    if len(parts) < len(kept) or available == on_hand - sum(parts):
        return []
    left = on_hand - sum(parts)
    place = movement.location_id
    return [f"available at {place} is {available:,}, on hand less all that is kept back is {left:,}"]


def _notes(movement: Movement, before: Figures) -> tuple[str, ...]:
    """Explain the part of a change of what is available that the event can't have made."""
    was, is_now = before.safety_stock, movement.after.safety_stock
    if was is not None and is_now is not None:
        beyond = was - is_now
    else:
        beyond = effects.beyond_event(movement, movement.after.available - before.available)
    if not beyond:
        return ()
    place = movement.location_id
    return (
        f"between events, available at {place} changed by {beyond:+,}: a policy set another safety stock",
    )
