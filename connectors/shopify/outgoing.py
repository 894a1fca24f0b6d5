"""
Availability as Shopify's GraphQL, and its answers as figures and verdicts: pure.

From API version 2026-04 on `inventorySetQuantities` wants changeFromQuantity and @idempotent. It is all or nothing:
one refused quantity leaves the others unwritten, so they are unsent.
"""

import json
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

from connectors.egress.answers import Answer, object_of, objects, require_success, shortened, whole
from connectors.egress.mapped import Write
from connectors.protocols import BatchRefused, ChannelUnavailable, ItemResult, Verdict
from connectors.shopify.budget import cost_of

ITEM = "gid://shopify/InventoryItem/"
LOCATION = "gid://shopify/Location/"

SET = """mutation SetQuantities($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id }
    userErrors { code field message }
  }
}"""
LEVELS = """query Levels($ids: [ID!]!, $location: ID!) {
  nodes(ids: $ids) {
    ... on InventoryItem { id inventoryLevel(locationId: $location) { quantities(names: ["available"]) { quantity } } }
  }
}"""
FIND = """query Find($query: String!, $after: String) {
  productVariants(first: 250, query: $query, after: $after) {
    nodes { sku inventoryItem { id } }
    pageInfo { hasNextPage endCursor }
  }
}"""
CHECK = "query Check($location: ID!) { location(id: $location) { name } }"

STALE = "CHANGE_FROM_QUANTITY_STALE"
NOT_YET = frozenset({"IDEMPOTENCY_CONCURRENT_REQUEST"})  # The first try under this key is still at work.
THROTTLED = "THROTTLED"


class Conflict(Enum):
    """The channel's figure is not what we thought: read it and write again."""

    STALE = STALE


Outcome = ItemResult | Conflict


class Page(NamedTuple):
    """Identifiers by SKU, and the cursor of the next page, None at the end."""

    found: dict[str, list[str]]
    after: str | None


def body_of(query: str, variables: Mapping[str, Any]) -> bytes:
    """Return the body of a request."""
    return json.dumps({"query": query, "variables": variables}, separators=(",", ":")).encode()


def quantities(writes: Sequence[Write], known: Mapping[str, int], location: str) -> dict[str, Any]:
    """Return the input of the mutation: each figure, and the one that it replaces."""
    return {
        "name": "available",
        "reason": "correction",
        "quantities": [
            {
                "inventoryItemId": ITEM + write.identifier,
                "locationId": LOCATION + location,
                "quantity": write.quantity,
                "changeFromQuantity": known[write.identifier],
            }
            for write in writes
        ],
    }


def search_of(names: Sequence[str]) -> str:
    """Return a search for variants by SKU, quoted."""
    return " OR ".join(f"sku:{json.dumps(name, ensure_ascii=False)}" for name in names)


def data_of(answer: Answer, now: float) -> Mapping[str, Any]:
    """Return the data of an answer. Raises ChannelUnavailable, throttled when points are missing."""
    require_success(answer, now)
    body = object_of(answer)
    errors = objects(body, "errors")
    if errors or not isinstance(body.get("data"), dict):
        said = shortened("; ".join(str(error.get("message", "")) for error in errors) or "no data")
        throttled = any(_code(error) == THROTTLED for error in errors)
        cost = cost_of(body)
        wait = None
        if throttled and cost is not None:
            wait = max(0.0, (cost.requested - cost.available) / cost.restored_per_second)
        raise ChannelUnavailable(said, retry_after_seconds=wait, throttled=throttled)
    data: Mapping[str, Any] = body["data"]
    return data


def outcomes_of(data: Mapping[str, Any], writes: Sequence[Write]) -> list[Outcome]:
    """Return what became of each write. Raises BatchRefused for an error that names none of them."""
    answer = data.get("inventorySetQuantities")
    told = answer.get("userErrors") if isinstance(answer, Mapping) else None
    errors = objects(answer, "userErrors")
    if not isinstance(told, list) or len(told) != len(errors):
        raise ChannelUnavailable("the answer does not say what became of the quantities")
    if not errors:
        return [ItemResult(Verdict.DELIVERED)] * len(writes)
    found: dict[int, Outcome] = {}
    for error in errors:
        index = _index(error)
        if index is None or index >= len(writes):
            _raise_for_all(error)
        else:
            found.setdefault(index, _outcome(error))
    return [found.get(index, ItemResult(Verdict.UNSENT)) for index in range(len(writes))]


def levels_of(data: Mapping[str, Any]) -> dict[str, int]:
    """Return what is available of each item that the location stocks, by its number."""
    found = {}
    for node in objects(data, "nodes"):
        level = node.get("inventoryLevel")
        shown = objects(level, "quantities") if isinstance(level, Mapping) else []
        quantity = whole(shown[0].get("quantity")) if shown else None
        if quantity is not None:
            found[str(node.get("id")).removeprefix(ITEM)] = quantity
    return found


def page_of(data: Mapping[str, Any]) -> Page:
    """Return one page of what a search found."""
    variants = data.get("productVariants")
    found: dict[str, list[str]] = {}
    for node in objects(variants, "nodes"):
        item = node.get("inventoryItem")
        if isinstance(item, Mapping) and isinstance(node.get("sku"), str):
            found.setdefault(node["sku"], []).append(str(item.get("id")).removeprefix(ITEM))
    info = variants.get("pageInfo") if isinstance(variants, Mapping) else None
    more = isinstance(info, Mapping) and info.get("hasNextPage") is True
    cursor = info.get("endCursor") if more and isinstance(info, Mapping) else None
    return Page(found, cursor if isinstance(cursor, str) else None)


def _outcome(error: Mapping[str, Any]) -> Outcome:
    code = str(error.get("code"))
    if code == STALE:
        return Conflict.STALE
    verdict = Verdict.FAILED if code in NOT_YET else Verdict.REFUSED
    return ItemResult(verdict, shortened(f"{code}: {error.get('message', '')}"))


def _raise_for_all(error: Mapping[str, Any]) -> None:
    """Raise for an error that names no quantity. Raises ChannelUnavailable, BatchRefused."""
    code = str(error.get("code"))
    said = shortened(f"{code}: {error.get('message', '')}")
    raise ChannelUnavailable(said) if code in NOT_YET else BatchRefused(said)


def _index(error: Mapping[str, Any]) -> int | None:
    """Return which quantity an error is about, from its path: input, quantities, index, field."""
    path = error.get("field")
    if not isinstance(path, list) or len(path) < 3 or path[1] != "quantities":
        return None
    return whole(path[2])


def _code(error: Mapping[str, Any]) -> object:
    extensions = error.get("extensions")
    return extensions.get("code") if isinstance(extensions, Mapping) else None
