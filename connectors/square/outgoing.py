"""Availability as Square's physical counts, and its answers as verdicts and figures: pure."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from connectors.egress.answers import Answer, object_of, objects, reason_of, require_success, shortened, whole
from connectors.egress.mapped import Write
from connectors.protocols import BatchRefused, ChannelUnavailable, ItemResult, Verdict

IN_STOCK = "IN_STOCK"
COUNT_AGE_MAX_SECONDS = 82_800  # Square refuses counts older than 24 hours; an hour is left for its clock.
KEY_CHARACTERS = 45  # Square's limit of an idempotency key.
INVALID_REQUEST = "INVALID_REQUEST_ERROR"


def changes(writes: Sequence[Write], location: str, now: float) -> list[dict[str, Any]]:
    """
    Return physical counts, each as of when its figure was told, so that what Square sold since is taken off.

    now is in UTC seconds. A figure that waited for nearly a day counts as of now: Square takes no older one.
    """
    return [
        {
            "type": "PHYSICAL_COUNT",
            "physical_count": {
                "reference_id": f"onhand-{write.update.version}",
                "catalog_object_id": write.identifier,
                "state": IN_STOCK,
                "location_id": location,
                "quantity": str(write.quantity),
                "occurred_at": _moment(write.update.emitted_at / 1_000, now),
            },
        }
        for write in writes
    ]


def payload(given: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the body of BatchChangeInventory, under a key that is the same for the same counts and only then."""
    content = json.dumps(given, separators=(",", ":"))
    key = sha256(content.encode()).hexdigest()[:KEY_CHARACTERS]
    body = {"idempotency_key": key, "changes": given, "ignore_unchanged_counts": False}
    return json.dumps(body, separators=(",", ":")).encode()


def results_of(answer: Answer, writes: Sequence[Write], now: float) -> list[ItemResult]:
    """
    Return what a batch's answer says of each write; Square takes all of it or nothing.

    Errors that name changes by index refuse those, and the others are unsent. Raises BatchRefused for one that blames
    the request and names none, ChannelUnavailable for all else; now is in UTC seconds.
    """
    if not answer.successful:
        return _refusals(answer, len(writes), now)
    counted = {str(count.get("catalog_object_id")) for count in objects(object_of(answer), "counts")}
    silent = ItemResult(Verdict.FAILED, "Square did not say what it counts now")
    return [ItemResult(Verdict.DELIVERED) if write.identifier in counted else silent for write in writes]


def search(names: Sequence[str], cursor: str | None) -> bytes:
    """Return a search for variations by SKU."""
    query = {"set_query": {"attribute_name": "sku", "attribute_values": list(names)}}
    body = {"object_types": ["ITEM_VARIATION"], "query": query} | ({"cursor": cursor} if cursor else {})
    return json.dumps(body).encode()


def counts_query(identifiers: Sequence[str], location: str, cursor: str | None) -> bytes:
    """Return a question for what is in stock of variations."""
    body = {"catalog_object_ids": list(identifiers), "location_ids": [location], "states": [IN_STOCK]}
    return json.dumps(body | ({"cursor": cursor} if cursor else {})).encode()


def found_of(body: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the variations of a page by SKU."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for variation in objects(body, "objects"):
        data = variation.get("item_variation_data")
        sku = data.get("sku") if isinstance(data, Mapping) else None
        if isinstance(sku, str) and not variation.get("is_deleted"):
            found[sku].append(str(variation.get("id")))
    return dict(found)


def figures_of(body: Mapping[str, Any]) -> dict[str, int]:
    """Return the counts of a page by variation; those of parts of a unit are left out."""
    found = {}
    for count in objects(body, "counts"):
        quantity = whole(count.get("quantity"))
        if quantity is not None and count.get("state") == IN_STOCK:
            found[str(count.get("catalog_object_id"))] = quantity
    return found


def cursor_of(body: Mapping[str, Any]) -> str | None:
    """Return the cursor of the next page, None at the end."""
    cursor = body.get("cursor")
    return cursor if isinstance(cursor, str) and cursor else None


def _refusals(answer: Answer, total: int, now: float) -> list[ItemResult]:
    """Return what an answer that is no 2xx says of each change. Raises BatchRefused, ChannelUnavailable."""
    blamed = _blamed(answer)
    if blamed is None:
        require_success(answer, now)
    if not blamed or max(blamed) >= total:
        raise BatchRefused(reason_of(answer.status, answer.body))
    unsent = ItemResult(Verdict.UNSENT)
    return [
        ItemResult(Verdict.REFUSED, blamed[index]) if index in blamed else unsent for index in range(total)
    ]


def _blamed(answer: Answer) -> dict[int, str] | None:
    """Return the reason for each change that errors name, None if they don't blame the request's content."""
    try:
        errors = objects(object_of(answer), "errors")
    except ChannelUnavailable:
        return None
    if not errors or any(error.get("category") != INVALID_REQUEST for error in errors):
        return None
    found = {}
    for error in errors:
        index = _index(error.get("field"))
        if index is not None:
            found[index] = shortened(f"{error.get('code')}: {error.get('detail', '')}")
    return found


def _index(field: object) -> int | None:
    """Return n of a field such as changes[n].physical_count.catalog_object_id."""
    head, _, rest = str(field).partition("[")
    return whole(rest.partition("]")[0]) if head == "changes" else None


def _moment(seconds: float, now: float) -> str:
    if not now - COUNT_AGE_MAX_SECONDS <= seconds <= now:
        seconds = now
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
