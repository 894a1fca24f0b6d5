"""Square's webhooks and fetched orders as Onhand's events: pure. README.md beside this file says what flows."""

from collections import defaultdict
from collections.abc import Iterator
from functools import partial

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
from streams.domain.events import PHYSICAL

COUNTED = "inventory.count.updated"
ORDERS = {
    "order.created": "order_created",
    "order.updated": "order_updated",
    "order.fulfillment.updated": "order_fulfillment_updated",
}
"""Events that name an order, and the object in which they do."""

REFUNDS = ("refund.created", "refund.updated")
ORDER = "order"

OPEN, COMPLETED, CANCELED, DRAFT = "OPEN", "COMPLETED", "CANCELED", "DRAFT"
FULFILMENT_STATES = ("PROPOSED", "RESERVED", "PREPARED", "COMPLETED", "CANCELED", "FAILED")
IN_STOCK = "IN_STOCK"
EVERYTHING = ""

NOT_DONE = "a refund that is not completed"
A_DRAFT = "a draft promises nothing"
NO_GOODS = "a line without a catalogue object is no goods"
OTHER_STATE = "only IN_STOCK counts what can be sold"


@translator
def translate(account: Account, topic: str, body: Part) -> Translation:
    """Translate a webhook's body, which says itself what it is; with topic `order`, what RetrieveOrder answered."""
    if topic == ORDER:
        return _order(account, body.part(ORDER))
    kind = body.text("type")
    if kind == COUNTED:
        return _counts(account, body)
    if kind in ORDERS:
        return _fetch(body.part(f"data.object.{ORDERS[kind]}"))
    if kind in REFUNDS:
        return _refund(body.part("data.object.refund"))
    return Translation(ignored=(NOT_STOCK,))


def _fetch(named: Part) -> Translation:
    """Ask for the order that a body only names."""
    return Translation(fetches=(Fetch(ORDER, named.identifier("order_id")),))


def _refund(body: Part) -> Translation:
    """Ask for a completed refund's order: money alone returns no goods."""
    if body.text("status") != COMPLETED:
        return Translation(ignored=(NOT_DONE,))
    return _fetch(body)


def _counts(account: Account, body: Part) -> Translation:
    found = Gathering()
    found.each(body, "data.object.inventory_counts", partial(_count, account, found))
    return found.result()


def _count(account: Account, found: Gathering, count: Part) -> Iterator[Event]:
    """Yield a count of what lies in a location ready to be sold."""
    variation, location = count.identifier("catalog_object_id"), count.identifier("location_id")
    if count.text("state") != IN_STOCK:
        found.ignore(OTHER_STATE)
        return
    if account.is_echo(location):
        found.ignore(ECHO)
        return
    quantity, as_of = figure(count, "quantity"), count.milliseconds("calculated_at")
    if quantity is None:
        found.ignore(BELOW_ZERO)
        return
    event_id = f"inventory_count:{variation}:{location}:{as_of}:{quantity}"
    if ("count", event_id) in found.seen:
        return
    found.seen.add(("count", event_id))
    yield account.counted(
        event_id,
        sku=account.sku_of(variation, count.where("catalog_object_id"), opaque=True),
        location_id=account.location_of(location, count.where("location_id")),
        quantity=quantity,
        as_of=as_of,
        basis=PHYSICAL,
        where=count.where("quantity"),
    )


def _order(account: Account, body: Part) -> Translation:
    """State an order by its state and its fulfilments, and return what it takes back of earlier ones."""
    found, lines = Gathering(), Lines()
    order_id, revision = body.identifier("id"), body.whole("version")
    state = body.one_of("state", (OPEN, COMPLETED, CANCELED, DRAFT))
    if state == DRAFT:
        return Translation(ignored=(A_DRAFT,))
    placed_at, changed_at = body.milliseconds("created_at"), body.milliseconds("updated_at")
    location = account.location_of(body.identifier("location_id"), body.where("location_id"))
    shipped_at = body.milliseconds("closed_at") if body.has("closed_at") else None
    sent = _sent(found, body)
    if found.refusals:
        return found.result()  # What was sent is unknown: better state nothing.
    found.visit(body, "line_items", partial(_line, account, location, found, lines, state, sent, shipped_at))
    for entry in body.parts("returns"):
        returned = partial(_returned, account, order_id, location, changed_at, found)
        found.each(entry, "return_line_items", returned)
    if lines.items or found.refusals:
        items = lines.result()
        found.orders.append(Order(order_id, revision, placed_at, changed_at, items, whole=not found.refusals))
    return found.result()


def _sent(found: Gathering, body: Part) -> dict[str, int]:
    """Return how many units of each line completed fulfilments have sent, and under EVERYTHING if one sent all."""
    sent: defaultdict[str, int] = defaultdict(int)

    def visit(fulfilment: Part) -> None:
        found.once(fulfilment, "uid", "fulfilment")
        if fulfilment.one_of("state", FULFILMENT_STATES) != COMPLETED:
            return
        if fulfilment.optional_text("line_item_application") != "ENTRY_LIST":
            sent[EVERYTHING] += 1
            return
        entries = [
            (entry.identifier("line_item_uid"), entry.whole("quantity"))
            for entry in fulfilment.parts("entries")
        ]
        for line_uid, quantity in entries:
            sent[line_uid] += quantity

    found.visit(body, "fulfillments", visit)
    return dict(sent)


def _line(
    account: Account,
    location_id: str,
    found: Gathering,
    lines: Lines,
    state: str,
    sent: dict[str, int],
    shipped_at: int | None,
    line: Part,
) -> None:
    uid = found.once(line, "uid")
    variation = line.optional_identifier("catalog_object_id")
    if variation is None:
        found.ignore(NO_GOODS)
        return
    sku = account.sku_of(variation, line.where("catalog_object_id"), opaque=True)
    with lines.line_of(sku):
        ordered = line.whole("quantity")
        everything = state == COMPLETED or EVERYTHING in sent
        shipped = ordered if everything else min(ordered, sent.get(uid, 0))
        cancelled = ordered - shipped if state == CANCELED else 0
        lines.add(Item(uid, sku, location_id, ordered, cancelled, shipped, shipped_at), line, "quantity")


def _returned(
    account: Account, order_id: str, location_id: str, occurred_at: int, found: Gathering, line: Part
) -> Iterator[Event]:
    uid = found.once(line, "uid", "return")
    variation = line.optional_identifier("catalog_object_id")
    quantity = line.whole("quantity")
    if variation is None or not quantity:
        found.ignore(NO_GOODS)
        return
    yield account.event(
        "ReturnReceived",
        f"order:{order_id}:return:{uid}",
        sku=account.sku_of(variation, line.where("catalog_object_id"), opaque=True),
        location_id=location_id,
        quantity=quantity,
        occurred_at=occurred_at,
        where=line.where("quantity"),
        disposition=account.returned_as,
    )
