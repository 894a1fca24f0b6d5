"""Full feeds under every fault: rows, duplicates, late and later sales in any order, one feed or two that compete."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any
from unittest import mock

from schemas import wire
from streams import topology
from streams.agents import feed_codec
from streams.domain.feeds import APPLIED, APPLY, QUARANTINED, SUPERSEDED, FeedId
from streams.engine.memory_log import MemoryCluster, MemoryLog
from streams.engine.partitioner import partition_for
from streams.settings import Catalogue
from tests.simulation.stock import StockProcess, StockScenario, check_versions
from tests.simulation.world import Input

SKUS = tuple(f"SKU-{number}" for number in range(12))
PLACE = "dc-leeds"
OPENING = 50
MINUTE_MS = 60_000
EFFORT = 55  # Two SKUs a batch, so that every feed is applied in many.

Event = tuple[str, dict[str, Any]]


class FeedProcess(StockProcess):
    """A worker that does little in one batch."""

    def step(self) -> None:
        """Let the engine or the retries do a step."""
        with mock.patch("streams.agents.feeds.EFFORT", EFFORT):
            super().step()


class FeedScenario(StockScenario):
    """A location with stock, one or two full feeds of it, and sales around their moments."""

    name = "feeds"

    def __init__(self) -> None:
        super().__init__()
        self._events: list[Event] = []

    def topics(self, generator: random.Random) -> dict[str, int]:
        """Return the number of partitions by topic."""
        found = super().topics(generator)
        self._settings = self._settings.model_copy(update={"catalogue": Catalogue.LENIENT})
        return found

    def inputs(self, generator: random.Random, now_ms: int) -> list[Input]:
        """Return goods, then rows and sales in any order, some of them twice."""
        opened = now_ms - 10 * MINUTE_MS
        goods = [
            _event("GoodsReceived", f"goods {sku}", sku, OPENING, opened, inbound_id=None) for sku in SKUS
        ]
        later: list[Event] = []
        for number in range(generator.randint(1, 2)):
            later += _feed(generator, f"feed {number}", now_ms - 5 * MINUTE_MS + number)
        sales = []
        for number in range(generator.randint(0, 60)):
            at = now_ms - 5 * MINUTE_MS + generator.randint(-2, 3)
            sales.append(_event("SaleRecorded", f"sale {number}", generator.choice(SKUS), 1, at))
        early = generator.randint(0, 20)  # The others find the feed applied, if time allows.
        later += sales[:early]
        generator.shuffle(later)
        self._events = goods + later + sales[early:]
        again = generator.choices(later, k=generator.randint(0, 10))
        return [self._input(event) for event in (*goods, *later, *again, *sales[early:])]

    def worker(self, log: MemoryLog, worker_id: str, cluster: MemoryCluster) -> StockProcess:
        """Return a worker that has not started."""
        return FeedProcess(log, self._settings.model_copy(update={"worker_id": worker_id}), cluster)

    def _input(self, event: Event) -> Input:
        record, value = event
        key = value["sku"].encode()
        topic = topology.EVENT_TOPICS[record].name
        return Input(topic, partition_for(key, self.partitions), key, wire.encode(record, value))

    def check(self, cluster: MemoryCluster, inputs: Sequence[Input]) -> None:
        """Every feed was decided about and is over everywhere; figures are what it and later sales come to."""
        decisions = _decisions(cluster)
        feeds = {FeedId("wms", PLACE, value["feed_id"]) for _, value in self._events if value.get("feed_id")}
        assert decisions.keys() == feeds, "every complete feed is decided about"
        assert set(decisions.values()) <= {APPLY, QUARANTINED, SUPERSEDED}
        stages = _stages(cluster)
        for feed, decision in decisions.items():
            if decision == APPLY:
                assert [stages.get((feed, p)) for p in range(self.partitions)] == [APPLIED] * self.partitions
        applied = {feed.feed_id for feed, decision in decisions.items() if decision == APPLY}
        assert _on_hand(cluster) == self._expected(applied)
        rows = [wire.decode(one.value() or b"")[1] for one in cluster.committed("stock-movements")]
        twice = Counter((row["sku"], row["reference"]) for row in rows if row["reference"] is not None)
        assert all(count == 1 for count in twice.values()), "a feed sets a SKU once"
        check_versions(cluster, topology.STOCK_LEVELS.name)

    def _expected(self, applied: set[str]) -> dict[str, int]:
        rows = [value for _, value in self._events if value.get("feed_id") in applied]
        as_of = max((row["as_of"] for row in rows), default=0)
        counted = {row["sku"]: row["quantity"] for row in rows if row["as_of"] == as_of}
        found = {sku: counted.get(sku, 0) if applied else OPENING for sku in SKUS}
        for record, value in self._events:
            if record == "SaleRecorded" and value["occurred_at"] > as_of:
                found[value["sku"]] -= 1
        return found


def _feed(generator: random.Random, feed_id: str, as_of: int) -> list[Event]:
    """Rows of a feed that leaves out up to three SKUs: a quarter of them would ask a person."""
    named = generator.sample(SKUS, len(SKUS) - generator.randint(0, 3))
    rest = {"as_of": as_of, "basis": "PHYSICAL", "feed_id": feed_id, "feed_kind": "FULL", "total": len(named)}
    return [
        _event(
            "StockCounted",
            f"{feed_id}:{number}",
            sku,
            generator.choice((OPENING, OPENING, OPENING - 1, 30)),
            as_of,
            **rest,
            sequence=number,
        )
        for number, sku in enumerate(named, start=1)
    ]


def _event(record: str, event_id: str, sku: str, quantity: int, at: int, **rest: Any) -> Event:
    envelope = {"event_id": event_id, "source_id": "wms", "sku": sku, "location_id": PLACE}
    return record, {**envelope, "channel_id": None, "quantity": quantity, "occurred_at": at, **rest}


def _decisions(cluster: MemoryCluster) -> dict[FeedId, str]:
    """The last decision about each feed."""
    found: dict[FeedId, str] = {}
    for record in cluster.committed(topology.FEEDS.name):
        value = record.value()
        if value is not None and (record.key() or b"").startswith(feed_codec.DECIDED):
            decided = feed_codec.decode_decided(value)
            assert found.setdefault(decided.feed, decided.decision) in {QUARANTINED, decided.decision}
            found[decided.feed] = decided.decision
    return found


def _stages(cluster: MemoryCluster) -> dict[tuple[FeedId, int], str]:
    """What each partition has said last of each feed."""
    found: dict[tuple[FeedId, int], str] = {}
    for record in cluster.committed(topology.FEEDS.name):
        value = record.value()
        if value is not None and (record.key() or b"").startswith(feed_codec.PROGRESS):
            said = feed_codec.decode_progress(value)
            found[said.feed, said.partition] = said.stage
    return found


def _on_hand(cluster: MemoryCluster) -> dict[str, int]:
    """The table's figures."""
    found: dict[str, int] = {}
    for record in cluster.committed(topology.STOCK_LEVELS.name):
        level = wire.decode(record.value() or b"")[1]
        found[level["sku"]] = level["locations"][0]["on_hand"]
    return found
