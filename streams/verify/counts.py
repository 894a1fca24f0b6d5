"""
Counts: what a location's figure is based on (semantics 5), as a list of what happened and a sum.

    on_hand = count.quantity + Σ movements with occurred_at after count.as_of

A count net of orders had subtracted what orders had open at its moment, so that is added again.
"""

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

SkuLocation = tuple[str, str]


class Count(NamedTuple):
    """A count that counts; of those of one location the greatest is in force."""

    as_of: int
    source_id: str
    event_id: str
    quantity: int
    basis: str


class Counts:
    """The counts of one partition, and what happened where they were made; others cost nothing."""

    def __init__(self, places: Collection[SkuLocation]) -> None:
        """Places are those that were ever counted."""
        self._places = places
        self._moves: dict[SkuLocation, list[tuple[int, int, int]]] = {}
        self.in_force: dict[SkuLocation, Count] = {}

    def move(self, sku: str, value: dict[str, Any], on_hand: int, reserved: int) -> None:
        """Take what an event does to on_hand and to what orders have open."""
        place = (sku, value["location_id"])
        if place in self._places:
            self._moves.setdefault(place, []).append((value["occurred_at"], on_hand, reserved))

    def take(self, value: dict[str, Any]) -> None:
        """Take a count by a source that is trusted."""
        place = (value["sku"], value["location_id"])
        count = Count(*(value[name] for name in Count._fields))
        self.in_force[place] = max(count, self.in_force.get(place, count))

    def as_of(self, sku: str, location_id: str) -> int:
        """Return the moment of the count that a location is based on, 0 without one."""
        count = self.in_force.get((sku, location_id))
        return 0 if count is None else count.as_of

    def on_hand(self) -> Iterator[tuple[SkuLocation, int]]:
        """Yield on_hand wherever a count is in force."""
        for place, count in self.in_force.items():
            moves = self._moves.get(place, [])
            on_hand = count.quantity + sum(moved for at, moved, _ in moves if at > count.as_of)
            if count.basis == "NET_OF_ORDERS":
                on_hand += sum(reserved for at, _, reserved in moves if at <= count.as_of)
            yield place, on_hand
