"""Availability as Amazon's listings feed and patches, and its reports as verdicts: pure."""

import json
import zlib
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from connectors.amazon.translate import OWN_STOCK
from connectors.egress.answers import Answer, object_of, objects, require_success, shortened, whole
from connectors.egress.mapped import Write
from connectors.protocols import ChannelUnavailable, ItemResult, Verdict

FEED_TYPE = "JSON_LISTINGS_FEED"
CONTENT_TYPE = "application/json; charset=UTF-8"
PRODUCT_TYPE = "PRODUCT"  # Amazon's generic one: a patch of availability needs no other.
ERROR = "ERROR"
ACCEPTED = "ACCEPTED"
IN_QUEUE, IN_PROGRESS, DONE = "IN_QUEUE", "IN_PROGRESS", "DONE"
REPORT_MAX_BYTES = 33_554_432  # Of 25,000 messages with some issues each; more is no report.

Key = tuple[str, int]
"""A seller's SKU, and the version that was written to it."""


def key_of(write: Write) -> Key:
    """Return what a write is known by while its feed is at work."""
    return write.identifier, write.update.version


def feed(seller_id: str, writes: Sequence[Write]) -> bytes:
    """Return the document of a feed (listings feed schema v2): one patch a SKU, numbered from 1."""
    messages = [
        {"messageId": number, "sku": write.identifier, "operationType": "PATCH", **_patch(write)}
        for number, write in enumerate(writes, start=1)
    ]
    return _json({"header": {"sellerId": seller_id, "version": "2.0"}, "messages": messages})


def patch(write: Write) -> bytes:
    """Return the body of patchListingsItem."""
    return _json(_patch(write))


def listing_path(seller_id: str, sku: str = "") -> str:
    """Return the path of a seller's listings, or of one of them."""
    path = f"/listings/2021-08-01/items/{quote(seller_id, safe='')}"
    return f"{path}/{quote(sku, safe='')}" if sku else path


def report_of(content: bytes, compression: object) -> Mapping[str, Any]:
    """Return a processing report. Raises ChannelUnavailable for what is none."""
    try:
        if compression == "GZIP":
            content = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(content, REPORT_MAX_BYTES)
        report = json.loads(content)
    except (ValueError, zlib.error, RecursionError) as error:
        raise ChannelUnavailable(f"the feed's report can't be read: {error}") from None
    if not isinstance(report, dict):
        raise ChannelUnavailable("the feed's report is no JSON object")
    return report


def results_of(report: Mapping[str, Any], writes: Sequence[Write]) -> dict[Key, ItemResult]:
    """
    Return what a report says of each message of a feed.

    One with an issue of severity ERROR is refused. One without is delivered only if the report accounts for all
    messages and each error names one: a report that is cut short, or blames nobody, confirms nothing.
    """
    issues: dict[int, str] = {}
    nobodys = [] if isinstance(report.get("issues", []), list) else ["issues that are no list"]
    for issue in objects(report, "issues"):
        if issue.get("severity") != ERROR:
            continue
        number, said = whole(issue.get("messageId")), f"{issue.get('code')}: {issue.get('message', '')}"
        if number is None or not 1 <= number <= len(writes):
            nobodys.append(said)
        else:
            issues.setdefault(number, shortened(said))
    summary = report.get("summary")
    processed = whole(summary.get("messagesProcessed")) if isinstance(summary, Mapping) else None
    rest = ItemResult(Verdict.DELIVERED)
    if processed != len(writes):
        rest = ItemResult(
            Verdict.FAILED, f"the report tells of {processed} messages, the feed had {len(writes)}"
        )
    elif nobodys:
        rest = ItemResult(Verdict.FAILED, shortened(f"the report blames no message for: {nobodys[0]}"))
    return {
        key_of(write): ItemResult(Verdict.REFUSED, issues[number]) if number in issues else rest
        for number, write in enumerate(writes, start=1)
    }


def patch_result(answer: Answer, now: float) -> ItemResult:
    """Return what became of one patch; now is UTC seconds. Raises ChannelUnavailable."""
    if answer.status == HTTPStatus.NOT_FOUND:
        return ItemResult(Verdict.REFUSED, "Amazon has no listing of this SKU")
    if answer.status != HTTPStatus.BAD_REQUEST:  # That names what is wrong with this one listing.
        require_success(answer, now)
    body = object_of(answer)
    if answer.successful and body.get("status") == ACCEPTED:
        return ItemResult(Verdict.DELIVERED)
    said = [*objects(body, "issues"), *objects(body, "errors")]
    words = "; ".join(f"{one.get('code')}: {one.get('message', '')}" for one in said)
    return ItemResult(Verdict.REFUSED, shortened(words or f"status {body.get('status')}"))


def quantities_of(body: Mapping[str, Any]) -> dict[str, int]:
    """Return the quantities of the seller's own stock on a page of listings, by the seller's SKU."""
    found = {}
    for listing in objects(body, "items"):
        for place in objects(listing, "fulfillmentAvailability"):
            quantity = whole(place.get("quantity"))
            if place.get("fulfillmentChannelCode") == OWN_STOCK and quantity is not None:
                found[str(listing.get("sku"))] = quantity
    return found


def _patch(write: Write) -> dict[str, Any]:
    value = [{"fulfillment_channel_code": OWN_STOCK, "quantity": write.quantity}]
    change = {"op": "replace", "path": "/attributes/fulfillment_availability", "value": value}
    return {"productType": PRODUCT_TYPE, "patches": [change]}


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
