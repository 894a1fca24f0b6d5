"""Bundles on a real Kafka: sold and ordered together with their components, while workers die."""

from __future__ import annotations

import random
import time
from collections import Counter
from functools import partial
from typing import Any

import pytest

from connectors.protocols import SourceEvent
from connectors.publish import Publisher
from schemas import wire
from streams.dlq.reading import scan
from streams.engine.kafka_log import KafkaLog
from streams.engine.partitioner import partition_for
from streams.settings import Settings
from tests.conftest import RunOnhand
from tests.processes import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

SEED = 20_261_125
APPLY_SECONDS = 90.0
FOLLOWS_SECONDS = 1.0  # A bundle's availability after its component's: it takes about 20 ms and a tick.
SETS = {"HAMPER": {"JAM": 1, "TEA": 2}, "TEA-FOR-TWO": {"TEA": 1, "CUP": 2, "SPOON": 2}}
OPENING = {"JAM": 30, "TEA": 75, "CUP": 60, "SPOON": 60}
LOCATION = "shop"
SELLING = (*SETS, *OPENING)
EVENTS_TOTAL = 200


class Desk:
    """Publishes events, and reads what came of them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.log = KafkaLog(settings.bootstrap_servers)
        self._publisher = Publisher(settings.bootstrap_servers)
        self._number = 0

    def send(self, record: str, sku: str, quantity: int | None = None, **fields: Any) -> str:
        """Publish an event and return its id."""
        self._number += 1
        event_id = f"e-{self._number}"
        value = {"event_id": event_id, "source_id": "test", "sku": sku, "occurred_at": now_ms(), **fields}
        if quantity is not None:
            value |= {"quantity": quantity, "location_id": LOCATION}
        self._publisher.publish(SourceEvent(record, value, ""))
        self._publisher.flush()
        return event_id

    def values(self, topic: str) -> list[dict[str, Any]]:
        """What stands in a topic, in order within each key."""
        return [
            wire.decode(record.value() or b"")[1]
            for record in scan(self.log, [topic])
            if record.value() is not None
        ]

    def latest(self, topic: str) -> dict[str, dict[str, Any]]:
        """The last value of each SKU, having checked that versions only rise."""
        found: dict[str, dict[str, Any]] = {}
        for value in self.values(topic):
            before = found.get(value["sku"])
            assert before is None or value["version"] > before["version"], (topic, before, value)
            found[value["sku"]] = value
        return found

    def available(self, channel_id: str = "web") -> dict[str, int]:
        """What a channel was told last, by SKU."""
        told = self.latest(f"availability-{channel_id}")
        return {sku: value["available_to_sell"] for sku, value in told.items()}

    def has_less(self, sku: str, units: int) -> bool:
        """Tell whether a channel was told of fewer than so many."""
        return self.available()[sku] < units

    def rows(self) -> dict[tuple[str, str], dict[str, Any]]:
        """The ledger by identity; none may be settled twice."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for row in self.values("stock-movements"):
            identity = row["source_id"], row["event_id"]
            assert identity not in found, f"{identity} has two rows: {found[identity]} and {row}"
            found[identity] = row
        return found


def now_ms() -> int:
    """The time, UTC milliseconds."""
    return time.time_ns() // 1_000_000


def open_shop(settings: Settings) -> Desk:
    """A shop with stock of components, and sets of them described."""
    desk = Desk(settings)
    for sku, units in OPENING.items():
        desk.send("GoodsReceived", sku, units)
    for sku, needs in SETS.items():
        components = [{"sku": part, "quantity": needed} for part, needed in needs.items()]
        desk.send("ItemDescribed", sku, components=components)
    wait_until(lambda: desk.available().keys() == set(SELLING), APPLY_SECONDS, "everything is told")
    return desk


def assembled(available: dict[str, int]) -> dict[str, int]:
    """How many of each set there are, by what there is of its components."""
    return {
        sku: min(available[part] // needed for part, needed in needs.items()) for sku, needs in SETS.items()
    }


def test_sets_are_sold_and_ordered_beside_their_components_while_workers_die(
    fresh_cluster: Settings, run_worker: RunOnhand
) -> None:
    """
    Each sale counts once in every component, each order is reserved in full or not at all, and nothing is promised
    beyond what there is; what channels are told of a set is what its components allow.
    """
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    workers = {f"worker-{number}": run_worker(fresh_cluster, f"worker-{number}") for number in range(2)}
    partitions = {partition_for(sku.encode(), fresh_cluster.partitions) for sku in SELLING}
    assert len(partitions) > 1, "bundles and components must not all lie on one partition"
    desk = open_shop(fresh_cluster)
    sold: Counter[str] = Counter()
    orders: dict[str, tuple[str, int]] = {}
    for number in range(EVENTS_TOTAL):
        sku, quantity = chance.choice(SELLING), chance.randint(1, 2)
        if chance.random() < 0.25:
            desk.send("SaleRecorded", sku, 1)
            sold[sku] += 1
        else:
            order_id = desk.send("OrderPlaced", sku, quantity, order_id=f"order-{number}")
            orders[order_id] = sku, quantity
        if number in {EVENTS_TOTAL // 3, EVENTS_TOTAL * 2 // 3}:
            name = chance.choice(sorted(workers))
            workers[name].kill()
            workers[name] = run_worker(fresh_cluster, name)
    wait_until(
        lambda: all(("test", order_id) in desk.rows() for order_id in orders),
        APPLY_SECONDS,
        "orders are decided",
    )
    wait_until(lambda: is_quiet(desk), APPLY_SECONDS, "parts are applied")

    rows = desk.rows()
    accepted: Counter[str] = Counter()
    for order_id, (sku, quantity) in orders.items():
        outcome = rows["test", order_id]["outcome"]
        assert outcome in {"REJECTED", "EXPLODED" if sku in SETS else "APPLIED"}
        accepted[sku] += quantity if outcome != "REJECTED" else 0
    assert sum(accepted[sku] for sku in SETS) > 0, "some sets must be had"
    assert any(row["outcome"] == "REJECTED" for row in rows.values()), "and some orders must be too late"
    levels = desk.latest("stock-levels")
    for component, opening in OPENING.items():
        (level,) = levels[component]["locations"]
        assert level["on_hand"] == opening - in_all(sold, component)
        assert level["reserved"] == in_all(accepted, component)
    available = desk.available()
    assert {sku: available[sku] for sku in SETS} == assembled(available)
    assert all(levels[sku]["locations"] == [] for sku in SETS)

    # An order asks at its time; sales go on below it, as facts do.
    for row in rows.values():
        if row["event_type"] == "OrderPlaced" and row["outcome"] == "APPLIED":
            assert row["available_after"] >= 0, row
    assert [worker.stop() for worker in workers.values()] == [0, 0]


def in_all(units: Counter[str], component: str) -> int:
    """Units of a component, alone and in sets."""
    return units[component] + sum(units[sku] * needs.get(component, 0) for sku, needs in SETS.items())


def is_quiet(desk: Desk) -> bool:
    """Tell whether every part that was sent has its row, and what channels know of sets is up to date."""
    sent = {
        (value["source_id"], value["event_id"])
        for value in desk.values("stock-sales")
        if value["source_id"] == "onhand"
    }
    available = desk.available()
    return sent <= desk.rows().keys() and {sku: available[sku] for sku in SETS} == assembled(available)


def test_a_set_follows_its_component_within_a_second(fresh_cluster: Settings, run_worker: RunOnhand) -> None:
    """The component lies on another worker's partition; both say when they told the channels."""
    for number in range(2):
        run_worker(fresh_cluster, f"worker-{number}")
    desk = open_shop(fresh_cluster)
    for _ in range(3):
        before = desk.available()["HAMPER"]
        desk.send("SaleRecorded", "JAM", 1)
        wait_until(partial(desk.has_less, "HAMPER", before), APPLY_SECONDS, "the set follows")
        told = desk.latest("availability-web")
        delay = (told["HAMPER"]["emitted_at"] - told["JAM"]["emitted_at"]) / 1_000
        print(f"the set followed its component after {delay:.3f} s")
        assert delay < FOLLOWS_SECONDS
