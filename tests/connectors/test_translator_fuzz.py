"""Damaged bodies of each channel: whatever is in them, a translator answers with events and typed refusals."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.amazon.translate import translate as amazon
from connectors.shopify.translate import translate as shopify
from connectors.square.translate import translate as square
from connectors.translation import Account
from connectors.woocommerce.translate import translate as woocommerce
from tests.connectors.mutations import MUTATIONS, Translate, fuzz
from tests.connectors.translating import fixture

ACCOUNT = Account(
    account_id="any",
    source_id="any-source",
    channel_id="any-channel",
    locations={name: f"at-{name}" for name in ("41", "42", "LEX1", "LEX2", "MKT-A", "MKT-B", "SRC-1")},
    default_location_id="home",
    skus={name: f"SKU-{name}" for name in ("2001", "7004", "63", "VARA", "VARB", "B0EXAMPLE1", "B0EXAMPLE2")},
)

CHANNELS: dict[str, tuple[Translate, list[tuple[str, str]]]] = {
    "shopify": (
        shopify,
        [
            ("orders/create", "order_created"),
            ("orders/updated", "order_updated"),
            ("orders/cancelled", "order_cancelled"),
            ("orders/edited", "order_edited"),
            ("fulfillments/create", "fulfillment"),
            ("refunds/create", "refund"),
            ("inventory_levels/update", "inventory_level"),
        ],
    ),
    "woocommerce": (
        woocommerce,
        [
            ("order.created", "order_processing"),
            ("order.updated", "order_completed_and_refunded"),
            ("refund", "refund"),
            ("product.updated", "product"),
        ],
    ),
    "square": (
        square,
        [
            ("", "inventory_count_updated"),
            ("", "order_updated"),
            ("", "order_fulfillment_updated"),
            ("", "refund_updated"),
            ("order", "order"),
            ("order", "order_of_return"),
        ],
    ),
    "amazon": (
        amazon,
        [
            ("", "order_change"),
            ("", "listing_quantity"),
            ("", "fba_availability"),
            ("", "inventory_event"),
        ],
    ),
}


@pytest.mark.parametrize("channel", CHANNELS)
def test_damaged_bodies_give_typed_refusals_only(channel: str) -> None:
    """Missing, null, wrong, huge, unicode, nested deep: nothing is raised, and every event fits its schema."""
    translate, cases = CHANNELS[channel]
    bodies: list[tuple[str, Any]] = [(topic, fixture(f"{channel}/{name}.json")) for topic, name in cases]
    seen = fuzz(translate, ACCOUNT, bodies)
    # A translator that refuses or ignores everything would pass the rest.
    assert seen["refusals"] > MUTATIONS // 20, seen
    assert seen["events"] + seen["orders"] > MUTATIONS // 20, seen


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("body", [None, [], "text", 7, True, [{}], float("nan")])
def test_a_body_that_is_no_object_is_refused_as_a_whole(channel: str, body: object) -> None:
    """Once, and by name."""
    translate, cases = CHANNELS[channel]
    translation = translate(ACCOUNT, cases[0][0], body)
    assert [refusal.field for refusal in translation.refusals] == [""]
    assert not translation.events


@pytest.mark.parametrize("channel", CHANNELS)
def test_nothing_of_people_or_money_is_carried_along(channel: str) -> None:
    """Neither in events, nor in orders, nor in what is said about them."""
    translate, cases = CHANNELS[channel]
    for topic, name in cases:
        said = str(translate(ACCOUNT, topic, fixture(f"{channel}/{name}.json"))).casefold()
        for private in (
            "person",
            "exampleton",
            "@example",
            "12.00",
            "9.00",
            "450",
            "arrived broken",
            "ring twice",
        ):
            assert private not in said, (name, private)
