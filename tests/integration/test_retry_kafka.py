"""Retries on a real Kafka: agents that come and go, and the whole way to a dead letter and back."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import pytest
from confluent_kafka import Producer
from typer.testing import CliRunner

from schemas import wire
from streams.agents.retry import RetryAgent
from streams.cli.dlq import app
from streams.dlq.reading import scan
from streams.engine.kafka_log import KafkaLog
from streams.engine.log import Record
from streams.engine.partitioner import partition_for
from streams.settings import Catalogue, Settings
from streams.topology import EVENT_TOPICS
from tests.conftest import RunOnhand
from tests.processes import wait_until

pytestmark = pytest.mark.kafka

SESSION_MS = 1_500
APPLY_SECONDS = 30.0

Headers = list[tuple[str, str | bytes | None]]


def now_ms() -> int:
    """Wall-clock milliseconds."""
    return int(time.time() * 1_000)


def step_until(agents: list[RetryAgent], condition: Callable[[], bool], what: str) -> None:
    """Let agents work until a condition holds, or fail."""
    deadline = time.monotonic() + APPLY_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {APPLY_SECONDS:g} s: {what}"
        for agent in agents:
            agent.step(0.05)


def park(settings: Settings, count: int) -> dict[bytes, int]:
    """Put numbered events into a retry topic, due over some seconds; returns when each is."""
    producer = Producer({"bootstrap.servers": settings.bootstrap_servers})
    start = now_ms()
    due = {str(number).encode(): start + number % 50 * 150 for number in range(count)}
    for value, due_ms in due.items():
        headers: Headers = [("retry-attempts", b"1"), ("not-before", str(due_ms).encode())]
        producer.produce("stock-sales-retry", value, b"k", int(value) % settings.partitions, headers=headers)
    assert producer.flush(30) == 0
    return due


def test_agents_that_come_and_go_give_everything_back_once_and_on_time(fresh_cluster: Settings) -> None:
    """Waiting partitions survive rebalances: a second agent takes over some, ends, and the first goes on."""
    log = KafkaLog(fresh_cluster.bootstrap_servers, SESSION_MS)
    due = park(fresh_cluster, 200)
    first, second = (
        RetryAgent(log, fresh_cluster.model_copy(update={"worker_id": name}), now_ms) for name in ("a", "b")
    )
    first.start()
    step_until([first], lambda: first.waiting > 0, "the first agent waits for an event")
    second.start()
    step_until([first, second], lambda: second.waiting > 0, "the second agent waits for an event")
    second.stop()
    last_due = max(due.values())
    found: list[Record] = []

    def all_back() -> bool:
        found[:] = scan(log, ["stock-sales"]) if now_ms() > last_due else []
        return len(found) >= len(due)

    step_until([first], all_back, "every event is back")
    first.stop()
    assert Counter(record.value() for record in found) == Counter(due.keys())
    for record in found:
        value = record.value() or b""
        assert record.timestamp()[1] >= due[value], "an event went back before its time"
        assert record.partition() == int(value) % fresh_cluster.partitions
        assert record.headers() == [("retry-attempts", b"1")]


class StrictShop:
    """A worker with a strict catalogue, and somebody who sends it events."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.log = KafkaLog(settings.bootstrap_servers)
        self.producer = Producer({"bootstrap.servers": settings.bootstrap_servers})

    def send(self, record: str, event_id: str, sku: str, quantity: int) -> None:
        """Write one event as a connector does."""
        value = {
            "event_id": event_id,
            "source_id": "test",
            "sku": sku,
            "location_id": "shop",
            "quantity": quantity,
            "occurred_at": now_ms(),
        }
        partition = partition_for(sku.encode(), self.settings.partitions)
        topic = EVENT_TOPICS[record].name
        self.producer.produce(
            topic, wire.encode(record, value), sku.encode(), partition, headers=[("ce_id", event_id.encode())]
        )
        assert self.producer.flush(30) == 0

    def outcomes(self) -> list[tuple[str, str]]:
        """Return (event_id, outcome) of the ledger's rows."""
        rows = (wire.decode(record.value() or b"")[1] for record in scan(self.log, ["stock-movements"]))
        return sorted((row["event_id"], row["outcome"]) for row in rows)

    def on_hand(self, sku: str) -> int:
        """Return the stock of a SKU, as the table has it."""
        levels = [record for record in scan(self.log, ["stock-levels"]) if record.key() == sku.encode()]
        (location,) = wire.decode(levels[-1].value() or b"")[1]["locations"]
        return int(location["on_hand"])

    def dead(self) -> list[Record]:
        """Return the dead letters of sales."""
        return list(scan(self.log, ["stock-sales-dlq"]))

    def dlq(self, *arguments: str) -> str:
        """Run `onhand dlq`."""
        command, *rest = arguments
        servers = ("--bootstrap-servers", self.settings.bootstrap_servers)
        return CliRunner().invoke(app, [command, *servers, *rest]).output


def test_sale_of_an_unknown_sku_waits_for_its_receipt_or_dies_and_can_be_replayed(
    fresh_cluster: Settings, run_worker: RunOnhand
) -> None:
    """The whole way: retry, given up, replayed by hand, and replayed again without effect."""
    changes = {"catalogue": Catalogue.STRICT, "retry_delay_seconds": 0.5, "retry_attempts": 3}
    settings = fresh_cluster.model_copy(update=changes)
    worker = run_worker(settings)
    shop = StrictShop(settings)

    shop.send("SaleRecorded", "early-sale", "A", 2)
    shop.send("SaleRecorded", "orphan", "B", 3)
    wait_until(lambda: bool(list(scan(shop.log, ["stock-sales-retry"]))), APPLY_SECONDS, "a sale waits")
    shop.send("GoodsReceived", "receipt-a", "A", 10)
    expected = [("early-sale", "APPLIED"), ("receipt-a", "APPLIED")]
    wait_until(lambda: shop.outcomes() == expected, APPLY_SECONDS, "the sale counts once its SKU is known")
    assert shop.on_hand("A") == 8

    wait_until(lambda: len(shop.dead()) == 1, APPLY_SECONDS, "the orphan is given up")
    check_orphan(shop)
    shop.send("GoodsReceived", "receipt-b", "B", 10)
    letter_id = json.loads(shop.dlq("list", "--json").splitlines()[0])["id"]
    wait_until(lambda: ("receipt-b", "APPLIED") in shop.outcomes(), APPLY_SECONDS, "the receipt counts")
    assert "1 replayed" in shop.dlq("replay", letter_id)
    wait_until(lambda: ("orphan", "APPLIED") in shop.outcomes(), APPLY_SECONDS, "the replay counts")
    assert "already replayed" in shop.dlq("replay", letter_id)
    assert "1 replayed" in shop.dlq("replay", letter_id, "--force")
    wait_until(lambda: ("orphan", "DUPLICATE") in shop.outcomes(), APPLY_SECONDS, "the repetition is noticed")
    assert shop.on_hand("B") == 7
    assert len(shop.dead()) == 1
    assert worker.stop() == 0, worker.log


def check_orphan(shop: StrictShop) -> None:
    """The dead letter tells the whole story: three retries, each twice as long, then given up."""
    (letter,) = shop.dead()
    headers = dict(letter.headers() or ())
    assert headers["__streams.errors.exception"] == b"RETRIES_EXHAUSTED"
    assert b"UNKNOWN_SKU" in headers["__streams.errors.message"]
    assert headers["retry-attempts"] == b"3"
    assert headers["ce_id"] == b"orphan"
    tries = [record for record in scan(shop.log, ["stock-sales"]) if record.key() == b"B"]
    times = [record.timestamp()[1] for record in tries]
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert len(tries) == 4
    assert all(wait >= least for wait, least in zip(waits, (500, 1_000, 2_000), strict=True)), waits
    assert len({record.value() for record in [*tries, letter]}) == 1
