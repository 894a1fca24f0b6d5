"""Availability as Adobe Commerce's source items, and its answers as verdicts and figures: pure."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from connectors.egress.answers import Answer, objects, reason_of, require_success, whole
from connectors.egress.mapped import Write
from connectors.protocols import BatchRefused, ItemResult, Verdict

IN_STOCK, OUT_OF_STOCK = 1, 0
PAGE_SIZE = 100


class Page(NamedTuple):
    """The quantities of a page of source items by SKU, as the shop spells it, and whether another page follows."""

    quantities: dict[str, int]
    has_next: bool


def payload(writes: Sequence[Write], source: str) -> bytes:
    """Return the body of a write: absolute quantities; nothing to sell is out of stock."""
    items = [
        {
            "sku": write.identifier,
            "source_code": source,
            "quantity": write.quantity,
            "status": IN_STOCK if write.quantity else OUT_OF_STOCK,
        }
        for write in writes
    ]
    return json.dumps({"sourceItems": items}, separators=(",", ":")).encode()


def results_of(answer: Answer, writes: Sequence[Write], now: float) -> list[ItemResult]:
    """
    Return what a write's answer says: it is all or nothing, and a refusal names no item.

    now is UTC seconds. Raises BatchRefused, ChannelUnavailable.
    """
    if answer.status == HTTPStatus.BAD_REQUEST:
        raise BatchRefused(reason_of(answer.status, answer.body))
    require_success(answer, now)
    return [ItemResult(Verdict.DELIVERED)] * len(writes)


def criteria(names: Sequence[str], source: str, page: int) -> dict[str, str | int]:
    """Return the query for the source items of SKUs, pages counted from 1."""
    group = "searchCriteria[filter_groups]"
    return {
        f"{group}[0][filters][0][field]": "source_code",
        f"{group}[0][filters][0][value]": source,
        f"{group}[1][filters][0][field]": "sku",
        f"{group}[1][filters][0][condition_type]": "in",
        f"{group}[1][filters][0][value]": ",".join(names),
        "searchCriteria[pageSize]": PAGE_SIZE,
        "searchCriteria[currentPage]": page,
    }


def page_of(body: Mapping[str, Any], page: int) -> Page:
    """Return one page of source items; pages counted from 1."""
    found = {}
    for item in objects(body, "items"):
        quantity = whole(item.get("quantity"))
        if quantity is not None and isinstance(item.get("sku"), str):
            found[str(item["sku"])] = quantity
    total = whole(body.get("total_count")) or 0
    return Page(found, page * PAGE_SIZE < total)
