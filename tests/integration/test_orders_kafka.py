"""Orders and promises from events on a real Kafka to what a person sees (semantics 3 and 10)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from itertools import permutations
from typing import Any

import pytest
from confluent_kafka import Producer
from typer.testing import CliRunner

from schemas import wire
from streams.cli.atp import date_of
from streams.cli.main import build
from streams.dlq.reading import scan
from streams.domain.days import day_of
from streams.engine.kafka_log import KafkaLog
from streams.engine.partitioner import partition_for
from streams.settings import Settings
from streams.topology import EVENT_TOPICS
from tests.conftest import RunOnhand
from tests.processes import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

APPLY_SECONDS = 90.0
DAY_MS = 86_400_000
PROMISED = [12, 12, 12, 12, 13, 16, 16]

Event = tuple[str, dict[str, Any]]

PAGE = (
    ("OrderPlaced", "order_id", "deliver_at", 1, 3),
    ("InboundAnnounced", "inbound_id", "eta", 3, 10),
    ("OrderPlaced", "order_id", "deliver_at", 4, 15),
    ("InboundAnnounced", "inbound_id", "eta", 5, 1),
    ("InboundAnnounced", "inbound_id", "eta", 6, 3),
)
"""The page's example: record, whose id and day it names, in how many days, units."""


def event(sku: str, record: str, event_id: str, quantity: int, **fields: Any) -> Event:
    """One event of a SKU."""
    now = time.time_ns() // 1_000_000
    envelope = {"event_id": event_id, "source_id": "test", "sku": sku, "location_id": "shop"}
    return record, {**envelope, "quantity": quantity, "occurred_at": now, **fields}


def send(settings: Settings, events: Iterable[Event]) -> None:
    """Write events as connectors do."""
    producer = Producer({"bootstrap.servers": settings.bootstrap_servers})
    for record, value in events:
        key = value["sku"].encode()
        partition = partition_for(key, settings.partitions)
        producer.produce(EVENT_TOPICS[record].name, wire.encode(record, value), key, partition)
    assert producer.flush(30) == 0


def wait_applied(log: KafkaLog, events_total: int) -> None:
    """Wait until the ledger has so many rows."""
    wait_until(
        lambda: len(outcomes(log)) >= events_total, APPLY_SECONDS, f"{events_total} events in the ledger"
    )


def outcomes(log: KafkaLog) -> list[str]:
    """What became of the events; a day that turns meanwhile has rows of its own."""
    return [row["outcome"] for row in values(log, "stock-movements") if row["source_id"] == "test"]


def test_example_of_the_page_in_every_order_of_arrival(
    fresh_cluster: Settings, run_worker: RunOnhand
) -> None:
    """A SKU for each order of arrival, the worker killed in between; the table and a person's screen say the same."""
    log = KafkaLog(fresh_cluster.bootstrap_servers)
    today = day_of(time.time_ns() // 1_000_000)
    arrivals = {f"SKU-{number}": order for number, order in enumerate(permutations(PAGE))}
    worker = run_worker(fresh_cluster)
    send(fresh_cluster, [event(sku, "GoodsReceived", f"{sku}-opening", 20) for sku in arrivals])
    wait_applied(log, len(arrivals))
    for step in range(len(PAGE)):
        batch = []
        for sku, order in arrivals.items():
            record, named, day_field, days, quantity = order[step]
            fields = {named: f"{sku}-{days}", day_field: (today + days) * DAY_MS}
            batch.append(event(sku, record, f"{sku}-{days}", quantity, **fields))
        send(fresh_cluster, batch)
        if step == 1:
            worker.kill()
            worker = run_worker(fresh_cluster)
        wait_applied(log, len(arrivals) * (step + 2))
    assert set(outcomes(log)) == {"APPLIED"}
    levels = {level["sku"]: level for level in values(log, "stock-levels")}
    assert {sku: promised(level["promises"], today) for sku, level in levels.items()} == dict.fromkeys(
        arrivals, PROMISED
    )
    assert shown(fresh_cluster, "SKU-7", today) == PROMISED
    verify(fresh_cluster)


def test_orders_shipped_and_cancelled_in_every_order_of_arrival(
    fresh_cluster: Settings, run_worker: RunOnhand
) -> None:
    """A SKU for each order of arrival: six ordered, three shipped in two parts, one cancelled, whatever comes first."""
    log = KafkaLog(fresh_cluster.bootstrap_servers)
    run_worker(fresh_cluster)
    history = (("OrderPlaced", 6), ("OrderShipped", 2), ("OrderShipped", 1), ("OrderCancelled", 1))
    arrivals = {f"SKU-{number}": order for number, order in enumerate(permutations(history))}
    send(fresh_cluster, [event(sku, "GoodsReceived", f"{sku}-opening", 10) for sku in arrivals])
    wait_applied(log, len(arrivals))
    events = [
        event(sku, record, f"{sku}-{step}", quantity, order_id=f"order-{sku}")
        for sku, order in arrivals.items()
        for step, (record, quantity) in enumerate(order)
    ]
    send(fresh_cluster, events)
    wait_applied(log, len(arrivals) + len(events))
    levels = {level["sku"]: level["locations"][0] for level in values(log, "stock-levels")}
    found = {sku: (level["on_hand"], level["reserved"]) for sku, level in levels.items()}
    assert found == dict.fromkeys(arrivals, (7, 2))
    verify(fresh_cluster)


def values(log: KafkaLog, topic: str) -> list[dict[str, Any]]:
    """What stands in a topic."""
    return [wire.decode(record.value() or b"")[1] for record in scan(log, [topic])]


def promised(entries: list[dict[str, int]], today: int) -> list[int]:
    """What the table's entries say of the page's seven days, whatever day it is by now."""
    days = range(today + 1, today + len(PROMISED) + 1)
    return [[entry["units"] for entry in entries if entry["day"] <= day][-1] for day in days]


def shown(settings: Settings, sku: str, today: int) -> list[int]:
    """What `onhand stock --atp` shows of the seven days, from a view that is built of the topics."""
    kafka, redis = ("--bootstrap-servers", settings.bootstrap_servers), ("--redis-url", settings.redis_url)
    assert CliRunner().invoke(build("view"), ["view", "rebuild", *kafka, *redis]).exit_code == 0
    table = CliRunner().invoke(build("stock"), ["stock", sku, "--atp", *redis]).stdout
    assert "available to promise" in table
    assert date_of(today + 1) in table
    result = CliRunner().invoke(build("stock"), ["stock", sku, "--atp", "--json", *redis])
    assert result.exit_code == 0, result.output
    rows = {
        row["day"]: row["available_to_promise"] for row in json.loads(result.stdout)["available_to_promise"]
    }
    return [rows[date_of(today + days)] for days in range(1, len(PROMISED) + 1)]


def verify(settings: Settings) -> None:
    """Let `onhand verify` recompute everything on its own path."""
    arguments = ["--bootstrap-servers", settings.bootstrap_servers, "--no-view"]
    result = CliRunner().invoke(build("verify"), ["verify", *arguments])
    assert result.exit_code == 0, result.output
