"""Senders as the vendors' own: accounts of every kind, and requests that are signed as each kind signs."""

from __future__ import annotations

import hmac
import json
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from connectors.publish import rfc3339
from connectors.standard_webhooks import signature as standard_webhooks
from tests.connectors.translating import FIXTURES

ACCOUNTS = """
[accounts.shop]
kind = "shopify"
channel_id = "web"
source_id = "shopify-shop"
secrets = ["env:SHOP_NEW", "env:SHOP_OLD"]
default_location_id = "warehouse"
locations = { 41 = "warehouse", 42 = "store" }
skus = { 2001 = "MUG-BLUE", 7004 = "MUG-GREEN" }

[accounts.candles]
kind = "woocommerce"
channel_id = "web"
secrets = ["env:CANDLES"]
default_location_id = "home"
skus = { 63 = "WICK" }

[accounts.tea]
kind = "square"
channel_id = "pos"
secrets = ["env:TEA"]
notification_url = "https://stock.example/in/tea"
locations = { LEX1 = "north", LEX2 = "south" }
skus = { VARA = "TEA-A", VARB = "TEA-B" }
api = { base_url = "SQUARE", token = "env:TEA_TOKEN" }

[accounts.soap]
kind = "amazon"
channel_id = "marketplace"
secrets = ["env:SOAP"]
default_location_id = "home"
locations = { SRC-1 = "annex", MKT-A = "fba-a", MKT-B = "fba-b" }

[accounts.dock]
kind = "epcis"
secrets = ["env:DOCK"]
locations = { "urn:epc:id:sgln:4012345.00011.0" = "dc-north" }

[accounts.supplier]
kind = "edifact"
secrets = ["env:SUPPLIER"]
locations = { 4012345000115 = "dc-bonn" }
time_zone = "Europe/Berlin"

[accounts.wholesale]
kind = "x12"
secrets = ["env:WHOLESALE"]
default_location_id = "dc-north"

[accounts.erp]
kind = "standard_webhooks"
secrets = ["env:ERP"]
locations = { bonn = "store-bonn", leeds = "dc-leeds", warehouse = "warehouse" }
default_location_id = "dc-leeds"

[accounts.small]
kind = "standard_webhooks"
secrets = ["env:ERP"]
default_location_id = "dc-leeds"
limits = { body_bytes = 2048, requests_per_second = 0.001, burst_requests = 3 }

[accounts.silent]
kind = "woocommerce"
channel_id = "web"
directions = ["out"]
api = { base_url = "https://candles.example", consumer_key = "env:K", consumer_secret = "env:S" }
"""

SECRETS = {
    "SHOP_NEW": "shop-new",
    "SHOP_OLD": "shop-old",
    "CANDLES": "candles-secret",
    "TEA": "tea-key",
    "TEA_TOKEN": "tea-token",
    "SOAP": "soap-token",
    "DOCK": "dock-token",
    "SUPPLIER": "supplier-token",
    "WHOLESALE": "wholesale-token",
    "ERP": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}


class Delivery(NamedTuple):
    """One request of a channel: to which account, with what headers, and the body."""

    account_id: str
    headers: dict[str, str]
    body: bytes

    def forged(self) -> Delivery:
        """The same with another body, which its signature does not fit; bearer tokens are another."""
        headers = {
            name: "Bearer other" if name == "Authorization" else value for name, value in self.headers.items()
        }
        return self._replace(headers=headers, body=self.body + b" ")


def _hmac(secret: str, message: bytes) -> str:
    return b64encode(hmac.digest(secret.encode(), message, "sha256")).decode()


def shopify(topic: str, body: bytes, secret: str = "shop-new", prefix: str = "X-Shopify") -> Delivery:
    """A webhook of Shopify."""
    headers = {f"{prefix}-Topic": topic, f"{prefix}-Hmac-Sha256": _hmac(secret, body)}
    return Delivery("shop", headers | {f"{prefix}-Webhook-Id": "w-1", "Cookie": "private"}, body)


def woocommerce(topic: str, body: bytes) -> Delivery:
    """A webhook of WooCommerce."""
    headers = {
        "X-WC-Webhook-Topic": topic,
        "X-WC-Webhook-Signature": _hmac(SECRETS["CANDLES"], body),
        "X-WC-Webhook-Delivery-ID": "d-1",
    }
    return Delivery("candles", headers, body)


def square(body: bytes, url: str = "https://stock.example/in/tea") -> Delivery:
    """A webhook of Square, signed with the address that it was sent to."""
    return Delivery(
        "tea", {"x-square-hmacsha256-signature": _hmac(SECRETS["TEA"], url.encode() + body)}, body
    )


def bearer(account_id: str, body: bytes) -> Delivery:
    """A request that bears its account's token."""
    return Delivery(account_id, {"Authorization": f"Bearer {SECRETS[account_id.upper()]}"}, body)


def standard(body: bytes, account_id: str = "erp", at: float | None = None, message_id: str = "") -> Delivery:
    """A Standard Webhook, signed now unless said otherwise."""
    message_id = message_id or f"msg_{uuid4().hex}"
    headers = standard_webhooks.headers(SECRETS["ERP"], message_id, int(at or time.time()), body)
    return Delivery(account_id, headers, body)


def raw(name: str) -> bytes:
    """A body of the project's own, as it is sent."""
    return (FIXTURES / name).read_bytes()


def event(record: str, sku: str, quantity: int, event_id: str = "", **more: Any) -> bytes:
    """The body of a Standard Webhook: something that happened a minute ago."""
    data = {"sku": sku, "quantity": quantity, "occurred_at": a_minute_ago(), **more}
    return json.dumps({"type": record, "data": data | ({"event_id": event_id} if event_id else {})}).encode()


def a_minute_ago() -> str:
    """A time as bodies have it."""
    return rfc3339(int((time.time() - 60) * 1_000)).decode()


def sale(sku: str, event_id: str = "", quantity: int = 1) -> bytes:
    """The body of a Standard Webhook that is a sale."""
    return event("SaleRecorded", sku, quantity, event_id)


def good_deliveries() -> dict[str, Callable[[], Delivery]]:
    """A delivery of each kind that moves stock, made when it is called: timestamps grow old."""
    return {
        "shopify": lambda: shopify("orders/create", raw("shopify/order_created.json")),
        "shopify by the old secret": lambda: shopify(
            "orders/updated", raw("shopify/order_updated.json"), secret="shop-old"
        ),
        "shopify without prefix": lambda: shopify(
            "inventory_levels/update", raw("shopify/inventory_level.json"), prefix="Shopify"
        ),
        "woocommerce": lambda: woocommerce("order.updated", raw("woocommerce/order_processing.json")),
        "square": lambda: square(raw("square/inventory_count_updated.json")),
        "amazon": lambda: bearer("soap", raw("amazon/order_change.json")),
        "amazon by EventBridge": lambda: bearer("soap", eventbridge(raw("amazon/fba_availability.json"))),
        "epcis": lambda: bearer("dock", raw("epcis/event.json")),
        "edifact": lambda: bearer("supplier", raw("edifact/desadv.edi")),
        "x12": lambda: bearer("wholesale", raw("x12/856.edi")),
        "standard webhooks": lambda: standard(raw("standard_webhooks/sale.json")),
    }


def eventbridge(notification: bytes) -> bytes:
    """A notification as EventBridge passes it on when a rule does not pick the detail."""
    envelope = {"version": "0", "id": "e-1", "source": "aws.partner/sellingpartnerapi.amazon.com"}
    return json.dumps(envelope | {"detail-type": "N", "detail": json.loads(notification)}).encode()


def written(folder: Path, square_url: str = "http://127.0.0.1:9") -> Path:
    """The accounts file in a folder."""
    path = folder / "accounts.toml"
    path.write_text(ACCOUNTS.replace("SQUARE", square_url), "utf-8")
    return path
