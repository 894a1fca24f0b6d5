"""
What a further hold of a SKU costs the stock agent when it has few active holds, and when it has very many.

The agent alone, without a broker: what is compared is the work of deciding. Both SKUs take turns in one process, so
that whatever else the machine does meets both alike; each turn's holds are released before the next.
"""

import gc
import time
from collections.abc import Iterator, Sequence
from statistics import median

from schemas import load, schema_id
from streams import topology
from streams.agents.stock import StockAgent
from streams.domain.hold_requests import REQUESTS, PlaceHold, ReleaseHold, Request
from streams.engine.batch import Batch
from streams.engine.codec import compile_writer
from streams.engine.memory_log import MemoryRecord
from streams.engine.partitioner import partition_for
from streams.engine.seen import SeenCodec, SeenEvents
from streams.engine.versions import writer_of
from streams.engine.wire import header
from streams.monitor import WorkerMonitor
from streams.settings import Settings

FEW, MANY = 100, 100_000
TURNS = 41
HOLDS_EACH_TURN = 200
BATCH_REQUESTS = 10  # About what a checkout rate of 500 a second puts into one transaction.
LOADED_AT_ONCE = 5_000
HOLD_MILLISECONDS = 3_600_000


def run(many: int = MANY, turns: int = TURNS) -> dict[str, float]:
    """Return microseconds of a further hold beside few and beside many, and the median ratio of their turns."""
    desk = _Desk()
    holds = {"FEW": FEW, "MANY": many}
    for sku, total in holds.items():
        desk.receive(sku, 2 * total + HOLDS_EACH_TURN)
        desk.place(sku, total, LOADED_AT_ONCE)
    gc.collect()
    gc.freeze()  # As a worker does after its restore: what is held for long is not looked at again.
    taken: dict[str, list[float]] = {sku: [] for sku in holds}
    for turn in range(turns):
        for sku in sorted(holds, reverse=bool(turn % 2)):
            taken[sku].append(desk.place_and_release(sku))
    gc.unfreeze()
    ratios = [beside_many / beside_few for beside_few, beside_many in zip(*taken.values(), strict=True)]
    return {
        "active_holds_few": FEW,
        "active_holds_many": many,
        "us_per_hold_beside_few": median(taken["FEW"]),
        "us_per_hold_beside_many": median(taken["MANY"]),
        "ratio": median(ratios),
    }


class _Nobody:
    """A producer whose records go nowhere."""

    def produce(self, *_record: object) -> None:
        """Take a record."""


class _Desk:
    """One stock agent with one partition, and its batches."""

    def __init__(self) -> None:
        settings = Settings(partitions=1)
        self._agent = StockAgent(settings, WorkerMonitor(_now))
        self._seen = SeenEvents(topology.SEEN_EVENTS.name, SeenCodec(), 7 * 24, self._agent.recent)
        self._seen.open(0)
        for table in self._agent.tables:
            table.open(0)
        self._agent.assigned(0)
        self._sent = 0
        self._write_receipt = compile_writer(load("GoodsReceived"), header(schema_id("GoodsReceived")))
        self._write = {kind: writer_of(kind.__name__) for kind in REQUESTS}

    def receive(self, sku: str, quantity: int) -> None:
        """Receive units."""
        value = self._write_receipt(f"receipt-{sku}", "bench", sku, "store", None, quantity, _now(), None)
        self._take([self._record(topology.STOCK_RECEIPTS.name, sku, value)])

    def place(self, sku: str, total: int, at_once: int) -> list[PlaceHold]:
        """Place so many further holds, in batches."""
        placed = list(self._requests(sku, total))
        self._take_requests(placed, at_once)
        return placed

    def place_and_release(self, sku: str) -> float:
        """Place further holds and release them again; return the microseconds that each one's placing took."""
        placed = list(self._requests(sku, HOLDS_EACH_TURN))
        taken = self._take_requests(placed, BATCH_REQUESTS)
        released = [
            ReleaseHold(f"release-{one.event_id}", *one[1:9])  # All that they have in common.
            for one in placed
        ]
        self._take_requests(released, BATCH_REQUESTS)
        return taken / len(placed) * 1e6

    def _requests(self, sku: str, total: int) -> Iterator[PlaceHold]:
        now = _now()
        for _ in range(total):
            self._sent += 1
            name = f"hold-{self._sent}"
            yield PlaceHold(
                name, "bench", sku, None, "web", 1, now, name, "bench", now + HOLD_MILLISECONDS + self._sent
            )

    def _take_requests(self, requests: Sequence[Request], at_once: int) -> float:
        """Return the seconds that the batches took."""
        topic = topology.STOCK_RESERVATIONS.name
        records = [self._record(topic, one.sku, self._write[type(one)](*one)) for one in requests]
        started = time.perf_counter()
        for first in range(0, len(records), at_once):
            self._take(records[first : first + at_once])
        return time.perf_counter() - started

    def _record(self, topic: str, sku: str, value: bytes) -> MemoryRecord:
        self._sent += 1
        key = sku.encode()
        return MemoryRecord((topic, partition_for(key, 1), self._sent), key, value, None, _now())

    def _take(self, records: Sequence[MemoryRecord]) -> None:
        """Apply and commit one batch, as the engine would."""
        nobody = _Nobody()
        batch = Batch(records, _now(), self._seen, nobody)  # type: ignore[arg-type] # Only produce is asked for.
        self._agent.apply(batch)
        self._seen.flush(nobody.produce, "bench", batch.now)
        for table in self._agent.tables:
            table.flush(nobody.produce)
        for table in self._agent.tables:
            table.merge()
        self._seen.merge()
        for action in batch.on_commit:
            action()


def _now() -> int:
    return time.time_ns() // 1_000_000
