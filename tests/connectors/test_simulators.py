"""The simulators themselves: their webhooks are authentic by our own checks, and their bodies are understood."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping

import httpx
import pytest

from connectors.authenticity import borne
from connectors.egress.mapped import Write
from connectors.shopify.outgoing import CHECK, SET
from connectors.shopify.signature import verify as verify_shopify
from connectors.shopify.translate import translate as translate_shopify
from connectors.square.outgoing import changes, payload
from connectors.square.signature import verify as verify_square
from connectors.square.translate import translate as translate_square
from connectors.standard_webhooks.signature import verify as verify_standard
from connectors.translation import Account, Fetch
from connectors.woocommerce.signature import verify as verify_woocommerce
from connectors.woocommerce.translate import translate as translate_woocommerce
from tests.connectors.contract import availability
from tests.connectors.serving import serving
from tests.connectors.simulators import orders, square, webhooks
from tests.connectors.simulators.server import Pair, Reply, Request, Simulator
from tests.connectors.simulators.shopify import LOCATION, PLACE, TOKEN, ShopifySimulator
from tests.connectors.simulators.square import SquareSimulator
from tests.connectors.simulators.webhook_receiver import SECRET

VALUE = availability("a", 1, 4)
URL = "https://stock.example/in/till"
ACCOUNT = Account("shop", "shop", default_location_id="dc", skus={"VAR": "ours", "1001": "ours"})


class Listener(Simulator):
    """Whoever webhooks are sent to: every request is a write, so that the script is about it."""

    def refusal(self, request: Request) -> Reply | None:
        """Refuse nothing."""
        return None

    def pairs(self, request: Request) -> list[Pair] | None:
        """Return nothing to write."""
        return []

    def answer(self, request: Request) -> Reply:
        """Take it."""
        return Reply()


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    """A listener, served."""
    async with serving(Listener()) as simulator:
        yield simulator


Check = Callable[[Mapping[str, str], bytes, float], object]


@pytest.mark.parametrize(
    ("sign", "check"),
    [
        (webhooks.shopify("s"), lambda headers, body, _now: verify_shopify(["s"], headers, body)),
        (webhooks.woocommerce("s"), lambda headers, body, _now: verify_woocommerce(["s"], headers, body)),
        (webhooks.square("s", URL), lambda headers, body, _now: verify_square(["s"], URL, headers, body)),
        (webhooks.standard(SECRET), lambda headers, body, now: verify_standard([SECRET], headers, body, now)),
        (webhooks.bearing("s"), lambda headers, _body, _now: borne(["s"], headers)),
    ],
    ids=["shopify", "woocommerce", "square", "standard webhooks", "bearer"],
)
async def test_webhooks_are_authentic(listener: Listener, sign: webhooks.Sign, check: Check) -> None:
    """As the ingress checks them; NotAuthentic would be raised."""
    sender = webhooks.Sender(listener.url, sign)
    await sender.send(sender.message("order.updated", b'{"id":1}'))
    await sender.close()
    (request,) = listener.requests
    check(request.headers, request.body, float(request.headers.get("webhook-timestamp", 0)))


async def test_webhooks_come_again_until_they_are_taken(listener: Listener) -> None:
    """Whatever went wrong; the same body, and the same id."""
    listener.script = ["fail", "reset", "busy"]
    sender = webhooks.Sender(listener.url, webhooks.shopify("s"), retry_seconds=0.0)
    await sender.send(sender.message("orders/create", b"{}"))
    await sender.close()
    assert sender.answers == [500, 0, 503, 200]
    assert {request.headers["x-shopify-webhook-id"] for request in listener.requests} == {"msg_1"}
    assert sender.given_up == []


async def test_webhooks_are_given_up_in_the_end(listener: Listener) -> None:
    """As vendors do; then only polling finds what they said."""
    listener.script = ["fail"] * 3
    sender = webhooks.Sender(listener.url, webhooks.woocommerce("s"), attempts_max=3, retry_seconds=0.0)
    message = sender.message("order.updated", b"{}")
    await sender.send(message)
    await sender.close()
    assert sender.given_up == [message]


async def test_disorder_sends_all_some_twice_and_not_in_order(listener: Listener) -> None:
    """The same disorder for the same seed."""
    sender = webhooks.Sender(listener.url, webhooks.shopify("s"), source=random.Random(3))
    messages = [sender.message("orders/create", str(number).encode()) for number in range(40)]
    await sender.disorder(messages, at_once=1)
    await sender.close()
    arrived = [int(request.body) for request in listener.requests]
    assert set(arrived) == set(range(40))
    assert 45 <= len(arrived) <= 60
    assert Counter(arrived).most_common(1)[0][1] == 2
    assert arrived != sorted(arrived)


def test_bodies_are_understood() -> None:
    """Each is what its vendor's translator takes, and refuses nothing of."""
    order = orders.shopify_order(1, "ours", 2)
    square_order = orders.square_order("O1", "L", "VAR", 2)
    translations = [
        translate_shopify(ACCOUNT, "orders/create", order),
        translate_shopify(ACCOUNT, "orders/cancelled", orders.shopify_cancelled(order)),
        translate_shopify(ACCOUNT, "inventory_levels/update", orders.shopify_level("1001", "77", 5)),
        translate_woocommerce(ACCOUNT, "order.updated", orders.woocommerce_order(1, "ours", 2)),
        translate_square(ACCOUNT, "", orders.square_event(square_order)),
        translate_square(ACCOUNT, "order", {"order": square_order}),
        translate_square(ACCOUNT, "", orders.square_count("VAR", "L", 5)),
    ]
    assert [one.refusals for one in translations] == [()] * 7
    assert translations[0].orders[0].items[0].promised == 2
    assert translations[1].orders[0].items[0].promised == 0
    assert translations[3].orders[0].items[0].promised == 2
    assert translations[4].fetches == (Fetch("order", "O1"),)
    assert translations[5].orders[0].items[0].shipped == 2
    assert translations[2].events
    assert translations[6].events


async def test_shopify_keeps_keys_and_compares() -> None:
    """The same again is answered as the first time; a key for something else, or a stale figure, is refused."""
    async with serving(ShopifySimulator({"a": 5})) as shop:
        item = shop.item_of("a")
        first = await mutate(shop, item, 4, 5, "key-1")
        again = await mutate(shop, item, 4, 5, "key-1")
        other = await mutate(shop, item, 3, 4, "key-1")
        stale = await mutate(shop, item, 3, 5, "key-2")
    assert (first, again) == ([], [])
    assert (other, stale) == (["IDEMPOTENCY_KEY_PARAMETER_MISMATCH"], ["CHANGE_FROM_QUANTITY_STALE"])
    assert shop.taken == [("a", 4)]


async def mutate(shop: ShopifySimulator, item: str, quantity: int, replaced: int, key: str) -> list[str]:
    """Set one quantity, and return the codes of what the shop has against it."""
    one = {"inventoryItemId": item, "locationId": f"{PLACE}{LOCATION}", "quantity": quantity}
    given = {
        "name": "available",
        "reason": "correction",
        "quantities": [one | {"changeFromQuantity": replaced}],
    }
    async with httpx.AsyncClient(headers={"X-Shopify-Access-Token": TOKEN}) as client:
        body = {"query": SET, "variables": {"input": given, "key": key}}
        answer = await client.post(f"{shop.url}/admin/api/2026-04/graphql.json", json=body)
    errors = answer.json()["data"]["inventorySetQuantities"]["userErrors"]
    return [error["code"] for error in errors]


async def test_square_keeps_keys_and_takes_all_or_nothing() -> None:
    """As its documentation has it."""
    good, gone = Write("V-A", 4, VALUE), Write("V-B", 4, VALUE)
    async with serving(SquareSimulator({"a": 5, "b": 5})) as seller:
        seller.bad_skus = {"b"}
        body = payload(changes([good], "LSIMULATED", VALUE.emitted_at / 1_000))
        reused = body.replace(b'"quantity":"4"', b'"quantity":"3"')
        both = payload(changes([good, gone], "LSIMULATED", VALUE.emitted_at / 1_000))
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {square.TOKEN}"}) as client:
            url = f"{seller.url}/v2/inventory/changes/batch-create"
            answers = [await client.post(url, content=content) for content in (body, body, reused, both)]
    assert [answer.status_code for answer in answers] == [200, 200, 400, 400]
    assert answers[0].json() == answers[1].json()
    assert answers[2].json()["errors"][0]["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert answers[3].json()["errors"][0]["field"].startswith("changes[1]")
    assert seller.taken == [("a", 4)]


async def test_a_budget_of_points_runs_out_and_comes_back() -> None:
    """Shopify says so with status 200, and what a query would have cost."""
    async with serving(ShopifySimulator({"a": 5}, points=15.0)) as shop:
        shop.per_second = 0.0
        async with httpx.AsyncClient(headers={"X-Shopify-Access-Token": TOKEN}) as client:
            body = {"query": CHECK, "variables": {"location": f"{PLACE}{LOCATION}"}}
            url = f"{shop.url}/admin/api/2026-04/graphql.json"
            answers = [(await client.post(url, json=body)).json() for _ in range(2)]
            shop.points = 10.0
            answers.append((await client.post(url, json=body)).json())
    assert [one.get("errors", [{}])[0].get("message") for one in answers] == [None, "Throttled", None]
    assert answers[1]["extensions"]["cost"]["throttleStatus"]["currentlyAvailable"] == 5.0
