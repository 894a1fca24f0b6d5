"""What an event costs on this machine: one worker and two drain a backlog beside the broker."""

import hashlib
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from itertools import islice
from typing import Any

from bench.capacity.model import Costs
from bench.drain import TIMEOUT_SECONDS, open_stock
from bench.load import SALES_TOPIC, Sales, producer, send_backlog
from bench.peers.cluster import Cluster, fresh
from bench.peers.work import PARTITIONS
from bench.seen_memory import BATCH_IDS
from bench.worker import Progress, Worker, running_worker
from streams import topology
from streams.app import ensure_topics
from streams.engine.seen import CONTENT_BYTES, MILLISECONDS_PER_HOUR, SeenCodec, SeenEvents
from streams.settings import Settings

SKUS = 20_000
RESTORED_IDENTITIES = 1_000_000


def measure(events: int, identity_bytes: float, sku_bytes: float) -> dict[str, Any]:
    """Return costs, and the shares of the machine's processors by number of workers, as plain JSON."""
    runs = {workers: _drain(workers, events) for workers in (1, 2)}
    one = runs[1]
    costs = Costs(
        events_per_second={workers: run["events_per_second"] for workers, run in runs.items()},
        worker_us=one["worker_us"],
        broker_us=one["broker_us"],
        input_bytes=one["input_bytes"],
        output_bytes=one["output_bytes"],
        identity_bytes=identity_bytes,
        sku_bytes=sku_bytes,
        identities_restored_per_second=restored_per_second(),
    )
    return {"costs": asdict(costs), "runs": {str(workers): run for workers, run in runs.items()}}


def _drain(workers: int, events: int) -> dict[str, Any]:
    with fresh() as cluster:
        settings = Settings.model_validate(
            {"bootstrap_servers": cluster.bootstrap_servers, "partitions": PARTITIONS}
        )
        ensure_topics(settings)
        open_stock(settings, SKUS)
        before = _sizes(cluster, settings)
        client = producer(settings.bootstrap_servers, linger_ms=20)
        send_backlog(client, SALES_TOPIC, islice(Sales(SKUS, PARTITIONS), events))
        with _crew(settings, workers) as crew:
            run = _timed(cluster, settings, crew)
        grown = {topic: (size - before[topic]) / events for topic, size in _sizes(cluster, settings).items()}
        run["input_bytes"] = grown.pop(SALES_TOPIC)
        run["output_bytes"] = {topic: size for topic, size in grown.items() if size > 0}
        return run


@contextmanager
def _crew(settings: Settings, workers: int) -> Iterator[list[Worker]]:
    """Run workers; all of them are ready when the block begins, and the first has begun to drain."""
    with ExitStack() as stack:
        crew = [
            stack.enter_context(
                running_worker(settings.model_copy(update={"worker_id": f"worker-{number}"}), wait=False)
            )
            for number in range(workers)
        ]
        for worker in crew:
            worker.wait_ready()
        yield crew


def _timed(cluster: Cluster, settings: Settings, crew: list[Worker]) -> dict[str, Any]:
    progress = Progress(settings)
    applied, used, broker = progress.applied(), _used(crew), cluster.processor_seconds
    started = time.perf_counter()
    progress.wait_applied(progress.written(), TIMEOUT_SECONDS)
    seconds = time.perf_counter() - started
    drained = progress.applied() - applied
    used, broker = _used(crew) - used, cluster.processor_seconds - broker
    return {
        "events": drained,
        "events_per_second": drained / seconds,
        "worker_us": used / drained * 1e6,
        "broker_us": broker / drained * 1e6,
        "worker_processors": used / seconds,
        "broker_processors": broker / seconds,
    }


def _used(crew: list[Worker]) -> float:
    return sum(worker.processor_seconds for worker in crew)


def _sizes(cluster: Cluster, settings: Settings) -> dict[str, int]:
    topics = [topic.name for topic in topology.all_topics(settings.channels)]
    return {topic: cluster.bytes_of([topic]) for topic in topics}


def restored_per_second(identities: int = RESTORED_IDENTITIES) -> float:
    """Return how many identities one processor restores in a second, from records as a topic has them."""
    codec = SeenCodec()
    records = [_record(codec, start) for start in range(0, identities, BATCH_IDS)]
    seen = SeenEvents("seen", codec, topology.DEDUPLICATION_WINDOW_DAYS * topology.HOURS_PER_DAY)
    seen.open(0)
    started = time.perf_counter()
    for record in records:
        seen.restore(0, record, MILLISECONDS_PER_HOUR)
    return len(seen) / (time.perf_counter() - started)


def _record(codec: SeenCodec, start: int) -> bytes:
    digests = [
        hashlib.blake2b(b"%d" % number, digest_size=16).digest() for number in range(start, start + BATCH_IDS)
    ]
    return codec.encode(1, "bench", b"".join(digest + digest[:CONTENT_BYTES] for digest in digests))
