"""A Kafka and Redis whose read view these tests may break, and a projector beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from redis.exceptions import RedisError

from deploy.embedded.stack import EmbeddedStack
from schemas.wire import encode
from streams.settings import Settings
from streams.view.connection import connect
from streams.view.projector import Projector
from streams.view.reader import SkuView, ViewNotServedError, ViewReader
from streams.view.source import view_topics

DEADLINE_SECONDS = 30.0
PARTITIONS = 2


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    """Kafka and Redis of one test module."""
    with EmbeddedStack(tmp_path_factory.mktemp("view-stack")) as stack:
        yield stack


@pytest.fixture(scope="module")
def settings(own_stack: EmbeddedStack) -> Settings:
    """Settings that point at the module's stack, the view's topics there."""
    made = Settings(
        bootstrap_servers=own_stack.bootstrap_servers,
        redis_url=own_stack.redis_url,
        partitions=PARTITIONS,
    )
    admin = AdminClient({"bootstrap.servers": made.bootstrap_servers})
    topics = [
        NewTopic(name, num_partitions=PARTITIONS, config={"cleanup.policy": "compact"})
        for name in view_topics(made)
    ]
    for future in admin.create_topics(topics).values():
        future.result(DEADLINE_SECONDS)
    return made


def level(sku: str, version: int, on_hand: int, location_id: str = "store-london") -> bytes:
    """Return a stock level at one location."""
    location = {"location_id": location_id, "on_hand": on_hand, "unsellable": 0, "reserved": 1}
    location |= {"held": 0, "safety_stock": 0, "incoming": 0}
    value = {"sku": sku, "version": version, "locations": [location], "availability": []}
    return encode("StockLevel", {**value, "occurred_at": 1_700_000_000_000, "updated_at": 1_700_000_000_001})


def availability(sku: str, channel_id: str, version: int, quantity: int) -> bytes:
    """Return what a channel may sell."""
    value = {"sku": sku, "channel_id": channel_id, "version": version, "available_to_sell": quantity}
    times = {"occurred_at": 1_700_000_000_000, "emitted_at": 1_700_000_000_001}
    return encode("ChannelAvailability", {**value, **times})


@dataclass
class Writer:
    """Writes records as the stock agent would, at once or in transactions of the test's own."""

    settings: Settings

    def __post_init__(self) -> None:
        self.producer = Producer(
            {
                "bootstrap.servers": self.settings.bootstrap_servers,
                "partitioner": "murmur2_random",
                "compression.type": "lz4",  # As the workers do.
            }
        )

    def levels(self, *records: tuple[str, bytes | None]) -> None:
        """Write to stock-levels and wait for the acknowledgement."""
        self.write("stock-levels", *records)

    def write(self, topic: str, *records: tuple[str, bytes | None]) -> None:
        """Write to a topic and wait for the acknowledgement."""
        for sku, value in records:
            self.producer.produce(topic, key=sku.encode(), value=value)
        assert self.producer.flush(DEADLINE_SECONDS) == 0


@pytest.fixture
def writer(settings: Settings) -> Writer:
    """A producer for the view's topics."""
    return Writer(settings)


@asynccontextmanager
async def running_projector(settings: Settings) -> AsyncIterator[Projector]:
    """Run a projector in this loop."""
    projector = Projector(settings)
    task = asyncio.create_task(projector.run())
    try:
        yield projector
    finally:
        projector.stop()
        await asyncio.wait_for(task, DEADLINE_SECONDS)


@dataclass
class View:
    """Asks the view of the module's Redis."""

    settings: Settings

    async def ask(self, sku: str) -> SkuView:
        """Return what the view has about a SKU."""
        redis = connect(self.settings.redis_url)
        try:
            return await ViewReader(redis).sku(sku)
        finally:
            await redis.aclose()

    async def on_hand(self, sku: str) -> int | None:
        """Return on_hand of a SKU's one location, None when the SKU or the view is not there."""
        try:
            found = await self.ask(sku)
        except (ViewNotServedError, RedisError):
            return None
        return found.level["locations"][0]["on_hand"] if found.level else None

    async def shows(self, sku: str, on_hand: int | None) -> None:
        """Wait until the view shows that figure."""

        async def right() -> bool:
            return await self.on_hand(sku) == on_hand

        await eventually(right, f"{sku} at {on_hand}")


@pytest.fixture
def view(settings: Settings) -> View:
    """The module's view."""
    return View(settings)


async def eventually(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait for a condition, or fail saying what did not happen in time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + DEADLINE_SECONDS
    while not await condition():
        assert loop.time() < deadline, f"not within {DEADLINE_SECONDS:g} s: {what}"
        await asyncio.sleep(0.05)
