"""
Amazon's notifications as Onhand's events: pure. README.md beside this file says what flows, what is left out.

Amazon writes some notifications' keys as `NotificationType` and others' as `notificationType`, so keys are read in
lower case, and so are the paths in refusals.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from connectors.body import Part, Untranslatable
from connectors.orders import Item, Lines, Order
from connectors.translation import (
    BELOW_ZERO,
    ECHO,
    NOT_STOCK,
    Account,
    Event,
    Gathering,
    Translation,
    figure,
    translator,
)
from streams.domain.events import NET_OF_ORDERS

BY_SELLER, BY_AMAZON = "MFN", "AFN"
CANCELED, SHIPPED, PRE_ORDER = "Canceled", "Shipped", "PendingAvailability"
ORDER_STATUSES = (
    "Pending",
    "Unshipped",
    "PartiallyShipped",
    SHIPPED,
    CANCELED,
    "Unfulfillable",
    "InvoiceUnconfirmed",
    PRE_ORDER,
)
ORDER_LEVEL, ITEM_LEVEL = "OrderLevel", "OrderItemLevel"
OWN_STOCK = "DEFAULT"
"""The fulfilment channel of goods that the seller sends from wherever he likes."""

AMAZONS_ORDER = "Amazon sends this order from its own warehouse, whose stock it counts by itself"
NOT_YET = "a pre-order promises no stock that is there"
OTHER_MARKETPLACE = "a marketplace that is not among the account's locations"


@translator
def translate(account: Account, _topic: str, body: Part) -> Translation:
    """Translate a notification, which says itself what it is."""
    body = Part(_lowered(body.value, ""))
    take = _TRANSLATORS.get(body.text("notificationtype"))
    return take(account, body) if take else Translation(ignored=(NOT_STOCK,))


def _lowered(value: Any, where: str) -> Any:
    """Return a copy with all keys in lower case; its depth is bounded. Raises Untranslatable if two become one."""
    if isinstance(value, list):
        return [_lowered(entry, f"{where}[{index}]") for index, entry in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    copy: dict[str, Any] = {}
    for key, entry in value.items():
        low = key.lower()
        if low in copy:
            raise Untranslatable(where, "two of its keys differ only in case")
        copy[low] = _lowered(entry, f"{where}.{low}" if where else low)
    return copy


def _order(account: Account, body: Part) -> Translation:
    """State an order by what was ordered and shipped of each of its items."""
    change = body.part("payload.orderchangenotification")
    summary = change.part("summary")
    if summary.one_of("fulfillmenttype", (BY_SELLER, BY_AMAZON)) == BY_AMAZON:
        return Translation(ignored=(AMAZONS_ORDER,))
    status = summary.one_of("orderstatus", ORDER_STATUSES)
    if status == PRE_ORDER:
        return Translation(ignored=(NOT_YET,))
    revision = body.milliseconds("eventtime")
    changed_at = _time_or(change, "orderchangetrigger.timeoforderchange", revision)
    found, lines = Gathering(), Lines()
    order_id, placed_at = change.identifier("amazonorderid"), _time_or(summary, "purchasedate", changed_at)
    level = change.one_of("notificationlevel", (ORDER_LEVEL, ITEM_LEVEL))
    found.visit(summary, "orderitems", partial(_item, account, found, lines, status))
    whole = level == ORDER_LEVEL and not found.refusals
    found.orders.append(Order(order_id, revision, placed_at, changed_at, lines.result(), whole=whole))
    return found.result()


def _item(account: Account, found: Gathering, lines: Lines, status: str, item: Part) -> None:
    item_id = found.once(item, "orderitemid")
    sku = account.sku_of(item.text("sellersku"), item.where("sellersku"))
    with lines.line_of(sku):
        lines.add(_stated(account, status, item_id, sku, item), item, "quantity")


def _stated(account: Account, status: str, item_id: str, sku: str, item: Part) -> Item:
    ordered = item.whole("quantity")
    shipped = item.whole("quantityshipped") if item.has("quantityshipped") else 0
    if status == SHIPPED and not item.has("quantityshipped"):
        shipped = ordered
    cancelled = max(0, ordered - shipped) if status == CANCELED else 0
    source = item.optional_identifier("supplysourceid")
    location_id = account.location_of(source, item.where("supplysourceid"))
    return Item(item_id, sku, location_id, ordered, cancelled, shipped)


def _time_or(body: Part, name: str, otherwise: int) -> int:
    return body.milliseconds(name) if body.has(name) else otherwise


def _listing(account: Account, body: Part) -> Translation:
    """Return a listing's quantity as a count of what is not yet promised."""
    payload = body.part("payload")
    channel = payload.identifier("fulfillmentchannelcode")
    if channel == OWN_STOCK and account.is_echo():
        return Translation(ignored=(ECHO,))
    own = channel == OWN_STOCK and channel not in account.locations
    return _count(
        account,
        f"notification:{body.identifier('notificationmetadata.notificationid')}",
        account.sku_of(payload.text("sku"), payload.where("sku")),
        account.location_of(None if own else channel, payload.where("fulfillmentchannelcode")),
        payload,
        "quantity",
        body.milliseconds("eventtime"),
    )


def _fba(account: Account, body: Part) -> Translation:
    """Return what Amazon's warehouses can send, for each marketplace that the account has a location for."""
    found, payload = Gathering(), body.part("payload")
    sku, as_of = account.sku_of(payload.text("sku"), payload.where("sku")), body.milliseconds("eventtime")
    # Not every version of this notification has an id; its SKU's identity at Amazon and its time are one as well.
    fnsku = payload.identifier("fnsku")
    taken: set[str] = set()

    def take(place: Part) -> Iterator[Event]:
        marketplace = found.once(place, "marketplaceid")
        if account.locations and marketplace not in account.locations:
            found.ignore(OTHER_MARKETPLACE)
            return
        location_id = account.location_of(marketplace, place.where("marketplaceid"))
        if location_id in taken:
            raise place.refuse("marketplaceid", "two marketplaces of one location: which one counts it?")
        taken.add(location_id)
        inventory = place.part("fulfillmentinventory")
        event_id = f"fba:{fnsku}:{marketplace}:{as_of}"
        counted = _count(account, event_id, sku, location_id, inventory, "fulfillable", as_of)
        for reason in counted.ignored:
            found.ignore(reason)
        yield from counted.events

    found.each(payload, "fulfillmentinventorybymarketplace", take)
    return found.result()


def _inventory_event(account: Account, body: Part) -> Translation:
    """Return what Amazon holds of a vendor's goods at the end of each hour that is told of."""
    found = Gathering()

    def take(change: Part) -> Iterator[Event]:
        asin, marketplace = change.identifier("asin"), change.identifier("marketplaceid")
        as_of = change.milliseconds("endtime")
        key = f"inventory_event:{asin}:{marketplace}:{as_of}"
        if (key, "") in found.seen:
            raise change.refuse("endtime", "the same item, marketplace and hour are there twice")
        found.seen.add((key, ""))
        counted = _count(
            account,
            key,
            account.sku_of(asin, change.where("asin"), opaque=True),
            account.location_of(marketplace, change.where("marketplaceid")),
            change,
            "highlyavailableinventory",
            as_of,
        )
        for reason in counted.ignored:
            found.ignore(reason)
        yield from counted.events

    found.each(body, "payload.iteminventoryeventchanges", take)
    return found.result()


def _count(
    account: Account, event_id: str, sku: str, location_id: str, body: Part, name: str, as_of: int
) -> Translation:
    """Return a quantity as a count, which open orders have been taken from already."""
    quantity = figure(body, name)
    if quantity is None:
        return Translation(ignored=(BELOW_ZERO,))
    event = account.counted(
        f"{event_id}:{quantity}",
        sku=sku,
        location_id=location_id,
        quantity=quantity,
        as_of=as_of,
        basis=NET_OF_ORDERS,
        where=body.where(name),
    )
    return Translation(events=(event,))


_TRANSLATORS = {
    "ORDER_CHANGE": _order,
    "LISTINGS_ITEM_MFN_QUANTITY_CHANGE": _listing,
    "FBA_INVENTORY_AVAILABILITY_CHANGES": _fba,
    "ITEM_INVENTORY_EVENT_CHANGE": _inventory_event,
}
