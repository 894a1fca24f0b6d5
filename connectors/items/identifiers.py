"""
What identifiers mean: aliases, GTINs of units and of packages, by the items in force.

An event's SKU is its Kafka key and decides its partition, so an identifier must have become a SKU before the event
is published. A package such as a case of 12 becomes as many units. What two SKUs claim is refused with both names,
never decided: either of them could be the wrong one.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from connectors.protocols import ConnectorError
from streams.domain import catalogue
from streams.domain.catalogue import BundleComponent, Item, ItemUnit
from streams.domain.sku import InvalidSku, normalise_sku
from streams.domain.validation import MAXIMUM_QUANTITY


class Unresolved(ConnectorError):
    """An identifier means no SKU, or more than one; the message says which, for people."""


class Meaning(NamedTuple):
    """What an identifier stands for: units of a SKU."""

    sku: str
    units: int


class Identifiers:
    """
    Every identifier of the items put in so far.

    strict refuses what is not known; otherwise it is taken for a SKU that the catalogue does not know yet.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self._strict = strict
        self._items: dict[str, Item] = {}
        self._meanings: dict[str, set[Meaning]] = {}

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> None:
        """Take an item; what its SKU was known by before and is not now means it no more."""
        known = self._items.get(item.sku)
        for identifier, units in () if known is None else catalogue.identifiers(known):
            meanings = self._meanings.get(identifier, set())
            meanings.discard(Meaning(item.sku, units))
            if not meanings:
                self._meanings.pop(identifier, None)
        self._items[item.sku] = item
        for identifier, units in catalogue.identifiers(item):
            self._meanings.setdefault(identifier, set()).add(Meaning(item.sku, units))

    def item(self, sku: str) -> Item | None:
        """Return what is known of a SKU, None when nothing is."""
        return self._items.get(sku)

    def items(self) -> list[Item]:
        """Return all items in order of their SKU."""
        return [self._items[sku] for sku in sorted(self._items)]

    def meaning(self, identifier: str) -> Meaning | None:
        """Return what an identifier stands for, None for one that nobody claims. Raises Unresolved."""
        found = set(self._meanings.get(identifier, ()))
        if catalogue.is_gtin(identifier):
            found |= self._meanings.get(catalogue.whole_gtin(identifier), set())
        if len(found) > 1:
            claims = " and ".join(f"{units} of SKU {sku!r}" for sku, units in sorted(found))
            raise Unresolved(f"{identifier!r} is claimed as {claims}: mend the catalogue")
        return next(iter(found), None)

    def meaning_of(self, identifier: str) -> Meaning:
        """Return what an identifier stands for. Raises Unresolved, also for one that nobody claims."""
        found = self.meaning(identifier)
        if found is None:
            raise Unresolved(f"{identifier!r} is no SKU, alias or GTIN of the catalogue")
        return found

    def units_of(self, identifier: str) -> Meaning:
        """
        Return what an identifier stands for; unless strict, one unit of itself when nobody claims it.

        Raises Unresolved, also for a text that can't be a SKU.
        """
        try:
            text = normalise_sku(identifier)
        except InvalidSku as error:
            raise Unresolved(str(error)) from None
        return self.meaning_of(text) if self._strict else self.meaning(text) or Meaning(text, 1)

    def contents(self, lines: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
        """
        Return (SKU, units) of what a cart's lines come to in the end: bundles by their components.

        A bundle lies on no shelf and can't be held: what is in it can. Raises Unresolved.
        """
        return [line for identifier, quantity in lines for line in self._contents(identifier, quantity)]

    def _contents(self, identifier: str, quantity: int) -> list[tuple[str, int]]:
        sku, units = self.units_of(identifier)
        item = self._items.get(sku)
        parts = (item and item.components) or (BundleComponent(sku, 1),)
        return [(part.sku, multiplied(identifier, quantity * units, part.quantity)) for part in parts]

    def resolve(self, value: dict[str, Any]) -> dict[str, Any]:
        """
        Return an event's value with the SKU, and units of it, that its identifier stands for.

        What has no quantity, such as a policy, is of no goods and comes back as it is. Raises Unresolved.
        """
        if "quantity" not in value:
            return value
        sku, units = self.units_of(value["sku"])
        return {**value, "sku": sku, "quantity": multiplied(value["sku"], value["quantity"], units)}


def multiplied(identifier: str, quantity: int, units: int) -> int:
    """Return units of so many of an identifier. Raises Unresolved for more than an event may have."""
    found = quantity * units
    if abs(found) > MAXIMUM_QUANTITY:
        raise Unresolved(f"{identifier!r} makes {found} units, more than {MAXIMUM_QUANTITY}")
    return found


def item_of(value: dict[str, Any]) -> Item:
    """Return an item of its decoded record."""
    return Item(
        value["sku"],
        value["name"],
        value["category"],
        _tuple(value["gtins"]),
        _tuple(value["aliases"]),
        None if value["units"] is None else tuple(ItemUnit(**unit) for unit in value["units"]),
        None
        if value["components"] is None
        else tuple(BundleComponent(**component) for component in value["components"]),
        tuple(catalogue.AttributeOrigin(**origin) for origin in value["origins"]),
    )


def _tuple(texts: list[str] | None) -> tuple[str, ...] | None:
    return None if texts is None else tuple(texts)
