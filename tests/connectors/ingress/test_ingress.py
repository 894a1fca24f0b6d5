"""`onhand ingress` on a real Kafka: what is authentic is stored before it is answered, all else leaves no trace."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from connectors.accounts.reading import parse_accounts
from connectors.ingress.channels import CHANNELS
from connectors.ingress.outgoing import records_of
from connectors.ingress.reception import LARGE_BYTES
from streams.settings import Settings
from streams.topology import CHANNEL_ORDERS, EVENT_TOPICS, INGRESS_DEAD_LETTERS
from tests.connectors.ingress.conftest import RunningIngress, StartIngress
from tests.connectors.ingress.senders import (
    ACCOUNTS,
    Delivery,
    bearer,
    good_deliveries,
    raw,
    sale,
    shopify,
    square,
    standard,
    woocommerce,
)
from tests.connectors.ingress.topics import Stored, Topics
from tests.connectors.translating import FIXTURES
from tests.processes import wait_until

pytestmark = pytest.mark.kafka

GOOD = good_deliveries()
FILE = parse_accounts(ACCOUNTS.replace("SQUARE", "http://127.0.0.1:9"))
DAMAGED = 25  # Bodies of each account; the translators' own tests try 20,000.
BODIES = tuple(
    str(path.relative_to(FIXTURES))
    for path in sorted(FIXTURES.rglob("*.*"))
    if path.suffix in {".json", ".edi"}
)
SIGNED: dict[str, Callable[[bytes], Delivery]] = {
    "shop": partial(shopify, "orders/updated"),
    "candles": partial(woocommerce, "order.updated"),
    "tea": square,
    "soap": partial(bearer, "soap"),
    "dock": partial(bearer, "dock"),
    "supplier": partial(bearer, "supplier"),
    "wholesale": partial(bearer, "wholesale"),
}
DEAD_LETTERS, ORDERS = INGRESS_DEAD_LETTERS.name, CHANNEL_ORDERS.name


def understood(delivery: Delivery) -> list[tuple[str, bytes, bytes]]:
    """What a delivery's translator says of it, as records."""
    entry = FILE.accounts[delivery.account_id]
    channel = CHANNELS[entry.kind]
    headers = {name.lower(): value for name, value in delivery.headers.items()}
    account = entry.account(delivery.account_id)
    translation = channel.translate(account, channel.topic(headers), channel.read(delivery.body))
    return sorted((one.topic, one.key, one.value) for one in records_of(account, translation, [], 0))


def stored(found: list[Stored]) -> list[tuple[str, bytes, bytes]]:
    """Records without their headers; bodies kept aside left out."""
    return sorted((one.topic, one.key, one.value) for one in found if one.topic != DEAD_LETTERS)


@pytest.mark.parametrize("kind", GOOD)
def test_what_an_authentic_body_says_is_stored_before_the_answer(
    ingress: RunningIngress, topics: Topics, kind: str
) -> None:
    """Events in their topics by SKU, orders as statements by account and order: what the translator says, no more."""
    delivery, mark = GOOD[kind](), topics.mark()
    answer = ingress.post(delivery)
    found = topics.since(mark)
    assert answer.status_code == 200
    assert understood(delivery)
    assert stored(found) == understood(delivery)
    said = answer.json()
    assert said["events"] + said["orders"] == len(stored(found))


@pytest.mark.parametrize("kind", GOOD)
def test_a_forged_body_leaves_no_trace(ingress: RunningIngress, topics: Topics, kind: str) -> None:
    """401 and a count; nothing in any topic, not even as a dead letter."""
    delivery, mark = GOOD[kind]().forged(), topics.mark()
    count = ingress.metric("onhand_ingress_requests_total", account=delivery.account_id, outcome="forged")
    answer = ingress.post(delivery)
    assert answer.status_code == 401
    assert topics.since(mark) == []
    assert ingress.metric("onhand_ingress_requests_total", account=delivery.account_id, outcome="forged") == (
        count + 1
    )


@pytest.mark.parametrize("kind", GOOD)
def test_a_body_without_signature_leaves_no_trace(ingress: RunningIngress, topics: Topics, kind: str) -> None:
    """Nor does one that bears nothing at all."""
    delivery, mark = GOOD[kind](), topics.mark()
    assert ingress.post(delivery._replace(headers={})).status_code == 401
    assert topics.since(mark) == []


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_replayed_message_leaves_no_trace(ingress: RunningIngress, topics: Topics, seconds: int) -> None:
    """Standard Webhooks sign the time: beyond five minutes the best signature is worth nothing."""
    mark = topics.mark()
    assert ingress.post(standard(sale("REPLAYED"), at=time.time() + seconds)).status_code == 401
    assert topics.since(mark) == []


def test_a_square_signature_is_good_for_one_address_only(ingress: RunningIngress) -> None:
    """Another subscription's request is no request of this one."""
    body = raw("square/inventory_count_updated.json")
    assert ingress.post(square(body, "https://elsewhere.example/")).status_code == 401


def test_secrets_rotate_and_each_is_counted_by_its_place(ingress: RunningIngress) -> None:
    """So that one sees when nothing comes with the old one any more; a third is refused."""
    body = raw("shopify/inventory_level.json")

    def counted(place: str) -> float:
        return ingress.metric("onhand_ingress_authentic_total", account="shop", secret=place)

    before = counted("0"), counted("1")
    for secret, status in (("shop-new", 200), ("shop-old", 200), ("shop-oldest", 401)):
        assert ingress.post(shopify("inventory_levels/update", body, secret)).status_code == status
    assert (counted("0"), counted("1")) == (before[0] + 1, before[1] + 1)


@pytest.mark.parametrize("account_id", ["nobody", "silent", "SHOP", "shop/", "shop%2f"])
def test_an_account_that_is_none_is_not_found(
    ingress: RunningIngress, topics: Topics, account_id: str
) -> None:
    """Nor is one that only goes out; what a stranger writes becomes no label."""
    mark = topics.mark()
    delivery = shopify("orders/create", raw("shopify/order_created.json"))._replace(account_id=account_id)
    assert ingress.post(delivery).status_code == 404
    assert topics.since(mark) == []


def test_only_posts_are_taken(ingress: RunningIngress) -> None:
    """A browser sees no stock here."""
    assert ingress.client.get("/in/shop").status_code == 405
    assert ingress.client.get("/metrics").status_code == 404


def test_a_body_that_says_it_is_too_long_is_not_read(ingress: RunningIngress, topics: Topics) -> None:
    """413 at the headers: not a byte of the body was sent."""
    mark = topics.mark()
    head = b"POST /in/small HTTP/1.1\r\nHost: x\r\nContent-Length: 2049\r\n\r\n"
    assert spoken(ingress, [head]).startswith(b"HTTP/1.1 413 ")
    assert topics.since(mark) == []


def test_a_body_that_is_too_long_is_read_no_further(ingress: RunningIngress, topics: Topics) -> None:
    """413 in the middle of a body whose length nobody has said."""
    mark = topics.mark()
    head = b"POST /in/small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"400\r\n" + b" " * 0x400 + b"\r\n"
    assert spoken(ingress, [head, chunk, chunk, chunk]).startswith(b"HTTP/1.1 413 ")
    assert topics.since(mark) == []


def test_a_body_of_the_longest_length_is_read(ingress: RunningIngress) -> None:
    """The limit itself may be used; this one is refused for what is in it."""
    assert ingress.post(standard(b" " * 2048, "small")).status_code == 400


def spoken(ingress: RunningIngress, parts: list[bytes]) -> bytes:
    """Send bytes as they are and return the first line of the answer."""
    host, _, port = ingress.address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        for part in parts:
            connection.sendall(part)
        return connection.recv(4096).partition(b"\r\n")[0] + b" "


def test_an_account_that_sends_too_much_is_told_when_to_come_again(
    module_cluster: Settings, start_ingress: StartIngress, topics: Topics
) -> None:
    """429 with Retry-After; other accounts go on, and forged requests use up nothing."""
    ingress, mark = start_ingress(module_cluster), topics.mark()
    for _ in range(5):
        assert ingress.post(standard(sale("PACED"), "small").forged()).status_code == 401
    answers = [ingress.post(standard(sale("PACED"), "small")) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert ingress.post(standard(sale("PACED"))).status_code == 200
    assert len(topics.since(mark)) == 4


@pytest.mark.parametrize(
    ("delivery", "status", "reason", "message"),
    [
        (shopify("orders/create", b"{"), 200, "UNREADABLE", "body: no JSON in UTF-8"),
        (shopify("orders/create", b'{"id": 1, "email": "a@b.example"}'), 200, "UNTRANSLATABLE", "updated_at: miss"),
        (woocommerce("order.updated", b"[]"), 200, "UNTRANSLATABLE", "body: a list, not an object"),
        (square(b"\xff"), 200, "UNREADABLE", "body: no JSON in UTF-8"),
        (bearer("soap", b'{"NotificationType": 7}'), 200, "UNTRANSLATABLE", "notificationtype: a number"),
        (bearer("dock", b"{}"), 400, "UNTRANSLATABLE", "@context"),
        (bearer("supplier", b"hello"), 400, "UNTRANSLATABLE", ""),
        (bearer("wholesale", b"ISA"), 400, "UNTRANSLATABLE", ""),
    ],
)  # fmt: skip
def test_a_body_that_can_not_be_taken_is_kept_whole_with_the_reason(
    ingress: RunningIngress, topics: Topics, delivery: Delivery, status: int, reason: str, message: str
) -> None:
    """Answered as the channel's redelivery needs it, and without anything secret beside it."""
    mark = topics.mark()
    answer = ingress.post(delivery)
    assert answer.status_code == status
    (letter,) = topics.since(mark)
    assert (letter.topic, letter.key, letter.value) == (
        DEAD_LETTERS,
        delivery.account_id.encode(),
        delivery.body,
    )
    assert letter.headers["__streams.errors.exception"].decode() == reason
    assert message in letter.headers["__streams.errors.message"].decode()
    assert letter.headers["onhand-account"].decode() == delivery.account_id
    assert secret_words(letter, delivery) == []
    assert answer.json()["errors"][0]["reason"]


def secret_words(letter: Stored, delivery: Delivery) -> list[str]:
    """Headers of a dead letter that should not be there."""
    return [
        name
        for name in letter.headers
        if name in {"authorization", "cookie"} or "hmac" in name or "sign" in name
    ]


def test_a_dead_letter_keeps_what_finds_the_delivery_again(ingress: RunningIngress, topics: Topics) -> None:
    """Topic and id as the vendor's own log has them."""
    mark = topics.mark()
    ingress.post(shopify("orders/create", b"{"))
    (letter,) = topics.since(mark)
    assert letter.headers["x-shopify-topic"] == b"orders/create"
    assert letter.headers["x-shopify-webhook-id"] == b"w-1"
    assert "cookie" not in letter.headers


def test_good_lines_are_taken_and_the_body_is_kept_for_the_others(
    ingress: RunningIngress, topics: Topics
) -> None:
    """One bad line hides no good one, and is not lost."""
    body = json.loads(raw("shopify/order_created.json"))
    body["line_items"][0]["quantity"] = "many"
    mark = topics.mark()
    answer = ingress.post(shopify("orders/create", json.dumps(body).encode()))
    assert answer.status_code == 200
    assert answer.json()["refused"] == [
        {"field": "line_items[0].quantity", "reason": "a text, not a whole number"}
    ]
    kept, statement = sorted(topics.since(mark), key=lambda one: one.topic == ORDERS)
    assert kept.headers["__streams.errors.exception"] == b"PARTLY_UNTRANSLATABLE"
    assert json.loads(kept.value) == body
    assert statement.decoded[0] == "ChannelOrder"


@pytest.mark.parametrize("account_id", SIGNED)
def test_no_authentic_body_is_a_failure_of_ours(
    ingress: RunningIngress, topics: Topics, account_id: str
) -> None:
    """Whatever is damaged in it: it is answered as one that is taken or kept, and nothing of it is lost."""
    draw, sign = random.Random(account_id), SIGNED[account_id]
    mark, kept = topics.mark(), 0
    for _ in range(DAMAGED):
        answer = ingress.post(sign(damaged(draw, raw(draw.choice(BODIES)))))
        assert answer.status_code in {200, 400}, answer.text
        kept += bool(answer.json().get("refused") or answer.json().get("errors"))
    assert kept == sum(one.topic == DEAD_LETTERS for one in topics.since(mark))


def damaged(draw: random.Random, body: bytes) -> bytes:
    """A body cut short, with bytes of no meaning in it, or with a part of it twice."""
    begin, end = sorted(draw.randrange(len(body)) for _ in range(2))
    noise = bytes(draw.randrange(256) for _ in range(draw.randrange(8)))
    return draw.choice([body[:end], body[:begin] + noise + body[end:], body + body[begin:end], noise, b""])


def test_a_large_body_is_taken_whole(ingress: RunningIngress, topics: Topics) -> None:
    """Translated beside the others, which need not wait for it."""
    body = json.loads(raw("shopify/order_created.json"))
    line = body["line_items"][0]
    body["line_items"] = [{**line, "id": 500 + number, "sku": f"LARGE-{number}"} for number in range(300)]
    sent = json.dumps(body).encode()
    assert len(sent) > LARGE_BYTES
    mark = topics.mark()
    assert ingress.post(shopify("orders/create", sent)).status_code == 200
    (statement,) = topics.since(mark)
    assert len(statement.decoded[1]["items"]) == 300


def test_what_moves_no_stock_is_answered_and_leaves_no_trace(ingress: RunningIngress, topics: Topics) -> None:
    """A topic that somebody subscribed to besides."""
    mark = topics.mark()
    answer = ingress.post(shopify("customers/create", b'{"id": 7, "email": "a@b.example"}'))
    assert (answer.status_code, answer.json()["ignored"]) == (200, ["says nothing of stock"])
    assert topics.since(mark) == []


def test_the_ping_of_a_new_woocommerce_webhook_is_answered(ingress: RunningIngress, topics: Topics) -> None:
    """It is not signed; without 200 the webhook can't be saved. Nothing longer passes for one."""
    mark = topics.mark()
    assert ingress.post(Delivery("candles", {}, b"webhook_id=17")).status_code == 200
    assert ingress.post(Delivery("candles", {}, b"webhook_id=17&a=b")).status_code == 401
    assert ingress.post(Delivery("shop", {}, b"webhook_id=17")).status_code == 401
    assert topics.since(mark) == []


def test_no_money_and_nobodys_data_passes(ingress: RunningIngress, topics: Topics) -> None:
    """What is stored of an order has goods, places and times, whatever else the body has."""
    body = json.loads(raw("shopify/order_created.json"))
    body |= {"email": "jo@people.example", "total_price": "4711.00", "shipping_address": {"name": "Jo Dow"}}
    mark = topics.mark()
    ingress.post(shopify("orders/create", json.dumps(body).encode()))
    for one in topics.since(mark):
        for word in (b"people.example", b"4711", b"Jo Dow"):
            assert word not in one.value
            assert not any(word in value for value in one.headers.values())


def test_a_trace_goes_on_from_the_request_to_the_records(ingress: RunningIngress, topics: Topics) -> None:
    """W3C Trace Context; a damaged one is left out."""
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    mark = topics.mark()
    for given in (parent, "00-no"):
        delivery = standard(sale("TRACED"))
        ingress.post(delivery._replace(headers=delivery.headers | {"traceparent": given}))
    assert [one.headers.get("traceparent") for one in topics.since(mark)].count(parent.encode()) == 1


def test_a_stopping_ingress_answers_what_is_at_hand(
    module_cluster: Settings, start_ingress: StartIngress, topics: Topics
) -> None:
    """SIGTERM: no new connection, the body under way is read, stored and answered, exit code 0."""
    ingress, mark = start_ingress(module_cluster), topics.mark()
    delivery = standard(sale("DRAINED"))
    answers: list[int] = []
    halfway, go_on = threading.Event(), threading.Event()

    def slowly() -> Iterator[bytes]:
        yield delivery.body[:10]
        halfway.set()
        assert go_on.wait(20)
        yield delivery.body[10:]

    def send() -> None:
        answer = ingress.client.post("/in/erp", content=slowly(), headers=delivery.headers)
        answers.append(answer.status_code)

    sending = threading.Thread(target=send)
    sending.start()
    assert halfway.wait(20)
    stopping = threading.Thread(target=ingress.process.stop)
    stopping.start()
    wait_until(lambda: refuses(ingress), 10, "the ingress takes no new connection")
    go_on.set()
    sending.join(20)
    stopping.join(20)
    assert answers == [200]
    assert ingress.process.child.exit_code() == 0
    assert [one.key for one in topics.since(mark)] == [b"DRAINED"]


def refuses(ingress: RunningIngress) -> bool:
    """Tell whether nobody listens any more."""
    host, _, port = ingress.address.removeprefix("http://").partition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1):
            return False
    except OSError:
        return True


def test_every_record_is_one_of_its_topic(ingress: RunningIngress, topics: Topics) -> None:
    """What is stored can be decoded, and stands where the stock agent and the order desk look for it."""
    mark = topics.mark()
    for make in GOOD.values():
        ingress.post(make())
    names: list[tuple[str, dict[str, Any]]] = []
    for one in topics.since(mark):
        if one.topic == DEAD_LETTERS:
            continue
        record, value = one.decoded
        names.append((record, value))
        if one.topic == ORDERS:
            assert one.key.decode() == f"{value['account_id']}:{value['order_id']}"
        else:
            assert (one.topic, one.key.decode()) == (EVENT_TOPICS[record].name, value["sku"])
            assert one.headers["ce_id"].decode() == value["event_id"]
    assert {record for record, _ in names} >= {
        "ChannelOrder",
        "StockCounted",
        "SaleRecorded",
        "InboundAnnounced",
    }
