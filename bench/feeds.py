"""
What a full feed costs: one with 95 of 100 rows unchanged, then one with every row changed, with live sales meanwhile.

Both feeds name every SKU of one location. The clock of each runs from the first row sent to the last partition that
has applied it. Live sales are of the other location, so that the feeds' figures are what this module says they are;
they move the same SKUs. Their latency is that of an event: from just before it is handed to its producer to its
availability in the hands of a `read_committed` reader.
"""

import multiprocessing
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from statistics import quantiles
from typing import TypeAlias

from confluent_kafka import Consumer, TopicPartition

from bench.drain import open_stock
from bench.load import LOCATIONS, OPENING_UNITS, Sales, producer, send_backlog, send_steadily
from bench.stack import fresh_cluster
from bench.worker import running_worker
from schemas import load, schema_id
from streams import topology
from streams.agents import feed_codec
from streams.domain import feeds
from streams.engine.codec import compile_reader, compile_writer
from streams.engine.partitioner import partition_for
from streams.engine.wire import HEADER_BYTES, header
from streams.settings import Settings

ROWS, PARTITIONS = 1_000_000, 4
SALES_PER_SECOND = 1_000.0
WARM_UP_SECONDS, PAUSE_SECONDS = 20.0, 3.0
TIMEOUT_SECONDS = 1_200.0
CHANGED_EVERY = 20  # One row in twenty.
SALES_LOCATION, FEED_LOCATION = LOCATIONS
COUNTS_TOPIC = topology.STOCK_COUNTS.name
SKU, OCCURRED_AT = 0, 4  # Indexes of fields in a ChannelAvailability.

Observed: TypeAlias = "Queue[list[tuple[int, float]]]"


@dataclass(frozen=True, slots=True)
class Span:
    """When a feed was sent and applied, UTC milliseconds."""

    began: float
    ended: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended - self.began) / 1_000


def run(rows: int = ROWS) -> dict[str, float]:
    """Apply two feeds of so many rows on a new Kafka."""
    with fresh_cluster(partitions=PARTITIONS) as settings:
        open_stock(settings, rows)
        with running_worker(settings) as worker:
            context = multiprocessing.get_context("spawn")
            found: Observed = context.Queue()
            ready, stop = context.Event(), context.Event()
            arguments = (settings.bootstrap_servers, rows)
            reader = context.Process(target=_read, args=(settings.bootstrap_servers, ready, stop, found))
            seller = context.Process(target=_sell, args=(*arguments, stop))
            reader.start()
            ready.wait()
            seller.start()
            time.sleep(WARM_UP_SECONDS)
            used = worker.processor_seconds
            unchanged = _apply(settings, "unchanged", rows, CHANGED_EVERY, OPENING_UNITS - 1)
            used_unchanged = worker.processor_seconds - used
            time.sleep(PAUSE_SECONDS)
            used = worker.processor_seconds
            changed = _apply(settings, "changed", rows, 1, OPENING_UNITS - 2)
            used_changed = worker.processor_seconds - used
            time.sleep(PAUSE_SECONDS)
            assert worker.metrics().get("onhand_dead_letters_total", 0) == 0, "nothing may be refused"
            stop.set()
            latencies = found.get()
            for process in (reader, seller):
                process.join()
    return {
        "rows": rows,
        "unchanged_seconds": unchanged.seconds,
        "changed_seconds": changed.seconds,
        "times_faster": changed.seconds / unchanged.seconds,
        "unchanged_worker_processor_us_per_row": used_unchanged / rows * 1e6,
        "changed_worker_processor_us_per_row": used_changed / rows * 1e6,
        "sales_per_second": SALES_PER_SECOND,
        **_percentiles("unchanged", latencies, unchanged),
        **_percentiles("changed", latencies, changed),
    }


def _apply(settings: Settings, feed_id: str, rows: int, changed_every: int, units: int) -> Span:
    """Send a feed and wait until every partition has applied it."""
    client = producer(settings.bootstrap_servers, linger_ms=20)
    as_of = time.time_ns() // 1_000_000
    # Encoded beforehand: that is the source's work, on a machine of its own.
    records = list(_feed(settings, feed_id, rows, changed_every, units, as_of))
    progress = _Progress(settings, feed_id)
    began = time.time_ns() / 1e6
    send_backlog(client, COUNTS_TOPIC, records)
    progress.wait_applied()
    return Span(began, time.time_ns() / 1e6)


def _feed(
    settings: Settings, feed_id: str, rows: int, changed_every: int, units: int, as_of: int
) -> Iterator[tuple[bytes, int, bytes]]:
    """Yield (key, partition, value) of each row; one in changed_every says units, the others the opening stock."""
    write = compile_writer(load("StockCounted"), header(schema_id("StockCounted")))
    source, place, basis, kind = "bench-wms", FEED_LOCATION, "PHYSICAL", "FULL"
    for number in range(rows):
        sku = f"SKU-{number:07d}"
        quantity = OPENING_UNITS if number % changed_every else units
        row = (f"{feed_id}:{number}", source, sku, place, None, quantity, as_of, as_of, basis)
        value = write(*row, feed_id, kind, number + 1, rows)
        yield sku.encode(), partition_for(sku.encode(), settings.partitions), value


class _Progress:
    """Reads what partitions say of a feed."""

    def __init__(self, settings: Settings, feed_id: str) -> None:
        self._consumer = _reader_of(settings.bootstrap_servers, topology.FEEDS.name, settings.partitions)
        self._partitions, self._feed_id = settings.partitions, feed_id

    def wait_applied(self) -> None:
        """Wait until all partitions have applied the feed."""
        applied: set[int] = set()
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while len(applied) < self._partitions:
            if time.monotonic() > deadline:
                raise RuntimeError(f"feed {self._feed_id} is not applied after {TIMEOUT_SECONDS:.0f} s")
            message = self._consumer.poll(0.1)
            value = None if message is None or message.error() is not None else message.value()
            key = b"" if message is None else message.key() or b""
            if value is not None and key.startswith(feed_codec.PROGRESS):
                said = feed_codec.decode_progress(value)
                if (said.feed_id, said.stage) == (self._feed_id, feeds.APPLIED):
                    applied.add(said.partition)
        self._consumer.close()


def _reader_of(bootstrap_servers: str, topic: str, partitions: int) -> Consumer:
    """Return a reader of committed records of a topic, from its end on."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "bench-reader",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 10,
            "log_level": 2,
        }
    )
    places = [TopicPartition(topic, number) for number in range(partitions)]
    ends = [consumer.get_watermark_offsets(place)[1] for place in places]
    consumer.assign(
        [TopicPartition(one.topic, one.partition, end) for one, end in zip(places, ends, strict=True)]
    )
    consumer.poll(0)
    return consumer


def _sell(bootstrap_servers: str, skus: int, stop: Event) -> None:
    """Sell at a steady rate until told to stop."""
    client = producer(bootstrap_servers, linger_ms=0)
    sales = Sales(skus, PARTITIONS, locations=(SALES_LOCATION,))
    while not stop.is_set():
        send_steadily(sales, client, SALES_PER_SECOND, 1.0)


def _read(bootstrap_servers: str, ready: Event, stop: Event, found: Observed) -> None:
    """Collect (occurred_at, latency), milliseconds, of each sale's first word to one channel until told to stop."""
    consumer = _reader_of(bootstrap_servers, topology.availability_topic("web").name, PARTITIONS)
    read = compile_reader(load("ChannelAvailability"))
    observed: dict[tuple[str, int], float] = {}
    ready.set()
    while not stop.is_set():
        for message in consumer.consume(1_000, 0.02):
            arrived = time.time_ns() / 1e6
            value = None if message.error() is not None else message.value()
            if value is not None:
                fields = read(value, HEADER_BYTES)
                # What a feed changes says again when its SKU was last sold: only the first time is a sale's.
                observed.setdefault((fields[SKU], fields[OCCURRED_AT]), arrived - fields[OCCURRED_AT])
    consumer.close()
    found.put([(occurred_at, latency) for (_, occurred_at), latency in observed.items()])


def _percentiles(name: str, latencies: list[tuple[int, float]], span: Span) -> dict[str, float]:
    """Return the latency of sales while a feed went on; its own rows are of a moment before it."""
    during = [late for at, late in latencies if span.began < at < span.ended]
    cuts = quantiles(during, n=1000, method="inclusive")
    return {f"{name}_sales_p50_ms": cuts[499], f"{name}_sales_p99_ms": cuts[989]}
