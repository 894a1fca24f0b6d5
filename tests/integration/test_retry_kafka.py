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
from tests.conftest import TEST_PARTITIONS, RunOnhand
from tests.processes import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

SESSION_MS = 6_000  # A shorter session ends by itself on a busy machine, and its transaction is fenced.
APPLY_SECONDS = 60.0
FIRST_WAIT_MS = 500
STAGES = 4
PARKED_TOTAL = 200

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


def park(settings: Settings) -> dict[bytes, int]:
    """Put numbered events into a retry topic, due in stages; returns the stage of each."""
    producer = Producer({"bootstrap.servers": settings.bootstrap_servers})
    stages = {str(number).encode(): 1 + number * STAGES // PARKED_TOTAL for number in range(PARKED_TOTAL)}
    for value, stage in stages.items():
        headers: Headers = [("retry-attempts", b"1"), ("not-before", str(stage).encode())]
        producer.produce("stock-sales-retry", value, b"k", int(value) % settings.partitions, headers=headers)
    assert producer.flush(30) == 0
    return stages


def test_agents_that_come_and_go_give_everything_back_once_and_on_time(fresh_cluster: Settings) -> None:
    """Waiting partitions survive rebalances: a second agent takes over some, ends, and the first goes on."""
    log = KafkaLog(fresh_cluster.bootstrap_servers, SESSION_MS)
    stages = park(fresh_cluster)
    clock = [0]  # The agents' time stands still until the test moves it on, however slow the machine is.
    first, second = (
        RetryAgent(log, fresh_cluster.model_copy(update={"worker_id": name}), lambda: clock[0])
        for name in ("a", "b")
    )
    first.start()
    step_until([first], lambda: first.waiting == TEST_PARTITIONS, "the first agent waits everywhere")
    second.start()
    shared = (TEST_PARTITIONS // 2, TEST_PARTITIONS // 2)
    step_until([first, second], lambda: (first.waiting, second.waiting) == shared, "both agents wait")
    second.stop()
    for stage in range(STAGES + 1):
        clock[0] = stage
        wanted = Counter(value for value, due in stages.items() if due <= stage)
        step_until([first], lambda: back(log).total() >= wanted.total(), f"stage {stage} is back")  # noqa: B023 - called in this turn only
        assert back(log) == wanted, "an event went back twice, or before its time"
    first.stop()
    for record in scan(log, ["stock-sales"]):
        assert record.partition() == int(record.value() or b"") % TEST_PARTITIONS
        assert record.headers() == [("retry-attempts", b"1")]


def back(log: KafkaLog) -> Counter[bytes | None]:
    """Return the values of the events that stand in the input topic."""
    return Counter(record.value() for record in scan(log, ["stock-sales"]))


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
    changes = {
        "catalogue": Catalogue.STRICT,
        "retry_delay_seconds": FIRST_WAIT_MS / 1_000,
        "retry_attempts": 99,
    }
    patient = fresh_cluster.model_copy(update=changes)
    worker = run_worker(patient)
    shop = StrictShop(patient)
    shop.send("SaleRecorded", "early-sale", "A", 2)
    shop.send("SaleRecorded", "orphan", "B", 3)
    wait_until(lambda: len(list(scan(shop.log, ["stock-sales-retry"]))) >= 2, APPLY_SECONDS, "both wait")
    shop.send("GoodsReceived", "receipt-a", "A", 10)
    expected = [("early-sale", "APPLIED"), ("receipt-a", "APPLIED")]
    wait_until(lambda: shop.outcomes() == expected, APPLY_SECONDS, "the sale counts once its SKU is known")
    assert shop.on_hand("A") == 8
    assert worker.stop() == 0, worker.log

    impatient = run_worker(patient.model_copy(update={"retry_attempts": 1}))
    wait_until(lambda: len(shop.dead()) == 1, APPLY_SECONDS, "the orphan is given up")
    check_orphan(shop)
    check_replay(shop)
    assert impatient.stop() == 0, impatient.log


def check_replay(shop: StrictShop) -> None:
    """Once its SKU is known the orphan can be replayed; replaying it again changes nothing."""
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


def check_orphan(shop: StrictShop) -> None:
    """The dead letter tells the whole story: retries, each after twice the wait, then given up."""
    (letter,) = shop.dead()
    headers = dict(letter.headers() or ())
    assert headers["__streams.errors.exception"] == b"RETRIES_EXHAUSTED"
    assert b"UNKNOWN_SKU" in headers["__streams.errors.message"]
    assert headers["ce_id"] == b"orphan"
    tries = [record for record in scan(shop.log, ["stock-sales"]) if record.key() == b"B"]
    assert len(tries) == int(headers["retry-attempts"]) + 1
    times = [record.timestamp()[1] for record in tries]
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert all(wait >= FIRST_WAIT_MS << number for number, wait in enumerate(waits)), waits
    assert len({record.value() for record in [*tries, letter]}) == 1
