"""Shopify's webhooks as Onhand's events: pure. README.md beside this file says what flows, and what is left out."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from connectors.body import Part
from connectors.orders import Item, Lines, Order
from connectors.translation import (
    BELOW_ZERO,
    ECHO,
    NOT_STOCK,
    Account,
    Event,
    Fetch,
    Gathering,
    Translation,
    figure,
    translator,
)
from streams.domain.events import NET_OF_ORDERS, SELLABLE

ORDER, FULFILLMENT, REFUND, LEVEL, EDIT = "order", "fulfillment", "refund", "inventory_level", "order_edit"
KINDS = {
    "orders/create": ORDER,
    "orders/updated": ORDER,
    "orders/cancelled": ORDER,
    "orders/fulfilled": ORDER,
    "orders/partially_fulfilled": ORDER,
    "orders/paid": ORDER,
    "orders/edited": EDIT,
    "fulfillments/create": FULFILLMENT,
    "fulfillments/update": FULFILLMENT,
    "refunds/create": REFUND,
    "inventory_levels/update": LEVEL,
    "inventory_levels/connect": LEVEL,
}
"""What a topic's body is; REST wraps each in an object with the kind as its only key."""

SHIPPED = "success"
NOT_SHIPPED = ("pending", "open", "cancelled", "error", "failure")
CANCEL, RETURN, NO_RESTOCK, LEGACY_RESTOCK = "cancel", "return", "no_restock", "legacy_restock"

NO_SKU = "a line without variant and SKU is no goods: a tip, a gift card, a custom item"
NOT_RESTOCKED = "a refund without restock moves no goods"
NOT_TRACKED = "Shopify does not track this item's stock"


class Shipment(NamedTuple):
    """Units of one line that left a location, None for the order's own."""

    location: str | None
    quantity: int
    shipped_at: int


@dataclass(slots=True)
class Story:
    """What happened to an order's lines, by line id."""

    shipments: defaultdict[str, list[Shipment]] = field(default_factory=lambda: defaultdict(list))
    cancelled: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))


@translator
def translate(account: Account, topic: str, body: Part) -> Translation:
    """Translate the body of a webhook, or of a REST answer with or without its topic."""
    kind = KINDS.get(topic, next((kind for kind in _TRANSLATORS if set(body.value) == {kind}), None))
    if kind is None:
        return Translation(ignored=(NOT_STOCK,))
    inner = body.part(kind) if set(body.value) == {kind} else body
    return _TRANSLATORS[kind](account, inner)


def _order(account: Account, body: Part) -> Translation:
    """State an order by its lines, fulfilments and refunds, all of which each of its webhooks carries."""
    found, story, lines = Gathering(), Story(), Lines()
    order_id = body.identifier("id")
    revision, placed_at = body.milliseconds("updated_at"), body.milliseconds("created_at")
    home = account.location_of(body.optional_identifier("location_id"), body.where("location_id"))
    is_cancelled = body.has("cancelled_at")
    found.visit(body, "fulfillments", partial(_fulfilment, found, story))
    found.visit(body, "refunds", partial(_refunded, account, order_id, found, story))
    if found.refusals:
        return found.result()  # Of what was sent or cancelled something is unknown: better state nothing.
    found.visit(body, "line_items", partial(_line, account, home, found, story, lines, is_cancelled))
    found.orders.append(
        Order(order_id, revision, placed_at, revision, lines.result(), whole=not found.refusals)
    )
    return found.result()


def _fulfilment(found: Gathering, story: Story, body: Part) -> None:
    """Add a fulfilment's lines to the story if its goods have left."""
    found.once(body, "id", FULFILLMENT)
    if body.one_of("status", (SHIPPED, *NOT_SHIPPED)) != SHIPPED:
        return
    location, shipped_at = body.optional_identifier("location_id"), body.milliseconds("created_at")
    shipments = [
        (line.identifier("id"), Shipment(location, line.whole("quantity"), shipped_at))
        for line in body.parts("line_items")
    ]
    for line_id, shipment in shipments:
        story.shipments[line_id].append(shipment)


def _line(
    account: Account,
    home: str,
    found: Gathering,
    story: Story,
    lines: Lines,
    is_cancelled: bool,  # noqa: FBT001 - one of many that partial binds
    line: Part,
) -> None:
    """Add a line to the items: what the order's own location has to send, and what others have sent instead."""
    line_id = found.once(line, "id")
    sku = _sku(account, line)
    if sku is None:
        found.ignore(NO_SKU)
        return
    with lines.line_of(sku):
        for item in _items(account, home, story, is_cancelled, line_id, sku, line):
            lines.add(item, line, "quantity")


def _items(
    account: Account,
    home: str,
    story: Story,
    is_cancelled: bool,  # noqa: FBT001 - the same
    line_id: str,
    sku: str,
    line: Part,
) -> Iterator[Item]:
    ordered, here, shipped_at = line.whole("quantity"), 0, 0
    for shipment in story.shipments[line_id]:
        location_id = home
        if shipment.location is not None:
            location_id = account.location_of(shipment.location, line.where("id"))
        if location_id == home:
            here, shipped_at = here + shipment.quantity, max(shipped_at, shipment.shipped_at)
        elif shipment.quantity:
            ordered = max(0, ordered - shipment.quantity)
            named = f"{line_id}:from:{shipment.location}"
            quantity = shipment.quantity
            yield Item(named, sku, location_id, quantity, 0, quantity, shipment.shipped_at)
    cancelled = ordered if is_cancelled else story.cancelled[line_id]
    cancelled = min(cancelled, max(0, ordered - here))
    yield Item(line_id, sku, home, ordered, cancelled, here, shipped_at or None)


def _sku(account: Account, line: Part) -> str | None:
    """Return a line's SKU: its own, or that of its variant; None for what is no goods."""
    sku = line.optional_text("sku")
    if sku is not None:
        return account.sku_of(sku, line.where("sku"))
    variant = line.optional_identifier("variant_id")
    if variant is None or line.flag("gift_card"):
        return None
    return account.sku_of(variant, line.where("variant_id"), opaque=True)


def _refunded(account: Account, order_id: str, found: Gathering, story: Story, body: Part) -> None:
    """Add a refund's returns to what is found, and its cancellations to the story."""
    refund_id, refunded_at = found.once(body, "id", REFUND), body.milliseconds("created_at")
    event_id = f"order:{order_id}:refund:{refund_id}"

    def take(line: Part) -> Iterator[Event]:
        restock = _restock(body, line)
        if restock == CANCEL:
            story.cancelled[line.identifier("line_item_id")] += line.whole("quantity")
        elif restock == RETURN:
            yield from _returned(account, event_id, refunded_at, found, line)
        else:
            found.ignore(NOT_RESTOCKED)

    found.each(body, "refund_line_items", take)


def _refund(account: Account, body: Part) -> Translation:
    """Return a refund's returns; what it cancels only the order can say, for it knows where that was promised."""
    found, story = Gathering(), Story()
    order_id = body.identifier("order_id")
    _refunded(account, order_id, found, story, body)
    if story.cancelled:
        found.fetches.append(Fetch(ORDER, order_id))
    return found.result()


def _restock(refund: Part, line: Part) -> str:
    """Return what became of a refund line's goods; before restock types, the line's own state said it."""
    if line.has("restock_type"):
        restock = line.one_of("restock_type", (CANCEL, RETURN, NO_RESTOCK, LEGACY_RESTOCK))
        if restock != LEGACY_RESTOCK:
            return restock
    elif not refund.flag("restock"):
        return NO_RESTOCK
    fulfilled = line.optional_text("line_item.fulfillment_status")
    if fulfilled not in {None, "fulfilled"}:
        raise line.refuse("restock_type", "an old restock of a line that was sent in part")
    return RETURN if fulfilled else CANCEL


def _returned(
    account: Account, event_id: str, refunded_at: int, found: Gathering, line: Part
) -> Iterator[Event]:
    line_id = found.once(line, "id", "refund_line_item")
    sku = _sku(account, line.part("line_item"))
    quantity = line.whole("quantity")
    if sku is None or not quantity:
        found.ignore(NO_SKU if sku is None else NOT_RESTOCKED)
        return
    yield account.event(
        "ReturnReceived",
        f"{event_id}:line:{line_id}:returned",
        sku=sku,
        location_id=account.location_of(line.optional_identifier("location_id"), line.where("location_id")),
        quantity=quantity,
        occurred_at=refunded_at,
        where=line.where("quantity"),
        disposition=SELLABLE,
    )


def _named_order(name: str, _account: Account, body: Part) -> Translation:
    """Ask for the order that a body is about, since only the order says where its goods were promised."""
    return Translation(fetches=(Fetch(ORDER, body.identifier(name)),))


def _level(account: Account, body: Part) -> Translation:
    """Return an inventory level as a count of what is not yet promised."""
    item, location = body.identifier("inventory_item_id"), body.identifier("location_id")
    as_of = body.milliseconds("updated_at")
    if account.is_echo(location):
        return Translation(ignored=(ECHO,))
    if not body.has("available"):
        return Translation(ignored=(NOT_TRACKED,))
    quantity = figure(body, "available")
    if quantity is None:
        return Translation(ignored=(BELOW_ZERO,))
    event = account.counted(
        f"inventory_level:{item}:{location}:{as_of}:{quantity}",
        sku=account.sku_of(item, body.where("inventory_item_id"), opaque=True),
        location_id=account.location_of(location, body.where("location_id")),
        quantity=quantity,
        as_of=as_of,
        basis=NET_OF_ORDERS,
        where=body.where("available"),
    )
    return Translation(events=(event,))


_TRANSLATORS: dict[str, Callable[[Account, Part], Translation]] = {
    ORDER: _order,
    FULFILLMENT: partial(_named_order, "order_id"),
    REFUND: _refund,
    LEVEL: _level,
    EDIT: partial(_named_order, "order_id"),
}
