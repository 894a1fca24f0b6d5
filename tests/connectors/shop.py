"""A channel of a real Kafka: what its availability topic is given, and deliveries that are run on it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from connectors.egress.connector import Egress
from schemas import wire
from streams.settings import Settings

DEADLINE_SECONDS = 30.0
Value = tuple[str, int]
"""SKU and version; the quantity is ten times the version."""


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


async def until(condition: Callable[[], bool], what: str, seconds: float = DEADLINE_SECONDS) -> None:
    """Wait for a condition without stopping the event loop."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        await asyncio.sleep(0.02)


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
