"""WooCommerce's webhooks as Onhand's events: pure. README.md beside this file says what flows, what is left out."""

import re
from datetime import UTC
from functools import partial

from connectors.body import Part
from connectors.orders import Item, Lines, Order
from connectors.translation import (
    BELOW_ZERO,
    ECHO,
    NOT_STOCK,
    Account,
    Fetch,
    Gathering,
    Translation,
    figure,
    translator,
)
from streams.domain.events import NET_OF_ORDERS

UNPAID = ("pending", "checkout-draft", "auto-draft")
OPEN = ("on-hold", "processing")
COMPLETED, REFUNDED = "completed", "refunded"
ENDED = ("cancelled", "failed", "trash")
STATUSES = (*UNPAID, *OPEN, COMPLETED, REFUNDED, *ENDED)

RESTOCKED_KEY = "_restock_refunded_items"
"""Where WooCommerce keeps, for each line, how many refunded units it has put back into stock so far."""

ORDER_OF_REFUND = re.compile(r".*/orders/(\d{1,18})", re.ASCII)

NOT_COUNTED = "WooCommerce does not manage this product's stock"
NO_PRODUCT = "a line whose product is gone can't be told"


@translator
def translate(account: Account, topic: str, body: Part) -> Translation:
    """Translate the body of a webhook (order.updated, product.updated) or of a REST answer (order, product, refund)."""
    kind, _, change = topic.partition(".")
    if change == "deleted" and kind == "order":
        # It names no line. WooCommerce's own stock keeps what the order had taken, too.
        raise body.refuse(
            "id", "a deleted order does not say what it held: cancel orders before deleting them"
        )
    if change == "deleted" or kind not in _TRANSLATORS:
        return Translation(ignored=(NOT_STOCK,))
    return _TRANSLATORS[kind](account, body)


def _order(account: Account, body: Part) -> Translation:
    """State an order by its status."""
    found, lines = Gathering(), Lines()
    order_id = body.identifier("id")
    status = body.one_of("status", STATUSES)
    placed_at = body.milliseconds("date_created_gmt", zone=UTC)
    changed_at = body.milliseconds("date_modified_gmt", zone=UTC)
    shipped_at = body.milliseconds("date_completed_gmt", zone=UTC) if body.has("date_completed_gmt") else None
    if status == COMPLETED:
        shipped_at = shipped_at or changed_at
    elif status != REFUNDED:
        shipped_at = None
    found.visit(body, "line_items", partial(_line, account, found, lines, status, shipped_at))
    order = Order(order_id, changed_at, placed_at, changed_at, lines.result(), whole=not found.refusals)
    found.orders.append(order)
    return found.result()


def _line(
    account: Account, found: Gathering, lines: Lines, status: str, shipped_at: int | None, line: Part
) -> None:
    line_id = found.once(line, "id")
    sku = _sku(account, line, ("variation_id", "product_id"))
    if sku is None:
        found.ignore(NO_PRODUCT)
        return
    with lines.line_of(sku):
        item = _item(account.location_of(None, line.where("id")), status, shipped_at, line_id, sku, line)
        lines.add(item, line, "quantity")


def _item(location_id: str, status: str, shipped_at: int | None, line_id: str, sku: str, line: Part) -> Item:
    """Return what a status says of a line: sent, promised, or neither."""
    quantity = line.whole("quantity")
    restocked = min(_restocked(line), quantity)
    ordered = 0 if status in UNPAID else quantity
    if shipped_at is not None:
        cancelled, shipped = restocked, quantity - restocked
    else:
        cancelled, shipped = (quantity if status in {*ENDED, REFUNDED} else min(restocked, ordered)), 0
    return Item(line_id, sku, location_id, ordered, cancelled, shipped, shipped_at)


def _sku(account: Account, body: Part, names: tuple[str, ...]) -> str | None:
    """Return a SKU: its own, or that of the first product number that is not 0; None without any."""
    sku = body.optional_text("sku")
    if sku is not None:
        return account.sku_of(sku, body.where("sku"))
    for name in names:
        number = body.optional_identifier(name)
        if number not in {None, "0"}:
            assert number is not None
            return account.sku_of(number, body.where(name), opaque=True)
    return None


def _restocked(line: Part) -> int:
    """Return how many units of a line were refunded and put back into stock so far."""
    for entry in line.parts("meta_data"):
        if entry.value.get("key") == RESTOCKED_KEY:
            return entry.whole("value")
    return 0


def _refund(_account: Account, body: Part) -> Translation:
    """Ask for the order that a refund belongs to: the order's lines say what of it went back into stock."""
    for link in body.parts("_links.up"):
        match = ORDER_OF_REFUND.fullmatch(link.text("href"))
        if match is not None:
            return Translation(fetches=(Fetch("order", match[1]),))
    raise body.refuse("_links.up", "names no order")


def _product(account: Account, body: Part) -> Translation:
    """Return a product's stock quantity as a count of what is not yet promised."""
    product_id = body.identifier("id")
    if account.is_echo():
        return Translation(ignored=(ECHO,))
    if body.value.get("manage_stock") is not True or not body.has("stock_quantity"):
        return Translation(ignored=(NOT_COUNTED,))
    as_of = body.milliseconds("date_modified_gmt", zone=UTC)
    quantity = figure(body, "stock_quantity")
    if quantity is None:
        return Translation(ignored=(BELOW_ZERO,))
    sku = _sku(account, body, ("id",))
    if sku is None:
        raise body.refuse("sku", "missing or empty")
    event = account.counted(
        f"product:{product_id}:stock:{as_of}:{quantity}",
        sku=sku,
        location_id=account.location_of(None, body.where("stock_quantity")),
        quantity=quantity,
        as_of=as_of,
        basis=NET_OF_ORDERS,
        where=body.where("stock_quantity"),
    )
    return Translation(events=(event,))


_TRANSLATORS = {"order": _order, "product": _product, "refund": _refund}
