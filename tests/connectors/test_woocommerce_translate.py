"""What WooCommerce sends, and what of it moves stock."""

from __future__ import annotations

import copy
from itertools import permutations
from typing import Any

import pytest

from connectors.translation import BELOW_ZERO, NOT_STOCK, Account, Fetch
from connectors.woocommerce.translate import NOT_COUNTED, translate
from tests.connectors.translating import Shelf, brief, first_told, fixture, ms, reasons, sample

ACCOUNT = Account(
    account_id="candles",
    source_id="woo-candles",
    channel_id="web",
    default_location_id="home",
    skus={"63": "WICK"},
)
PROCESSING = fixture("woocommerce/order_processing.json")
COMPLETED = fixture("woocommerce/order_completed_and_refunded.json")


def as_status(status: str, *, second: int = 30, body: Any = PROCESSING) -> Any:
    """Return the order in another status, changed so many seconds after ten."""
    return {**copy.deepcopy(body), "status": status, "date_modified_gmt": f"2026-04-01T10:00:{second:02}"}


def after(*bodies: Any) -> dict[tuple[str, str], tuple[int, int]]:
    """Return (on_hand, reserved) of the candles after these webhooks."""
    shelf = Shelf(ACCOUNT)
    for body in bodies:
        translation = translate(ACCOUNT, "order.updated", body)
        assert not translation.refusals
        shelf.take(translation)
    return shelf.figures()


RESERVED = {("CANDLE-L", "home"): (0, 3), ("CANDLE-S", "home"): (0, 3), ("WICK", "home"): (0, 1)}
SOLD = {key: (-reserved, 0) for key, (_, reserved) in RESERVED.items()}


def test_an_order_promises_its_lines() -> None:
    """Summed by SKU; a line without SKU is known by its product's number."""
    translation = translate(ACCOUNT, "order.created", PROCESSING)
    events = first_told(ACCOUNT, translation)
    assert brief(events) == [
        ("OrderPlaced", "order:3100:line:11:placed", "CANDLE-S", "home", 3),
        ("OrderPlaced", "order:3100:line:12:placed", "CANDLE-L", "home", 3),
        ("OrderPlaced", "order:3100:line:14:placed", "WICK", "home", 1),
    ]
    assert events[0][1]["occurred_at"] == ms("2026-04-01T10:00:00+00:00")


@pytest.mark.parametrize("status", ["pending", "checkout-draft", "cancelled", "failed", "trash", "refunded"])
def test_statuses_that_promise_nothing(status: str) -> None:
    """At first sight, and after the goods were promised."""
    assert after(as_status(status)) == {}
    assert after(PROCESSING, as_status(status)) == {}


@pytest.mark.parametrize("status", ["on-hold", "processing"])
def test_statuses_that_promise(status: str) -> None:
    """Also after a cancellation that was taken back."""
    assert after(as_status(status)) == RESERVED
    assert after(PROCESSING, as_status("cancelled", second=20), as_status(status)) == RESERVED


def test_a_completed_order_has_left() -> None:
    """Whether it was heard of before or not; and stays so when it is refunded without restocking."""
    completed = as_status("completed")
    assert after(completed) == after(PROCESSING, completed) == SOLD
    refunded = {**as_status("refunded", second=40), "date_completed_gmt": "2026-04-01T10:00:30"}
    assert after(completed, refunded) == after(refunded) == SOLD


def test_a_refund_that_was_restocked_returns_the_goods() -> None:
    """The line keeps count of what went back; units not yet sent are cancelled instead."""
    shelf = Shelf(ACCOUNT)
    shelf.take(translate(ACCOUNT, "order.updated", as_status("completed")))
    events = shelf.take(translate(ACCOUNT, "order.updated", COMPLETED))
    assert [(record, sku, quantity) for record, _, sku, _, quantity in brief(events)] == [
        ("ReturnReceived", "CANDLE-L", 1)
    ]
    unsent = as_status("processing", second=50, body=COMPLETED)
    assert after(PROCESSING, {**unsent, "date_completed_gmt": None}) == {
        **RESERVED,
        ("CANDLE-L", "home"): (0, 2),
    }


def test_webhooks_in_any_order_come_to_the_same_stock() -> None:
    """Pending and processing within one second, then completed, then restocked in part."""
    bodies = [as_status("pending", second=2), PROCESSING, as_status("completed"), COMPLETED]
    expected = {("CANDLE-L", "home"): (-2, 0), ("CANDLE-S", "home"): (-3, 0), ("WICK", "home"): (-1, 0)}
    for arrival in permutations([*bodies, PROCESSING]):
        assert after(*arrival) == expected


def test_an_edited_order_is_told_as_a_difference() -> None:
    """An admin changes a quantity and deletes a line."""
    edited = as_status("on-hold")
    edited["line_items"][1]["quantity"] = 5
    del edited["line_items"][3]
    assert after(PROCESSING, edited) == {("CANDLE-L", "home"): (0, 5), ("CANDLE-S", "home"): (0, 3)}


def test_a_refund_asks_for_its_order() -> None:
    """Which it names by a link only."""
    translation = translate(ACCOUNT, "refund", fixture("woocommerce/refund.json"))
    assert translation.fetches == (Fetch("order", "3100"),)


def test_a_product_is_a_count_net_of_orders() -> None:
    """WooCommerce takes stock when an order is paid."""
    as_of = ms("2026-04-01T10:30:00+00:00")
    ((record, value),) = translate(ACCOUNT, "product.updated", fixture("woocommerce/product.json")).events
    assert brief([(record, value)]) == [
        ("StockCounted", f"product:61:stock:{as_of}:44", "CANDLE-S", "home", 44)
    ]
    assert (value["as_of"], value["occurred_at"], value["basis"]) == (as_of, as_of, "NET_OF_ORDERS")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"manage_stock": False}, NOT_COUNTED),
        ({"manage_stock": "parent"}, NOT_COUNTED),
        ({"stock_quantity": None}, NOT_COUNTED),
        ({"stock_quantity": -3}, BELOW_ZERO),
    ],
)
def test_products_that_count_nothing_are_left_out(changes: dict[str, Any], reason: str) -> None:
    """A variation's stock may be its parent's; a backorder is no stock."""
    product = {**fixture("woocommerce/product.json"), **changes}
    assert translate(ACCOUNT, "product.updated", product).ignored == (reason,)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": "packed"}, "status: none of pending"),
        ({"status": None}, "status: missing or empty"),
        ({"date_modified_gmt": ""}, "date_modified_gmt: missing or empty"),
        ({"id": "wc_order_1@x"}, "id: no id"),
    ],
)
def test_what_is_wrong_with_the_whole_refuses_the_whole(changes: dict[str, Any], reason: str) -> None:
    """A status that a plugin invented among them: nobody knows what it promises."""
    translation = translate(ACCOUNT, "order.updated", {**PROCESSING, **changes})
    assert [text[: len(reason)] for text in reasons(translation)] == [reason]


def test_a_bad_line_hides_no_good_one() -> None:
    """It is refused by its path, and does not count as taken out of the order."""
    bad = as_status("processing")
    bad["line_items"][0]["quantity"] = "two"
    bad["line_items"][3]["product_id"] = 64
    shelf = Shelf(ACCOUNT)
    shelf.take(translate(ACCOUNT, "order.updated", PROCESSING))
    shelf.take(translate(ACCOUNT, "order.updated", bad))
    assert shelf.figures() == RESERVED
    bad["line_items"][3]["product_id"] = 63
    translation = translate(ACCOUNT, "order.updated", bad)
    assert reasons(translation) == ["line_items[0].quantity: a text, not a whole number"]
    assert [sku for _, _, sku, _, _ in brief(first_told(ACCOUNT, translation))] == [
        "CANDLE-L",
        "WICK",
    ]


def test_a_deleted_order_is_refused() -> None:
    """It names nothing but itself, so what it had promised would stay promised without a word."""
    assert reasons(translate(ACCOUNT, "order.deleted", {"id": 3100}))[0].startswith("id: a deleted order")


@pytest.mark.parametrize("topic", ["customer.created", "coupon.updated", "product.deleted", ""])
def test_other_topics_move_nothing(topic: str) -> None:
    """They are no mistakes either."""
    assert translate(ACCOUNT, topic, {"id": 1}).ignored == (NOT_STOCK,)


def test_published_order() -> None:
    """Its line without SKU is refused until the account knows its product."""
    published = sample("woocommerce/orders-1.json")
    translation = translate(ACCOUNT, "order", published)
    assert reasons(translation) == ["line_items[0].product_id: 93 is not among the account's skus"]
    assert brief(first_told(ACCOUNT, translation)) == [
        ("OrderPlaced", "order:727:line:316:placed", "Bar3", "home", 1)
    ]
    known = Account("a", "woo", default_location_id="home", skus={"93": "WOO-SINGLE"})
    assert brief(first_told(known, translate(known, "order", published))) == [
        ("OrderPlaced", "order:727:line:315:placed", "WOO-SINGLE", "home", 2),
        ("OrderPlaced", "order:727:line:316:placed", "Bar3", "home", 1),
    ]


def test_published_refund_and_product() -> None:
    """The refund asks for its order; the product's stock is not managed."""
    refund = sample("woocommerce/order-refunds-1.json")
    assert translate(ACCOUNT, "refund", refund).fetches == (Fetch("order", "723"),)
    assert translate(ACCOUNT, "product", sample("woocommerce/products-1.json")).ignored == (NOT_COUNTED,)
