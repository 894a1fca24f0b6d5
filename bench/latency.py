"""
From an event written to its availability visible to a reader of committed records, at a steady rate.

Sender and reader are processes of their own, on the same machine as everything else. An event's time is taken
just before it is handed to its producer; the reader takes the time when the availability that it caused arrives.
"""

import multiprocessing
import time
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from statistics import quantiles
from typing import TypeAlias

from confluent_kafka import Consumer, TopicPartition

from bench.drain import open_stock
from bench.load import Sales, producer, send_steadily
from bench.stack import fresh_cluster
from bench.worker import Progress, running_worker
from schemas import load
from streams import topology
from streams.engine.codec import compile_reader
from streams.engine.wire import HEADER_BYTES
from streams.settings import Settings

SKUS = 20_000
SECONDS, WARM_UP_SECONDS = 20.0, 30.0  # The broker is compiled while it runs; until then it is half as fast.
SETTLE_SECONDS = 30.0
OCCURRED_AT = 4  # Index of the field in a ChannelAvailability.

Found: TypeAlias = "Queue[list[tuple[float, float]]]"


def run(rate: float, partitions: int, seconds: float = SECONDS) -> dict[str, float]:
    """Measure one rate on a new Kafka; milliseconds."""
    with fresh_cluster(partitions=partitions) as settings:
        open_stock(settings, SKUS)
        with running_worker(settings) as worker:
            used, started = worker.processor_seconds, time.perf_counter()
            latencies, sent = measure(settings, rate, seconds)
            used = (worker.processor_seconds - used) / (time.perf_counter() - started)
    percentiles = quantiles(latencies, n=1000, method="inclusive")
    return {
        "events_per_second": rate,
        "events": sent,
        "observed": len(latencies),
        "p50_ms": percentiles[499],
        "p99_ms": percentiles[989],
        "p999_ms": percentiles[998],
        "maximum_ms": max(latencies),
        "worker_processors": used,
    }


def measure(
    settings: Settings, rate: float, seconds: float, warm_up_seconds: float = WARM_UP_SECONDS
) -> tuple[list[float], int]:
    """Send at a steady rate to a running worker; return milliseconds to availability, and how many were sent."""
    context = multiprocessing.get_context("spawn")
    found: Found = context.Queue()
    ready, stop = context.Event(), context.Event()
    arguments = (settings.bootstrap_servers, settings.partitions, ready, stop, found)
    reader = context.Process(target=_read, args=arguments)
    reader.start()
    ready.wait()
    client = producer(settings.bootstrap_servers, linger_ms=0)
    sales = Sales(SKUS, settings.partitions)
    send_steadily(sales, client, rate, warm_up_seconds)
    begun = time.time_ns() // 1_000_000
    sent = send_steadily(sales, client, rate, seconds)
    progress = Progress(settings)
    progress.wait_applied(progress.written(), SETTLE_SECONDS)
    time.sleep(1.0)  # What is committed has reached the reader by then.
    stop.set()
    observed = found.get()
    reader.join()
    return [latency for occurred_at, latency in observed if occurred_at >= begun], sent


def _read(bootstrap_servers: str, partitions: int, ready: Event, stop: Event, found: Found) -> None:
    """Collect (occurred_at, latency), milliseconds, of one channel's availability until told to stop."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "bench-reader",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 10,
        }
    )
    topic = topology.availability_topic("web").name
    ends = [
        TopicPartition(topic, number, consumer.get_watermark_offsets(TopicPartition(topic, number))[1])
        for number in range(partitions)
    ]
    consumer.assign(ends)
    read = compile_reader(load("ChannelAvailability"))
    observed: list[tuple[float, float]] = []
    consumer.poll(0)
    ready.set()
    while not stop.is_set():
        message = consumer.poll(0.1)
        value = None if message is None or message.error() is not None else message.value()
        if value is not None:
            arrived = time.time_ns() / 1e6
            occurred_at = read(value, HEADER_BYTES)[OCCURRED_AT]
            observed.append((occurred_at, arrived - occurred_at))
    consumer.close()
    found.put(observed)
