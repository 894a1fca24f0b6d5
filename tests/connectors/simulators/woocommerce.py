"""WooCommerce's REST API, as far as stock goes: batches with errors by item, variations below their product."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from tests.connectors.simulators.server import Pair, Reply, Request, Simulator

KEY, SECRET = "ck_simulated", "cs_simulated"
ROOT = "/wp-json/wc/v3/"
ITEMS_MAX = 100
PARENT = 900


class WooCommerceSimulator(Simulator):
    """
    A shop. Products are numbered from 1000 in the order of their SKUs; variations name theirs in variations.

    bad_skus are refused in the answer, item by item; forgotten ones are left out of it.
    """

    def __init__(self, figures: Mapping[str, int] | None = None) -> None:
        super().__init__(figures)
        self.variations: set[str] = set()
        self.forgotten: set[str] = set()
        self._skus = list(self.figures)

    def refusal(self, request: Request) -> Reply | None:
        """Refuse any but the shop's keys."""
        expected = "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
        if request.headers.get("authorization") == expected:
            return None
        return Reply(
            401, {"code": "woocommerce_rest_cannot_view", "message": "Sorry, you cannot list resources."}
        )

    def pairs(self, request: Request) -> list[Pair] | None:
        """Return the quantities of a batch, also of products that there are none of."""
        if request.method != "PUT":
            return None
        return [(self._sku(one["id"]) or "?", one["stock_quantity"]) for one in request.json["update"]]

    def answer(self, request: Request) -> Reply:
        """Answer a batch, a search or a page."""
        path = request.path.removeprefix(ROOT)
        if request.method == "PUT":
            entries = request.json["update"]
            if len(entries) > ITEMS_MAX:
                return Reply(
                    413, {"code": "woocommerce_rest_request_entity_too_large", "message": "Too many items."}
                )
            updated = [self._update(path, entry) for entry in entries]
            return Reply(200, {"update": [entry for entry in updated if entry is not None]})
        if "sku" in request.query:
            wanted = request.query["sku"].split(",")
            return Reply(200, [self._product(sku) for sku in self._skus if sku in wanted])
        if "include" not in request.query:
            return Reply(200, [self._product(sku) for sku in self._skus[: int(request.query["per_page"])]])
        numbers = {int(number) for number in request.query["include"].split(",")}
        below = "variations" in path
        shown = [
            self._product(sku)
            for sku in self._skus
            if self._number(sku) in numbers and (sku in self.variations) is below
        ]
        return Reply(200, shown[: int(request.query["per_page"])])

    def _update(self, path: str, entry: dict[str, Any]) -> dict[str, Any] | None:
        sku = self._sku(entry["id"])
        if sku is None or sku in self.bad_skus or self._collection(sku) != path.removesuffix("/batch"):
            return {
                "id": entry["id"],
                "error": {
                    "code": "woocommerce_rest_product_invalid_id",
                    "message": "Invalid ID.",
                    "data": {"status": 400},
                },
            }
        self.take([(sku, entry["stock_quantity"])])
        return None if sku in self.forgotten else self._product(sku)

    def _product(self, sku: str) -> dict[str, Any]:
        is_variation = sku in self.variations
        return {
            "id": self._number(sku),
            "sku": sku,
            "type": "variation" if is_variation else "simple",
            "parent_id": PARENT if is_variation else 0,
            "manage_stock": True,
            "stock_quantity": self.figures[sku],
        }

    def _collection(self, sku: str) -> str:
        return f"products/{PARENT}/variations" if sku in self.variations else "products"

    def _number(self, sku: str) -> int:
        return 1_000 + self._skus.index(sku)

    def _sku(self, number: int) -> str | None:
        return self._skus[number - 1_000] if 0 <= number - 1_000 < len(self._skus) else None
