"""A full feed on a real Kafka: a worker is killed in the middle of applying it, and the figures are right."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from schemas import wire
from streams.agents import feed_codec
from streams.dlq.reading import scan
from streams.domain.events import GoodsReceived, SaleRecorded, StockCounted, StockEvent
from streams.domain.feeds import ASSESSED, FeedId, FeedProgress
from streams.engine.kafka_log import KafkaLog
from streams.engine.partitioner import partition_for
from streams.feeds.listing import FeedStatus, load_feeds
from streams.settings import Settings
from streams.topology import EVENT_TOPICS
from tests.agents.stockroom import as_fields
from tests.conftest import RunOnhand
from tests.domain.shop import make
from tests.integration.running import BACK_SECONDS, Positions
from tests.processes import wait_until

SKUS = [f"SKU-{number:05d}" for number in range(12_000)]  # A worker's share takes about eight batches.
NAMED, UNNAMED = SKUS[:-1_000], SKUS[-1_000:]  # Fewer to zero than the fifth that would ask a person.
OPENING, COUNTED = 50, 40
HOUR_MS = 3_600_000
FEED = FeedId("wms", "store", "monday")
OF_WORKER_0 = range(2)  # Range gives the first partitions to the first static member.

Event = StockEvent | StockCounted


@pytest.mark.kafka
@pytest.mark.timeout(300)
def test_worker_killed_while_a_feed_is_applied(fresh_cluster: Settings, run_worker: RunOnhand) -> None:
    """It comes back; late deltas meet the feed wherever it is; each SKU is set once, by a row or to zero."""
    workers = [run_worker(fresh_cluster, f"worker-{number}") for number in range(2)]
    now = int(time.time() * 1_000)
    with Positions(fresh_cluster.bootstrap_servers) as positions:
        send(fresh_cluster, (receipt(sku, now) for sku in SKUS))
        positions.wait_drained(BACK_SECONDS)
        with said_of_feeds(fresh_cluster) as said:
            send(fresh_cluster, feed(now))
            assert any(is_halfway(one) for one in said), workers[0].log
            workers[0].kill()
        assert status(fresh_cluster).changed < len(SKUS), "it was killed in the middle"
        send(fresh_cluster, (sale(sku, f"late:{sku}", now - HOUR_MS) for sku in SKUS[::100]))
        send(fresh_cluster, (sale(sku, f"new:{sku}", now + 1) for sku in SKUS[::50]))
        workers[0] = run_worker(fresh_cluster, "worker-0")
        wait_until(lambda: status(fresh_cluster).state == "applied", BACK_SECONDS, "the feed is applied")
        positions.wait_drained(BACK_SECONDS)
    sold = set(SKUS[::50])
    counted = dict.fromkeys(NAMED, COUNTED) | dict.fromkeys(UNNAMED, 0)
    assert on_hand(fresh_cluster) == {sku: units - (sku in sold) for sku, units in counted.items()}
    assert set_by_feed(fresh_cluster) == Counter(SKUS)
    assert status(fresh_cluster).changed == len(SKUS)


def receipt(sku: str, now: int) -> GoodsReceived:
    """The opening stock of a SKU."""
    fields = {"event_id": f"opening:{sku}", "sku": sku, "quantity": OPENING, "inbound_id": None}
    return make(GoodsReceived, **fields, occurred_at=now - 2 * HOUR_MS)


def feed(now: int) -> Iterable[StockCounted]:
    """Every row, as of now."""
    for number, sku in enumerate(NAMED, start=1):
        common = {"source_id": FEED.source_id, "feed_id": FEED.feed_id, "feed_kind": "FULL"}
        numbers = {"event_id": f"monday:{number}", "sequence": number, "total": len(NAMED)}
        yield make(StockCounted, **common, **numbers, sku=sku, quantity=COUNTED, as_of=now, occurred_at=now)


def sale(sku: str, event_id: str, occurred_at: int) -> SaleRecorded:
    """One unit sold."""
    found: SaleRecorded = make(SaleRecorded, event_id=event_id, sku=sku, occurred_at=occurred_at)
    return found


def send(settings: Settings, events: Iterable[Event]) -> None:
    """Write events where their SKUs belong."""
    producer = Producer({"bootstrap.servers": settings.bootstrap_servers, "linger.ms": 20})
    for event in events:
        name, key = type(event).__name__, event.sku.encode()
        value, partition = wire.encode(name, as_fields(event)), partition_for(key, settings.partitions)
        producer.produce(EVENT_TOPICS[name].name, value, key, partition)
    assert producer.flush(30) == 0


def status(settings: Settings) -> FeedStatus:
    """What `onhand feeds` knows of the feed."""
    (found,) = load_feeds(KafkaLog(settings.bootstrap_servers))
    return found


@contextmanager
def said_of_feeds(settings: Settings) -> Iterator[Iterator[FeedProgress]]:
    """What partitions say from now on, as they say it; it ends when they are silent for too long."""
    consumer = Consumer(
        {
            "bootstrap.servers": settings.bootstrap_servers,
            "group.id": "test-feeds",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 5,
        }
    )
    consumer.assign([TopicPartition("stock-feeds", number, 0) for number in range(settings.partitions)])
    consumer.poll(0)
    yield progress_read_by(consumer)
    consumer.close()


def progress_read_by(consumer: Consumer) -> Iterator[FeedProgress]:
    """The progress that a consumer reads."""
    while (message := consumer.poll(BACK_SECONDS)) is not None:
        value, key = message.value(), message.key() or b""
        if message.error() is None and value is not None and key.startswith(feed_codec.PROGRESS):
            yield feed_codec.decode_progress(value)


def is_halfway(said: FeedProgress) -> bool:
    """Tell whether the first worker has changed some SKUs of a partition, and not all."""
    return said.stage == ASSESSED and said.changed > 0 and said.partition in OF_WORKER_0


def on_hand(settings: Settings) -> dict[str, int]:
    """The table's figures of the store."""
    found = {}
    for record in scan(KafkaLog(settings.bootstrap_servers), ["stock-levels"]):
        level = wire.decode(record.value() or b"")[1]
        found[level["sku"]] = level["locations"][0]["on_hand"]
    return found


def set_by_feed(settings: Settings) -> Counter[str]:
    """How often the ledger says that the feed has set each SKU."""
    rows = (
        wire.decode(record.value() or b"")[1]
        for record in scan(KafkaLog(settings.bootstrap_servers), ["stock-movements"])
    )
    return Counter(row["sku"] for row in rows if row["reference"] == FEED.feed_id)
