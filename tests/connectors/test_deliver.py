"""Delivery from a real Kafka to a real HTTP server: the command, and what restarts and rebalances leave right."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from connectors.egress.connector import Egress
from connectors.egress.delivery import DeliveryOptions
from connectors.egress.reader import Reader
from connectors.http_sink.connector import default_group_id
from connectors.protocols import Availability, ItemResult, Verdict
from schemas import wire
from streams.app import ensure_topics
from streams.settings import Settings
from tests.connectors.channel_server import ChannelServer
from tests.connectors.serving import serving
from tests.processes import OnhandProcess

pytestmark = pytest.mark.kafka

DEADLINE_SECONDS = 30.0
RunOnhand = Callable[..., OnhandProcess]
Value = tuple[str, int]
"""SKU and version."""


@pytest.fixture
def channel_settings(cluster: Settings) -> Settings:
    """Settings with one channel that nobody else uses, its topics there and empty."""
    settings = cluster.model_copy(update={"channels": (f"shop-{uuid4().hex[:8]}",)})
    ensure_topics(settings)
    return settings


class Shop:
    """Writes availability of one channel in transactions, as workers do, and reads what became of it."""

    def __init__(self, settings: Settings) -> None:
        self.channel_id = settings.channels[0]
        self.topic = f"availability-{self.channel_id}"
        self._settings = settings
        self._producer = Producer(
            {
                "bootstrap.servers": settings.bootstrap_servers,
                "partitioner": "murmur2_random",
                "transactional.id": f"test-{self.channel_id}",
                "log_level": 2,  # Only what is critical: the broker ends before this producer does.
            }
        )
        self._producer.init_transactions()

    def emit(self, values: Iterable[Value], *, abort: bool = False) -> None:
        """Write values in one transaction, which is committed or aborted."""
        self._producer.begin_transaction()
        for sku, version in values:
            self._producer.produce(self.topic, self.encoded(sku, version), sku.encode())
        if abort:
            self._producer.flush()
            self._producer.abort_transaction()
        else:
            self._producer.commit_transaction()

    def emit_raw(self, key: bytes, value: bytes | None) -> None:
        """Write one record as it is."""
        self._producer.begin_transaction()
        self._producer.produce(self.topic, value, key, headers=[("trace", b"kept")])
        self._producer.commit_transaction()

    def encoded(self, sku: str, version: int) -> bytes:
        """Return the record of a value, emitted now."""
        now = int(time.time() * 1_000)
        value = {"sku": sku, "channel_id": self.channel_id, "available_to_sell": version * 10}
        times = {"version": version, "occurred_at": now, "emitted_at": now}
        return wire.encode("ChannelAvailability", value | times)

    def dead_letters(self, total: int) -> dict[bytes | None, tuple[bytes | None, dict[str, object]]]:
        """Return value and headers of dead letters by key, once there are so many."""
        found: dict[bytes | None, tuple[bytes | None, dict[str, object]]] = {}
        consumer = self._consumer("any")
        topic = f"{self.topic}-dlq"
        consumer.assign(
            [TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(self._settings.partitions)]
        )
        deadline = time.monotonic() + DEADLINE_SECONDS
        while len(found) < total and time.monotonic() < deadline:
            for message in consumer.consume(100, 0.2):
                found[message.key()] = message.value(), dict(message.headers() or ())
        consumer.close()
        return found

    def undelivered(self, group_id: str) -> int:
        """Return how many offsets of the topic the group has not committed."""
        consumer = self._consumer(group_id)
        partitions = [TopicPartition(self.topic, number) for number in range(self._settings.partitions)]
        left = 0
        for partition in consumer.committed(partitions, timeout=10):
            _, end = consumer.get_watermark_offsets(partition, timeout=10)
            left += end - max(partition.offset, 0)
        consumer.close()
        return left

    def _consumer(self, group_id: str) -> Consumer:
        return Consumer({"bootstrap.servers": self._settings.bootstrap_servers, "group.id": group_id})


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition without stopping the event loop."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        await asyncio.sleep(0.02)


async def test_the_command_delivers_what_a_channel_may_sell(
    channel_settings: Settings, run_onhand: RunOnhand
) -> None:
    """Latest values, through damage, tombstones and aborted transactions; and after a clean stop all is committed."""
    shop = await asyncio.to_thread(Shop, channel_settings)
    skus = [f"sku-{number}" for number in range(50)]
    shop.emit((sku, version) for version in (1, 2, 3) for sku in skus)
    shop.emit([(sku, 99) for sku in skus], abort=True)
    shop.emit_raw(b"damaged", b"\x00\x00\x00\x00\x10half")
    shop.emit_raw(b"gone", None)
    async with serving(ChannelServer(names_items_with=207)) as channel:
        channel.script = ["fail"]
        channel.bad_skus = {"sku-7"}
        arguments = ["http", "--channel", shop.channel_id, "--url", channel.url, "--batch-size", "20"]
        process = await asyncio.to_thread(run_onhand, "deliver", channel_settings, *arguments)
        await until(lambda: len(channel.accepted) == 49, f"49 deliveries\n{process.log}")
        assert process.is_ready()
        shop.emit([("sku-1", 4)])
        await until(lambda: ("sku-1", 4) in channel.accepted, "the next value")
        code = await asyncio.to_thread(process.stop)

    assert code == 0, process.log
    expected = {(sku, 3) for sku in skus if sku != "sku-7"} | {("sku-1", 4)}
    assert sorted(channel.accepted) == sorted(expected)
    assert channel.requests[0].items[0]["available_to_sell"] == 30
    letters = await asyncio.to_thread(shop.dead_letters, 2)
    assert letters.keys() == {b"damaged", b"sku-7"}
    value, headers = letters[b"damaged"]
    assert value == b"\x00\x00\x00\x00\x10half"
    assert headers["trace"] == b"kept"
    assert headers["__streams.errors.exception"] == b"UNDECODABLE"
    assert letters[b"sku-7"][1]["__streams.errors.exception"] == b"CHANNEL_REFUSED"
    assert letters[b"sku-7"][1]["__streams.errors.message"] == b"item status 404: unknown article"
    assert letters[b"sku-7"][1]["__streams.errors.topic"] == shop.topic.encode()
    assert shop.undelivered(default_group_id(shop.channel_id)) == 0


class Taker:
    """A sink that takes everything, maybe slowly, into a list that several share."""

    def __init__(self, taken: list[Value], seconds: float = 0.0) -> None:
        self.taken, self._seconds = taken, seconds

    async def send(self, batch: Sequence[Availability]) -> Sequence[ItemResult]:
        """Take a batch."""
        await asyncio.sleep(self._seconds)
        self.taken += [(update.sku, update.version) for update in batch]
        return [ItemResult(Verdict.DELIVERED)] * len(batch)

    async def close(self) -> None:
        """Do nothing: there is no connection."""


@asynccontextmanager
async def running(egress: Egress) -> AsyncIterator[Egress]:
    """Run a delivery, and stop it cleanly."""
    stop = asyncio.Event()
    task = asyncio.create_task(egress.run(stop))
    try:
        yield egress
    finally:
        stop.set()
        await task


def never_older_after_newer(taken: list[Value]) -> bool:
    """Tell whether the versions of each SKU only rise, repeats allowed."""
    newest: dict[str, int] = {}
    for sku, version in taken:
        if version < newest.get(sku, 0):
            return False
        newest[sku] = version
    return True


async def test_a_crash_before_the_commit_delivers_again_but_nothing_older(
    channel_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next start reads the whole backlog first, so that values superseded before the crash stay unsent."""
    shop = await asyncio.to_thread(Shop, channel_settings)
    taken: list[Value] = []
    options = DeliveryOptions(shop.channel_id, batch_size=7)

    async def forget(self: Reader) -> None:
        """Commit nothing, as a crash would."""

    with monkeypatch.context() as crash:
        crash.setattr(Reader, "commit", forget)
        async with running(Egress(channel_settings.bootstrap_servers, "crash", options, Taker(taken))):
            for version in (1, 2, 3):
                shop.emit((f"sku-{number}", version) for number in range(30))
                expected = version * 30
                await until(lambda expected=expected: len(taken) == expected, f"version {version}")  # type: ignore[misc]  # Bound now.
    monkeypatch.setattr("connectors.egress.reader.POLL_MAX_RECORDS", 7)  # The backlog comes in many polls.
    async with running(Egress(channel_settings.bootstrap_servers, "crash", options, Taker(taken))):
        await until(lambda: len(taken) == 120, "the last values again")
        shop.emit([("sku-0", 4)])
        await until(lambda: taken[-1] == ("sku-0", 4), "the next value")
    assert {version for _, version in taken[90:120]} == {3}
    assert never_older_after_newer(taken)
    assert await asyncio.to_thread(shop.undelivered, "crash") == 0


async def test_members_that_come_and_go_lose_nothing_and_send_nothing_older(
    channel_settings: Settings,
) -> None:
    """Two deliveries share a channel while values keep coming; one leaves, the other takes over."""
    shop = await asyncio.to_thread(Shop, channel_settings)
    taken: list[Value] = []
    options = DeliveryOptions(shop.channel_id, batch_size=5)
    version = 0

    def emit_next() -> None:
        nonlocal version
        version += 1
        shop.emit((f"sku-{number}", version) for number in range(40))

    def all_there() -> bool:
        return {(f"sku-{number}", version) for number in range(40)} <= set(taken)

    def make(seconds: float) -> Egress:
        return Egress(channel_settings.bootstrap_servers, "share", options, Taker(taken, seconds))

    async with running(make(0.1)) as first:  # Slow, so that much still waits there when partitions move away.
        emit_next()
        await until(all_there, "everything by the first")
        async with running(make(0.0)) as second:
            for _ in range(40):
                emit_next()
                await asyncio.sleep(0.05)
            await until(lambda: first.ready and second.ready and all_there(), "everything by both")
        emit_next()
        await until(all_there, "everything by the first alone")
    assert never_older_after_newer(taken)
    assert await asyncio.to_thread(shop.undelivered, "share") == 0
