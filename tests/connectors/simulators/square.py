"""Square's inventory and catalogue APIs: batches that are all or nothing, idempotency keys, paging."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.connectors.simulators.server import Pair, Reply, Request, Simulator

TOKEN = "EAAAsimulated"
LOCATION = "LSIMULATED"
CHANGES_MAX = 100
PAGE_SIZE = 40  # Square's is larger; a small one makes tests turn pages.


class SquareSimulator(Simulator):
    """
    A seller with one location. A variation's id is its SKU in capitals with V- before it.

    bad_skus are variations that are gone. names_fields False leaves out which change an error is about.
    """

    def __init__(self, figures: Mapping[str, int] | None = None, *, names_fields: bool = True) -> None:
        super().__init__(figures)
        self.names_fields = names_fields
        self.replays_total = 0
        self.orders: dict[str, dict[str, Any]] = {}
        self._variations = {f"V-{sku.upper()}": sku for sku in self.figures}
        self._answered: dict[str, tuple[bytes, Reply]] = {}

    def variation_of(self, sku: str) -> str:
        """Return the id of a SKU's variation."""
        return f"V-{sku.upper()}"

    def refusal(self, request: Request) -> Reply | None:
        """Refuse any but the seller's token."""
        if request.headers.get("authorization") == f"Bearer {TOKEN}":
            return None
        return self._errors(
            401, "AUTHENTICATION_ERROR", "UNAUTHORIZED", "This request could not be authorized."
        )

    def pairs(self, request: Request) -> list[Pair] | None:
        """Return the counts of a batch."""
        if not request.path.endswith("/batch-create"):
            return None
        counts = [change["physical_count"] for change in request.json["changes"]]
        return [
            (self._variations.get(count["catalog_object_id"], "?"), int(count["quantity"]))
            for count in counts
        ]

    def trouble(self, word: str) -> Reply:
        """Answer in Square's words."""
        if word == "throttle":
            return self._errors(429, "RATE_LIMIT_ERROR", "RATE_LIMITED", "Too many requests.")
        if word == "expired":
            return self._errors(401, "AUTHENTICATION_ERROR", "ACCESS_TOKEN_EXPIRED", "The token has expired.")
        return super().trouble(word)

    def answer(self, request: Request) -> Reply:
        """Answer a batch, a search or a question for counts."""
        if request.path.endswith("/batch-create"):
            return self._once(request)
        if request.path.startswith("/v2/orders/"):
            return Reply(200, {"order": self.orders[request.path.removeprefix("/v2/orders/")]})
        if request.path.startswith("/v2/locations/"):
            known = request.path.endswith(f"/{LOCATION}")
            missing = self._errors(404, "INVALID_REQUEST_ERROR", "NOT_FOUND", "Location not found")
            return Reply(200, {"location": {"id": LOCATION}}) if known else missing
        if request.path.endswith("/catalog/search"):
            return self._search(request.json)
        return self._counts(request.json)

    def _once(self, request: Request) -> Reply:
        """Answer a batch as the first time that its key came, and refuse the key for anything else."""
        key = request.json["idempotency_key"]
        if key in self._answered:
            first, reply = self._answered[key]
            self.replays_total += 1
            if first == request.body:
                return reply
            detail = "The idempotency key can only be retried with the same request data."
            return self._errors(400, "INVALID_REQUEST_ERROR", "IDEMPOTENCY_KEY_REUSED", detail)
        reply = self._change(request.json["changes"])
        self._answered[key] = request.body, reply
        return reply

    def _change(self, changes: list[dict[str, Any]]) -> Reply:
        if len(changes) > CHANGES_MAX:
            return self._errors(
                400, "INVALID_REQUEST_ERROR", "ARRAY_LENGTH_TOO_LONG", "At most 100.", "changes"
            )
        now = datetime.now(UTC)
        for index, change in enumerate(changes):
            count = change["physical_count"]
            sku = self._variations.get(count["catalog_object_id"])
            field = f"changes[{index}].physical_count.catalog_object_id" if self.names_fields else None
            if sku is None or sku in self.bad_skus:
                return self._errors(400, "INVALID_REQUEST_ERROR", "NOT_FOUND", "No such object.", field)
            counted_at = datetime.fromisoformat(count["occurred_at"])
            if count["location_id"] != LOCATION or not now - timedelta(days=1) <= counted_at <= now:
                return self._errors(400, "INVALID_REQUEST_ERROR", "INVALID_TIME", "occurred_at", "changes")
        counts = [change["physical_count"] for change in changes]
        self.take((self._variations[count["catalog_object_id"]], int(count["quantity"])) for count in counts)
        return Reply(200, {"counts": [self._count(count["catalog_object_id"]) for count in counts]})

    def _search(self, body: dict[str, Any]) -> Reply:
        wanted = set(body["query"]["set_query"]["attribute_values"])
        found = [
            {"type": "ITEM_VARIATION", "id": identifier, "item_variation_data": {"sku": sku}}
            for identifier, sku in self._variations.items()
            if sku in wanted
        ]
        return self._page(body, "objects", found)

    def _counts(self, body: dict[str, Any]) -> Reply:
        found = [self._count(one) for one in body["catalog_object_ids"] if one in self._variations]
        return self._page(body, "counts", found)

    def _page(self, body: dict[str, Any], name: str, found: list[Any]) -> Reply:
        start = int(body.get("cursor", 0))
        end = start + PAGE_SIZE
        more = {"cursor": str(end)} if end < len(found) else {}
        return Reply(200, {name: found[start:end]} | more)

    def _count(self, identifier: str) -> dict[str, Any]:
        quantity = str(self.figures[self._variations[identifier]])
        state = {"catalog_object_id": identifier, "location_id": LOCATION, "state": "IN_STOCK"}
        return state | {"quantity": quantity}

    def _errors(self, status: int, category: str, code: str, detail: str, field: str | None = None) -> Reply:
        error = {"category": category, "code": code, "detail": detail} | ({"field": field} if field else {})
        return Reply(status, {"errors": [error]})
