"""
The whole stock agent beside the common work: deduplication, ledger, table, availability to 3 channels.

It runs on the same broker as the others and keeps its topics over the repeats, as it would in a shop. Latency is to
the availability that an event causes; of several events of a SKU in one batch the last one is seen. `python -m bench`
measures more of it.
"""

from io import BytesIO
from itertools import islice
from typing import Any

import fastavro

import schemas
from bench.drain import TIMEOUT_SECONDS, open_stock
from bench.latency import measure
from bench.load import RECEIPTS_TOPIC, SALES_TOPIC, Sales, producer, send_backlog
from bench.peers.check import Verdict, compare
from bench.peers.cluster import Cluster
from bench.peers.measures import percentiles
from bench.peers.outputs import TopicReader
from bench.peers.speed import HEADROOM, Run, Size
from bench.peers.work import PARTITIONS, Stock
from bench.worker import Progress, Worker, running_worker
from streams import topology
from streams.app import ensure_topics
from streams.engine.wire import HEADER_BYTES
from streams.settings import Settings


class WholeAgent:
    """The stock agent with stock to sell; each run sells more of it."""

    def __init__(self, cluster: Cluster, skus: int) -> None:
        self._cluster = cluster
        self._skus = skus
        self._settings = Settings.model_validate(
            {"bootstrap_servers": cluster.bootstrap_servers, "partitions": PARTITIONS}
        )
        ensure_topics(self._settings)
        open_stock(self._settings, skus)
        self._check = _Check(cluster.bootstrap_servers)

    def run(self, size: Size, seed: int) -> Run:
        """Measure once."""
        client = producer(self._settings.bootstrap_servers, linger_ms=20)
        send_backlog(client, SALES_TOPIC, islice(Sales(self._skus, PARTITIONS, seed), size.events))
        with running_worker(self._settings) as worker:
            found = self._drain(worker, size.events)
            for rate in size.rates:
                if found.events_per_second > rate * HEADROOM:
                    observed, sent = measure(self._settings, rate, size.seconds, size.warm_up_seconds)
                    # Fewer than were sent: a batch tells of its last event of a SKU. Nothing is unseen for that.
                    found.latencies[rate] = percentiles(observed, unseen=0 if observed else sent)
        found.verdict = self._check.verdict()
        return found

    def _drain(self, worker: Worker, events: int) -> Run:
        progress, written = Progress(self._settings), self._written()
        engine_seconds, broker_seconds = worker.processor_seconds, self._cluster.processor_seconds
        before = progress.applied()
        seconds = progress.wait_applied(progress.written(), TIMEOUT_SECONDS)
        engine_seconds = worker.processor_seconds - engine_seconds
        drained = progress.applied() - before
        return Run(
            events_per_second=drained / seconds,
            processor_us_per_event=engine_seconds / drained * 1e6,
            broker_us_per_event=(self._cluster.processor_seconds - broker_seconds) / drained * 1e6,
            bytes_per_event=(self._written() - written) / events,
        )

    def _written(self) -> int:
        inputs = {topic.name for topic in topology.INPUTS}
        topics = [topic.name for topic in topology.all_topics(self._settings.channels)]
        return self._cluster.bytes_of([name for name in topics if name not in inputs])


class _Check:
    """On-hand quantities by SKU and location, recomputed from receipts and sales, against the table."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._inputs = {
            RECEIPTS_TOPIC: ("GoodsReceived", 1),
            SALES_TOPIC: ("SaleRecorded", -1),
        }
        names = (*self._inputs, topology.STOCK_LEVELS.name)
        self._readers = {name: TopicReader(bootstrap_servers, name) for name in names}
        self._schemas = {
            name: fastavro.parse_schema(schemas.load(name))
            for name in ("GoodsReceived", "SaleRecorded", "StockLevel")
        }
        self._expected: dict[str, dict[str, int]] = {}
        self._latest: dict[bytes, bytes] = {}

    def verdict(self) -> Verdict:
        """Take what came since the last call and compare."""
        for topic, (name, sign) in self._inputs.items():
            for message in self._readers[topic].read():
                event = self._decode(name, message.value())
                held = self._expected.setdefault(event["sku"], {})
                held[event["location_id"]] = held.get(event["location_id"], 0) + sign * event["quantity"]
        for message in self._readers[topology.STOCK_LEVELS.name].read():
            self._latest[message.key()] = message.value()
        levels = [self._decode("StockLevel", value) for value in self._latest.values()]
        found = {
            level["sku"]: Stock(0, {held["location_id"]: held["on_hand"] for held in level["locations"]})
            for level in levels
        }
        return compare({sku: Stock(0, held) for sku, held in self._expected.items()}, found)

    def _decode(self, name: str, value: bytes) -> Any:
        return fastavro.schemaless_reader(BytesIO(value[HEADER_BYTES:]), self._schemas[name], None)
