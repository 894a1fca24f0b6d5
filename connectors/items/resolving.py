"""
A body's translation with SKUs for identifiers, by the catalogue: pure.

An account's own maps come first (translation.py); what they give is an identifier like any other. What is wrong with
one line refuses that line, as everywhere.
"""

from collections.abc import Callable
from dataclasses import replace

from connectors.body import Untranslatable
from connectors.items.identifiers import Meaning, Unresolved, multiplied
from connectors.orders import Item, Order
from connectors.translation import Account, Event, Translation

MeaningOf = Callable[[str], Meaning]
"""Returns what an identifier stands for. Raises Unresolved."""

Resolve = Callable[[Account, Translation], Translation]

COUNTED = "StockCounted"


def as_it_is(_account: Account, translation: Translation) -> Translation:
    """Return a translation without asking any catalogue."""
    return translation


def resolved(account: Account, translation: Translation, meaning_of: MeaningOf) -> Translation:
    """
    Return a translation with SKUs and units for what its identifiers stand for.

    Refused is what has no SKU or more than one, and what is counted under two identifiers of one SKU: neither of the
    counts is all of it. Of an order with a line that is refused, only the rest is stated.
    """
    resolving = _Resolving(account, meaning_of)
    events = [found for event in translation.events if (found := resolving.event(event)) is not None]
    orders = [stated for order in translation.orders if (stated := resolving.order(order)) is not None]
    events = resolving.without_double_counts(events)
    refusals = (*translation.refusals, *resolving.refusals)
    return replace(translation, events=tuple(events), orders=tuple(orders), refusals=refusals)


class _Resolving:
    def __init__(self, account: Account, meaning_of: MeaningOf) -> None:
        self._account = account
        self._meaning_of = meaning_of
        self.refusals: list[Untranslatable] = []

    def event(self, event: Event) -> Event | None:
        record, value = event
        try:
            sku, units = self._meaning(value["sku"])
            quantity = multiplied(value["sku"], value["quantity"], units)
        except Unresolved as error:
            self.refusals.append(Untranslatable("sku", str(error)))
            return None
        return record, {**value, "sku": sku, "quantity": quantity}

    def order(self, order: Order) -> Order | None:
        """Return an order with its items by SKU; None when nothing of it is left to state."""
        items: dict[tuple[str, str], Item] = {}
        whole = order.whole
        for item in order.items:
            try:
                found = self._item(item)
                key = found.sku, found.location_id
                items[key] = _together(items[key], found) if key in items else found
            except Unresolved as error:
                self.refusals.append(Untranslatable("sku", str(error)))
                whole = False  # What is not stated any more would count as taken out of the order.
        if not items and order.items:
            return None
        return replace(order, items=tuple(items.values()), whole=whole)

    def without_double_counts(self, events: list[Event]) -> list[Event]:
        seen: set[tuple[str, str]] = set()
        double: set[tuple[str, str]] = set()
        for record, value in events:
            if record == COUNTED:
                place = value["sku"], value["location_id"]
                (double if place in seen else seen).add(place)
        for sku, location_id in sorted(double):
            reason = f"{sku!r} is counted at {location_id!r} under several identifiers"
            self.refusals.append(Untranslatable("sku", reason))
        return [
            (record, value)
            for record, value in events
            if record != COUNTED or (value["sku"], value["location_id"]) not in double
        ]

    def _item(self, item: Item) -> Item:
        sku, units = self._meaning(item.sku)
        ordered, cancelled, shipped = (
            multiplied(item.sku, number, units) for number in (item.ordered, item.cancelled, item.shipped)
        )
        return replace(item, sku=sku, ordered=ordered, cancelled=cancelled, shipped=shipped)

    def _meaning(self, identifier: str) -> Meaning:
        meaning = self._meaning_of(identifier)
        # What the account has a pack size for, it has counted in units already.
        return meaning._replace(units=1) if identifier in self._account.pack_sizes else meaning


def _together(one: Item, other: Item) -> Item:
    """Return two items of one SKU as one (semantics 1)."""
    return replace(
        one,
        ordered=multiplied(one.sku, one.ordered + other.ordered, 1),
        cancelled=multiplied(one.sku, one.cancelled + other.cancelled, 1),
        shipped=multiplied(one.sku, one.shipped + other.shipped, 1),
        shipped_at=max(one.shipped_at or 0, other.shipped_at or 0) or None,
    )
