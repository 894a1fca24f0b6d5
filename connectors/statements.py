"""
Statements of orders as records of `channel-orders`.

A statement carries what its account says of events (source and sales channel), so that the order desk needs no file of
accounts, and tells the same whenever it is read.
"""

from typing import Any

from connectors.orders import Order
from connectors.translation import Account

RECORD = "ChannelOrder"
SEPARATOR = ":"


def key_of(account_id: str, order_id: str) -> bytes:
    """Return the key of an order; an account_id has no colon, so that two orders never share one."""
    return f"{account_id}{SEPARATOR}{order_id}".encode()


def statement(account: Account, order: Order) -> dict[str, Any]:
    """Return a ChannelOrder's value exactly as schemas/ has it."""
    return {
        "account_id": account.account_id,
        "source_id": account.source_id,
        "channel_id": account.channel_id,
        "orders_of": account.orders_of,
        "order_id": order.order_id,
        "revision": order.revision,
        "placed_at": order.placed_at,
        "changed_at": order.changed_at,
        "whole": order.whole,
        "items": [
            {
                "line_id": item.line_id,
                "sku": item.sku,
                "location_id": item.location_id,
                "ordered": item.ordered,
                "cancelled": item.cancelled,
                "shipped": item.shipped,
                "shipped_at": item.shipped_at,
            }
            for item in order.items
        ],
    }
