"""What Amazon notifies of, and what of it moves stock."""

from __future__ import annotations

import copy
from itertools import permutations
from typing import Any

import pytest

from connectors.amazon.translate import AMAZONS_ORDER, NOT_YET, OTHER_MARKETPLACE, translate
from connectors.translation import BELOW_ZERO, NOT_STOCK, Account
from tests.connectors.translating import Shelf, brief, first_told, fixture, ms, reasons, sample

ACCOUNT = Account(
    account_id="soap",
    source_id="amazon-soap",
    channel_id="marketplace",
    locations={"SRC-1": "annex", "MKT-A": "fba-a", "MKT-B": "fba-b"},
    default_location_id="home",
    skus={"B0EXAMPLE1": "SOAP-1", "B0EXAMPLE2": "SOAP-2"},
)
ORDER = fixture("amazon/order_change.json")


def changed(
    second: int, status: str, *shipped: int, quantities: tuple[int, ...] = (4, 2, 1), **summary: Any
) -> Any:
    """Return the order as it stands later."""
    body = copy.deepcopy(ORDER)
    body["EventTime"] = f"2026-06-01T12:00:{second:02}.000Z"
    inner = body["Payload"]["OrderChangeNotification"]["Summary"]
    inner.update(OrderStatus=status, **summary)
    for item, sent, quantity in zip(inner["OrderItems"], shipped, quantities, strict=True):
        item.update(QuantityShipped=sent, Quantity=quantity)
    return body


def swapped(value: Any) -> Any:
    """Return a body whose keys begin in the other case, as other notifications write them."""
    if isinstance(value, list):
        return [swapped(entry) for entry in value]
    if isinstance(value, dict):
        return {key[0].swapcase() + key[1:]: swapped(entry) for key, entry in value.items()}
    return value


def after(*bodies: Any) -> dict[tuple[str, str], tuple[int, int]]:
    """Return (on_hand, reserved) after these notifications."""
    shelf = Shelf(ACCOUNT)
    for body in bodies:
        translation = translate(ACCOUNT, "", body)
        assert not translation.refusals
        shelf.take(translation)
    return shelf.figures()


def test_an_order_promises_its_items() -> None:
    """Summed by SKU, each at its supply source; without one at the default."""
    events = first_told(ACCOUNT, translate(ACCOUNT, "", ORDER))
    assert brief(events) == [
        ("OrderPlaced", "order:111-2222222-3333333:line:OI-1:placed", "SOAP-1", "home", 5),
        ("OrderPlaced", "order:111-2222222-3333333:line:OI-2:placed", "SOAP-2", "annex", 2),
    ]
    assert events[0][1]["occurred_at"] == ms("2026-06-01T11:00:00+00:00")


@pytest.mark.parametrize("name", ["order_change", "listing_quantity", "fba_availability", "inventory_event"])
def test_both_casings_say_the_same(name: str) -> None:
    """NotificationType or notificationType."""
    body = fixture(f"amazon/{name}.json")
    one, other = translate(ACCOUNT, "", body), translate(ACCOUNT, "", swapped(body))
    assert (one.events, one.orders) == (other.events, other.orders)
    assert one.events or one.orders


def test_partial_shipments_are_told_one_by_one() -> None:
    """From running totals, in any order of arrival, with redelivery."""
    first, all_of_it = changed(10, "PartiallyShipped", 2, 2, 0), changed(20, "Shipped", 4, 2, 1)
    shelf = Shelf(ACCOUNT)
    steps = [shelf.take(translate(ACCOUNT, "", body)) for body in (ORDER, first, all_of_it, first)]
    assert [[(record, value["sku"], value["quantity"]) for record, value in step] for step in steps[1:]] == [
        [("OrderShipped", "SOAP-1", 2), ("OrderShipped", "SOAP-2", 2)],
        [("OrderShipped", "SOAP-1", 3)],
        [],
    ]
    for arrival in permutations([ORDER, first, all_of_it, ORDER]):
        assert after(*arrival) == {("SOAP-1", "home"): (-5, 0), ("SOAP-2", "annex"): (-2, 0)}


def test_a_canceled_order_promises_nothing_any_more() -> None:
    """Amazon sets the quantity of a canceled item to 0, or leaves it; what was shipped was shipped."""
    for quantities in ((4, 2, 1), (0, 0, 0)):
        assert after(ORDER, changed(10, "Canceled", 0, 0, 0, quantities=quantities)) == {}
    assert after(ORDER, changed(10, "Canceled", 1, 0, 0)) == {("SOAP-1", "home"): (-1, 0)}


def test_a_request_to_cancel_is_no_cancellation() -> None:
    """The seller decides."""
    body = changed(10, "Unshipped", 0, 0, 0)
    for item in body["Payload"]["OrderChangeNotification"]["Summary"]["OrderItems"]:
        item["IsBuyerRequestedCancel"] = True
    assert after(ORDER, body) == after(ORDER)


def test_a_notification_of_one_item_says_nothing_of_others() -> None:
    """They stay promised."""
    body = changed(10, "PartiallyShipped", 0, 2, 0)
    inner = body["Payload"]["OrderChangeNotification"]
    inner["NotificationLevel"] = "OrderItemLevel"
    inner["Summary"]["OrderItems"] = inner["Summary"]["OrderItems"][1:2]
    assert after(ORDER, body) == {("SOAP-1", "home"): (0, 5), ("SOAP-2", "annex"): (-2, 0)}


@pytest.mark.parametrize(
    ("summary", "reason"),
    [({"FulfillmentType": "AFN"}, AMAZONS_ORDER), ({"OrderStatus": "PendingAvailability"}, NOT_YET)],
)
def test_orders_that_take_nothing_of_ours(summary: dict[str, str], reason: str) -> None:
    """What Amazon sends from its own warehouses is counted there; a pre-order waits for goods to come."""
    body = copy.deepcopy(ORDER)
    body["Payload"]["OrderChangeNotification"]["Summary"].update(summary)
    translation = translate(ACCOUNT, "", body)
    assert (translation.ignored, translation.orders) == ((reason,), ())


def test_a_listing_is_a_count_net_of_orders() -> None:
    """The code DEFAULT is the default location, unless the account says otherwise."""
    body = fixture("amazon/listing_quantity.json")
    ((record, value),) = translate(ACCOUNT, "", body).events
    assert brief([(record, value)]) == [("StockCounted", "notification:n-2:31", "SOAP-1", "home", 31)]
    assert (value["as_of"], value["basis"]) == (ms("2026-06-01T12:00:00.194+00:00"), "NET_OF_ORDERS")
    other = Account("a", "s", locations={"DEFAULT": "elsewhere"}, default_location_id="home")
    assert translate(other, "", body).events[0][1]["location_id"] == "elsewhere"


def test_amazons_own_stock_is_counted_by_marketplace() -> None:
    """What it can send from there; a marketplace without a location of ours is left out."""
    translation = translate(ACCOUNT, "", fixture("amazon/fba_availability.json"))
    as_of = ms("2026-06-01T13:00:00.284+00:00")
    assert brief(translation.events) == [
        ("StockCounted", f"fba:X00EXAMPLE:MKT-A:{as_of}:50", "SOAP-1", "fba-a", 50),
        ("StockCounted", f"fba:X00EXAMPLE:MKT-B:{as_of}:40", "SOAP-1", "fba-b", 40),
    ]
    assert translation.ignored == (OTHER_MARKETPLACE,)


def test_two_marketplaces_of_one_location_are_not_counted_twice() -> None:
    """They may share their stock or not; only a person knows."""
    account = Account("a", "s", locations={"MKT-A": "fba", "MKT-B": "fba"})
    translation = translate(account, "", fixture("amazon/fba_availability.json"))
    assert [value["quantity"] for _, value in translation.events] == [50]
    path = "payload.fulfillmentinventorybymarketplace[1].marketplaceid"
    assert reasons(translation) == [f"{path}: two marketplaces of one location: which one counts it?"]


def test_inventory_events_are_counts_at_the_end_of_their_hour() -> None:
    """By ASIN, which is never a SKU itself."""
    translation = translate(ACCOUNT, "", fixture("amazon/inventory_event.json"))
    as_of = ms("2026-06-01T14:00:00+00:00")
    assert brief(translation.events) == [
        ("StockCounted", f"inventory_event:B0EXAMPLE1:MKT-A:{as_of}:65", "SOAP-1", "fba-a", 65),
        ("StockCounted", f"inventory_event:B0EXAMPLE2:MKT-B:{as_of}:0", "SOAP-2", "fba-b", 0),
    ]
    unknown = Account("a", "s", default_location_id="fba")
    assert reasons(translate(unknown, "", fixture("amazon/inventory_event.json"))) == [
        f"payload.iteminventoryeventchanges[{index}].asin: B0EXAMPLE{index + 1} is not among the account's skus"
        for index in (0, 1)
    ]


def test_a_figure_below_zero_counts_nothing() -> None:
    """Oversold listings are no stock."""
    body = fixture("amazon/listing_quantity.json")
    body["Payload"]["Quantity"] = -1
    assert translate(ACCOUNT, "", body).ignored == (BELOW_ZERO,)


def test_keys_that_differ_only_in_case_are_refused() -> None:
    """Which of the two would be meant?"""
    body = fixture("amazon/listing_quantity.json")
    body["Payload"]["quantity"] = 98
    assert reasons(translate(ACCOUNT, "", body)) == ["payload: two of its keys differ only in case"]


def test_a_bad_item_hides_no_good_one() -> None:
    """It is refused by its path, and does not count as taken out of the order."""
    bad = changed(10, "Unshipped", 0, 0, 0)
    bad["Payload"]["OrderChangeNotification"]["Summary"]["OrderItems"][1]["SellerSKU"] = None
    shelf = Shelf(ACCOUNT)
    shelf.take(translate(ACCOUNT, "", ORDER))
    translation = translate(ACCOUNT, "", bad)
    path = "payload.orderchangenotification.summary.orderitems[1].sellersku"
    assert reasons(translation) == [f"{path}: missing or empty"]
    assert shelf.take(translation) == []


def test_other_notifications_move_nothing() -> None:
    """They are no mistakes either; one without a type is."""
    assert translate(ACCOUNT, "", {"NotificationType": "PRICING_HEALTH"}).ignored == (NOT_STOCK,)
    assert reasons(translate(ACCOUNT, "", {})) == ["notificationtype: missing or empty"]


def published(name: str) -> Any:
    """Return the example within a published JSON Schema."""
    return sample(f"amazon/{name}.schema.json")["examples"][0]


def test_published_order_change() -> None:
    """A buyer asks to cancel ten: they stay promised until the seller does."""
    account = Account("a", "s", locations={"d7679e14-031b-4ab3-a81b-ec4fc7a460b3": "dc"})
    translation = translate(account, "", published("OrderChangeNotification"))
    assert brief(first_told(account, translation)) == [
        ("OrderPlaced", "order:903-8868176-2219830:line:OIID34853450:placed", "SellerSKUID1", "dc", 10)
    ]


def test_published_listing_quantity_change() -> None:
    """99 of a shoe."""
    account = Account("a", "s", default_location_id="home")
    (event,) = translate(account, "", published("ListingsItemMfnQuantityChange")).events
    event_id = "notification:8e009934-da2c-4f9c-9bc7-93f23b7e1f60:99"
    assert brief([event]) == [("StockCounted", event_id, "NLS-SHOES-03", "home", 99)]


def test_published_fba_availability_change() -> None:
    """Two marketplaces; the example stands within the schema, field by field."""
    properties = sample("amazon/FBAInventoryAvailabilityChangeNotification.schema.json")["properties"]
    body = {
        "NotificationType": "FBA_INVENTORY_AVAILABILITY_CHANGES",
        "EventTime": properties["EventTime"]["examples"][0],
        "Payload": properties["Payload"]["examples"][0],
    }
    account = Account("a", "s", locations={"ATVPDKIKX0DER": "fba-us", "A2EUQ1WTGCTBG2": "fba-ca"})
    translation = translate(account, "", body)
    assert [(value["sku"], value["location_id"], value["quantity"]) for _, value in translation.events] == [
        ("SELLERSKU-1", "fba-us", 50),
        ("SELLERSKU-1", "fba-ca", 40),
    ]


def test_published_item_inventory_event_change() -> None:
    """Two ASINs of a vendor."""
    account = Account(
        "a", "s", locations={"ATVPDKIKX0DER": "retail-us"}, skus={"B00032HE0O": "A", "B00094A20U": "B"}
    )
    translation = translate(account, "", published("ItemInventoryEventChangeNotification"))
    assert [(value["sku"], value["location_id"], value["quantity"]) for _, value in translation.events] == [
        ("A", "retail-us", 650),
        ("B", "retail-us", 519),
    ]
