"""Damaged answers of each channel: whatever comes back, a sink confirms nothing by mistake and raises typed errors."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from connectors.adobe_commerce import outgoing as adobe_commerce
from connectors.amazon import outgoing as amazon
from connectors.egress.answers import Answer, object_of
from connectors.egress.mapped import Write
from connectors.protocols import Availability, ChannelUnavailable, SinkError, Verdict
from connectors.shopify import outgoing as shopify
from connectors.shopify.budget import cost_of
from connectors.square import outgoing as square
from connectors.woocommerce import outgoing as woocommerce
from tests.connectors.mutations import SEED, Original

DAMAGES = 4_000
NOW = 1_800_000_000.0
WRITES = [
    Write(identifier, 7, Availability(identifier, "web", 7, 1, 0, int(NOW * 1_000)))
    for identifier in ("1000", "1001")
]
Read = Callable[[Answer], object]
COST = {
    "requestedQueryCost": 10,
    "throttleStatus": {"maximumAvailable": 1e3, "currentlyAvailable": 9, "restoreRate": 50},
}
ERRORS = [
    {"code": "CHANGE_FROM_QUANTITY_STALE", "field": ["input", "quantities", "1", "x"], "message": "stale"},
    {"code": "INVALID_INVENTORY_ITEM", "field": ["input", "quantities", "0", "x"], "message": "gone"},
]
ISSUE = {"messageId": 2, "code": "8560", "severity": "ERROR", "message": "no such SKU"}
PLACE = {"fulfillmentChannelCode": "DEFAULT", "quantity": 7}

CASES: dict[str, tuple[Read, Any, int]] = {
    "shopify write": (
        lambda answer: shopify.outcomes_of(shopify.data_of(answer, NOW), WRITES),
        {"data": {"inventorySetQuantities": {"userErrors": ERRORS}}, "extensions": {"cost": COST}},
        200,
    ),
    "shopify throttled": (
        lambda answer: shopify.data_of(answer, NOW),
        {"errors": [{"message": "no", "extensions": {"code": "THROTTLED"}}], "extensions": {"cost": COST}},
        200,
    ),
    "shopify cost": (lambda answer: cost_of(object_of(answer)), {"extensions": {"cost": COST}}, 200),
    "shopify levels": (
        lambda answer: shopify.levels_of(shopify.data_of(answer, NOW)),
        {
            "data": {
                "nodes": [{"id": "gid://x/1000", "inventoryLevel": {"quantities": [{"quantity": 7}]}}, None]
            }
        },
        200,
    ),
    "shopify page": (
        lambda answer: shopify.page_of(shopify.data_of(answer, NOW)),
        {
            "data": {
                "productVariants": {
                    "nodes": [{"sku": "a", "inventoryItem": {"id": "gid://x/1000"}}],
                    "pageInfo": {"hasNextPage": True, "endCursor": "c"},
                }
            }
        },
        200,
    ),
    "woocommerce write": (
        lambda answer: woocommerce.results_of(answer, WRITES),
        {
            "update": [
                {"id": 1000, "stock_quantity": 7},
                {"id": 1001, "error": {"code": "c", "message": "m", "data": {"status": 400}}},
            ]
        },
        200,
    ),
    "woocommerce products": (
        lambda answer: (woocommerce.found_of(answer), woocommerce.figures_of(answer, "900")),
        [
            {
                "id": 1000,
                "sku": "a",
                "type": "variation",
                "parent_id": 9,
                "manage_stock": True,
                "stock_quantity": 7,
            }
        ],
        200,
    ),
    "square write": (
        lambda answer: square.results_of(answer, WRITES, NOW),
        {"counts": [{"catalog_object_id": "1000", "quantity": "7"}]},
        200,
    ),
    "square refusal": (
        lambda answer: square.results_of(answer, WRITES, NOW),
        {
            "errors": [
                {
                    "category": "INVALID_REQUEST_ERROR",
                    "code": "NOT_FOUND",
                    "detail": "d",
                    "field": "changes[1].physical_count.catalog_object_id",
                }
            ]
        },
        400,
    ),
    "square pages": (
        lambda answer: (
            square.found_of(object_of(answer)),
            square.figures_of(object_of(answer)),
            square.cursor_of(object_of(answer)),
        ),
        {
            "objects": [{"id": "V", "item_variation_data": {"sku": "a"}}],
            "counts": [{"catalog_object_id": "V", "state": "IN_STOCK", "quantity": "7"}],
            "cursor": "c",
        },
        200,
    ),
    "amazon report": (
        lambda answer: amazon.results_of(amazon.report_of(answer.body, None), WRITES),
        {"issues": [ISSUE], "summary": {"messagesProcessed": 2}},
        200,
    ),
    "amazon patch": (
        lambda answer: amazon.patch_result(answer, NOW),
        {"sku": "a", "status": "INVALID", "issues": [ISSUE], "errors": []},
        200,
    ),
    "amazon listings": (
        lambda answer: amazon.quantities_of(object_of(answer)),
        {"items": [{"sku": "a", "fulfillmentAvailability": [PLACE]}]},
        200,
    ),
    "adobe commerce write": (
        lambda answer: adobe_commerce.results_of(answer, WRITES, NOW),
        {"message": "no", "errors": [{"message": "m"}]},
        400,
    ),
    "adobe commerce page": (
        lambda answer: adobe_commerce.page_of(object_of(answer), 1),
        {"items": [{"sku": "a", "quantity": 7.0}], "total_count": 300},
        200,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_damaged_answers_give_typed_errors_only(case: str) -> None:
    """Missing, null, wrong, huge, unicode, nested deep: nothing but SinkError is raised."""
    read, body, status = CASES[case]
    original, chance = Original(body), random.Random(SEED)
    understood = 0
    for number in range(DAMAGES):
        damaged = original.damaged(chance)
        try:
            content = json.dumps(damaged).encode()
        except (RecursionError, ValueError):
            continue  # No channel could have sent it as JSON.
        try:
            read(Answer(status, {}, content))
            understood += 1
        except SinkError:
            continue
        except Exception as error:
            raise AssertionError(f"seed {SEED}, damage {number}: {content[:500]!r}") from error
    assert understood or status != 200 or case == "shopify throttled", "nothing was ever understood"


@pytest.mark.parametrize("content", [b"", b"<html>", b"null", b"[", b"7", b"\xff", b"[" * 100_000])
@pytest.mark.parametrize("case", [case for case in CASES if case != "woocommerce products"])
def test_an_answer_that_is_no_object_confirms_nothing(case: str, content: bytes) -> None:
    """A page of a proxy, an empty body, half of one."""
    read, _, status = CASES[case]
    with pytest.raises(SinkError):
        read(Answer(status, {}, content))


@pytest.mark.parametrize(
    ("case", "body"),
    [
        ("shopify write", {"data": {"inventorySetQuantities": None}}),
        ("shopify write", {"data": {"inventorySetQuantities": {}}}),
        ("shopify write", {"data": {"inventorySetQuantities": {"userErrors": None}}}),
        ("shopify write", {"data": {"inventorySetQuantities": {"userErrors": ["no"]}}}),
        ("woocommerce write", {"update": []}),
        ("woocommerce write", {"update": [{"id": 1000, "stock_quantity": 6}]}),
        ("square write", {}),
        ("square write", {"counts": [{"catalog_object_id": "other"}]}),
        ("amazon report", {"issues": []}),
        ("amazon report", {"issues": [], "summary": {"messagesProcessed": 1}}),
        ("amazon report", {"issues": "none", "summary": {"messagesProcessed": 2}}),
        ("amazon report", {"issues": [{"severity": "ERROR"}], "summary": {"messagesProcessed": 2}}),
        ("amazon patch", {}),
    ],
)
def test_an_answer_that_does_not_confirm_is_no_delivery(case: str, body: object) -> None:
    """Success is what the channel says plainly, of this item."""
    read, _, _ = CASES[case]
    try:
        results: Any = read(Answer(200, {}, json.dumps(body).encode()))
    except ChannelUnavailable:
        return
    if isinstance(results, dict):
        results = list(results.values())
    for result in results if isinstance(results, list) else [results]:
        assert result.verdict is not Verdict.DELIVERED
