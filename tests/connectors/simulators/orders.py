"""Orders as vendors tell of them: the least that each vendor's webhook has, in its own shape."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any


def now() -> str:
    """Return this moment as bodies have it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def shopify_order(number: int, sku: str, quantity: int, revised_at: str = "") -> dict[str, Any]:
    """An order of one line that is paid and not yet sent."""
    placed_at = now()
    return {
        "id": number,
        "created_at": placed_at,
        "updated_at": revised_at or placed_at,
        "cancelled_at": None,
        "location_id": None,
        "line_items": [{"id": number * 10, "variant_id": 1, "sku": sku, "quantity": quantity}],
        "fulfillments": [],
        "refunds": [],
    }


def shopify_cancelled(order: dict[str, Any]) -> dict[str, Any]:
    """The same order, cancelled."""
    moment = now()
    return order | {"cancelled_at": moment, "updated_at": moment}


def shopify_level(item: str, location: str, available: int) -> dict[str, Any]:
    """What Shopify tells of a figure that has changed, whoever changed it."""
    return {
        "inventory_item_id": int(item),
        "location_id": int(location),
        "available": available,
        "updated_at": now(),
    }


def square_order(identifier: str, location: str, variation: str, quantity: int) -> dict[str, Any]:
    """An order of a till: paid, and taken home."""
    moment = now()
    return {
        "id": identifier,
        "version": 3,
        "state": "COMPLETED",
        "location_id": location,
        "created_at": moment,
        "updated_at": moment,
        "closed_at": moment,
        "line_items": [{"uid": "L1", "catalog_object_id": variation, "quantity": str(quantity)}],
    }


def square_event(order: dict[str, Any]) -> dict[str, Any]:
    """What Square tells of an order: that there is one."""
    named = {"order_id": order["id"], "location_id": order["location_id"], "state": order["state"]}
    return {
        "type": "order.updated",
        "event_id": f"e-{order['id']}",
        "created_at": order["updated_at"],
        "data": {
            "type": "order_updated",
            "id": order["id"],
            "object": {"order_updated": named | {"version": 3}},
        },
    }


def square_count(variation: str, location: str, quantity: int) -> dict[str, Any]:
    """What Square tells of a count that has changed, whoever changed it."""
    count = {
        "catalog_object_id": variation,
        "location_id": location,
        "state": "IN_STOCK",
        "quantity": str(quantity),
        "calculated_at": now(),
    }
    return {"type": "inventory.count.updated", "data": {"object": {"inventory_counts": [count]}}}


def woocommerce_order(number: int, sku: str, quantity: int) -> dict[str, Any]:
    """An order that is paid and not yet sent; WooCommerce's times have no zone, and no fractions."""
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    line = {"id": number * 10, "product_id": 1, "variation_id": 0, "sku": sku, "quantity": quantity}
    return {
        "id": number,
        "status": "processing",
        "date_created_gmt": moment,
        "date_modified_gmt": moment,
        "date_completed_gmt": None,
        "line_items": [line | {"meta_data": []}],
    }


def encoded(body: dict[str, Any]) -> bytes:
    """A body as it is sent."""
    return json.dumps(body).encode()
