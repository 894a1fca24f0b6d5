"""Availability as JSON, and a channel's answers as verdicts: pure."""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from http import HTTPStatus
from typing import Any

from connectors.egress.answers import REASON_MAX_CHARACTERS, reason_of, retry_after_seconds
from connectors.protocols import Availability, BatchRefused, ChannelUnavailable, ItemResult, Verdict

KEY_CHARACTERS = 32  # 128 bits of SHA-256: no two batches of a channel's life share a key.

# Only these blame what is in the batch. Others (401, 403, 404, 405…) blame the address or the credentials:
# splitting the batch would make dead letters of a whole assortment, where a person has to mend the set-up.
BLAMES_CONTENT = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
}
HAS_ITEMS = {HTTPStatus.MULTI_STATUS, HTTPStatus.UNPROCESSABLE_ENTITY}
PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.LOCKED, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}


def payload(batch: Sequence[Availability]) -> bytes:
    """Return a batch as a JSON array of {sku, available_to_sell, version, occurred_at (UTC milliseconds)}."""
    items = [
        {
            "sku": update.sku,
            "available_to_sell": update.available_to_sell,
            "version": update.version,
            "occurred_at": update.occurred_at,
        }
        for update in batch
    ]
    return json.dumps(items, ensure_ascii=False, separators=(",", ":")).encode()


def idempotency_key(channel_id: str, body: bytes) -> str:
    """Return a key that is the same for the same content to the same channel, and only then."""
    return sha256(channel_id.encode() + b"\n" + body).hexdigest()[:KEY_CHARACTERS]


def results_of(
    status: int, headers: Mapping[str, str], body: bytes, batch: Sequence[Availability], now: float
) -> list[ItemResult]:
    """
    Return what a channel's answer means for each item of a batch.

    now is UTC seconds, for Retry-After dates. Raises ChannelUnavailable, BatchRefused.
    """
    reason = reason_of(status, body)
    items = _items(body) if status in HAS_ITEMS else None
    if items is not None:
        return _item_results(status, items, batch, reason)
    if status == HTTPStatus.MULTI_STATUS:
        raise ChannelUnavailable(f"{reason}: status 207 without items")
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return [ItemResult(Verdict.DELIVERED)] * len(batch)
    if status in BLAMES_CONTENT:
        raise BatchRefused(reason)
    raise ChannelUnavailable(
        reason,
        retry_after_seconds=retry_after_seconds(headers.get("retry-after"), now),
        throttled=status == HTTPStatus.TOO_MANY_REQUESTS,
    )


def _item_results(
    status: int, items: Mapping[str, Mapping[str, Any]], batch: Sequence[Availability], reason: str
) -> list[ItemResult]:
    """
    Return a verdict for each item by its own status.

    Those that the channel does not name are delivered with 207, and not looked at with 422. Raises
    BatchRefused when it names none of ours, because then nothing would ever change.
    """
    unnamed = Verdict.DELIVERED if status == HTTPStatus.MULTI_STATUS else Verdict.UNSENT
    if unnamed is Verdict.UNSENT and not any(update.sku in items for update in batch):
        raise BatchRefused(reason)
    return [
        _item_result(items[update.sku]) if update.sku in items else ItemResult(unnamed) for update in batch
    ]


def _item_result(item: Mapping[str, Any]) -> ItemResult:
    status = item.get("status")
    told = str(item.get("error") or item.get("reason") or item.get("message") or "")[:REASON_MAX_CHARACTERS]
    reason = f"item status {status}{': ' if told else ''}{told}"
    if not isinstance(status, int):
        return ItemResult(Verdict.FAILED, "item without a numeric status")
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return ItemResult(Verdict.DELIVERED)
    refused = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in PASSING
    return ItemResult(Verdict.REFUSED if refused else Verdict.FAILED, reason)


def _items(body: bytes) -> dict[str, Mapping[str, Any]] | None:
    """Return the items of {"items": [{"sku", "status", …}]} by SKU, None if the body is not that."""
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    listed = answer.get("items") if isinstance(answer, dict) else None
    if not isinstance(listed, list):
        return None
    return {
        item["sku"]: item for item in listed if isinstance(item, dict) and isinstance(item.get("sku"), str)
    }
