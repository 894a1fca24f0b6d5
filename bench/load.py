"""The load: events like the common work's, encoded and sent as fast as one process can, or at a steady rate."""

import random
import time
from collections.abc import Iterable, Iterator, Sequence

from confluent_kafka import Producer

from schemas import load, schema_id
from streams.engine.codec import compile_writer
from streams.engine.partitioner import partition_for
from streams.engine.wire import header

CHANNELS = ("pos", "web", "marketplace")
LOCATIONS = ("store-london", "dc-leeds")
SALES_TOPIC, RECEIPTS_TOPIC = "stock-sales", "stock-receipts"
QUEUED_RECORDS = 1_000_000


def producer(bootstrap_servers: str, linger_ms: float) -> Producer:
    """Return an idempotent producer that partitions as everybody else does."""
    return Producer(
        {
            "bootstrap.servers": bootstrap_servers,
            "log_level": 2,  # The broker goes away between measurements; only what is critical matters.
            "partitioner": "murmur2_random",
            "enable.idempotence": True,
            "linger.ms": linger_ms,
            "compression.type": "lz4",
            "queue.buffering.max.messages": QUEUED_RECORDS,
        }
    )


OPENING_UNITS = 5_000  # More than a run sells of any SKU: oversell alerts are not what is measured.


def opening(skus: int, partitions: int) -> Iterator[tuple[bytes, int, bytes]]:
    """Yield (key, partition, value) of a receipt for each SKU and location."""
    write = compile_writer(load("GoodsReceived"), header(schema_id("GoodsReceived")))
    now = time.time_ns() // 1_000_000
    for number in range(skus):
        sku = f"SKU-{number:07d}"
        for location_id in LOCATIONS:
            value = write(
                f"opening:{location_id}:{sku}", "bench", sku, location_id, None, OPENING_UNITS, now, None
            )
            yield sku.encode(), partition_for(sku.encode(), partitions), value


class Sales:
    """An endless, seeded stream of sales over a number of SKUs and some locations, uniform."""

    def __init__(
        self, skus: int, partitions: int, seed: int = 1, locations: Sequence[str] = LOCATIONS
    ) -> None:
        self._locations = locations
        self._random = random.Random(seed)
        self._keys = [f"SKU-{number:07d}".encode() for number in range(skus)]
        self._partitions = [partition_for(key, partitions) for key in self._keys]
        self._write = compile_writer(load("SaleRecorded"), header(schema_id("SaleRecorded")))
        self._run = f"{time.time_ns():x}"
        self._sent = 0

    def __iter__(self) -> Iterator[tuple[bytes, int, bytes]]:
        return self

    def __next__(self) -> tuple[bytes, int, bytes]:
        """Return (key, partition, value) of the next sale, which happens now."""
        self._sent += 1
        draw = self._random.random
        index = int(draw() * len(self._keys))
        places = self._locations
        location_id, channel_id = places[int(draw() * len(places))], CHANNELS[int(draw() * 3)]
        now = time.time_ns() // 1_000_000
        key = self._keys[index]
        event_id = f"{self._run}-{self._sent}"
        value = self._write(event_id, "bench", key.decode(), location_id, channel_id, 1, now)
        return key, self._partitions[index], value


def send_backlog(client: Producer, topic: str, records: Iterable[tuple[bytes, int, bytes]]) -> None:
    """Send records as fast as the cluster takes them and return when all are acknowledged."""
    for sent, (key, partition, value) in enumerate(records):
        while True:
            try:
                client.produce(topic, value, key, partition)
                break
            except BufferError:
                client.poll(0.1)
        if sent % 10_000 == 0:
            client.poll(0)
    client.flush()


def send_steadily(sales: Sales, client: Producer, events_per_second: float, seconds: float) -> int:
    """Send at a steady rate for a time; return the number of events sent."""
    started, sent = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - started) < seconds:
        due = int(elapsed * events_per_second)
        while sent < due:
            key, partition, value = next(sales)
            client.produce(SALES_TOPIC, value, key, partition)
            sent += 1
        client.poll(0)
        time.sleep(0.001)
    client.flush()
    return sent
