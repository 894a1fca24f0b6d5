"""A body's identifiers become SKUs and units by the catalogue; what means nothing refuses its line alone."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from connectors.items.identifiers import Identifiers
from connectors.items.resolving import resolved
from connectors.orders import Item as OrderItem
from connectors.orders import Order
from connectors.translation import Account, Translation
from streams.domain.catalogue import Item, ItemUnit
from tests.domain.shop import NOW

CASE = "15901234123454"
SHOP = Account("shop", "shop-1", default_location_id="store")
KNOWN = Identifiers(strict=True)
KNOWN.put(Item("MUG", aliases=("TASSE",), units=(ItemUnit("case", 12, CASE),)))
KNOWN.put(Item("SPOON"))


def received(sku: str, quantity: int = 1, record: str = "GoodsReceived") -> tuple[str, dict[str, Any]]:
    """An event as a translator makes it."""
    return record, {"sku": sku, "quantity": quantity, "location_id": "store"}


def stated(*items: tuple[str, int]) -> Order:
    """An order as it stands, in whole."""
    lines = tuple(OrderItem(f"l-{n}", sku, "store", units, 0, 1) for n, (sku, units) in enumerate(items))
    return Order("100", 1, NOW, NOW, lines)


def by_catalogue(translation: Translation, account: Account = SHOP) -> Translation:
    """The translation with SKUs of the catalogue."""
    return resolved(account, translation, KNOWN.units_of)


def test_events_are_of_skus_and_units() -> None:
    """And what is refused hides nothing else."""
    found = by_catalogue(Translation(events=(received(CASE, 2), received("STRANGER"), received("SPOON", 3))))
    assert [(value["sku"], value["quantity"]) for _, value in found.events] == [("MUG", 24), ("SPOON", 3)]
    (refusal,) = found.refusals
    assert "STRANGER" in refusal.reason


def test_lines_of_one_sku_under_several_identifiers_are_one_item() -> None:
    """Semantics 1: summed before anything is asked."""
    (order,) = by_catalogue(Translation(orders=(stated((CASE, 1), ("TASSE", 2)),))).orders
    assert order.items == (OrderItem("l-0", "MUG", "store", 14, 0, 13),)
    assert order.whole


def test_an_order_with_a_line_that_means_nothing_is_not_stated_as_a_whole() -> None:
    """Else what is refused would count as taken out of the order."""
    found = by_catalogue(Translation(orders=(stated(("MUG", 1), ("STRANGER", 1)), stated(("STRANGER", 1)))))
    (order,) = found.orders
    assert ([item.sku for item in order.items], order.whole) == (["MUG"], False)
    assert len(found.refusals) == 2


def test_a_sku_that_is_counted_under_two_identifiers_is_not_counted() -> None:
    """Cases and loose mugs: neither figure is all of it, and the later one would stand."""
    count = partial(received, record="StockCounted")
    found = by_catalogue(Translation(events=(count(CASE, 2), count("MUG", 5), count("SPOON", 7))))
    assert [value["sku"] for _, value in found.events] == ["SPOON"]
    assert "several identifiers" in found.refusals[0].reason


def test_units_that_the_account_has_counted_are_not_counted_again() -> None:
    """Its pack size comes first, and what it gives is a quantity of units."""
    account = Account("edi", "edi-1", default_location_id="store", pack_sizes={CASE: 12})
    ((_, value),) = by_catalogue(Translation(events=(received(CASE, 24),)), account).events
    assert (value["sku"], value["quantity"]) == ("MUG", 24)


@pytest.mark.parametrize("quantity", [100_000_000, 1_000_000_000])
def test_more_units_than_an_event_may_have_refuse_the_line(quantity: int) -> None:
    """Before it is published."""
    found = by_catalogue(
        Translation(events=(received(CASE, quantity),), orders=(stated((CASE, quantity), ("MUG", 1)),))
    )
    assert found.events == ()
    assert [item.sku for order in found.orders for item in order.items] == ["MUG"]
    assert len(found.refusals) == 2
