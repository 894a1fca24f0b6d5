"""Shopify's GraphQL Admin API, as far as inventory goes: points, compare-and-set, idempotency keys, paging."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from tests.connectors.simulators.server import Pair, Reply, Request, Simulator

TOKEN = "shpat_simulated"
LOCATION = "77"
ITEM, PLACE = "gid://shopify/InventoryItem/", "gid://shopify/Location/"
PAGE_SIZE = 40  # Shopify's is 250; a small one makes tests turn pages.
QUERY_COST = 10.0


class ShopifySimulator(Simulator):
    """
    A shop with one location. Items are numbered from 1000 in the order of their SKUs' first appearance.

    points is what is left of its budget: it does not come back by itself unless per_second says so. bad_skus are
    items that are archived: Shopify refuses their quantity, and with it the whole mutation.
    """

    def __init__(self, figures: Mapping[str, int] | None = None, *, points: float = 1_000.0) -> None:
        super().__init__(figures)
        self.points, self.per_second, self._counted_at = points, 50.0, time.monotonic()
        self.unstocked: set[str] = set()
        self.before_set: list[Pair] = []
        self._items: dict[str, str] = {}
        self._answered: dict[str, tuple[dict[str, Any], Reply]] = {}
        self.replays_total = 0

    def item_of(self, sku: str) -> str:
        """Return the inventory item of a SKU."""
        return self._items.setdefault(sku, f"{ITEM}{1_000 + len(self._items)}")

    def refusal(self, request: Request) -> Reply | None:
        """Refuse any but the shop's token."""
        if request.headers.get("x-shopify-access-token") == TOKEN:
            return None
        return Reply(
            401, {"errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"}
        )

    def pairs(self, request: Request) -> list[Pair] | None:
        """Return the quantities of the mutation."""
        if "inventorySetQuantities" not in request.json["query"]:
            return None
        return [(self._sku(one), one["quantity"]) for one in request.json["variables"]["input"]["quantities"]]

    def trouble(self, word: str) -> Reply:
        """Answer as Shopify does: throttling is an error of GraphQL, with status 200."""
        if word == "throttle":
            self.points, self._counted_at = QUERY_COST - 0.5 * self.per_second, time.monotonic()
            return self._throttled()
        return super().trouble(word)

    def answer(self, request: Request) -> Reply:
        """Answer a query, if there are points for it."""
        now = time.monotonic()
        self.points = min(1_000.0, self.points + (now - self._counted_at) * self.per_second)
        self._counted_at = now
        if self.points < QUERY_COST:
            return self._throttled()
        self.points -= QUERY_COST
        query, variables = request.json["query"], request.json["variables"]
        if "inventorySetQuantities" in query:
            return self._once(variables)
        if "location(id" in query and "nodes(" not in query:
            known = variables["location"] == PLACE + LOCATION
            return self._data({"location": {"name": "Leeds"} if known else None})
        return self._data(self._levels(variables) if "nodes(ids" in query else self._variants(variables))

    def _once(self, variables: dict[str, Any]) -> Reply:
        """Answer a mutation as the first time that its key came, and refuse the key for anything else."""
        key = variables["key"]
        if key in self._answered:
            first, reply = self._answered[key]
            self.replays_total += 1
            if first == variables:
                return reply
            return self._outcome(
                [{"code": "IDEMPOTENCY_KEY_PARAMETER_MISMATCH", "field": None, "message": "reused"}]
            )
        reply = self._set(variables["input"])
        self._answered[key] = variables, reply
        return reply

    def _set(self, given: dict[str, Any]) -> Reply:
        """Write all quantities or none."""
        for sku, quantity in self.before_set:
            self.figures[sku] = quantity
        self.before_set = []
        assert given["name"] == "available"
        errors = []
        for index, one in enumerate(given["quantities"]):
            code = self._objection(one)
            if code:
                field = ["input", "quantities", str(index), "inventoryItemId"]
                errors.append({"code": code, "field": field, "message": f"The quantity is refused: {code}"})
        if not errors:
            self.take((self._sku(one), one["quantity"]) for one in given["quantities"])
        return self._outcome(errors)

    def _objection(self, one: dict[str, Any]) -> str | None:
        sku = self._sku(one)
        if one["locationId"] != PLACE + LOCATION:
            return "INVALID_LOCATION"
        if sku in self.bad_skus:
            return "INVALID_INVENTORY_ITEM"
        if sku in self.unstocked:
            return "ITEM_NOT_STOCKED_AT_LOCATION"
        if one["changeFromQuantity"] != self.figures[sku]:
            return "CHANGE_FROM_QUANTITY_STALE"
        return None

    def _levels(self, variables: dict[str, Any]) -> dict[str, Any]:
        nodes: list[Any] = []
        for identifier in variables["ids"]:
            sku = next((sku for sku in self.figures if self.item_of(sku) == identifier), None)
            if sku is None:
                nodes.append(None)
                continue
            shown = {"quantities": [{"quantity": self.figures[sku]}]}
            nodes.append({"id": identifier, "inventoryLevel": None if sku in self.unstocked else shown})
        return {"nodes": nodes}

    def _variants(self, variables: dict[str, Any]) -> dict[str, Any]:
        """Return a page of the variants whose SKU the search names."""
        skus = [sku for sku in self.figures if f'sku:"{sku}"' in variables["query"].split(" OR ")]
        start = int(variables["after"] or 0)
        page, end = skus[start : start + PAGE_SIZE], start + PAGE_SIZE
        nodes = [{"sku": sku, "inventoryItem": {"id": self.item_of(sku)}} for sku in page]
        return {
            "productVariants": {
                "nodes": nodes,
                "pageInfo": {"hasNextPage": end < len(skus), "endCursor": str(end) if page else None},
            }
        }

    def _outcome(self, errors: list[dict[str, Any]]) -> Reply:
        group = None if errors else {"id": "gid://shopify/InventoryAdjustmentGroup/1"}
        return self._data(
            {"inventorySetQuantities": {"inventoryAdjustmentGroup": group, "userErrors": errors}}
        )

    def _data(self, data: dict[str, Any]) -> Reply:
        return Reply(200, {"data": data, "extensions": self._extensions()})

    def _throttled(self) -> Reply:
        error = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
        return Reply(200, {"errors": [error], "extensions": self._extensions()})

    def _extensions(self) -> dict[str, Any]:
        status = {
            "maximumAvailable": 1_000.0,
            "currentlyAvailable": self.points,
            "restoreRate": self.per_second,
        }
        return {"cost": {"requestedQueryCost": QUERY_COST, "actualQueryCost": None, "throttleStatus": status}}

    def _sku(self, one: dict[str, Any]) -> str:
        return next(sku for sku, item in self._items.items() if item == one["inventoryItemId"])
