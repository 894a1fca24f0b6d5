"""
Rows of UCI Online Retail as Onhand's events: pure, and fixed, so that anyone can check the result.

Design, "Real input", is where every rule here comes from.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

SOURCE_ID = "online-retail"
COLUMNS = ("InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "Country")
CANCELLATION_PREFIX = "C"
GOODS = re.compile(r"[0-9]{5}[A-Z]*")

CHANNELS = {"United Kingdom": "pos", "EIRE": "web", "Germany": "web", "France": "web", "Netherlands": "web"}
OTHER_CHANNEL = "marketplace"
LOCATIONS = {"pos": "store-london"}
OTHER_LOCATION = "dc-leeds"

OPENED_AT = 1_291_075_200_000  # 2010-11-30T00:00:00Z, the day before the first sale; UTC milliseconds.

NOT_GOODS = "not goods"
NO_QUANTITY = "quantity 0"
POSITIVE_CANCELLATION = "cancellation with a positive quantity"

DATE_CACHE_ENTRIES = 4_096  # All rows of an invoice have one date, and invoices come in order of time.

Event = tuple[str, dict[str, Any]]
"""Name of a record, and its value."""


class InvalidRow(ValueError):
    """A row that can't be understood; the message says why."""


@lru_cache(DATE_CACHE_ENTRIES)
def milliseconds(text: str) -> int:
    """Return an InvoiceDate, YYYY-MM-DD hh:mm:ss in UTC, as milliseconds. Raises InvalidRow."""
    try:
        moment = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        raise InvalidRow(f"InvoiceDate {text!r} is not YYYY-MM-DD hh:mm:ss") from None
    return int(moment.timestamp()) * 1_000


def whole(text: str) -> int:
    """Return a Quantity. Raises InvalidRow."""
    try:
        return int(text)
    except ValueError:
        raise InvalidRow(f"Quantity {text!r} is no whole number") from None


def event_of(
    invoice: str, ordinal: int, code: str, quantity_text: str, date: str, country: str
) -> Event | str:
    """
    Return the event that a row stands for, or the reason why it is left out.

    ordinal is the row's number within its invoice, from 1. Raises InvalidRow.
    """
    sku = code.upper()
    if not GOODS.fullmatch(sku):
        return NOT_GOODS
    quantity = whole(quantity_text)
    if quantity == 0:
        return NO_QUANTITY
    channel_id = CHANNELS.get(country, OTHER_CHANNEL)
    value: dict[str, Any] = {
        "event_id": f"{invoice}:{ordinal}",
        "source_id": SOURCE_ID,
        "sku": sku,
        "location_id": LOCATIONS.get(channel_id, OTHER_LOCATION),
        "channel_id": channel_id,
        "quantity": quantity,
        "occurred_at": milliseconds(date),
    }
    if invoice.startswith(CANCELLATION_PREFIX):
        if quantity > 0:
            return POSITIVE_CANCELLATION
        value["quantity"] = -quantity
        value |= {"disposition": "SELLABLE", "order_id": None}
        return "ReturnReceived", value
    if quantity > 0:
        return "SaleRecorded", value
    value["reason"] = "OTHER"
    return "StockAdjusted", value


def opening_receipt(sku: str, location_id: str, quantity: int) -> Event:
    """Return the receipt that gives a SKU its opening stock at a location."""
    return "GoodsReceived", {
        "event_id": f"opening:{location_id}:{sku}",
        "source_id": SOURCE_ID,
        "sku": sku,
        "location_id": location_id,
        "channel_id": None,
        "quantity": quantity,
        "occurred_at": OPENED_AT,
        "inbound_id": None,
    }
