"""The Adobe Commerce sink on its simulator."""

from __future__ import annotations

import pytest

from connectors.adobe_commerce import outgoing
from connectors.adobe_commerce.client import AdobeCommerceApi
from connectors.adobe_commerce.connector import adobe_commerce_sink
from connectors.protocols import ReadableSink, Verdict
from connectors.translation import Account
from tests.connectors.contract import availability
from tests.connectors.serving import serving
from tests.connectors.simulators.adobe_commerce import SOURCE, TOKEN, AdobeCommerceSimulator
from tests.connectors.simulators.contract import ANSWER_TIMEOUT_SECONDS, SKUS, ReadableContract
from tests.connectors.simulators.server import Simulator


def make_sink(channel: Simulator, token: str = TOKEN) -> ReadableSink:
    """Return a sink in front of a shop."""
    api = AdobeCommerceApi(channel.url, token, SOURCE, answer_timeout_seconds=ANSWER_TIMEOUT_SECONDS)
    return adobe_commerce_sink(Account("shop", "shop"), api)


class TestAdobeCommerceSink(ReadableContract):
    """The contract, in source items."""

    def make_simulator(self) -> Simulator:
        """A shop."""
        return AdobeCommerceSimulator(dict.fromkeys(SKUS, 500))

    def make_sink(self, channel: Simulator, *, credentials: str = "right") -> ReadableSink:
        """A sink of it."""
        return make_sink(channel, TOKEN if credentials == "right" else "wrong")


async def test_no_quantity_is_written_for_a_sku_that_the_source_does_not_have() -> None:
    """Adobe Commerce would take it, and nobody would ever see it."""
    async with serving(AdobeCommerceSimulator({"a": 5})) as shop:
        sink = make_sink(shop)
        results = await sink.send([availability("a", 1, 7), availability("orphan", 1, 7)])
        await sink.close()
    assert [result.verdict for result in results] == [Verdict.DELIVERED, Verdict.REFUSED]
    assert shop.figures == {"a": 7}


async def test_source_items_are_read_over_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source answers with a page at a time."""
    monkeypatch.setattr(outgoing, "PAGE_SIZE", 20)
    skus = [f"sku-{number}" for number in range(70)]
    async with serving(AdobeCommerceSimulator(dict.fromkeys(skus, 5))) as shop:
        sink = make_sink(shop)
        assert len(await sink.read(skus)) == 70
        await sink.close()
