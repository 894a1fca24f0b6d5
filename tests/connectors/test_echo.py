"""
Echoes: what a channel says about figures that Onhand writes there moves no stock (semantics 12).

A webhook about our own write once doubled stock (nopCommerce, pull request 7096): it was taken for a change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from connectors.amazon.translate import translate as amazon
from connectors.shopify.translate import translate as shopify
from connectors.square.translate import translate as square
from connectors.translation import ECHO, Account, Translation
from connectors.woocommerce.translate import translate as woocommerce
from tests.connectors.translating import fixture

Translate = Callable[[Account, str, object], Translation]
SHOP = Account(
    "shop", "shop", default_location_id="dc", skus={"2001": "MUG", "VARA": "TEA-A", "VARB": "TEA-B"}
)
FIGURES: list[tuple[Translate, str, str]] = [
    (shopify, "inventory_levels/update", "shopify/inventory_level.json"),
    (woocommerce, "product.updated", "woocommerce/product.json"),
    (square, "", "square/inventory_count_updated.json"),
    (amazon, "", "amazon/listing_quantity.json"),
]


@pytest.mark.parametrize(("translate", "topic", "name"), FIGURES)
def test_a_figure_that_we_write_is_not_taken_back(translate: Translate, topic: str, name: str) -> None:
    """The same body counts at an account that only sends to us."""
    body: Any = fixture(name)
    assert translate(SHOP, topic, body).events
    translation = translate(replace(SHOP, delivers=True), topic, body)
    assert translation.events == ()
    assert ECHO in translation.ignored


def test_only_the_location_that_we_write_to_echoes() -> None:
    """A till that counts another store of the same seller is heard."""
    body = fixture("square/inventory_count_updated.json")
    account = replace(SHOP, delivers=True, delivers_to="LEX1", default_location_id=None)
    account = replace(account, locations={"LEX1": "north", "LEX2": "south"})
    ((_, value),) = square(account, "", body).events
    assert (value["sku"], value["location_id"]) == ("TEA-B", "south")
    level = fixture("shopify/inventory_level.json")
    assert shopify(replace(SHOP, delivers=True, delivers_to="41"), "inventory_levels/update", level).events
    echo = shopify(replace(SHOP, delivers=True, delivers_to="42"), "inventory_levels/update", level)
    assert echo.ignored == (ECHO,)


def test_orders_of_a_channel_that_we_write_to_still_count() -> None:
    """A sale lowers the channel's figure by itself: its order tells of it, once."""
    body = fixture("shopify/order_created.json")
    known = replace(SHOP, skus={**SHOP.skus, "7004": "GREEN"})
    told = shopify(replace(known, delivers=True), "orders/create", body)
    assert told.orders
    assert told == shopify(known, "orders/create", body)


def test_what_amazon_holds_itself_is_no_echo() -> None:
    """We write the seller's own stock only; Amazon counts its warehouses."""
    body = fixture("amazon/fba_availability.json")
    account = replace(SHOP, locations={"MKT-A": "fba-a", "MKT-B": "fba-b"})
    told = amazon(replace(account, delivers=True), "", body)
    assert told.events
    assert told == amazon(account, "", body)
    assert ECHO not in told.ignored
