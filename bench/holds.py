"""
Checkout holds: how long an answer takes at a steady rate, and how many a worker decides in a second.

The steady rate goes through the client that checkouts use (`connectors/reservations`): an answer's time is from the
call to its return, request, decision, transaction and result included. The backlog is drained as that of `drain`:
from ready to the last offset committed, every hold granted.
"""

import asyncio
import time
from collections.abc import Iterator
from itertools import count, islice
from statistics import quantiles

from bench.drain import PARTITIONS, open_stock
from bench.load import LOCATIONS, producer, send_backlog
from bench.stack import fresh_cluster
from bench.worker import Progress, running_worker
from connectors.reservations.connector import Reservations
from schemas import load, schema_id
from streams.engine.codec import compile_writer
from streams.engine.partitioner import partition_for
from streams.engine.wire import header
from streams.settings import Settings

SKUS = 2_000  # 10,000 units of each, more than a run holds: refusals cost less and are not what is measured.
SECONDS, WARM_UP_SECONDS = 20.0, 30.0  # As in latency.py: the broker is compiled while it runs.
BACKLOG_HOLDS = 100_000
HOLD_SECONDS = 3_600.0  # No hold ends while it is measured.
TIMEOUT_SECONDS = 300.0


def steady(rate: float, seconds: float = SECONDS) -> dict[str, float]:
    """Ask at a steady rate on a new Kafka; milliseconds from request to result."""
    with fresh_cluster() as settings:
        open_stock(settings, SKUS)
        with running_worker(settings) as worker:
            used, started = worker.processor_seconds, time.perf_counter()
            answered = asyncio.run(_ask_steadily(settings, rate, WARM_UP_SECONDS + seconds))
            used = (worker.processor_seconds - used) / (time.perf_counter() - started)
    took = [1_000 * taken for begun, taken in answered if begun >= WARM_UP_SECONDS]
    percentiles = quantiles(took, n=1000, method="inclusive")
    return {
        "holds_per_second": rate,
        "holds": len(took),
        "p50_ms": percentiles[499],
        "p99_ms": percentiles[989],
        "maximum_ms": max(took),
        "worker_processors": used,
    }


async def _ask_steadily(settings: Settings, rate: float, seconds: float) -> list[tuple[float, float]]:
    """Return (begun, taken) of each request, in seconds, begun since the first."""
    answered: list[tuple[float, float]] = []
    async with Reservations(settings, owner="bench", timeout_seconds=TIMEOUT_SECONDS) as desk:
        started = time.perf_counter()

        async def ask(number: int) -> None:
            begun = time.perf_counter()
            await desk.hold(sku_of(number), 1, channel_id="web", expires_in_seconds=HOLD_SECONDS)
            answered.append((begun - started, time.perf_counter() - begun))

        async with asyncio.TaskGroup() as asked:
            sent = 0
            while (elapsed := time.perf_counter() - started) < seconds:
                for number in range(sent, int(elapsed * rate)):
                    asked.create_task(ask(number))
                sent = int(elapsed * rate)
                await asyncio.sleep(0.001)
    return answered


def backlog(holds: int = BACKLOG_HOLDS) -> dict[str, float]:
    """Drain one backlog of requests on a new Kafka."""
    with fresh_cluster(partitions=PARTITIONS) as settings:
        open_stock(settings, SKUS)
        client = producer(settings.bootstrap_servers, linger_ms=20)
        send_backlog(client, "stock-reservations", islice(requests(settings.partitions), holds))
        progress = Progress(settings)
        target = progress.written()
        with running_worker(settings) as worker:
            before, used = progress.applied(), worker.processor_seconds
            seconds = progress.wait_applied(target, TIMEOUT_SECONDS)
            used = worker.processor_seconds - used
            counted = worker.metrics()
            assert counted.get("onhand_dead_letters_total", 0) == 0, "nothing may be a dead letter"
        decided = target - before
        return {
            "holds": decided,
            "seconds": seconds,
            "holds_per_second": decided / seconds,
            "worker_processor_us_per_hold": used / decided * 1e6,
        }


def requests(partitions: int) -> Iterator[tuple[bytes, int, bytes]]:
    """Yield (key, partition, value) of requests, each for a unit of the next SKU under a hold id of its own."""
    write = compile_writer(load("PlaceHold"), header(schema_id("PlaceHold")))
    run = f"{time.time_ns():x}"
    for number in count():
        sku, now = sku_of(number), time.time_ns() // 1_000_000
        hold_id = f"{run}-{number}"
        place, ends = LOCATIONS[number % 2], now + round(HOLD_SECONDS * 1_000)
        value = write(hold_id, "bench", sku, place, "web", 1, now, hold_id, "bench", ends)
        yield sku.encode(), partition_for(sku.encode(), partitions), value


def sku_of(number: int) -> str:
    """Return the SKU of a request, one that the opening stock has."""
    return f"SKU-{number % SKUS:07d}"
