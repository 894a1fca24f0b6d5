"""Reading back from a real Kafka: what was told last is what the topic says, whoever delivered it."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from connectors.egress.connector import Egress
from connectors.egress.delivery import DeliveryOptions
from connectors.egress.readback import ReadBackOptions
from connectors.square.client import SquareApi
from connectors.square.connector import square_sink
from connectors.translation import Account
from streams.app import ensure_topics
from streams.settings import Settings
from tests.connectors.serving import serving
from tests.connectors.shop import Shop, running, until
from tests.connectors.simulators.square import LOCATION, TOKEN, SquareSimulator

pytestmark = pytest.mark.kafka

OPTIONS = ReadBackOptions(every_seconds=0.1, confirm_seconds=0.1, page_skus=10)


async def test_drift_is_repaired_also_by_a_process_that_delivered_nothing_itself(cluster: Settings) -> None:
    """The first process delivers and ends; a person changes figures; the second one finds and repairs them."""
    settings = cluster.model_copy(update={"channels": (f"till-{uuid4().hex[:8]}",)})
    ensure_topics(settings)
    shop = await asyncio.to_thread(Shop, settings)
    skus = [f"sku-{number}" for number in range(30)]
    shop.emit((sku, version) for version in (1, 2) for sku in skus)
    shop.emit([("sku-1", 9)], abort=True)
    shop.emit_raw(b"damaged", b"\x00\x00\x00\x00\x10half")

    def make(channel: SquareSimulator) -> Egress:
        sink = square_sink(Account("till", "till"), SquareApi(channel.url, TOKEN, LOCATION))
        options = DeliveryOptions(shop.channel_id)
        return Egress(settings.bootstrap_servers, "till", options, sink, sink, OPTIONS)

    async with serving(SquareSimulator(dict.fromkeys(skus, 0))) as channel:
        async with running(make(channel)):
            await until(lambda: len(channel.taken) == 30, "everything")
        channel.figures |= {"sku-1": 3, "sku-29": 0}
        async with running(make(channel)):
            await until(lambda: set(channel.figures.values()) == {20}, "the repair")
            shop.emit([("sku-1", 3)])
            await until(lambda: channel.figures["sku-1"] == 30, "the next value")
        assert sorted(channel.taken[30:32]) == [("sku-1", 20), ("sku-29", 20)]
        assert channel.taken[32:] == [("sku-1", 30)]
    assert await asyncio.to_thread(shop.undelivered, "till") == 0
