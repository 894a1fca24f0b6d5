"""What Shopify sends, and what of it moves stock."""

from __future__ import annotations

import copy
from itertools import permutations
from typing import Any

import pytest

from connectors.shopify.translate import NO_SKU, NOT_RESTOCKED, NOT_TRACKED, translate
from connectors.translation import BELOW_ZERO, NOT_STOCK, Account, Fetch
from tests.connectors.translating import Shelf, brief, first_told, fixture, ms, reasons, sample

ACCOUNT = Account(
    account_id="shop",
    source_id="shopify-shop",
    channel_id="web",
    locations={"41": "warehouse", "42": "store"},
    default_location_id="warehouse",
    skus={"2001": "MUG-BLUE", "7004": "MUG-GREEN"},
)
SAMPLES = Account(
    account_id="vendor",
    source_id="vendor",
    locations={"905684977": "main", "487838322": "fifth-avenue"},
    default_location_id="main",
    skus={"808950810": "IPOD2008PINK"},
)

CREATED = fixture("shopify/order_created.json")
UPDATED = fixture("shopify/order_updated.json")
CANCELLED = fixture("shopify/order_cancelled.json")


def told(topic: str, body: Any) -> list[tuple[str, str, str, str, int]]:
    """Return the events of a body, when it is the first about its order."""
    translation = translate(ACCOUNT, topic, body)
    assert not translation.refusals
    return brief(first_told(ACCOUNT, translation))


def test_an_order_promises_its_lines() -> None:
    """Summed by SKU; a line without SKU is known by its variant, a tip is no goods."""
    assert told("orders/create", CREATED) == [
        ("OrderPlaced", "order:9001:line:101:placed", "MUG-BLUE", "warehouse", 3),
        ("OrderPlaced", "order:9001:line:102:placed", "MUG-RED", "warehouse", 1),
        ("OrderPlaced", "order:9001:line:104:placed", "MUG-GREEN", "warehouse", 1),
    ]
    assert translate(ACCOUNT, "orders/create", CREATED).ignored == (NO_SKU,)


def test_an_event_has_all_fields_and_nothing_else() -> None:
    """As schemas/ has them."""
    record, value = first_told(ACCOUNT, translate(ACCOUNT, "orders/create", CREATED))[0]
    assert record == "OrderPlaced"
    value.pop("deliver_at", None)
    assert value == {
        "event_id": "order:9001:line:101:placed",
        "source_id": "shopify-shop",
        "sku": "MUG-BLUE",
        "location_id": "warehouse",
        "channel_id": "web",
        "quantity": 3,
        "occurred_at": ms("2026-03-02T09:00:00+00:00"),
        "order_id": "shop:9001",
        "hold_id": None,
    }


def test_an_order_heard_of_late_tells_its_whole_story() -> None:
    """What was shipped is sold, from where it was shipped; what was cancelled is not mentioned."""
    assert told("orders/updated", UPDATED) == [
        ("SaleRecorded", "order:9001:line:101:sold", "MUG-BLUE", "warehouse", 2),
        ("SaleRecorded", "order:9001:line:102:sold", "MUG-RED", "warehouse", 1),
        ("SaleRecorded", "order:9001:line:103:from:42:sold", "MUG-BLUE", "store", 1),
        ("ReturnReceived", "order:9001:refund:8001:line:801:returned", "MUG-BLUE", "warehouse", 1),
    ]


def test_fulfilments_and_refunds_of_a_known_order_are_told_as_they_came() -> None:
    """Shipped where promised; released there and sold where it really came from; cancelled; returned."""
    shelf = Shelf(ACCOUNT)
    shelf.take(translate(ACCOUNT, "orders/create", CREATED))
    events = shelf.take(translate(ACCOUNT, "orders/updated", UPDATED))
    assert [(record, sku, place, quantity) for record, _, sku, place, quantity in brief(events)] == [
        ("OrderShipped", "MUG-BLUE", "warehouse", 2),
        ("OrderCancelled", "MUG-BLUE", "warehouse", 1),
        ("OrderShipped", "MUG-RED", "warehouse", 1),
        ("SaleRecorded", "MUG-BLUE", "store", 1),
        ("OrderCancelled", "MUG-GREEN", "warehouse", 1),
        ("ReturnReceived", "MUG-BLUE", "warehouse", 1),
    ]
    assert events[0][1]["occurred_at"] == ms("2026-03-03T08:30:00+00:00")


def test_any_order_of_arrival_with_redelivery_comes_to_the_same_stock() -> None:
    """Created, updated with fulfilments and refund, the refund by itself: each twice, in every order."""
    bodies = [
        ("orders/create", CREATED),
        ("orders/updated", UPDATED),
        ("refunds/create", fixture("shopify/refund.json")),
    ]
    figures = []
    for arrival in permutations([*bodies, *bodies]):
        shelf = Shelf(ACCOUNT)
        for topic, body in arrival:
            shelf.take(translate(ACCOUNT, topic, body))
        figures.append(shelf.figures())
    assert figures[0] == {
        ("MUG-BLUE", "store"): (-1, 0),
        ("MUG-BLUE", "warehouse"): (-1, 0),
        ("MUG-RED", "warehouse"): (-1, 0),
    }
    assert all(found == figures[0] for found in figures)


def test_a_cancelled_order_promises_nothing_any_more() -> None:
    """Whether or not the merchant restocked it: nothing will be sent."""
    shelf = Shelf(ACCOUNT)
    shelf.take(translate(ACCOUNT, "orders/create", CREATED))
    events = shelf.take(translate(ACCOUNT, "orders/cancelled", CANCELLED))
    assert {record for record, *_ in events} == {"OrderCancelled"}
    assert shelf.figures() == {}
    assert told("orders/cancelled", CANCELLED) == []


def test_an_edited_quantity_is_told_as_a_difference() -> None:
    """Up, with a line added; a stale webhook afterwards changes nothing."""
    edited = copy.deepcopy(CREATED)
    edited["updated_at"] = "2026-03-02T12:00:01+01:00"
    edited["line_items"][1]["quantity"] = 4
    edited["line_items"].append({**edited["line_items"][1], "id": 106, "sku": "BOWL", "quantity": 2})
    shelf = Shelf(ACCOUNT)
    shelf.take(translate(ACCOUNT, "orders/create", CREATED))
    events = shelf.take(translate(ACCOUNT, "orders/updated", edited))
    assert [(record, sku, quantity) for record, _, sku, _, quantity in brief(events)] == [
        ("OrderPlaced", "MUG-RED", 3),
        ("OrderPlaced", "BOWL", 2),
    ]
    assert shelf.take(translate(ACCOUNT, "orders/create", CREATED)) == []


def test_a_cancelled_fulfilment_is_still_to_be_sent() -> None:
    """The goods are back, and owed."""
    undone = copy.deepcopy(UPDATED)
    undone["updated_at"] = "2026-03-10T00:00:00Z"
    undone["fulfillments"][0]["status"] = "cancelled"
    shelf = Shelf(ACCOUNT)
    for body in (CREATED, UPDATED, undone):
        shelf.take(translate(ACCOUNT, "orders/updated", body))
    assert shelf.figures() == {
        ("MUG-BLUE", "store"): (-1, 0),
        ("MUG-BLUE", "warehouse"): (1, 2),
        ("MUG-RED", "warehouse"): (0, 1),
    }


def test_an_order_of_a_store_is_promised_in_the_store() -> None:
    """A till's order names its location."""
    till = {**CREATED, "location_id": 42, "source_name": "pos"}
    assert {place for *_, place, _ in told("orders/create", till)} == {"store"}


@pytest.mark.parametrize(
    ("topic", "name"), [("fulfillments/create", "fulfillment"), ("orders/edited", "order_edited")]
)
def test_what_does_not_say_where_its_order_was_promised_asks_for_the_order(topic: str, name: str) -> None:
    """Only the order itself does."""
    translation = translate(ACCOUNT, topic, fixture(f"shopify/{name}.json"))
    assert translation.fetches == (Fetch("order", "9001"),)
    assert not translation.events
    assert not translation.refusals


def test_a_refund_by_itself_returns_what_came_back_and_asks_about_the_rest() -> None:
    """The return is the same event as within the order; what was cancelled only the order can place."""
    translation = translate(ACCOUNT, "refunds/create", fixture("shopify/refund.json"))
    assert translation.events == translate(ACCOUNT, "orders/updated", UPDATED).events
    assert translation.fetches == (Fetch("order", "9001"),)
    assert translation.ignored == (NOT_RESTOCKED,)


def test_a_bad_refund_line_hides_no_good_one() -> None:
    """It is refused by its path."""
    refund = fixture("shopify/refund.json")
    refund["refund_line_items"][1]["quantity"] = None
    translation = translate(ACCOUNT, "refunds/create", refund)
    assert reasons(translation) == ["refund_line_items[1].quantity: missing"]
    assert [value["sku"] for _, value in translation.events] == ["MUG-BLUE"]


@pytest.mark.parametrize(
    ("restock", "status", "record"),
    [
        ("return", None, "returned"),
        ("legacy_restock", "fulfilled", "returned"),
        ("legacy_restock", None, "fetched"),
        ("cancel", "fulfilled", "fetched"),
        ("no_restock", "fulfilled", "ignored"),
        ("legacy_restock", "partial", "refused"),
        ("melted", None, "refused"),
    ],
)
def test_restock_types_decide(restock: str, status: str | None, record: str) -> None:
    """What is not restocked moves nothing; an old restock is read from the line's own state."""
    refund = fixture("shopify/refund.json")
    line = refund["refund_line_items"][0]
    line["restock_type"], line["line_item"]["fulfillment_status"] = restock, status
    refund["refund_line_items"] = [line]
    translation = translate(ACCOUNT, "refunds/create", refund)
    found = {
        "returned": translation.events,
        "fetched": translation.fetches,
        "ignored": translation.ignored,
        "refused": translation.refusals,
    }
    assert [name for name, content in found.items() if content] == [record]


def test_an_inventory_level_is_a_count_net_of_orders() -> None:
    """As of when it changed, in UTC."""
    translation = translate(ACCOUNT, "inventory_levels/update", fixture("shopify/inventory_level.json"))
    as_of = ms("2026-03-02T14:59:59+00:00")
    ((record, value),) = translation.events
    assert record == "StockCounted"
    assert value == {
        "event_id": f"inventory_level:2001:42:{as_of}:17",
        "source_id": "shopify-shop",
        "sku": "MUG-BLUE",
        "location_id": "store",
        "channel_id": "web",
        "quantity": 17,
        "occurred_at": as_of,
        "as_of": as_of,
        "basis": "NET_OF_ORDERS",
        "feed_id": None,
        "feed_kind": None,
        "sequence": None,
        "total": None,
    }


@pytest.mark.parametrize(("available", "reason"), [(None, NOT_TRACKED), (-2, BELOW_ZERO)])
def test_levels_that_count_nothing_are_left_out(available: int | None, reason: str) -> None:
    """Stock that Shopify does not track, or has oversold."""
    level = {**fixture("shopify/inventory_level.json"), "available": available}
    assert translate(ACCOUNT, "inventory_levels/update", level).ignored == (reason,)


def test_a_bad_line_hides_no_good_one() -> None:
    """It is refused by its path, and does not count as taken out of the order."""
    bad = copy.deepcopy(CREATED)
    bad["updated_at"] = "2026-03-05T00:00:00Z"
    bad["line_items"][1]["quantity"] = 1.5
    shelf = Shelf(ACCOUNT)
    shelf.take(translate(ACCOUNT, "orders/create", CREATED))
    translation = translate(ACCOUNT, "orders/updated", bad)
    assert reasons(translation) == ["line_items[1].quantity: a number, not a whole number"]
    assert shelf.take(translation) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (
            ("line_items", 2, "quantity"),
            None,
        ),  # Another line of its SKU is good, but their sum would be too low.
        (("fulfillments", 0, "status"), "melted"),
        (("refunds", 0, "refund_line_items", 1, "quantity"), "one"),
    ],
)
def test_what_can_not_be_read_takes_nothing_back(path: tuple[Any, ...], value: object) -> None:
    """What was told of a SKU stays until it can be read what became of it."""
    bad = copy.deepcopy(UPDATED)
    bad["updated_at"] = "2026-03-11T00:00:00Z"
    holder: Any = bad
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    shelf = Shelf(ACCOUNT)
    shelf.take(translate(ACCOUNT, "orders/updated", UPDATED))
    translation = translate(ACCOUNT, "orders/updated", bad)
    assert len(translation.refusals) == 1
    assert shelf.take(translation) == []


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("id", None, "id: missing or empty"),
        ("id", "who@example.com", "id: no id of up to 128 printable characters"),
        ("created_at", "yesterday", "created_at: no time of RFC 3339, such as 2026-01-31T12:00:00Z"),
        ("location_id", 99, "location_id: location 99 is not among the account's locations"),
        ("line_items", {}, "line_items: an object, not a list"),
        ("fulfillments", "none", "fulfillments: a text, not a list"),
    ],
)
def test_what_is_wrong_with_the_whole_refuses_the_whole(field: str, value: object, reason: str) -> None:
    """By field."""
    translation = translate(ACCOUNT, "orders/create", {**CREATED, field: value})
    assert reasons(translation) == [reason]
    assert not translation.orders


@pytest.mark.parametrize("topic", ["products/update", "orders/delete", "", "app/uninstalled"])
def test_other_topics_move_nothing(topic: str) -> None:
    """They are no mistakes either."""
    assert translate(ACCOUNT, topic, {"id": 1, "title": "x"}).ignored == (NOT_STOCK,)


def test_published_order() -> None:
    """Wrapped as REST answers it, without topic; its failed fulfilment sent nothing."""
    translation = translate(SAMPLES, "", sample("shopify/order.json"))
    assert brief(first_told(SAMPLES, translation)) == [
        ("OrderPlaced", "order:450789469:line:466157049:placed", "IPOD2008GREEN", "main", 1),
        ("OrderPlaced", "order:450789469:line:518995019:placed", "IPOD2008RED", "main", 1),
        ("OrderPlaced", "order:450789469:line:703073504:placed", "IPOD2008BLACK", "main", 1),
    ]
    assert not translation.refusals


def test_published_refund() -> None:
    """Of lines that were never fulfilled: their order says where they were promised."""
    assert translate(SAMPLES, "", sample("shopify/refund.json")).fetches == (Fetch("order", "450789469"),)


def test_published_inventory_level() -> None:
    """Six to sell."""
    (event,) = translate(SAMPLES, "", sample("shopify/inventory_level.json")).events
    assert brief([event]) == [
        ("StockCounted", "inventory_level:808950810:905684977:1525722686000:6", "IPOD2008PINK", "main", 6)
    ]


@pytest.mark.parametrize("name", ["location", "variant"])
def test_published_bodies_that_are_no_stock(name: str) -> None:
    """A variant's inventory_quantity is a total over locations that it does not name."""
    assert translate(SAMPLES, "", sample(f"shopify/{name}.json")).ignored == (NOT_STOCK,)
