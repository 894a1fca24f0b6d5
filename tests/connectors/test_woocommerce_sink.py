"""The WooCommerce sink on its simulator."""

from collections.abc import AsyncIterator

import pytest

from connectors.protocols import ReadableSink, Verdict
from connectors.translation import Account
from connectors.woocommerce.client import WooCommerceApi
from connectors.woocommerce.connector import woocommerce_sink
from tests.connectors.contract import Sending, availability
from tests.connectors.serving import serving
from tests.connectors.simulators.contract import ANSWER_TIMEOUT_SECONDS, SKUS, ReadableContract
from tests.connectors.simulators.server import Simulator
from tests.connectors.simulators.woocommerce import KEY, SECRET, WooCommerceSimulator


def make_sink(channel: Simulator, secret: str = SECRET) -> ReadableSink:
    """Return a sink in front of a shop."""
    api = WooCommerceApi(channel.url, KEY, secret, answer_timeout_seconds=ANSWER_TIMEOUT_SECONDS)
    return woocommerce_sink(Account("shop", "shop"), api)


class TestWooCommerceSink(ReadableContract):
    """The contract, in batches of products."""

    def make_simulator(self) -> Simulator:
        """A shop."""
        return WooCommerceSimulator(dict.fromkeys(SKUS, 500))

    def make_sink(self, channel: Simulator, *, credentials: str = "right") -> ReadableSink:
        """A sink of it."""
        return make_sink(channel, SECRET if credentials == "right" else "cs_wrong")


@pytest.fixture
async def shop() -> AsyncIterator[WooCommerceSimulator]:
    """A shop with more products than a batch holds."""
    figures = {"a": 5, "b": 5} | {f"sku-{number}": 5 for number in range(120)}
    async with serving(WooCommerceSimulator(figures)) as simulator:
        yield simulator


@pytest.fixture
async def sink(shop: WooCommerceSimulator) -> AsyncIterator[ReadableSink]:
    """A sink of it."""
    sink = make_sink(shop)
    yield sink
    await sink.close()


async def test_variations_go_to_their_product(shop: WooCommerceSimulator, sink: ReadableSink) -> None:
    """WooCommerce refuses them among products; each family is a request of its own, and can be read."""
    shop.variations = {"b", "sku-1"}
    updates = [availability(sku, 1, 9) for sku in ("a", "b", "sku-1", "sku-2")]
    results = await sink.send(updates)
    assert {result.verdict for result in results} == {Verdict.DELIVERED}
    paths = [request.path for request in shop.requests if request.method == "PUT"]
    assert sorted(paths) == [
        "/wp-json/wc/v3/products/900/variations/batch",
        "/wp-json/wc/v3/products/batch",
    ]
    read = await sink.read([update.sku for update in updates])
    assert {sku: figures[0].quantity for sku, figures in read.items()} == dict.fromkeys(read, 9)
    assert len(read) == 4


async def test_no_request_has_more_than_a_hundred_products(
    shop: WooCommerceSimulator, sink: ReadableSink
) -> None:
    """WooCommerce refuses a larger one as a whole."""
    results = await sink.send([availability(f"sku-{number}", 1, 2) for number in range(120)])
    assert {result.verdict for result in results} == {Verdict.DELIVERED}
    assert [len(batch) for batch in shop.received] == [100, 20]


async def test_what_was_written_before_the_shop_throttles_is_not_written_again(
    shop: WooCommerceSimulator, sink: ReadableSink
) -> None:
    """A shop that throttles within each batch would otherwise get its first part for ever."""
    shop.variations = {"b"}
    shop.script = ["ok", "throttle", "throttle"]
    sending = Sending(sink)
    sending.put(availability("a", 1, 9), availability("b", 1, 8))
    await sending.until_done()
    assert (shop.figures["a"], shop.figures["b"]) == (9, 8)
    assert shop.received == [[("a", 9)], [("b", 8)], [("b", 8)], [("b", 8)]]
    assert sending.dead_letters.letters == []


async def test_an_answer_that_leaves_a_product_out_confirms_nothing(
    shop: WooCommerceSimulator, sink: ReadableSink
) -> None:
    """Only a product that came back with its quantity counts as delivered."""
    shop.forgotten = {"b"}
    results = await sink.send([availability("a", 1, 9), availability("b", 1, 8)])
    assert [result.verdict for result in results] == [Verdict.DELIVERED, Verdict.FAILED]


async def test_a_product_that_was_deleted_is_looked_for_anew(
    shop: WooCommerceSimulator, sink: ReadableSink
) -> None:
    """Its number is forgotten with the refusal, so that a product made in its place is found."""
    await sink.send([availability("a", 1, 9)])
    shop.bad_skus = {"a"}
    assert [result.verdict for result in await sink.send([availability("a", 2, 8)])] == [Verdict.REFUSED]
    shop.bad_skus = set()
    searches = sum("sku" in request.query for request in shop.requests)
    assert [result.verdict for result in await sink.send([availability("a", 3, 7)])] == [Verdict.DELIVERED]
    assert sum("sku" in request.query for request in shop.requests) == searches + 1
