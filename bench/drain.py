"""
How fast one worker drains a backlog with the whole agent: deduplication, ledger, table, availability to 3 channels.

The common work of the peers (400,000 events, 20,000 SKUs, 8 partitions) with the stock of two locations opened
first. The clock runs from the worker ready to the last offset committed.
"""

from dataclasses import asdict, dataclass
from itertools import islice

from bench.load import RECEIPTS_TOPIC, SALES_TOPIC, Sales, opening, producer, send_backlog
from bench.stack import fresh_cluster
from bench.worker import Progress, running_worker
from streams.settings import Settings

EVENTS, SKUS, PARTITIONS = 400_000, 20_000, 8
TIMEOUT_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Drained:
    """One run: events a second, and the worker's processor time an event in microseconds."""

    events: int
    skus: int
    seconds: float
    events_per_second: float
    worker_processor_us_per_event: float


def run(events: int = EVENTS, skus: int = SKUS) -> dict[str, float]:
    """Drain one backlog on a new Kafka."""
    with fresh_cluster(partitions=PARTITIONS) as settings:
        open_stock(settings, skus)
        client = producer(settings.bootstrap_servers, linger_ms=20)
        send_backlog(client, SALES_TOPIC, islice(Sales(skus, settings.partitions), events))
        progress = Progress(settings)
        target = progress.written()
        with running_worker(settings) as worker:
            before, used = progress.applied(), worker.processor_seconds
            seconds = progress.wait_applied(target, TIMEOUT_SECONDS)
            used = worker.processor_seconds - used
            assert worker.metrics().get("onhand_dead_letters_total", 0) == 0, "nothing may be refused"
        drained = target - before
        return asdict(Drained(drained, skus, seconds, drained / seconds, used / drained * 1e6))


def open_stock(settings: Settings, skus: int) -> None:
    """Receive the opening stock through a worker of its own."""
    client = producer(settings.bootstrap_servers, linger_ms=20)
    send_backlog(client, RECEIPTS_TOPIC, opening(skus, settings.partitions))
    progress = Progress(settings)
    with running_worker(settings):
        progress.wait_applied(progress.written(), TIMEOUT_SECONDS)
