"""`onhand hold cart --catalogue`: a checkout holds what is in a bundle, and orders the bundle by that hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.cli.hold import EXIT_REFUSED
from tests.cli.test_hold import hold
from tests.connectors.stocked_shop import StockedShop, open_shop
from tests.processes import wait_until

SOON_SECONDS = 60.0


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[StockedShop]:
    """A Kafka of this test's own with a worker on it."""
    with open_shop(tmp_path) as opened:
        yield opened


@pytest.mark.kafka
def test_bundle_is_held_by_its_components_and_ordered_by_their_hold(shop: StockedShop) -> None:
    """Nobody else can have them meanwhile; the order takes what is held."""
    settings, mug, spoon = shop.settings, shop.receive(1), shop.receive(3)
    gift = f"SET-{mug}"
    contents = [{"sku": mug, "quantity": 1}, {"sku": spoon, "quantity": 2}]
    shop.send("ItemDescribed", gift, components=contents)
    wait_until(lambda: bool(shop.values("stock-levels", gift)), SOON_SECONDS, "the bundle is told")
    alone = hold(settings, "place", gift, "1")
    assert (alone.exit_code, "IS_BUNDLE" in alone.stderr) == (EXIT_REFUSED, True)
    cart = ("cart", f"{gift}=1", "--catalogue", "strict", "--location", "store")
    assert hold(settings, *cart, "--cart-id", "c-2").exit_code == 0
    assert hold(settings, *cart).exit_code == EXIT_REFUSED
    order = {"location_id": "store", "quantity": 1}
    wanted = [
        shop.send("OrderPlaced", gift, order_id="order-8", **order),
        shop.send("OrderPlaced", gift, order_id="order-9", hold_id="c-2", **order),
    ]
    wait_until(lambda: len(outcomes(shop, gift)) == 3, SOON_SECONDS, "both orders are decided")
    assert [outcomes(shop, gift)[event_id] for event_id in wanted] == ["REJECTED", "EXPLODED"]
    assert (shop.figures(mug), shop.figures(spoon)) == ({"store": (1, 1, 0)}, {"store": (3, 2, 0)})


def outcomes(shop: StockedShop, sku: str) -> dict[str, str]:
    """What became of a SKU's events, by their id."""
    return {row["event_id"]: row["outcome"] for row in shop.rows(sku)}
