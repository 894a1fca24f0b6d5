"""What Square sends and answers, and what of it moves stock."""

from __future__ import annotations

import copy
from itertools import permutations
from typing import Any

import pytest

from connectors.square.translate import A_DRAFT, NO_GOODS, NOT_DONE, OTHER_STATE, translate
from connectors.translation import BELOW_ZERO, NOT_STOCK, Account, Fetch
from tests.connectors.translating import Shelf, brief, first_told, fixture, ms, reasons, sample

ACCOUNT = Account(
    account_id="tea",
    source_id="square-tea",
    channel_id="pos",
    locations={"LEX1": "north", "LEX2": "south"},
    skus={"VARA": "TEA-A", "VARB": "TEA-B"},
)
ORDER = fixture("square/order.json")


def at(version: int, **changes: Any) -> Any:
    """Return the order at another version."""
    return {"order": {**copy.deepcopy(ORDER["order"]), "version": version, **changes}}


def after(*bodies: Any) -> dict[tuple[str, str], tuple[int, int]]:
    """Return (on_hand, reserved) after these answers."""
    shelf = Shelf(ACCOUNT)
    for body in bodies:
        translation = translate(ACCOUNT, "order", body)
        assert not translation.refusals
        shelf.take(translation)
    return shelf.figures()


def test_counts_are_physical_and_as_of_their_calculation() -> None:
    """Quantities are texts, times finer than milliseconds; other states than IN_STOCK count nothing to sell."""
    translation = translate(ACCOUNT, "", fixture("square/inventory_count_updated.json"))
    first, second = ms("2026-05-01T08:59:59.103+00:00"), ms("2026-05-01T08:59:59.104+00:00")
    assert brief(translation.events) == [
        ("StockCounted", f"inventory_count:VARA:LEX1:{first}:10", "TEA-A", "north", 10),
        ("StockCounted", f"inventory_count:VARB:LEX2:{second}:0", "TEA-B", "south", 0),
    ]
    value = translation.events[0][1]
    assert (value["as_of"], value["occurred_at"], value["basis"]) == (first, first, "PHYSICAL")
    assert translation.ignored == (OTHER_STATE,)


@pytest.mark.parametrize(
    ("name", "order_id"),
    [
        ("order_updated", "ORDER-A"),
        ("order_fulfillment_updated", "ORDER-A"),
        ("refund_updated", "ORDER-R"),
    ],
)
def test_what_only_names_an_order_asks_for_it(name: str, order_id: str) -> None:
    """Square's order and refund events carry ids."""
    translation = translate(ACCOUNT, "", fixture(f"square/{name}.json"))
    assert (translation.fetches, translation.events) == ((Fetch("order", order_id),), ())


def test_a_refund_that_is_not_completed_asks_for_nothing() -> None:
    """It will be sent again when it is."""
    body = fixture("square/refund_updated.json")
    body["data"]["object"]["refund"]["status"] = "PENDING"
    translation = translate(ACCOUNT, "", body)
    assert (translation.fetches, translation.ignored) == ((), (NOT_DONE,))


def test_an_open_order_promises_what_its_fulfilments_have_not_sent() -> None:
    """Lines summed by SKU; one of three was sent; an amount without a catalogue object is no goods."""
    translation = translate(ACCOUNT, "order", ORDER)
    assert brief(first_told(ACCOUNT, translation)) == [
        ("OrderPlaced", "order:ORDER-A:line:u1:placed", "TEA-A", "north", 3),
        ("SaleRecorded", "order:ORDER-A:line:u2:sold", "TEA-B", "north", 1),
        ("OrderPlaced", "order:ORDER-A:line:u2:placed", "TEA-B", "north", 2),
    ]
    assert translation.ignored == (NO_GOODS,)


def test_a_completed_order_of_a_till_is_a_sale() -> None:
    """When it was closed."""
    done = at(4, state="COMPLETED", closed_at="2026-05-01T10:00:00Z")
    events = first_told(ACCOUNT, translate(ACCOUNT, "order", done))
    assert [(record, value["sku"], value["quantity"]) for record, value in events] == [
        ("SaleRecorded", "TEA-A", 3),
        ("SaleRecorded", "TEA-B", 3),
    ]
    assert events[0][1]["occurred_at"] == ms("2026-05-01T10:00:00+00:00")


def test_a_canceled_order_keeps_what_was_sent() -> None:
    """And promises nothing else."""
    assert after(ORDER, at(4, state="CANCELED")) == {("TEA-B", "north"): (-1, 0)}
    assert after(at(4, state="CANCELED")) == {("TEA-B", "north"): (-1, 0)}


def test_versions_decide_in_any_order_of_arrival() -> None:
    """Edited down, then completed; each answer may come late or twice."""
    edited = at(4)
    edited["order"]["line_items"][1]["quantity"] = "1"
    done = at(5, state="COMPLETED", line_items=edited["order"]["line_items"])
    for arrival in permutations([ORDER, edited, done, ORDER]):
        assert after(*arrival) == {("TEA-A", "north"): (-3, 0), ("TEA-B", "north"): (-1, 0)}
    assert after(ORDER, edited) == {("TEA-A", "north"): (0, 3), ("TEA-B", "north"): (-1, 0)}


def test_a_fulfilment_of_everything_sends_everything() -> None:
    """Without entries."""
    body = at(4)
    body["order"]["fulfillments"] = [{"uid": "F", "state": "COMPLETED", "line_item_application": "ALL"}]
    assert after(ORDER, body) == {("TEA-A", "north"): (-3, 0), ("TEA-B", "north"): (-3, 0)}


def test_a_return_comes_back_as_the_account_says() -> None:
    """Square does not say whether goods can be sold again, so by default they are looked at first."""
    translation = translate(ACCOUNT, "order", fixture("square/order_of_return.json"))
    assert brief(translation.events) == [("ReturnReceived", "order:ORDER-R:return:ru1", "TEA-B", "north", 1)]
    assert translation.events[0][1]["disposition"] == "QUALITY_CONTROL"
    assert translation.orders == ()


def test_a_draft_promises_nothing() -> None:
    """Nobody has ordered it."""
    assert translate(ACCOUNT, "order", at(1, state="DRAFT")).ignored == (A_DRAFT,)


@pytest.mark.parametrize(
    ("quantity", "reasons_", "ignored"),
    [
        ("1.5", ["data.object.inventory_counts[0].quantity: a text, not a whole number"], 1),
        ("-4", [], 2),
        (None, ["data.object.inventory_counts[0].quantity: missing"], 1),
    ],
)
def test_figures_that_are_no_counts(quantity: object, reasons_: list[str], ignored: int) -> None:
    """Weights are refused; what is oversold counts nothing; the other counts are taken."""
    body = fixture("square/inventory_count_updated.json")
    body["data"]["object"]["inventory_counts"][0]["quantity"] = quantity
    translation = translate(ACCOUNT, "", body)
    assert reasons(translation) == reasons_
    assert len(translation.ignored) == ignored
    assert len(translation.events) == 1
    assert (BELOW_ZERO in translation.ignored) == (quantity == "-4")


def test_unknown_goods_and_places_are_refused() -> None:
    """By field: an id of the catalogue is never a SKU."""
    assert reasons(translate(Account("a", "s", locations={"LEX1": "x"}), "order", ORDER)) == [
        f"order.line_items[{index}].catalog_object_id: {name} is not among the account's skus"
        for index, name in enumerate(["VARA", "VARB", "VARA"])
    ]
    assert reasons(translate(ACCOUNT, "order", at(3, location_id="LEX9"))) == [
        "order.location_id: location LEX9 is not among the account's locations"
    ]


def test_a_bad_line_hides_no_good_one() -> None:
    """It is refused by its path, and does not count as taken out of the order."""
    bad = at(4)
    bad["order"]["line_items"][1]["quantity"] = "0.5"
    shelf = Shelf(ACCOUNT)
    shelf.take(translate(ACCOUNT, "order", ORDER))
    translation = translate(ACCOUNT, "order", bad)
    assert reasons(translation) == ["order.line_items[1].quantity: a text, not a whole number"]
    assert shelf.take(translation) == []


def test_other_events_move_nothing() -> None:
    """They are no mistakes either."""
    assert translate(ACCOUNT, "", {"type": "catalog.version.updated"}).ignored == (NOT_STOCK,)


def test_published_events() -> None:
    """A count, and four that ask for orders."""
    account = Account(
        "a", "s", locations={"YYQR03DGCTXA4": "shop"}, skus={"FGQ5JJWT2PYTHF35CKZ2DSKP": "COFFEE"}
    )
    count = translate(account, "", sample("square/InventoryCountUpdatedEvent.json"))
    as_of = ms("2019-10-29T18:38:45.102+00:00")
    event_id = f"inventory_count:FGQ5JJWT2PYTHF35CKZ2DSKP:YYQR03DGCTXA4:{as_of}:10"
    assert brief(count.events) == [("StockCounted", event_id, "COFFEE", "shop", 10)]
    asked = {
        name: translate(account, "", sample(f"square/{name}.json")).fetches
        for name in (
            "OrderCreatedEvent",
            "OrderUpdatedEvent",
            "OrderFulfillmentUpdatedEvent",
            "RefundUpdatedEvent",
        )
    }
    order = (Fetch("order", "eA3vssLHKJrv9H0IdJCM3gNqfdcZY"),)
    assert asked == {
        "OrderCreatedEvent": order,
        "OrderUpdatedEvent": order,
        "OrderFulfillmentUpdatedEvent": order,
        "RefundUpdatedEvent": (Fetch("order", "haOyDuHiqtAXMk0d8pDKXpL7Jg4F"),),
    }
