"""The Shopify sink on its simulator."""

from collections.abc import AsyncIterator

import pytest

from connectors.egress.dead_letters import CHANNEL_REFUSED
from connectors.protocols import ChannelUnavailable, ReadableSink, Verdict
from connectors.shopify.budget import Cost, PointBudget
from connectors.shopify.client import BUSY, ShopifyApi
from connectors.shopify.connector import shopify_sink
from connectors.translation import Account
from tests.connectors.contract import Sending, availability
from tests.connectors.serving import serving
from tests.connectors.simulators.contract import ANSWER_TIMEOUT_SECONDS, SKUS, ReadableContract
from tests.connectors.simulators.server import Simulator
from tests.connectors.simulators.shopify import LOCATION, TOKEN, ShopifySimulator


def make_sink(channel: Simulator, account: Account | None = None, token: str = TOKEN) -> ReadableSink:
    """Return a sink in front of a shop."""
    api = ShopifyApi(channel.url, token, LOCATION, answer_timeout_seconds=ANSWER_TIMEOUT_SECONDS)
    return shopify_sink(account or Account("shop", "shop"), api)


class TestShopifySink(ReadableContract):
    """The contract, in GraphQL."""

    def make_simulator(self) -> Simulator:
        """A shop."""
        return ShopifySimulator(dict.fromkeys(SKUS, 500))

    def make_sink(self, channel: Simulator, *, credentials: str = "right") -> ReadableSink:
        """A sink of it."""
        return make_sink(channel, token=TOKEN if credentials == "right" else "shpat_wrong")


@pytest.fixture
async def shop() -> AsyncIterator[ShopifySimulator]:
    """A shop with more variants than a page holds."""
    figures = {"a": 5, "b": 5, "case": 1} | {f"sku-{number}": 5 for number in range(120)}
    async with serving(ShopifySimulator(figures)) as simulator:
        yield simulator


@pytest.fixture
async def sink(shop: ShopifySimulator) -> AsyncIterator[ReadableSink]:
    """A sink of it."""
    sink = make_sink(shop)
    yield sink
    await sink.close()


async def test_a_figure_that_changed_meanwhile_is_read_and_written_again(
    shop: ShopifySimulator, sink: ReadableSink
) -> None:
    """A sale between reading and writing is a conflict; nothing is overwritten unseen."""
    shop.before_set = [("a", 3)]
    results = await sink.send([availability("a", 1, 9), availability("b", 1, 8)])
    assert [result.verdict for result in results] == [Verdict.DELIVERED] * 2
    assert (shop.figures["a"], shop.figures["b"]) == (9, 8)
    replaced = [
        one["changeFromQuantity"]
        for request in shop.requests
        if "inventorySetQuantities" in request.json["query"]
        for one in request.json["variables"]["input"]["quantities"]
    ]
    assert replaced == [5, 5, 3, 5]


async def test_what_was_written_last_needs_no_reading(shop: ShopifySimulator, sink: ReadableSink) -> None:
    """The next figure of an item is one request."""
    await sink.send([availability("a", 1, 9)])
    before = len(shop.requests)
    await sink.send([availability("a", 2, 8)])
    assert len(shop.requests) == before + 1


async def test_a_figure_that_never_holds_still_waits_with_backoff(
    shop: ShopifySimulator, sink: ReadableSink
) -> None:
    """After some rounds the item has failed for now, and others go first."""

    def sell() -> None:
        shop.before_set = [("a", shop.figures["a"] - 1)]

    shop.on_request = sell
    results = await sink.send([availability("a", 1, 9)])
    assert results[0] == (Verdict.FAILED, BUSY)


async def test_a_write_whose_answer_was_lost_is_not_done_twice(
    shop: ShopifySimulator, sink: ReadableSink
) -> None:
    """The next try carries the same key, and the shop answers as the first time."""
    shop.script = ["lost"]
    with pytest.raises(ChannelUnavailable):
        await sink.send([availability("a", 1, 9)])
    results = await sink.send([availability("a", 1, 9)])
    assert results[0].verdict is Verdict.DELIVERED
    assert shop.replays_total == 1
    assert shop.taken == [("a", 9)]


async def test_a_write_that_was_lost_and_then_overtaken_replaces_what_is_there(
    shop: ShopifySimulator, sink: ReadableSink
) -> None:
    """Nobody knows whether the lost one was written; comparing finds out."""
    shop.script = ["lost"]
    with pytest.raises(ChannelUnavailable):
        await sink.send([availability("a", 1, 9)])
    results = await sink.send([availability("a", 2, 4)])
    assert results[0].verdict is Verdict.DELIVERED
    assert shop.taken == [("a", 9), ("a", 4)]


async def test_the_budget_of_points_is_waited_for_before_it_is_used_up(
    shop: ShopifySimulator, sink: ReadableSink
) -> None:
    """What a query costs is known after the first; the shop never has to throttle."""
    await sink.send([availability("a", 1, 9)])
    shop.points, shop.per_second = 10.0, 1.0
    await sink.send([availability("a", 2, 8)])
    before = len(shop.requests)
    with pytest.raises(ChannelUnavailable) as caught:
        await sink.send([availability("a", 3, 7)])
    assert caught.value.throttled
    assert caught.value.retry_after_seconds == pytest.approx(10.0, abs=0.5)
    assert len(shop.requests) == before


async def test_a_batch_of_new_items_gets_done_with_hardly_any_points(
    shop: ShopifySimulator, sink: ReadableSink
) -> None:
    """It takes several queries: each that was paid for is kept, or the batch would begin anew for ever."""
    shop.points, shop.per_second = 12.0, 100.0
    sending = Sending(sink, batch_size=120)
    sending.put(*(availability(f"sku-{number}", 1, 2) for number in range(120)))
    await sending.until_done()
    assert {shop.figures[f"sku-{number}"] for number in range(120)} == {2}
    assert len(shop.requests) < 20


async def test_items_that_the_location_does_not_stock_are_refused_by_name(
    shop: ShopifySimulator, sink: ReadableSink
) -> None:
    """Each is a dead letter with a reason, and the rest of the batch arrives."""
    shop.unstocked = {"b"}
    sending = Sending(sink)
    sending.put(availability("a", 1, 9), availability("b", 1, 8))
    await sending.until_done()
    assert shop.figures["a"] == 9
    assert sending.dead_letters.reasons == {"b": CHANNEL_REFUSED}
    assert "does not stock" in sending.dead_letters.letters[0][2]


async def test_variants_are_found_over_pages(shop: ShopifySimulator, sink: ReadableSink) -> None:
    """A search that finds more than a page turns it."""
    updates = [availability(f"sku-{number}", 1, 2) for number in range(120)]
    results = await sink.send(updates)
    assert {result.verdict for result in results} == {Verdict.DELIVERED}
    assert all(shop.figures[update.sku] == 2 for update in updates)


async def test_a_case_shows_the_packs_that_can_be_filled(shop: ShopifySimulator) -> None:
    """One SKU of ours may be two variants: the single unit and the case of 12."""
    account = Account(
        "shop",
        "shop",
        skus={"a": "ours", "case": "ours", "4711": "ours"},
        pack_sizes={"case": 12},
        skus_closed=True,
    )
    sink = make_sink(shop, account)
    results = await sink.send([availability("ours", 1, 30), availability("b", 1, 1)])
    assert [result.verdict for result in results] == [Verdict.DELIVERED, Verdict.REFUSED]
    assert (shop.figures["a"], shop.figures["case"], shop.figures["b"]) == (30, 2, 5)
    assert all(figure.shows(30) for figure in (await sink.read(["ours"]))["ours"])
    await sink.close()


def test_a_query_dearer_than_the_bucket_goes_when_it_is_full() -> None:
    """Otherwise it would wait for ever."""
    now = [0.0]
    budget = PointBudget(lambda: now[0])
    budget.learn("set", Cost(5_000.0, 0.0, 1_000.0, 100.0))
    assert budget.wait_seconds("set") == 10.0
    now[0] = 10.0
    assert budget.wait_seconds("set") == 0.0
    assert budget.wait_seconds("never asked") == 0.0
