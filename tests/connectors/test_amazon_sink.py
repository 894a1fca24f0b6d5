"""The Amazon sink on its simulator."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest

from connectors.amazon.client import FEEDS_BURST, AmazonApi, AmazonCredentials
from connectors.amazon.connector import amazon_sink
from connectors.amazon.outgoing import feed, report_of
from connectors.egress.dead_letters import CHANNEL_REFUSED
from connectors.egress.mapped import Write
from connectors.protocols import (
    Availability,
    ChannelUnavailable,
    Figure,
    ItemResult,
    ReadableSink,
    Verdict,
)
from connectors.translation import Account
from tests.connectors.contract import Sending, availability
from tests.connectors.serving import serving
from tests.connectors.simulators.amazon import (
    CLIENT,
    MARKETPLACE,
    REFRESH,
    SECRET,
    SELLER,
    AmazonSimulator,
)
from tests.connectors.simulators.contract import ANSWER_TIMEOUT_SECONDS, SKUS, ReadableContract
from tests.connectors.simulators.server import Simulator
from tests.connectors.translating import sample

FEED_WRITE = Write("My-SKU-D", 10, Availability("ours", "marketplace", 10, 3, 0, 0))


def make_sink(
    channel: Simulator, *, refresh_token: str = REFRESH, patches_max: int = 0, patience_seconds: float = 5.0
) -> ReadableSink:
    """Return a sink in front of a seller."""
    credentials = AmazonCredentials(
        channel.url,
        f"{channel.url}/auth/o2/token",
        CLIENT,
        SECRET,
        refresh_token,
        SELLER,
        MARKETPLACE,
    )
    api = AmazonApi(
        credentials,
        patches_max=patches_max,
        poll_seconds=0.01,
        patience_seconds=patience_seconds,
        answer_timeout_seconds=ANSWER_TIMEOUT_SECONDS,
    )
    return amazon_sink(Account("seller", "seller"), api)


class TestAmazonSink(ReadableContract):
    """The contract, in feeds."""

    def make_simulator(self) -> Simulator:
        """A seller."""
        return AmazonSimulator(dict.fromkeys(SKUS, 500))

    def make_sink(self, channel: Simulator, *, credentials: str = "right") -> ReadableSink:
        """A sink of it."""
        return make_sink(channel, refresh_token=REFRESH if credentials == "right" else "Atzr|wrong")


class TestAmazonSinkWhoseFeedsOutlastABatch(TestAmazonSink):
    """The contract, where nearly every feed is asked for again by a later batch."""

    def make_simulator(self) -> Simulator:
        """A seller whose feeds take longer."""
        return AmazonSimulator(dict.fromkeys(SKUS, 500), polls=3)

    def make_sink(self, channel: Simulator, *, credentials: str = "right") -> ReadableSink:
        """A sink of little patience, used through a delivery: a batch alone would only hear of patience."""
        patience = 0.0 if credentials == "right" else 5.0
        token = REFRESH if credentials == "right" else "Atzr|wrong"
        return Patient(make_sink(channel, refresh_token=token, patience_seconds=patience))


class Patient:
    """A sink that is asked again as long as its channel wants patience, as a delivery would."""

    def __init__(self, sink: ReadableSink) -> None:
        self._sink = sink

    async def send(self, batch: Sequence[Availability]) -> Sequence[ItemResult]:
        """Send, and send again."""
        for _ in range(50):
            try:
                return await self._sink.send(batch)
            except ChannelUnavailable as error:
                if not error.throttled or "feed f" not in str(error):
                    raise
        raise AssertionError("a feed that never ends")

    async def read(self, skus: Sequence[str]) -> Mapping[str, Sequence[Figure]]:
        """Read."""
        return await self._sink.read(skus)

    async def close(self) -> None:
        """Release connections."""
        await self._sink.close()


@pytest.fixture
async def seller() -> AsyncIterator[AmazonSimulator]:
    """A seller with more listings than one question may name."""
    figures = {"a": 5, "b": 5, "A/B c": 5} | {f"sku-{number}": 5 for number in range(50)}
    async with serving(AmazonSimulator(figures)) as simulator:
        yield simulator


async def test_a_feed_that_takes_long_is_asked_for_again_and_not_sent_again(seller: AmazonSimulator) -> None:
    """Patience is no attempt; the figures that came in meanwhile go with the next feed, never before."""
    seller.polls = 5
    sink = make_sink(seller, patience_seconds=0.0)
    sending = Sending(sink, attempts=1)
    sending.put(availability("a", 1, 7), availability("b", 1, 8))
    seller.on_request = lambda: sending.put(availability("a", 2, 3)) if len(seller.received) == 1 else None
    await sending.until_done()
    assert seller.received == [[("a", 7), ("b", 8)], [("a", 3)]]
    assert (seller.figures["a"], seller.figures["b"]) == (3, 8)
    assert sending.dead_letters.letters == []
    await sink.close()


async def test_a_token_that_ran_out_early_is_renewed(seller: AmazonSimulator) -> None:
    """Amazon says 403; the next token does it, and is kept."""
    sink = make_sink(seller)
    await sink.send([availability("a", 1, 7)])
    assert seller.tokens_total == 1
    seller.expire()
    assert (await sink.send([availability("a", 2, 8)]))[0].verdict is Verdict.DELIVERED
    assert seller.tokens_total == 2
    await sink.close()


async def test_an_item_that_a_report_blames_is_a_dead_letter_with_amazons_words(
    seller: AmazonSimulator,
) -> None:
    """A warning is none; the others are delivered."""
    seller.bad_skus = {"b"}
    sink = make_sink(seller)
    sending = Sending(sink)
    sending.put(availability("a", 1, 7), availability("b", 1, 8))
    await sending.until_done()
    assert seller.figures["a"] == 7
    assert sending.dead_letters.reasons == {"b": CHANNEL_REFUSED}
    assert sending.dead_letters.letters[0][2] == "8560: SKU does not match."
    await sink.close()


@pytest.mark.parametrize("end", ["FATAL", "CANCELLED"])
async def test_a_feed_that_ends_without_a_report_confirms_nothing(seller: AmazonSimulator, end: str) -> None:
    """All of its items have failed for now."""
    seller.ends_with = end
    sink = make_sink(seller)
    results = await sink.send([availability("a", 1, 7)])
    assert results[0].verdict is Verdict.FAILED
    assert end in results[0].reason
    seller.ends_with = "DONE"
    assert (await sink.send([availability("a", 1, 7)]))[0].verdict is Verdict.DELIVERED
    await sink.close()


async def test_a_report_that_is_cut_short_confirms_nothing(seller: AmazonSimulator) -> None:
    """Which message it leaves out it does not say."""
    seller.cut_short = True
    sink = make_sink(seller)
    results = await sink.send([availability("a", 1, 7), availability("b", 1, 8)])
    assert [result.verdict for result in results] == [Verdict.FAILED] * 2
    await sink.close()


async def test_the_budget_of_feeds_is_kept(seller: AmazonSimulator) -> None:
    """After a burst Amazon takes one in two minutes; no feed is tried before."""
    sink = make_sink(seller)
    for version in range(int(FEEDS_BURST)):
        await sink.send([availability("a", version + 1)])
    before = len(seller.requests)
    with pytest.raises(ChannelUnavailable) as caught:
        await sink.send([availability("a", 99)])
    assert caught.value.throttled
    assert 100 < (caught.value.retry_after_seconds or 0) <= 121
    assert len(seller.requests) == before
    await sink.close()


async def test_a_few_figures_are_patched_at_once(seller: AmazonSimulator) -> None:
    """A feed would take minutes; each patch has its own answer, whatever is in a SKU."""
    seller.bad_skus = {"b"}
    sink = make_sink(seller, patches_max=5)
    updates = [availability(sku, 1, 7) for sku in ("A/B c", "b", "nowhere")]
    results = await sink.send(updates)
    assert [result.verdict for result in results] == [Verdict.DELIVERED, Verdict.REFUSED, Verdict.REFUSED]
    assert results[1].reason == "90220: 'item_name' is required."
    assert seller.figures["A/B c"] == 7
    assert not [request for request in seller.requests if request.path.startswith("/feeds")]
    await sink.close()


async def test_listings_are_read_twenty_at_a_time(seller: AmazonSimulator) -> None:
    """Of the seller's own stock only."""
    sink = make_sink(seller)
    read = await sink.read([f"sku-{number}" for number in range(50)])
    assert len(read) == 50
    assert len([request for request in seller.requests if "identifiers" in request.query]) == 3
    await sink.close()


def test_a_feed_has_a_patch_for_each_listing() -> None:
    """The shape of a PATCH message in Amazon's schema of listings feeds, version 2.0."""
    value = [{"fulfillment_channel_code": "DEFAULT", "quantity": 10}]
    assert json.loads(feed(SELLER, [FEED_WRITE])) == {
        "header": {"sellerId": SELLER, "version": "2.0"},
        "messages": [
            {
                "messageId": 1,
                "sku": "My-SKU-D",
                "operationType": "PATCH",
                "productType": "PRODUCT",
                "patches": [
                    {"op": "replace", "path": "/attributes/fulfillment_availability", "value": value}
                ],
            }
        ],
    }


def test_published_feed() -> None:
    """Amazon's own example has the same message."""
    published = sample("amazon/listings-feed-v2.example.json")
    theirs = next(message for message in published["messages"] if message["sku"] == "My-SKU-D")
    (ours,) = json.loads(feed(SELLER, [FEED_WRITE]))["messages"]
    assert ours == theirs | {"messageId": 1, "productType": "PRODUCT"}


@pytest.mark.parametrize("content", [b"", b"\x1f\x8bdamaged", b"[]"])
def test_a_report_that_cannot_be_read_is_the_channels_trouble(content: bytes) -> None:
    """It confirms nothing, and nothing crashes."""
    with pytest.raises(ChannelUnavailable):
        report_of(content, "GZIP" if content.startswith(b"\x1f") else None)
