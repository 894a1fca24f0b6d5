"""
Counts: what a location's figure is based on (semantics 5), as a list of what happened and a sum.

    on_hand = count.quantity + Σ movements with occurred_at after count.as_of

A count net of orders had subtracted what orders had open at its moment, so that is added again.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from streams.verify.feeds import Fed

SkuLocation = tuple[str, str]


class Count(NamedTuple):
    """A count that counts; of those of one location the greatest is in force."""

    as_of: int
    source_id: str
    event_id: str
    quantity: int
    basis: str


Trusts = Callable[[str, str, str], bool]
"""Tells whether counts of a SKU at a location by a source set stock."""


class Counts:
    """
    The counts of one partition, and what happened where they were made; other places cost nothing.

    places are those that were ever counted by themselves, fed the feeds that locations are based on.
    """

    def __init__(
        self,
        places: Collection[SkuLocation],
        fed: Mapping[str, Fed] | None = None,
        trusts: Trusts = lambda *_: True,
    ) -> None:
        self._places = places
        self._fed = fed or {}
        self._trusts = trusts
        self._rows: dict[SkuLocation, tuple[int, int]] = {}
        self._moves: dict[SkuLocation, list[tuple[int, int, int]]] = {}
        self.in_force: dict[SkuLocation, Count] = {}

    def move(self, sku: str, value: dict[str, Any], on_hand: int, reserved: int) -> None:
        """Take what an event does to on_hand and to what orders have open."""
        place = (sku, value["location_id"])
        if place in self._places or value["location_id"] in self._fed:
            self._moves.setdefault(place, []).append((value["occurred_at"], on_hand, reserved))

    def take(self, value: dict[str, Any]) -> None:
        """Take a count by a source that is trusted."""
        place = (value["sku"], value["location_id"])
        count = Count(*(value[name] for name in Count._fields))
        self.in_force[place] = max(count, self.in_force.get(place, count))

    def take_row(self, value: dict[str, Any]) -> None:
        """Take a row of a full feed; of a SKU that is named twice the later counts, if its location is based on it."""
        fed = self._fed.get(value["location_id"])
        if fed is not None and (fed.source_id, fed.feed_id) == (value["source_id"], value["feed_id"]):
            place = (value["sku"], value["location_id"])
            row = (value["sequence"], value["quantity"])
            self._rows[place] = max(row, self._rows.get(place, row))

    def fed_by(self, location_id: str) -> str | None:
        """Return the source of the feed that a location is based on."""
        fed = self._fed.get(location_id)
        return None if fed is None else fed.source_id

    def base(self, place: SkuLocation) -> Count | None:
        """Return what a SKU is based on at a location: its own count, or the feed if that is later."""
        own, fed = self.in_force.get(place), self._fed.get(place[1])
        if fed is None or (own is not None and own.as_of >= fed.as_of):
            return own
        if not self._trusts(*place, fed.source_id):
            return own
        return Count(fed.as_of, fed.source_id, fed.feed_id, self._rows.get(place, (0, 0))[1], fed.basis)

    def as_of(self, sku: str, location_id: str) -> int:
        """Return the moment of the count that a location is based on, 0 without one."""
        count = self.base((sku, location_id))
        return 0 if count is None else count.as_of

    def own_as_of(self, sku: str, location_id: str) -> int:
        """Return the moment of a location's last count of its own, 0 without one."""
        count = self.in_force.get((sku, location_id))
        return 0 if count is None else count.as_of

    def on_hand(self) -> Iterator[tuple[SkuLocation, int]]:
        """Yield on_hand wherever a count is in force; where a feed has found nothing, and nothing happened, not."""
        for place in self.in_force.keys() | self._moves.keys() | self._rows.keys():
            count = self.base(place)
            is_bare = place not in self.in_force and place not in self._moves
            if count is None or (is_bare and not count.quantity):
                continue
            moves = self._moves.get(place, [])
            on_hand = count.quantity + sum(moved for at, moved, _ in moves if at > count.as_of)
            if count.basis == "NET_OF_ORDERS":
                on_hand += sum(reserved for at, _, reserved in moves if at <= count.as_of)
            yield place, on_hand
