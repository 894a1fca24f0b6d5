"""What a channel only names is asked for until it was answered, by whichever process, whatever fails meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Producer

from connectors.accounts.model import ShopifyApi, WooCommerceApi
from connectors.accounts.secrets import SecretReference
from connectors.shopify import fetch as shopify_fetch
from connectors.translation import Fetch
from connectors.woocommerce import fetch as woocommerce_fetch
from schemas import wire
from streams.settings import Settings
from streams.topology import CHANNEL_FETCHES, CHANNEL_ORDERS, INGRESS_DEAD_LETTERS
from tests.connectors.ingress.conftest import RunningIngress, StartIngress
from tests.connectors.ingress.orders_server import OrdersServer, serving_orders
from tests.connectors.ingress.senders import raw, shopify, square
from tests.connectors.ingress.topics import Mark, Stored, Topics
from tests.processes import wait_until

kafka = pytest.mark.kafka

ARRIVAL_SECONDS = 30.0  # Backoffs of seconds, and a group that waits for a dead member's session to end.
ORDER_ID = "ORD1"


@pytest.fixture(scope="module")
def orders() -> Iterator[OrdersServer]:
    """Square's order API."""
    with serving_orders() as server:
        yield server


@pytest.fixture(scope="module")
def fetching(module_cluster: Settings, start_ingress: StartIngress, orders: OrdersServer) -> RunningIngress:
    """An ingress whose Square account leads to that API."""
    return start_ingress(module_cluster, orders.url)


@pytest.fixture
def answering(orders: OrdersServer) -> OrdersServer:
    """The API, well and without memory of other tests."""
    orders.script, orders.always, orders.asked = [], None, []
    return orders


def arrived(topics: Topics, mark: Mark, topic: str) -> list[Stored]:
    """What has come to a topic since a mark, once anything has."""
    found: list[Stored] = []

    def look() -> bool:
        found[:] = [one for one in topics.since(mark) if one.topic == topic]
        return bool(found)

    wait_until(look, ARRIVAL_SECONDS, f"something in {topic}")
    return found


def stated(found: Stored) -> dict[str, Any]:
    """A statement's value."""
    record, value = found.decoded
    assert record == "ChannelOrder"
    return value


@kafka
def test_an_order_that_is_only_named_is_fetched_and_stated(
    fetching: RunningIngress, topics: Topics, answering: OrdersServer
) -> None:
    """The webhook is answered at once; the channel is asked with the account's token."""
    mark = topics.mark()
    answer = fetching.post(square(raw("square/order_updated.json")))
    assert (answer.status_code, answer.json()["fetches"]) == (200, 1)
    (statement,) = arrived(topics, mark, CHANNEL_ORDERS.name)
    assert stated(statement)["account_id"] == "tea"
    assert stated(statement)["items"]
    ((path, headers),) = answering.asked
    assert path == f"/v2/orders/{stated(statement)['order_id']}"
    assert headers["authorization"] == "Bearer tea-token"
    assert headers["square-version"]


@kafka
def test_a_channel_that_fails_is_asked_again(
    fetching: RunningIngress, topics: Topics, answering: OrdersServer
) -> None:
    """Its own failure, its wish for patience, a token that has run out: none of them loses the order."""
    answering.script = [500, 429, 401]
    mark = topics.mark()
    fetching.post(square(raw("square/order_updated.json")))
    assert len(arrived(topics, mark, CHANNEL_ORDERS.name)) == 1
    assert len(answering.asked) == 4


@kafka
def test_an_order_that_the_channel_does_not_have_is_a_dead_letter(
    fetching: RunningIngress, topics: Topics, answering: OrdersServer
) -> None:
    """Asking again would change nothing; the letter says what was asked for."""
    answering.script = [404]
    mark = topics.mark()
    fetching.post(square(raw("square/order_updated.json")))
    (letter,) = arrived(topics, mark, INGRESS_DEAD_LETTERS.name)
    assert letter.headers["__streams.errors.exception"] == b"FETCH_REFUSED"
    assert letter.headers["__streams.errors.message"] == b"order: the channel answers 404 when asked for it"
    assert letter.headers["onhand-fetch"].startswith(b"order:")
    assert len(answering.asked) == 1


@kafka
def test_a_wish_without_a_way_to_ask_is_a_dead_letter(
    fetching: RunningIngress, topics: Topics, module_cluster: Settings
) -> None:
    """Of an account without [api], and of one that is not in the file any more."""
    mark = topics.mark()
    fetching.post(shopify("fulfillments/create", raw("shopify/fulfillment.json")))
    producer = Producer({"bootstrap.servers": module_cluster.bootstrap_servers, "log_level": 2})
    value = {"account_id": "gone", "kind": "order", "identifier": "1", "requested_at": 1}
    producer.produce(CHANNEL_FETCHES.name, wire.encode("ChannelFetch", value), b"gone:order:1")
    assert producer.flush(10) == 0
    wait_until(
        lambda: len(arrived(topics, mark, INGRESS_DEAD_LETTERS.name)) == 2,
        ARRIVAL_SECONDS,
        "two dead letters",
    )
    letters = arrived(topics, mark, INGRESS_DEAD_LETTERS.name)
    assert {letter.headers["onhand-account"] for letter in letters} == {b"shop", b"gone"}
    assert {letter.headers["__streams.errors.exception"] for letter in letters} == {b"FETCH_REFUSED"}


@kafka
def test_a_wish_outlives_the_ingress_that_took_it(
    module_cluster: Settings, start_ingress: StartIngress, fetching: RunningIngress, topics: Topics,
    answering: OrdersServer,
) -> None:  # fmt: skip
    """Killed while the channel is down: whoever has the partition next asks, and the order is stated."""
    answering.always = 503
    mark = topics.mark()
    assert fetching.post(square(raw("square/order_updated.json"))).status_code == 200
    wait_until(lambda: bool(answering.asked), ARRIVAL_SECONDS, "the channel is asked")
    fetching.process.kill()
    answering.always = None
    start_ingress(module_cluster, answering.url)
    assert stated(arrived(topics, mark, CHANNEL_ORDERS.name)[0])["account_id"] == "tea"


def test_questions_name_what_they_ask_for_and_carry_credentials() -> None:
    """An id with a slash leads nowhere else."""

    def secret(reference: SecretReference) -> str:
        return reference.name.lower()

    shop = ShopifyApi(base_url="https://s.example", token=SecretReference("env", "T"), version="2026-04")
    asked = shopify_fetch.question(shop, secret, Fetch("order", "9/../1"))
    assert asked.url == "https://s.example/admin/api/2026-04/orders/9%2F..%2F1.json"
    assert asked.headers == {"X-Shopify-Access-Token": "t"}
    keys = {"consumer_key": SecretReference("env", "K"), "consumer_secret": SecretReference("env", "S")}
    candles = WooCommerceApi(base_url="https://c.example/shop/", **keys)
    asked = woocommerce_fetch.question(candles, secret, Fetch("order", "12"))
    assert asked.url == "https://c.example/shop/wp-json/wc/v3/orders/12"
    assert asked.headers == {"Authorization": "Basic azpz"}
